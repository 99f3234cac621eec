# ---- what an earlier version of this topology set, and this one says nothing of ----
#
# The facts that the last run wanted are on record. A setting among them that is no longer in the table goes back to what
# a new interface, bridge, port or namespace has, if it is one of ours and still as it was set.

readonly WANTED=$STATE/wanted
declare recorded_facts='' # of the last run; those of this one, too, while it is under way
declare -a outdated=()    # the facts that are settings nobody asks for any more

# What the kernel gives a new bridge, a new port, and any new interface.
declare -A of_bridges=([stp_state]=0 [mcast_snooping]=1 [forward_delay]=1500 [hello_time]=200 [max_age]=2000
	[ageing_time]=30000 [priority]=32768 [group_fwd_mask]=0 [vlan_filtering]=0 [vlan_default_pvid]=1)
declare -A of_ports=([hairpin]=off [guard]=off [root_block]=off [fastleave]=off [isolated]=off [neigh_suppress]=off
	[proxy_arp]=off [learning]=on [flood]=on [mcast_flood]=on [bcast_flood]=on [cost]=2 [priority]=32)
declare -A of_interfaces=([mtu]=1500 [promisc]=off [allmulti]=off [txqlen]=1000)

# Sets outdated, and notes what has to be read of it.
find_outdated() {
	local text here IFS=$'\n'
	local -A asked=() # owners with the keys that the table has for them
	if [[ ! -r $WANTED ]]; then return 0; fi
	recorded_facts=$(<"$WANTED")
	if [[ $recorded_facts == "${step[*]}" ]]; then return 0; fi
	for text in "${!wanted[@]}"; do
		here=${text%%: *} text=${text#*: }
		asked["$here: ${text%% *}"]=1
	done
	set -f
	for text in $recorded_facts; do
		here=${text%%: *}
		if [[ ${wanted[$text]+set} ]]; then continue; fi
		text=${text#*: }
		case $text in tbf' '* | ingress | redirect' '*) note_reading "${here%% *}" "$text" ;; esac
		if [[ ! ${asked["$here: ${text%% *}"]+set} ]] && is_setting "$here" "${text%% *}"; then
			outdated+=("$here: $text")
			note_reading "${here%% *}" "$text"
		fi
	done
	set +f
}

# Is what OWNER has by that key a setting that can go back, of a thing of ours?
is_setting() {
	local name=${2#net.*.*.}
	case $1 in
	*' port of '*) [[ ${of_ports[$2]+set} && ${modelled[${1%% port of *}]+set} ]] ;;
	*' '*) [[ ${of_bridges[$2]-}${of_interfaces[$2]-} && ${modelled[$1]+set} ]] ;;
	*)
		name=${name%%.*}
		[[ $2 == net.* && (${modelled["$1 lo"]+set} || ($2 == net.*.@(conf|neigh).*.* && ${modelled["$1 ${name//\//.}"]+set})) ]]
		;;
	esac
}

# Puts the outdated settings back.
restore_defaults() {
	local text here key ip line
	for text in "${outdated[@]}"; do
		here=${text%%: *} key=${text#*: } line=''
		key=${key%% *}
		if [[ $here == *' '* && ! ${live[$here]+set} ]] || ! holds "$here" "${text#*: }"; then continue; fi
		ip_in "${here%% *}"
		case $here in
		*' port of '*) restore_port ;;
		*' '*) restore_interface ;;
		*) restore_setting ;;
		esac
		if [[ $line ]]; then note_removal "$line" "$text"; fi
	done
}

restore_port() {
	local name=${here%% port of *} value=${of_ports[$key]}
	if [[ $key == cost && ${live[$name]} != *'"info_kind":"veth"'* ]]; then value=100; fi
	if [[ ${text##* } != "$value" ]]; then line="$ip link set dev ${name#* } type bridge_slave $key $value"; fi
}

# A bridge whose MTU was set does not follow that of its ports again: it gets the least that they are to have.
restore_interface() {
	local name=${here#* } value=${of_interfaces[$key]-}
	case $key in
	mtu)
		case ${live[$here]} in
		*'"info_kind":"bridge"'*) find_least "$here" && value=$least_mtu ;;
		*'"info_kind":"veth"'*) ;;
		*) return 0 ;; # it depends on the interface below
		esac
		forget_mtu "$here"
		line="$ip link set dev $name mtu $value"
		;;
	allmulti) line="$ip link set dev $name allmulticast $value" ;;
	promisc | txqlen) line="$ip link set dev $name $key $value" ;;
	*)
		if [[ ${live[$here]} != *'"info_kind":"bridge"'* ]]; then return 0; fi
		value=${of_bridges[$key]} line="$ip link set dev $name type bridge $key $value"
		;;
	esac
	if [[ ${text#*: } == "$key $value" ]]; then line=''; fi
}

# A setting of a new namespace, or one of an interface, which is what the namespace has for new ones.
restore_setting() {
	local path=${key//\//%} name=${key#net.*.*.} value='' write
	path=/proc/sys/${path//.//} path=${path//%/.}
	name=${name%%.*} name=${name//\//.}
	if [[ $key == net.*.@(conf|neigh).*.* && ${modelled["$here $name"]+set} && $name != lo ]]; then
		value=$(enter "$here" cat "${path/"/$name/"//default/}" 2>/dev/null) || return 0
	else
		value=$(unshare --net cat "$path" 2>/dev/null) || return 0
	fi
	value=${value//$'\t'/ }
	if [[ $text == *": $key $value" ]]; then return 0; fi
	write="bash -c 'echo $value >$path'"
	if [[ $here == host ]]; then line=$write; else line="ip netns exec $here $write"; fi
}

# Records what this run wants, beside what the last one wanted until it is done.
record_facts() {
	local IFS=$'\n'
	if [[ $recorded_facts == "${step[*]}" ]]; then return 0; fi
	if [[ $1 == intended ]]; then
		printf '%s\n' "${step[*]}" >>"$WANTED"
	elif ((${#step[@]})); then
		printf '%s\n' "${step[*]}" >"$WANTED"
	else
		rm -f "$WANTED"
	fi
}
