# ---- going back ----

# Ends the run. Given is the command that failed and, from the next line on, what was said of it.
give_up() {
	failed[${1%%$'\n'*}]=1
	failure="failed: $1"
	exit 1
}

# Takes back, in reverse, what this run has done. Where it was stopped half way through a batch, some of that was not done;
# it is then not there to take back, and that is no failure. What failed was not done, and may belong to somebody else.
roll_back() {
	local i j n lines back text FORCE=yes
	declare -A taken_back=()
	if [[ $keep ]]; then
		say "what was made so far is left (--keep); run setup.sh again to go on, or teardown.sh"
		return
	fi
	say "taking back what this run has done"
	for text in "$STATE"/worker.*; do # several may have failed
		if [[ -s $text ]] && IFS= read -r text <"$text" && [[ $text ]]; then failed[$text]=1; fi
	done
	if ((${#borrowed[@]})); then
		take_turn # which another run may have had until now
		read_others
	fi
	for n in "${missing[@]}"; do about[${command[n]}]=${step[n]}; done
	for ((i = ${#executed[@]} - 1; i >= 0; i--)); do
		mapfile -t lines <<<"${batch[${executed[i]}]%$'\n'}"
		for ((j = 0; j < ${#lines[@]}; j++)); do
			if [[ ${failed[${lines[j]}]+set} ]]; then break; fi
		done
		while ((--j >= 0)); do
			text=${about[${lines[j]}]}
			if [[ ${shared[$text]+set} ]]; then continue; fi # others rely on it by now, and take it back
			if [[ $text == *': nft chain '* ]] && serves_others "$text"; then continue; fi
			if [[ $text == *': command '* ]]; then
				run_apart "${checks[$text]}" >/dev/null 2>&1 || continue
			elif [[ ${created[${executed[i]#* }]+set} ]]; then
				continue # it goes with the namespace
			fi
			invert "${lines[j]}"
			if [[ $text == *': command '* && $back ]]; then given[$back]=1; fi
			if [[ $back && ! ${taken_back[$back]+set} ]]; then take_back; fi
		done
	done
	for back in "${dragged[@]}"; do take_back; done
	if [[ $complained ]]; then keep_hold; fi
	if [[ $recorded_facts ]]; then printf '%s\n' "$recorded_facts" >"$WANTED"; fi
	if [[ $recorded ]]; then record "$recorded"; else rm -f "$OWNED"; fi
}

# What could not be taken back is still ours.
keep_hold() {
	local name now=$recorded
	say "what is left of it stays on record: when that is mended, run setup.sh again, or teardown.sh"
	read_namespaces
	for name in "${!created[@]}"; do
		if [[ ${netns[$name]+set} ]]; then now+="netns"$'\t'"$name"$'\t'"${netns[$name]}"$'\n'; fi
	done
	note_ways_back "${borrowed[@]}"
	recorded=$now
}

take_back() {
	local place
	taken_back[$back]=1
	announce "$back" >&2
	find_place "$back"
	carry_out "$place" "$back"
}

# Did anything of ours exist before this run? If not, all links that carry the mark go in one transaction.
is_fresh() {
	local text
	for text in "${live[@]}"; do
		if [[ $text == *"\"group\":\"$MARK\""* ]]; then return 1; fi
	done
}

# Sets back to the command that takes back another one, as things were before this run; or to nothing where there is none.
invert() {
	local object=${about[$1]%%: *} wish=${about[$1]#*: } text key value ip
	key=${wish%% *} text=${live[$object]-} back=''
	case $key in
	file) value=${wish#file } back="rm -f ${value%% *}" && return ;;
	directory) back="rmdir --ignore-fail-on-non-empty ${wish#directory }" && return ;;
	esac
	if [[ $wish == 'nft '[ce]* ]]; then
		invert_part "$1" "$wish"
		return
	fi
	if [[ $key == nft ]]; then
		value=${wish#nft table } back="delete ${wish#nft }"
		text=${fact["$object: nft ${value%% *}"]-}
		if [[ $text ]]; then back="add ${wish#nft }; $back; ${text//$'\r'/$'\n'}"; fi
		back="${1%%"nft '"*}nft ${back@Q}"
		return
	fi
	case $1 in
	*'tables --wait -N '*) back=${1/ -N / -X } && return ;;
	*'tables --wait -X '*) back=${1/ -X / -N } && return ;;
	*'tables --wait -A '*) back=${1/ -A / -D } && return ;;
	*'tables --wait -I '*) back=${1/ -I / -D } back=${back/ 1 / } && return ;;
	*'tables --wait -D '*' -j ACCEPT' | *'tables --wait -D '*' -j RETURN') back=${1/ -D / -A } && return ;;
	*'tables --wait -D '*)
		value=${1#* -D } value=${value%% *}
		back=${1/" -D $value "/" -I $value 1 "} && return
		;;
	esac
	case $key in
	master) if [[ $1 == *' type bridge_slave '* || $1 == *' vlan '* ]]; then return 0; fi ;; # it is one again with other options
	command) back=${ways_back[${about[$1]}]-} && return ;;
	ask) return ;; # it may have been true before
	tbf | ingress | clsact | redirect | filter) invert_shaping "$1" && return ;;
	esac
	case $1 in
	*'link delete '* | *'netns delete '*) ;; # it was ours, and not wanted
	'ip netns add '*) back="ip netns delete $object" ;;
	*' link add name '*' type macvlan '*)
		ip_in "${object%% *}"
		back="$ip link delete dev ${object#* }"
		;;
	'ip link add name '*) if is_fresh; then back="ip link delete group $MARK"; else back="ip link delete dev ${object#* }"; fi ;;
	*' link add name '*) back="${1%% add name *} delete dev ${object#* }" ;;
	*' vlan add '* | *' address add '* | *' route add '*) back=${1/ add / delete } ;;
	*' route prepend '*) back=${1/ prepend / delete } ;;
	*' address delete '*)
		back=${1/ delete / add }
		text=${was["$object: $wish"]//\"/}
		for value in ${text//,/ }; do
			case $value in
			broadcast:* | metric:* | label:*:*) back+=" ${value/:/ }" ;;
			nodad:true | noprefixroute:true) back+=" ${value%:*}" ;;
			esac
		done
		;;
	*' vlan delete '*) back="${1/ delete / add }${wish#vlan "${wish//[!0-9]/}"}" ;;
	*' fdb '* | *' neigh '*) turn_entry "$1" ;;
	*' delete '*) back=${1/ delete / add } ;;
	*' promisc '* | *' allmulticast '*) if [[ $text ]]; then case $1 in *on) back="${1% on} off" ;; *) back="${1% off} on" ;; esac fi ;;
	*' txqlen '*) if [[ $text ]]; then
		value=0
		if [[ $text == *'"txqlen":'* ]]; then number_of txqlen; fi
		back="${1% *} $value"
	fi ;;
	*' up') back=${1% up}' down' ;;
	*"echo ${wish#* } >/proc/sys/"*)
		for value in "${!fact[@]}"; do
			if [[ $value == "$object: $key "* ]]; then back=${1/"echo ${wish#* } "/"echo ${value#* "$key" } "}; fi
		done
		;;
	*'/proc/sys/'*) back="${1%%echo *}echo ${wish#* } >${1#*>}" ;;
	*' type vxlan '*learning) if [[ $1 == *nolearning ]]; then back="${1% *} learning"; else back="${1% *} nolearning"; fi ;;
	*' type vxlan group '*)
		if [[ $text == *'"group6":"'* ]]; then text_of group6; else text=${text#*'"info_data":'} && text_of group; fi
		if [[ $value ]]; then back="${1% group *} group $value dev ${1##* }"; fi
		;;
	*' type vxlan dev '*) if [[ $text == *'"link":"'* ]]; then text_of link && back="${1% *} $value"; fi ;;
	*' nomaster') back="${1% *} master ${wish#* }" ;;
	*' master '*) if [[ $text == *'"master":"'* ]]; then return_port "$1"; else back="${1% master *} nomaster"; fi ;;
	*)
		if [[ $1 == *' type vxlan '* && $text == *"\"${key}6\":"* ]]; then key+=6; fi
		if [[ $text != *"\"$key\":"* ]]; then return 0; fi # the thing was not there, and takes it along
		if [[ $text == *"\"$key\":\""* ]]; then text_of "$key"; else number_of "$key"; fi
		case $value in true) value=on ;; false) value=off ;; esac
		back="${1% *} $value"
		;;
	esac
}

