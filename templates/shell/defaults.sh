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
declare -A of_interfaces=([mtu]=1500 [promisc]=off [allmulti]=off [txqlen]=1000 [address]=random)

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
	case "$1 $2" in
	*' '*' vlan') [[ ${modelled[${1%% port of *}]+set} ]] ;;
	*' port of '*' '*) [[ ${of_ports[$2]+set} && ${modelled[${1%% port of *}]+set} ]] ;;
	*' '*' '*) [[ ${of_bridges[$2]-}${of_interfaces[$2]-} && ${modelled[$1]+set} ]] ;;
	*)
		name=${name%%.*}
		[[ $2 == net.* && (${modelled["$1 lo"]+set} || ($2 == net.*.@(conf|neigh).*.* && ${modelled["$1 ${name//\//.}"]+set})) ]]
		;;
	esac
}

# Puts the outdated settings back, those of bridges after the VLANs of their ports.
restore_defaults() {
	local text here key ip line vlans_left=() rest=()
	for text in "${outdated[@]}"; do
		if [[ $text == *': vlan '* ]]; then vlans_left+=("$text"); else rest+=("$text"); fi
	done
	for text in "${vlans_left[@]}" "${rest[@]}"; do
		here=${text%%: *} key=${text#*: } line=''
		key=${key%% *}
		if [[ $here == *' '* && ! ${live[$here]+set} ]] || ! holds "$here" "${text#*: }"; then continue; fi
		ip_in "${here%% *}"
		case "$here $key" in
		*' vlan') restore_vlan ;;
		*' port of '*) restore_port ;;
		*' '*' '*) restore_interface ;;
		*) restore_setting ;;
		esac
		if [[ $line ]]; then note_removal "$line" "$text"; fi
	done
}

# A port that moves to another bridge in this run has a new port's options there.
restore_port() {
	local name=${here%% port of *} value=${of_ports[$key]}
	if [[ ${ports[$name]-} != "${here%% *} ${here#* port of }" ]]; then return 0; fi
	if [[ $key == cost && ${live[$name]} != *'"info_kind":"veth"'* ]]; then value=100; fi
	if [[ ${text##* } != "$value" ]]; then line="$ip link set dev ${name#* } type bridge_slave $key $value"; fi
}

# A bridge of ours, or a port, leaves a VLAN. Then it has the one that all have by default: a bridge of ours gives it when it
# gets its vlan_default_pvid back, one of others has it.
restore_vlan() {
	local name=${here#* } bridge=$here own='' default=0
	if [[ $here == *' port of '* ]]; then bridge="${here%% *} ${here#* port of }"; else own=' self'; fi
	name=${name%% port of *}
	if [[ ! $own && ${ports["${here%% *} $name"]-} != "$bridge" ]]; then return 0; fi
	if [[ ! ${modelled[$bridge]+set} && ${live[$bridge]-} =~ '"vlan_default_pvid":'([0-9]+) ]]; then default=${BASH_REMATCH[1]}; fi
	if [[ $text == *": vlan $default pvid untagged" ]]; then return 0; fi
	remove_vlan "$here" "$text"
	if ((default == 0)) || [[ ${fact["$here: vlan $default pvid untagged"]+set} ]]; then return 0; fi
	fact["$here: vlan $default pvid untagged"]=1
	line="bridge${ip#ip} vlan add dev $name vid $default pvid untagged"
}

# An interface gets the link-layer address that nothing else should have, and that is the same one until the next boot.
restore_interface() {
	local name=${here#* } value=${of_interfaces[$key]-}
	case $key in
	mtu)
		find_usual_mtu
		if [[ ! $value ]]; then return 0; fi
		forget_mtu "$here"
		line="$ip link set dev $name mtu $value"
		;;
	address)
		value=$(sha256sum <<<"$(</proc/sys/kernel/random/boot_id) $here")
		value=02:${value:0:2}:${value:2:2}:${value:4:2}:${value:6:2}:${value:8:2}
		expect_entries "$here" address
		line="$ip link set dev $name address $value"
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

# Sets value to the MTU of a new interface of that kind, or to nothing if that is not known. It is that of the interface
# below, less what is put around a frame. A bridge whose MTU was set does not follow that of its ports again: it gets the
# least that they are to have.
find_usual_mtu() {
	local text=${live[$here]} parent='' around=0
	case $text in
	*'"info_kind":"bridge"'*) find_least "$here" && value=$least_mtu && return ;;
	*'"info_kind":"macvlan"'*) find_parent "$here" ;;
	*'"info_kind":"vxlan"'*'"link":"'*)
		text_of link
		parent="${here%% *} $value" around=50
		if [[ $text == *'"'@(local|remote|group)'6":'* ]]; then around=70; fi
		;;
	*'"info_kind":"veth"'* | *'"info_kind":"vxlan"'*) return ;;
	esac
	text=${live[$parent]-} value=''
	if [[ $text == *'"mtu":'* ]]; then number_of mtu && value=$((value - around)); fi
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
