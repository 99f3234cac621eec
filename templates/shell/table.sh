# ---- the table of steps: "COMMAND   #SIGN OWNER: WORDS" ----

# The steps, column by column (step: "OWNER: WORDS"); the numbers of those that make an interface, need something, write a
# file, or make the kernel change something else as well; the namespaces that are made.
declare -a wave=() sign=() command=() step=() owner=() words=() makings=() needs=() files=() shifting=() namespaces=()

# Their facts; the interfaces that they make, as well as the loopbacks of their namespaces; what they give VLANs, a bridge
# to be a port of ("host br0"), and an MTU; the namespaces that others made; the link-layer and other addresses that they
# have just one entry for.
declare -A wanted=() modelled=() tagging=() ports=() mtus=() foreign=([host]=1) entries=()

# By the fact of a command that people gave: what tells whether it was carried out, and what takes it back.
declare -A checks=() ways_back=()

# The number of the wave that goes beside the others. The first two take away what is not wanted, and after it come those of
# the table.
readonly BESIDE=2

# Reads the table, and from it what has to be read of the live system. What can be done to a whole column in one expansion
# is: it takes a fraction of the time. Most rows only bring something up or give it an address or a route.
read_table() {
	local - line part=$BESIDE n here rows=() special=() IFS=$'\n'
	set -f
	for line in $1; do
		case $line in
		'### '*) part=$((part + 1)) && continue ;;
		'#'*) continue ;;
		*'   #'[:\<]*) special+=("${#rows[@]}") ;;
		*': up' | *': inet '*) ;;
		*) special+=("${#rows[@]}") ;;
		esac
		rows+=("$line") wave+=("$part")
	done
	command=("${rows[@]%%  *}")
	rows=("${rows[@]##*#}") # which has one
	sign=("${rows[@]%% *}")
	step=("${rows[@]#??}")
	owner=("${step[@]%%: *}")
	words=("${step[@]#*: }")
	for line in "${step[@]}"; do wanted[$line]=1; done
	for n in "${special[@]}"; do
		case ${sign[n]:- }${words[n]} in
		+namespace) namespaces+=("${owner[n]}") modelled["${owner[n]} lo"]=1 ;;
		+*) note_making "$n" ;;
		'?namespace') needs+=("$n") foreign[${owner[n]}]=1 ;;
		\?*) needs+=("$n") ;;
		[:\<]*) note_companion "$n" ;;
		-group*) foreign[${owner[n]}]=1 ;;
		' file '*) files+=("$n") ;;
		?'master '*) ports[${owner[n]}]="${owner[n]%% *} ${words[n]#master }" shifting+=("$n") ;;
		?'mtu '*) mtus[${owner[n]}]=${words[n]#mtu } shifting+=("$n") ;;
		?'address '* | ?'remote '* | ?'group '* | ?'vlan_default_pvid 0') shifting+=("$n") ;;
		' fdb '[!0]* | ' fdb 0'[!0]* | ' neigh '*) entries[${step[n]%" ${words[n]#* * }"}]=1 ;;
		' vlan '* | ' net.'* | ' nft '* | ' iptables '* | ' ip6tables '* | ' tbf '* | ' ingress' | ' redirect '*)
			here=${owner[n]%% *}
			note_reading "$here" "${words[n]}"
			case ${words[n]} in
			vlan*) tagging[${owner[n]}]=1 ;;
			tbf*) rated[${owner[n]}]=1 ;;
			net.ipv4.ip_forward' '* | net.ipv6.conf.all.forwarding' '*) shifting+=("$n") ;;
			esac
			;;
		esac
	done
}

# Notes what belongs to the command of a line above; such a line has no fact of its own.
note_companion() {
	if [[ ${sign[$1]} == : ]]; then checks[${step[$1]}]=${command[$1]}; else ways_back[${step[$1]}]=${command[$1]}; fi
	unset "wave[$1]" "sign[$1]" "command[$1]" "step[$1]" "owner[$1]" "words[$1]"
}