# The same for an interface that leaves a bridge for another one: with it go the options and the VLANs that it had there.
return_port() {
	local key options='' bridge
	text_of master
	bridge=$value back="${1% *} $value"
	text=${live["$object port of $value"]-}
	for key in hairpin guard root_block fastleave isolated neigh_suppress proxy_arp learning flood mcast_flood bcast_flood cost priority; do
		if [[ $text != *"\"$key\":"* ]]; then continue; fi
		number_of "$key"
		case $value in true) value=on ;; false) value=off ;; esac
		if [[ $value != "${of_ports[$key]}" ]]; then options+=" $key $value"; fi
	done
	if [[ $options ]]; then back+=$'\n'"${1% master *} type bridge_slave$options"; fi
	return_vlans "$object port of $bridge"
}

# Adds to back what gives a port its VLANs again, given the port, where they are not just the one that any port there has.
return_vlans() {
	local key default='' tool=bridge has=''
	if [[ ${1%% *} != host ]]; then tool="bridge -n ${1%% *}"; fi
	text=$(enter "${1%% *}" ip -json -details link show dev "${1##* }" 2>/dev/null) || return 0
	if [[ $text =~ '"vlan_default_pvid":'([0-9]+) ]]; then default=${BASH_REMATCH[1]}; fi
	for key in "${!fact[@]}"; do
		if [[ $key != "$1: vlan "* ]]; then continue; fi
		key=${key#*: vlan }
		if [[ ${key%% *} == "$default" ]]; then has=yes; fi
		if [[ $key != "$default pvid untagged" ]]; then back+=$'\n'"$tool vlan add dev ${object#* } vid $key"; fi
	done
	if [[ ! $has && ${default:-0} != 0 ]]; then back+=$'\n'"$tool vlan delete dev ${object#* } vid $default"; fi
}

# The same for an entry of the FDB, or a neighbour. What replaced another one gives way to that again.
turn_entry() {
	local entry=${wish#* } prefix=${1%% "${wish%% *}" *} dev=${object#* } old='' key
	if [[ $1 != *' delete '* ]]; then
		back="$prefix ${wish%% *} delete ${entry%% *} dev $dev"
		if [[ $wish == fdb* ]]; then back+=" ${entry#* }"; fi
		if [[ $1 == *' append '* ]]; then return 0; fi
		for key in "${!fact[@]}"; do
			if [[ $key == "$object: ${wish%% *} ${entry%% *} "* ]]; then old=${key#"$object: "}; fi
		done
		if [[ ! $old ]]; then return 0; fi
		entry=${old#* }
	fi
	if [[ $wish == fdb* ]]; then
		back="$prefix fdb append ${entry%% *} dev $dev ${entry#* }"
		if [[ $old ]]; then back=${back/ append / replace }; fi
	else
		back="$prefix neigh replace $entry dev $dev nud permanent"
	fi
}
