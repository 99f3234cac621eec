# ---- reading the live system ----

# live[node1 vethA]: what ip says of an interface, in JSON; live[host vethB port of br0]: of a port, as its bridge sees it
# fact[node1 vethA: inet 10.10.0.2/24]: addresses, routes, VLANs, entries and sysctls; the value is what else is known of them
# device[node1 2]: the interface with that index; nsid[host 0]: the namespace that the host knows by that number
declare -A live=() fact=() device=() nsid=()

# table_number[name]: the routing table that this system calls so
declare -A table_number=()

# By namespace, what is read beside interfaces, addresses and routes: sysctls, VLANs, the nft table by family, parts of nft
# tables that others use as well, the rules of iptables by the tool that prints them, numbers of namespaces, and for tunnels
# the FDB and the neighbours that somebody entered.
declare -A sysctls=() vlans=() tables=() parts=() rules=() makers=() tunnels=()

# Reads the host, those of the wanted namespaces that exist, and those of others where something of ours is or was.
read_wanted() {
	local namespace present=()
	local -A seen=([host]=1)
	for namespace in "${namespaces[@]}" "${!foreign[@]}" "${!used[@]}"; do
		if [[ ! ${seen[$namespace]+set} && ${netns[$namespace]-broken} != broken ]]; then present+=("$namespace"); fi
		seen[$namespace]=1
	done
	read_state "${present[@]}"
}