note_making() {
	local what=${words[$1]} where=${owner[$1]}
	makings+=("$1") modelled[$where]=1
	if [[ $what == vxlan* ]]; then tunnels[${where%% *}]=1; fi
	if [[ $what == macvlan* && ${what#*, parent } != "${where%% *} "* ]]; then makers[${where%% *}]=1; fi
	if [[ $what == veth,* ]]; then modelled[${what#veth, peer }]=1 makers[${where%% *}]=1; fi
}

# Notes what has to be read in a namespace, beside interfaces, addresses and routes, to know whether a fact is true.
note_reading() {
	local path
	case $2 in
	net.*)
		path=${2%% *} path=${path//\//%}
		path=${path//.//}
		sysctls[$1]+=" /proc/sys/${path//%/.}"
		;;
	vlan*) vlans[$1]=1 ;;
	'tbf '* | ingress | 'redirect '*) shaped[$1]=1 ;;
	'nft table '*)
		path=${2#nft table }
		note_once tables "$1" "${path%% *}"
		;;
	'nft '*) note_part "$1" "$2" ;;
	'iptables '* | 'ip6tables '*) note_once rules "$1" "${2%% *}" ;;
	esac
}

# Adds a word to those that an array has for a namespace.
note_once() {
	local -n noted=$1
	if [[ " ${noted[$2]-} " != *" $3 "* ]]; then noted[$2]+=" $3"; fi
}

# Notes what has to be read to know whether what was made true on things that are not ours still is.
note_borrowings() {
	local text
	for text in "${borrowings[@]}"; do note_reading "${text%%[ :]*}" "${text#*: }"; done
}

# Is a fact, OWNER WORDS, true of the live system? A table or chain of nft is compared with the COMMAND that loads it, if
# given.
holds() {
	local text key value peer parent
	if [[ ${fact["$1: $2"]+set} ]]; then return 0; fi
	text=${live[$1]-}
	case $2 in
	inet*' noprefixroute') [[ ${fact["$1: ${2% *}"]-} == *'"noprefixroute":true'* ]] ;;
	up | master' '* | inet' '* | inet6' '* | vlan' '* | fdb' '* | neigh' '* | net.* | iptables' '* | ip6tables' '*) is_moot "$2" ;;
	command' '*) was_carried_out "$1: $2" ;;
	tbf' '*) has_rate "$1" "$2" ;;
	ingress) [[ ${fact["$1: ingress"]+set} || (${fact["$1: clsact"]+set} && ! ${modelled[$1]+set}) ]] ;;
	redirect' '*) [[ ${fact["$1: $2"]+set} ]] ;;
	ifb) [[ $text == *'"info_kind":"ifb"'* ]] ;;
	namespace) [[ ${netns[$1]-broken} != broken ]] ;;
	directory' '*) [[ -d ${2#directory } ]] ;;
	file' '*) file_says "${2#file }" ;;
	allmulti' on') [[ $text == *[[,]'"ALLMULTI"'[],]* ]] ;;
	allmulti' off') [[ $text != *[[,]'"ALLMULTI"'[],]* ]] ;;
	txqlen' 0') [[ $text != *'"txqlen":'[1-9]* ]] ;;
	promisc' on') [[ $text == *[[,]'"PROMISC"'[],]* ]] ;;
	exists) [[ $text ]] ;;
	bridge) [[ $text == *'"info_kind":"bridge"'* ]] ;;
	veth,*)
		find_peer "$1"
		[[ "veth, peer $peer" == "$2" ]] && fact["$1: $2"]=1
		;;
	macvlan*', parent '*)
		find_parent "$1"
		value=macvlan
		if [[ $text == *'"mode":"passthru"'* ]]; then value+=' passthru'; fi
		[[ $parent && "$value, parent $parent" == "$2" ]]
		;;
	vxlan' '*)
		value=${2#vxlan id }
		[[ $text == *'"info_kind":"vxlan"'*"\"id\":${value%% *},"*"\"port\":${value##* },"* ]]
		;;
	local' '* | remote' '* | group' '*)
		key=${2%% *} value=${2#* }
		[[ $text == *"\"$key\":\"$value\""* || $text == *"\"${key}6\":\"$value\""* ]]
		;;
	dev' '*) [[ $text == *"\"link\":\"${2#dev }\""* ]] ;;
	ageing_time' '*) # while its spanning tree changes, a bridge ages faster
		[[ $text == *"\"ageing_time\":${2#* },"* || $text == *'"topology_change":1'* ]]
		;;
	'nft table'*)
		value=${3#*"; delete ${2#nft }; "} key=${2#nft table }
		value=${value%\'} text=${fact["$1: nft ${key%% *}"]-}
		[[ $text && ${text//[;[:space:]]/} == "${value//[;[:space:]]/}"* ]]
		;;
	'nft '*) part_holds "$@" ;;
	*)
		key=${2%% *} value=${2#* }
		[[ $text == *"\"$key\":$value"[,\}]* || $text == *"\"$key\":\"$value\""* ]]
		;;
	esac
}

# Where the kernel has no IPv6, no setting of it says anything. What needs IPv6 is refused.
is_moot() { [[ $1 == net.ipv6.* && ! -e /proc/sys/net/ipv6/conf ]]; }

# Was a command of people, given by its fact, carried out in the namespace that now has that name?
was_carried_out() {
	local place=${1%%: *}
	if [[ ! ${checks[$1]-} || ${netns[$place]-broken} == broken ]]; then return 1; fi
	if [[ ! ${foreign[$place]+set} && ! ${used[$place]+set} ]] && ! owns_namespace "$place"; then return 1; fi
	run_apart "${checks[$1]}" >/dev/null 2>&1
}

# Is there a file that says what is wanted, its lines one after the other? Given are its path and that text, if any.
file_says() {
	local path=${1%% *} text=''
	[[ -f $path ]] || return 1
	if [[ $1 == "$path" ]]; then return 0; fi
	{ IFS= read -r -d '' text || true; } <"$path"
	[[ "$path ${text//$'\r\n'/ }" == "$1" ]]
}
