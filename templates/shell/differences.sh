# ---- what differs ----

# Notes a command for a wave, and the fact that it changes.
note_command() {
	local place
	find_place "$2"
	note_batch "$1 $place" "$2"
	about[$2]=$3
}

# Notes commands for a wave and a place, "2 node1", which has others already or not.
note_batch() {
	local number=${1%% *} place=${1#* } IFS=$'\n'
	if [[ ! -v batch[$1] ]]; then # which, unlike an expansion, leaves a long text where it is
		if [[ $place == host ]]; then places[number]="host ${places[number]-}"; else places[number]+=" $place"; fi
	fi
	batch[$1]+="${*:2}"$'\n'
}

# Notes a fact that is not to be, and the commands that end it. Namespaces go when what has an end in them has gone.
note_removal() {
	local number=0 line
	if [[ $2 == *': namespace' ]]; then number=1; fi
	drift+=("there, not wanted: $2")
	while IFS= read -r line; do note_command "$number" "$line" "$2"; done <<<"$1"
}

# Refuses to start where something of a wanted name was made by others, or something that others make is missing.
refuse_foreign() {
	local n name
	for name in "${namespaces[@]}"; do
		if [[ ! ${netns[$name]+set} ]] || owns_namespace "$name"; then continue; fi
		if [[ $adopt ]]; then
			owned[$name]=${netns[$name]}
		elif [[ ${netns[$name]} == broken ]]; then
			refused+=("namespace $name exists only as a file in /run/netns, and this topology did not make it (--adopt replaces it)")
		else
			refused+=("namespace $name exists, and this topology did not make it (--adopt takes it over)")
		fi
	done
	for n in "${makings[@]}"; do
		refuse_link "$n" "${owner[n]}"
		if [[ ${words[n]} == veth,* ]]; then refuse_link "$n" "${words[n]#veth, peer }"; fi
	done
	for n in "${files[@]}"; do refuse_file "$n"; done
	if [[ ! -e /proc/sys/net/ipv6/conf ]]; then refuse_ipv6; fi
	for n in "${needs[@]}"; do
		name=${owner[n]%% *}
		if [[ ${words[n]} == namespace ]]; then
			[[ ${netns[$name]-broken} != broken ]] || refused+=("namespace $name has to exist before setup, and does not")
			continue
		fi
		if [[ $name != host && ${netns[$name]-broken} == broken ]] || holds "${owner[n]}" "${words[n]}"; then continue; fi
		refused+=("${owner[n]}: ${words[n]}: has to be so before setup, and is not")
	done
}

refuse_link() {
	if [[ ! ${live[$2]+set} || ${live[$2]} == *"\"group\":\"$MARK\""* ]]; then return 0; fi
	local n=$1 ip namespace=${2%% *} name=${2#* }
	if ! holds "${owner[n]}" "${words[n]}"; then
		refused+=("interface $name ($namespace) exists, is not what is wanted (${owner[n]}: ${words[n]}), and this topology did not make it")
	elif [[ $adopt ]]; then
		ip_in "$namespace"
		note_command 0 "$ip link set dev $name group $MARK" "$2: group $MARK"
		drift+=("not ours yet: $2")
	else
		refused+=("interface $name ($namespace) exists, and this topology did not make it (--adopt takes it over)")
	fi
}

refuse_ipv6() {
	local n
	for n in "${!words[@]}"; do
		if [[ ${words[n]} == inet6' '* ]]; then
			refused+=("this kernel has no IPv6 (there is no /proc/sys/net/ipv6), and it is needed: ${step[n]}")
			return
		fi
	done
}

refuse_file() {
	local path=${words[$1]#file } key
	path=${path%% *}
	if [[ ! -e $path ]] || holds host "${words[$1]}"; then return 0; fi
	for key in "${borrowings[@]}"; do
		if [[ $key == "host: file $path "* ]] && holds host "${key#*: }"; then return 0; fi
	done
	refused+=("$path exists, and does not say ${words[$1]#"file $path "}: what it stands for is taken by somebody else")
}

# Removes what this topology owns and does not want any more: of an earlier version of it, or no longer what it was.
remove_leftovers() {
	local n object name peer text
	for ((n = ${#borrowings[@]} - 1; n >= 0; n--)); do
		text=${borrowings[n]}
		if [[ ! ${wanted[$text]+set} && ! ${shared[$text]+set} ]] && holds "${text%%: *}" "${text#*: }" '' && ! serves_others "$text"; then
			note_removal "${undo[$text]}" "$text"
			expect_back "${text%%: *}" "${text#*: }" "${undo[$text]}"
		fi
	done
	for n in "${makings[@]}"; do
		if [[ ${fact[${step[n]}]+set} || ! ${live[${owner[n]}]+set} ]]; then continue; fi
		if ! holds "${owner[n]}" "${words[n]}"; then remove_link "${owner[n]}"; fi
	done
	for n in "${makings[@]}"; do
		if [[ ${live[${owner[n]}]+set} ]]; then continue; fi
		peer=${words[n]#veth, peer }
		if [[ ${live[$peer]+set} ]]; then remove_link "$peer"; fi
	done
	for object in "${!live[@]}"; do
		if [[ ! ${modelled[$object]+set} ]] && owns_link "$object"; then remove_link "$object"; fi
	done
	for name in "${!owned[@]}"; do
		if [[ ! ${netns[$name]+set} || ${modelled["$name lo"]+set} && ${netns[$name]} != broken ]]; then continue; fi
		if [[ ${foreign[$name]+set} ]]; then continue; fi # it was ours, and is given away
		if owns_namespace "$name"; then note_removal "ip netns delete $name" "$name: namespace"; fi
	done
}

# Takes it that a fact, OWNER WORDS, has been taken back by a command. What replaces it is taken back to the same.
expect_back() {
	local value
	case $2 in
	iptables' '* | ip6tables' '* | ingress | redirect' '*) unset 'fact["$1: $2"]' ;;
	tbf' '*) unset 'fact["$1: tbf"]' ;;
	net.*)
		value=${3#*echo }
		unset 'fact["$1: $2"]'
		fact["$1: ${2%% *} ${value%% >*}"]=1
		;;
	'master '*)
		value=${3%%$'\n'*}
		unset 'fact["$1: $2"]'
		if [[ $3 == *' nomaster' ]]; then
			value=''
		else
			fact["$1: master ${value##* }"]=1 value="\"master\":\"${value##* }\","
		fi
		live[$1]=${live[$1]/"\"master\":\"${2#* }\","/"$value"}
		;;
	esac
}

# Removes an interface; with it go its peer, what stands on it, its addresses and routes, and its ports are free.
remove_link() {
	local ip peer
	ip_in "${1%% *}"
	note_removal "$ip link delete dev ${1#* }" "$1: interface"
	find_other_end "$1"
	forget_link "$1"
	if [[ $peer ]]; then forget_link "$peer"; fi
}

forget_link() {
	local key name=${1#* } parent
	forget_mtu "$1"
	for key in "${!live[@]}"; do
		if [[ ${live[$key]-} != *'"info_kind":"macvlan"'* ]]; then continue; fi
		find_parent "$key"
		if [[ $parent == "$1" ]]; then forget_link "$key"; fi
	done
	unset 'live[$1]'
	for key in "${!live[@]}"; do
		if [[ $key == "$1 port of "* || $key == "${1%% *} "*" port of ${1#* }" ]]; then
			unset 'live[$key]'
		elif [[ $key == "${1%% *} "* ]]; then
			live[$key]=${live[$key]/"\"master\":\"${1#* }\","/}
			unset 'fact["$key: master ${1#* }"]'
			if [[ ${live[$key]} == *'"info_kind":"vxlan"'*"\"link\":\"${1#* }\""* ]]; then forget_link "$key"; fi
		fi
	done
	for key in "${!fact[@]}"; do
		case $key in
		"$1: "* | "$1 port of "* | "${1%% *}: net."*".${name//.//}."*) unset 'fact[$key]' ;;
		"${1%% *} "*": redirect $name") # its filter stays, and leads nowhere
			unset 'fact[$key]'
			fact["${key%: *}: filter 1"]=1
			;;
		*) if [[ "$1" == "${key%%: *} ${fact[$key]}" ]]; then unset 'fact[$key]'; fi ;;
		esac
	done
}

# Forgets what the kernel will change by itself when a step is carried out, so that it is set again afterwards.
foresee() {
	local n key old namespace following='' # whether there may be a bridge that follows its ports
	for key in "${!mtus[@]}"; do
		if [[ ${live[$key]+set} ]]; then following=yes && break; fi
	done
	for n in "${shifting[@]}"; do
		case ${words[n]} in
		'master '* | 'mtu '*)
			if [[ $following ]] && ! holds "${owner[n]}" "${words[n]}"; then forget_mtu "${owner[n]}" "${words[n]}"; fi
			continue
			;;
		'address '* | 'remote '* | 'group '*)
			if ! holds "${owner[n]}" "${words[n]}"; then expect_entries "${owner[n]}" "${words[n]}"; fi
			continue
			;;
		esac
		if holds "${owner[n]}" "${words[n]}"; then continue; fi
		namespace=${owner[n]%% *}
		if [[ ${words[n]} == net.* ]]; then # forwarding as a whole sets that of each interface
			old="net.${words[n]:4:4}.conf.*.forwarding *"
		elif [[ ${live[${owner[n]}]-} =~ '"vlan_default_pvid":'([0-9]+) ]]; then # the VLAN that every port had by default
			old="vlan ${BASH_REMATCH[1]} pvid untagged"
		else
			continue
		fi
		for key in "${!fact[@]}"; do
			case $key in
			"${owner[n]}: "* | "$namespace "*" port of ${owner[n]#* }: "*)
				# shellcheck disable=SC2053 # a pattern
				if [[ ${key#*: } == $old && $key != *": ${words[n]% *} "* ]]; then unset 'fact[$key]'; fi
				;;
			esac
		done
	done
}

# An interface that gets another address forgets its neighbours; one that gets another remote end, the entry for that.
expect_entries() {
	local key text=${live[$1]-} value
	if [[ $2 == address* ]]; then
		for key in "${!fact[@]}"; do
			if [[ $key == "$1: neigh "* ]]; then unset 'fact[$key]'; fi
		done
	elif [[ $text ]]; then
		for key in remote group remote6 group6; do
			if [[ ${text#*'"info_data":'} == *"\"$key\":\""* ]]; then
				text_of "$key"
				unset 'fact["$1: fdb 00:00:00:00:00:00 dst $value"]'
			fi
		done
		fact["$1: fdb 00:00:00:00:00:00 dst ${2#* }"]=1
	fi
}

# least[host br0]: the lowest MTU that the ports of a bridge are to have
declare -A least=()

# Forgets the MTU of the bridge that an interface is a port of, or will be, if it may be only following that of its ports
# and will follow them to another one.
forget_mtu() {
	local text=${live[$1]-} value='' bridge
	if [[ ${2-} == 'master '* ]]; then value=${2#master }; elif [[ $text == *'"master":"'* ]]; then text_of master; fi
	bridge="${1%% *} $value"
	if [[ ! ${mtus[$bridge]+set} ]]; then return 0; fi
	find_least "$bridge"
	if ((${least[$bridge]} != ${mtus[$bridge]})) && [[ ${live[$bridge]-} =~ '"mtu":'[0-9]+, ]]; then
		live[$bridge]=${live[$bridge]/"${BASH_REMATCH[0]}"/}
	fi
}

# Sets least_mtu to the lowest MTU that the ports of a bridge are to have.
find_least() {
	local port value lowest=''
	if [[ ! ${least[$1]+set} ]]; then
		for port in "${!ports[@]}"; do
			if [[ ${ports[$port]} != "$1" ]]; then continue; fi
			value=${mtus[$port]-1500}
			if ((!lowest || value < lowest)); then lowest=$value; fi
		done
		least[$1]=${lowest:-1500}
	fi
	least_mtu=${least[$1]}
}

# Takes interfaces of ours out of bridges that the table does not have them in.
remove_masters() {
	local object key text value ip
	for object in "${!modelled[@]}"; do
		if [[ ${ports[$object]+set} || ${live[$object]-} != *'"master":"'* ]]; then continue; fi
		text=${live[$object]}
		text_of master
		ip_in "${object%% *}"
		note_removal "$ip link set dev ${object#* } nomaster" "$object: master $value"
		forget_mtu "$object"
		live[$object]=${text/"\"master\":\"$value\","/}
		unset 'live[$object port of $value]' 'fact["$object: master $value"]'
		for key in "${!fact[@]}"; do
			if [[ $key == "$object port of "* ]]; then unset 'fact[$key]'; fi
		done
	done
}

# Removes addresses, routes, VLANs and entries that the table does not have from the interfaces that it does have.
remove_extras() {
	local key here ip extra=()
	for key in "${!fact[@]}"; do
		if [[ ${wanted[$key]+set} || ${fact[$key]} == *'"scope":"link"'* ]]; then continue; fi
		if is_extra "${key%%: *}" "${key#*: }" "${fact[$key]}"; then extra+=("$key"); fi
	done
	for key in "${extra[@]}"; do
		if [[ $key == *': inet'*' route '* ]]; then remove_route "$key"; fi
	done
	for key in "${extra[@]}"; do
		here=${key%%: *}
		case ${key#*: } in
		*' route '*) ;;
		inet*) remove_address "$here" "${key##* }" "$key" ;;
		vlan*) remove_vlan "$here" "$key" ;;
		fdb* | neigh*) remove_entry "$here" "$key" ;;
		tbf | ingress | clsact | redirect* | filter*) remove_shaping "$here" "$key" ;;
		esac
	done
}

# Is a fact one that the table does not have? A VLAN of which only the flags differ is not, nor an entry that leads
# elsewhere: what adds it sets that.
is_extra() {
	local vid
	case $2 in
	'inet route '* | 'inet6 route '*) [[ ${modelled["$1 $3"]+set} || (! $3 && ${modelled["$1 lo"]+set}) ]] ;;
	inet*) [[ ! (${wanted["$1: $2 noprefixroute"]+set} && $3 == *'"noprefixroute":true'*) && ${modelled[$1]+set} && $3 != *'"dynamic":true'* && ($1 != *' lo' || $3 != *'"scope":"host"'*) ]] ;;
	'vlan '*)
		vid=${2#vlan } vid=${vid%% *}
		[[ ${tagging[$1]+set} && ! ${wanted["$1: vlan $vid"]+set} && ! ${wanted["$1: vlan $vid untagged"]+set} && ! ${wanted["$1: vlan $vid pvid untagged"]+set} ]]
		;;
	fdb' '* | neigh' '*) [[ ${modelled[$1]+set} && ! ${entries["$1: ${2% "${2#* * }"}"]+set} ]] ;;
	tbf | ingress | clsact | redirect' '* | filter' '*) is_shaping_extra "$@" ;;
	*) return 1 ;;
	esac
}

remove_route() {
	local ip text=" ${1#*: inet* route }"
	ip_in "${1%%: *}"
	if [[ $1 == *': inet6 '* ]]; then text=${text/ default/ ::\/0}; fi
	note_removal "$ip route delete$text" "$1"
	unset 'fact[$1]'
}

# Removes an address. The kernel takes more along: with the first IPv4 address of a network the others of that network
# on the interface, and with its last IPv4 address the interface's routes; they are added again where they are wanted.
remove_address() {
	local ip key left='' network
	[[ ${fact[$3]+set} ]] || return 0
	ip_in "${1%% *}"
	note_removal "$ip address delete ${3#*: inet* } dev ${1#* }" "$3"
	was[$3]=${fact[$3]}
	if [[ $3 == *': inet '* ]]; then
		network_of "$2" && local gone=$network
		for key in "${!fact[@]}"; do
			if [[ $key != "$1: inet "* || $key == "$3" ]]; then continue; fi
			network_of "${key##* }"
			if [[ ${fact[$3]} != *'"secondary":true'* && ${fact[$key]} == *'"secondary":true'* && $network == "$gone" ]]; then
				dragged+=("$ip address add ${key#*: inet* } dev ${1#* }")
				unset 'fact[$key]'
			else
				left=yes
			fi
		done
		for key in "${!fact[@]}"; do
			if [[ ! $left && $key == "${1%% *}: inet route "* && ${fact[$key]} == "${1#* }" ]]; then
				dragged+=("$ip route add ${key#*: inet* route }")
				unset 'fact[$key]'
			fi
		done
	fi
	unset 'fact[$3]'
}

# Sets network to that of an IPv4 address with its prefix length.
network_of() {
	local a b c d
	IFS=./ read -r a b c d network <<<"$1"
	network="$(((a << 24 | b << 16 | c << 8 | d) >> (32 - network))) $network"
}

remove_vlan() {
	local bridge=bridge name=${1#* } own=''
	if [[ $1 != host* ]]; then bridge="bridge -n ${1%% *}"; fi
	if [[ $1 != *' port of '* ]]; then own=' self'; fi
	local vid=${2#*: vlan }
	note_removal "$bridge vlan delete dev ${name%% port of *} vid ${vid%% *}$own" "$2"
	unset 'fact[$2]'
}

# Removes an entry of the FDB, or a neighbour.
remove_entry() {
	local ip entry=${2#*: }
	ip_in "${1%% *}"
	if [[ $entry == neigh* ]]; then
		entry=${entry#neigh }
		note_removal "$ip neigh delete ${entry%% *} dev ${1#* }" "$2"
	else
		entry=${entry#fdb }
		note_removal "bridge${ip#ip} fdb delete ${entry%% *} dev ${1#* } ${entry#* }" "$2"
	fi
	unset 'fact[$2]'
}

# Notes the steps of the table whose facts are not true, and their commands: at once those that follow each other and are
# for the same place.
add_missing() {
	local n text here line back number place=host target='' lines=()
	for n in "${!step[@]}"; do
		text=${step[n]}
		if [[ ${fact[$text]+set} && ! ${shared[$text]+set} ]]; then continue; fi
		here=${owner[n]} line=${command[n]}
		if [[ ${live[$here]+set} || ${netns[$here]+set} || $here == host || ${words[n]} == net.* ]]; then
			if [[ ${sign[n]} == '+' && ${words[n]} != namespace ]]; then continue; fi # one of another kind has been removed
			if ! holds "$here" "${words[n]}" "$line"; then
				missing+=("$n")
			else
				if [[ ${shared[$text]+set} ]]; then share "$text"; fi
				if [[ ${words[n]} != command' '* ]] || ! is_rewired "$here"; then continue; fi
				line="${checks[$text]} || $line"
				about[$line]="$here: ask ${words[n]}"
			fi
		elif [[ ${sign[n]} == '=' ]]; then
			continue
		else
			missing+=("$n")
		fi
		number=${wave[n]}
		case $line in
		"ip -n $place "*) ;;
		'ip link '* | 'ip netns add '*) place=host ;;
		"nft '"*) if ((${#rules[@]})); then place=host; else place=host beside_until=$number number=$BESIDE; fi ;;
		*) find_place "$line" ;;
		esac
		if [[ "$number $place" != "$target" ]]; then
			if [[ $target ]]; then note_batch "$target" "${lines[@]}"; fi
			if ((${#lines[@]} > MUCH)) && [[ $target != "${wave[n]} "* ]]; then begin_early; fi
			target="$number $place" lines=()
		fi
		lines+=("$line")
		case ${words[n]} in
		namespace) created[$here]=1 && continue ;;
		'master '*) if [[ ${live[$here]-} == *'"master":'* ]]; then read_vlans "${here%% *}"; fi ;;
		esac
		if [[ ${modelled[$here]+set} || ${undo[$text]+set} || $line != "${command[n]}" ]]; then continue; fi
		if is_borrowed "$here" "${words[n]}"; then
			about[$line]=$text
			invert "$line"
			if [[ $back ]]; then undo[$text]=$back borrowed+=("$text"); fi
		fi
	done
	if [[ $target ]]; then note_batch "$target" "${lines[@]}"; fi
}

# Does a namespace get an interface in this run, or lose one? What people's commands did to that is gone with it.
is_rewired() {
	local text n what='@(interface|bridge|veth,*|vxlan*|macvlan*|ifb)'
	for n in "${missing[@]}"; do
		if [[ ${step[n]} == "$1 "*": "$what || ${step[n]} == *": veth, peer $1 "* ]]; then return 0; fi
	done
	for text in "${about[@]}"; do
		if [[ $text == "$1 "*": "$what || $text == *": veth, peer $1 "* ]]; then return 0; fi
	done
	return 1
}

# Notes that this network, too, needs a fact that another one made true on something that is not theirs.
share() {
	if [[ ! ${undo[$1]+set} ]]; then undo[$1]=${shared[$1]} borrowed+=("$1"); fi
}