# The names of routing tables, which the tools print in the place of numbers.
read_table_names() {
	local file number name
	for file in {/usr/share,/usr/lib,/etc}/iproute2/rt_tables{,.d/*.conf}; do
		if [[ ! -r $file ]]; then continue; fi
		while read -r number name _; do
			if [[ $number == [0-9]* && $name ]]; then table_number[$name]=$((number)); fi
		done <"$file"
	done
}

# Reads the host and the namespaces named: those that one process can read together, and the rest several at a time.
read_state() {
	local worker workers=1 said text unread=() readers=() ends=()
	read_table_names
	if ((${#owner[@]} > 100)) && ! asks_more host; then set -- host "$@"; else start_reader 0 1 host; fi
	read_together "$@"
	if ((${#unread[@]} > 8)); then workers=4; fi
	for ((worker = 0; worker < workers && worker < ${#unread[@]}; worker++)); do
		start_reader "$worker" "$workers" "${unread[@]}"
	done
	for worker in "${readers[@]}"; do
		said=$(<"/dev/fd/$worker") text=${said%%'@read'*}
		if [[ $text == "$said" ]]; then die "cannot read the state: $said"; fi
		take_state "${said:${#text}+6}"
	done
	hang_up
	if ((${#ends[@]})); then match_ends; fi
}

# Starts a process that shows the state of some namespaces: what went wrong, then "@read" and the rest when all is done.
start_reader() {
	local speaker
	exec {speaker}< <(
		exec 2>&1
		text=$(
			set -e
			show_state "$@"
		)
		printf '@read\n%s' "$text"
	)
	listening+=("$speaker") readers+=("$speaker")
}

# Is there more to read in a namespace than one process for all of them can? Rates are, as a burst is a number of the
# kernel's ticks, which tc turns into bytes, and a filter is a program that tc puts into words.
asks_more() { [[ ${vlans[$1]-}${tables[$1]-}${parts[$1]-}${rules[$1]-}${tunnels[$1]-}${shaped[$1]-} || ($1 != host && ${makers[$1]-}) ]]; }

# Reads the namespaces named as far as that is possible together; the others are left. Without a perl that can, all are.
read_together() {
	local namespace part speaker n=0 text=() speakers=() readings=()
	for namespace in "$@"; do
		if asks_more "$namespace"; then
			unread+=("$namespace")
			if [[ $1 == host ]]; then text[0]+="$namespace -"$'\n'; fi
		else
			part=$((n++ / 32 % 2)) # two processes, where there are many
			text[part]+="$namespace${sysctls[$namespace]-}"$'\n'
		fi
	done
	for part in "${!text[@]}"; do
		exec {speaker}< <(exec perl -e "$hopper$reader" "$HOSTTYPE" <<<"${text[part]%$'\n'}" 2>/dev/null)
		listening+=("$speaker") speakers+=("$speaker")
	done
	for speaker in "${speakers[@]}"; do
		readings+=("$(<"/dev/fd/$speaker")")
		exec {speaker}<&-
	done
	for part in "${!readings[@]}"; do
		if [[ ${readings[part]} != *@read ]]; then
			unread=("$@")
			return
		fi
	done
	for part in "${!readings[@]}"; do take_readings "${readings[part]%@read}"; done
}

# Takes in what the reader printed.
take_readings() {
	local line IFS=$'\n'
	set -f
	for line in $1; do
		IFS=$'\t'
		# shellcheck disable=SC2086 # what stands between tabs
		set -- $line
		case $1 in
		fact) fact[$2]=${3-} ;;
		link) device["$2 $4"]=$3 live["$2 $3"]=$5 ;;
		port) live["$2 $3 port of $4"]=$5 ;;
		nsid) nsid["host $2"]=$3 ;;
		setting) take_sysctl "$2" "${3#/proc/sys/}" "${*:4}" ;;
		left) unread+=("$2") ;;
		end) ends+=("$line") ;;
		*) fact[$1]=1 ;;
		esac
	done
	set +f
}

# Finds the peers of the ends that were read, by their numbers.
match_ends() {
	local line there IFS=$'\t'
	for line in "${ends[@]}"; do
		# shellcheck disable=SC2086 # what stands between tabs
		set -- $line
		there=${nsid["host $4"]-}
		if [[ ${device["$there $5"]+set} ]]; then fact["$2 $3: veth, peer $there ${device["$there $5"]}"]=1; fi
	done
}

# Prints every WORKERS-th namespace of those named: "@NAME", then what the tools say, each answer on a line.
show_state() {
	local first=$1 step=$2 namespace ask routes text family tool i
	shift 2
	for ((i = first + 1; i <= $#; i += step)); do
		namespace=${!i}
		ask_for_links "$namespace"
		if [[ $routes ]]; then
			ask+=$'route show table all type unicast\nroute show table all type blackhole\n'
			ask+=$'route show table all type unreachable\nroute show table all type prohibit\n'
		fi
		if [[ ${tunnels[$namespace]-} ]]; then ask+=$'neigh show nud permanent\n'; fi
		printf '@%s\n' "$namespace"
		if [[ $ask ]]; then enter "$namespace" ip -json -details -batch - <<<"$ask"; fi
		show_sysctls
		if [[ ${vlans[$namespace]-} ]]; then enter "$namespace" bridge -json vlan show; fi
		if [[ ${tunnels[$namespace]-} ]]; then enter "$namespace" bridge -json fdb show; fi
		if [[ ${shaped[$namespace]-} ]]; then show_shaping; fi
		if [[ ! ${LOCK-} || -e $OWNED ]]; then # a first run has no table yet
			for family in ${tables[$namespace]-}; do show_table; done
			if [[ ${parts[$namespace]-} ]]; then show_parts; fi
		fi
		for tool in ${rules[$namespace]-}; do show_rules; done
	done
}

# Sets ask to what brings out the links of a namespace with their addresses, and routes to whether its routes matter. Of the
# host, which may have many of others, the links are those that the table or the record names, where these are few, and
# what carries our mark; and the routes matter where one of these links is ours, or something is said of addresses or routes.
ask_for_links() {
	local text name ours=''
	local -A devices=()
	ask=$'address show\n' routes=yes
	if [[ $1 != host ]]; then
		if [[ ${makers[$1]-} ]]; then ask+=$'netns list-id\n'; fi
		return
	fi
	if ((${#owner[@]} > 100)); then
		ask+=$'netns list-id\n'
		return
	fi
	for text in "${owner[@]}" "${!modelled[@]}" "${borrowings[@]%%: *}"; do
		name=${text#host }
		if [[ $name != "$text" ]]; then devices[${name%% port of *}]=1; fi
	done
	ask='' routes=''
	for name in "${!devices[@]}"; do
		if [[ ! -e /proc/sys/net/ipv4/conf/$name ]]; then continue; fi
		ask+="address show dev $name"$'\n'
		if [[ ${modelled["host $name"]+set} ]]; then ours=yes routes=yes; fi
	done
	for text in "${step[@]}" "${borrowings[@]}"; do
		if [[ $text == host*': inet'* ]]; then routes=yes; fi
	done
	if [[ $ours || -e $OWNED ]] || ((${#makings[@]} == 0)); then ask+="link show group $MARK"$'\nnetns list-id\n'; fi
}

# Prints the nft table of a family, if there is one.
show_table() {
	if ! text=$(enter "$namespace" nft --stateless list table "$family" "$TABLE" 2>&1); then
		[[ $text == *'No such file or directory'* ]] || die "nft list table: $text"
		text=''
	fi
	printf '\n@nft %s %s\n' "$family" "${text//$'\n'/$'\r'}"
}

# Prints the chains and rules that iptables or ip6tables has in its table filter.
show_rules() {
	text=$(enter "$namespace" "$tool" --wait --list-rules 2>&1) || die "$tool --list-rules: $text"
	printf '\n'
	while IFS= read -r text; do printf '@%s %s\n' "$tool" "$text"; done <<<"$text"
}

# Prints settings, each below its path. Those of interfaces that are not there are left out.
show_sysctls() {
	local path value
	if [[ $namespace == host ]]; then
		for path in ${sysctls[host]-}; do
			if { read -r value <"$path"; } 2>/dev/null; then printf '==> %s <==\n%s\n' "$path" "$value"; fi
		done
	elif [[ ${sysctls[$namespace]-} ]]; then
		# shellcheck disable=SC2086 # a list of paths
		enter "$namespace" head --lines=1 --verbose ${sysctls[$namespace]} 2>/dev/null || true
	fi
}

# Takes in what show_state printed.
take_state() {
	local line namespace='' sysctl='' IFS=$'\n'
	set -f
	for line in $1; do
		case $line in
		'@nft '*)
			line=${line#@nft }
			fact["$namespace: nft ${line%% *}"]=${line#* }
			;;
		'@part '*) take_part "$namespace" "${line#@part }" ;;
		'@iptables '* | '@ip6tables '*) fact["$namespace: ${line#@}"]=1 ;;
		'@qdiscs '*) take_qdiscs "$namespace" "${line#@qdiscs }" ;;
		'@filters '*)
			line=${line#@filters }
			take_filter "$namespace ${line%% *}" "${line#* }"
			;;
		@*) namespace=${line#@} ;;
		'[ ]' | '[]') ;;
		\[*) take_answer "$namespace" "$line" ;;
		'==> '*) sysctl=${line#==> /proc/sys/} sysctl=${sysctl% <==} ;;
		*) take_sysctl "$namespace" "$sysctl" "$line" ;;
		esac
	done
	set +f
}

take_sysctl() {
	local key=${2//./%} value IFS=$' \t'
	key=${key//\//.}
	read -ra value <<<"$3"
	fact["$1: ${key//%//} ${value[*]}"]=1
}

# Takes in one JSON array, piece by piece: every object in it starts with a key that tells what it is.
take_answer() {
	local namespace=$1 owner='' port='' last='' before='' after='' text value IFS='{'
	for text in $2; do
		case $text in
		'"ifindex":'*) take_link ;;
		'"family":"inet","local":"127.0.0.1","prefixlen":8,'* | '"family":"inet6","local":"::1",'*) ;;
		'"family":'*) take_address ;;
		'"type":'*'","dst":"'*'"protocol":"'[kr]*) last='' ;; # kernel, ra, redirect: set up or learnt by the kernel itself
		'"type":'*'","dst":"'*) take_route ;;
		'"gateway":'* | '"dev":'*) take_hop ;;
		'"dst":"'*'"lladdr":"'*) # a neighbour
			text_of dev
			owner="$namespace $value"
			text_of dst
			last=$value
			text_of lladdr
			fact["$owner: neigh $last lladdr $value"]=1
			;;
		'"mac":"'*'"dst":"'*'"state":"permanent"'*) # of the FDB
			text_of ifname
			owner="$namespace $value"
			text_of mac
			last=$value
			text_of dst
			last+=" dst $value"
			if [[ $text == *'"port":'* ]]; then number_of port && last+=" port $value"; fi
			if [[ $text == *'"vni":'* ]]; then number_of vni && last+=" vni $value"; fi
			fact["$owner: fdb $last"]=1
			;;
		'"dst":"'* | '"mac":"'*) ;;
		'"nsid":'*)
			text_of name
			last=$value
			number_of nsid
			nsid["$namespace $value"]=$last
			;;
		'"ifname":'*) # of the listing of VLANs
			text_of ifname
			owner="$namespace $value"
			text=${live[$owner]-}
			if [[ $text == *'"master":'* ]]; then
				text_of master
				owner+=" port of $value"
			fi
			;;
		'"vlan":'*)
			number_of vlan
			if [[ $text == *'"PVID"'* ]]; then value+=" pvid"; fi
			if [[ $text == *'"Egress Untagged"'* ]]; then value+=" untagged"; fi
			fact["$owner: vlan $value"]=1
			;;
		*)
			if [[ $port ]]; then
				live[$port]=$text port=''
			elif [[ $owner ]]; then
				live[$owner]+=$text
				if [[ $text == *'"info_slave_kind":"bridge"'* ]]; then
					last=$text text=${live[$owner]}
					text_of master
					port="$owner port of $value"
				fi
			fi
			;;
		esac
	done
}

# The value of a key in the JSON text: a string, a number. To cut off the end and measure the rest is many times faster
# than to cut off the beginning.
text_of() {
	value=${text%%"\"$1\":\""*}
	value=${text:${#value}+${#1}+4}
	value=${value%%\"*}
}
number_of() {
	value=${text%%"\"$1\":"*}
	value=${text:${#value}+${#1}+3}
	value=${value%%[,\}]*}
}

# Takes in the first piece of a link, whose keys come in this order. A name with a comma or a brace no topology gives.
take_link() {
	local part index='' IFS=,
	owner='' port=''
	for part in $text; do
		case $part in
		'"ifindex":'*) index=${part#*:} ;;
		'"ifname":"'*'"')
			part=${part#*:\"} owner="$namespace ${part%\"}"
			live[$owner]=$text device["$namespace $index"]=${owner#* }
			;;
		'"ifname":'* | '"operstate":'*) return ;;
		'"flags":["UP"'* | '"UP"'*) fact["$owner: up"]=1 ;;
		'"master":"'*'"') part=${part#*:\"} fact["$owner: master ${part%\"}"]=1 ;;
		esac
	done
}

take_address() {
	local part family address IFS=,
	for part in ${text//\"/}; do
		case $part in
		family:*) family=${part#*:} ;;
		local:*) address=${part#*:} ;;
		address:*) address+=" peer ${part#*:}" ;;
		prefixlen:*)
			fact["$owner: $family $address/${part#*:}"]=$text
			return
			;;
		esac
	done
}

# Spells a route as the table does.
take_route() {
	local part family=inet kind='' words='' dev='' tail='' table='' onlink='' scope='' IFS=,
	for part in ${text//\"/}; do
		case $part in
		type:unicast | table:main) ;;
		type:*) kind=" ${part#*:}" ;;
		dst:*) words=" ${part#*:}" ;;
		gateway:*) words+=" via ${part#*:}" ;;
		dev:*) dev=${part#*:} ;;
		prefsrc:*) tail+=" src ${part#*:}" ;;
		metric:*) tail+=" metric ${part#*:}" ;;
		table:*)
			table=${part#*:}
			table=" table ${table_number[$table]-$table}"
			;;
		pref:*) family=inet6 ;;
		scope:host) scope=' scope host' ;;
		*onlink*) onlink=' onlink' ;;
		esac
	done
	if [[ $kind ]]; then dev=''; fi
	before="$namespace: $family route$kind$words" after="$tail$table$onlink$scope"
	last="$before${dev:+ dev $dev}$after"
	fact[$last]=$dev
}

# Takes in a next hop of the route before. In IPv6 these are routes of their own, which the kernel only shows together.
take_hop() {
	local words='' onlink=''
	if [[ ! $last ]]; then return; fi
	if [[ $text == *'"gateway":'* ]]; then text_of gateway && words=" via $value"; fi
	if [[ $text == *'"onlink"'* ]]; then onlink=' onlink'; fi
	text_of dev
	if [[ $last == *': inet6 route '* ]]; then
		unset 'fact[$last]'
		fact["$before$words dev $value$after$onlink"]=$value
	else
		fact[$last]=$value
	fi
}

# Sets peer to the other end of a veth: "node1 vethA", or nothing.
find_peer() {
	local other=''
	if [[ ${live[$1]-} == *'"info_kind":"veth"'* ]]; then find_linked "$1" ''; fi
	peer=$other
}

# Sets parent to the interface that a macvlan shares the wire of: "host eth0", or nothing.
find_parent() {
	local other='' unnamed=host # which has no name that others could know
	if [[ ${live[$1]-} == *'"info_kind":"macvlan"'* ]]; then
		if [[ ${live[$1]} == *'"link_netnsid":'* ]]; then read_numbers "${1%% *}"; fi
		if [[ $1 == 'host '* ]]; then unnamed=''; fi
		find_linked "$1" "$unnamed"
	fi
	parent=$other
}

# Sets other to what an interface is linked to, if that is known; a namespace that has no number here is the one given.
find_linked() {
	local text=${live[$1]} value='' there=${1%% *}
	if [[ $text == *'"link_netnsid":'* ]]; then
		number_of link_netnsid
		there=${nsid["$there $value"]:-$2}
		number_of link_index
		value=${device["$there $value"]-}
	elif [[ $text == *'"link":"'* ]]; then
		text_of link
	fi
	if [[ $value ]]; then other="$there $value"; fi
}

# Reads the numbers that a namespace has for others, if that was not done.
read_numbers() {
	if [[ $1 != host && ! ${makers[$1]-} ]]; then
		makers[$1]=1
		take_answer "$1" "$(enter "$1" ip -json netns list-id)"
	fi
}

# Reads the VLANs of a namespace, if that was not done.
read_vlans() {
	if [[ ! ${vlans[$1]-} ]]; then
		vlans[$1]=1
		take_answer "$1" "$(enter "$1" bridge -json vlan show)"
	fi
}

# The same as find_peer for any link: it may be in a namespace whose numbers for others were not read, and none knows the host by name.
find_other_end() {
	local namespace=${1%% *} object
	read_numbers "$namespace"
	find_peer "$1"
	if [[ $peer || $namespace == host ]]; then return 0; fi
	for object in "${!live[@]}"; do
		if [[ $object == host' '* ]]; then find_peer "$object"; fi
		if [[ $peer == "$1" ]]; then
			peer=$object
			return 0
		fi
	done
	peer=''
}
