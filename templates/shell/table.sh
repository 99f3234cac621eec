# ---- the table of steps: "COMMAND   #SIGN OWNER: WORDS" ----

# The steps, column by column; the numbers of those that make or need an interface; the namespaces that are made.
declare -a wave=() sign=() command=() owner=() words=() makings=() needs=() namespaces=()

# Their facts; the interfaces that they make, as well as the loopbacks of their namespaces; what they give VLANs.
declare -A wanted=() modelled=() tagging=()

# Reads the table, and from it what has to be read of the live system.
read_table() {
	local line text part=1 n=0 here IFS=$'\n'
	set -f
	for line in $1; do
		case $line in
		'### '*) part=$((part + 1)) && continue ;;
		'#'*) continue ;;
		esac
		command[n]=${line%%  *}
		text=${line:${#command[n]}}
		text=${text#*\#}
		wave[n]=$part sign[n]=${text:0:1} text=${text:2}
		owner[n]=${text%%: *} wanted[$text]=1
		words[n]=${text:${#owner[n]}+2} here=${text%%[ :]*}
		case ${sign[n]}${words[n]} in
		+namespace) namespaces+=("$here") modelled["$here lo"]=1 ;;
		+veth,*) makings+=("$n") modelled[${owner[n]}]=1 modelled[${words[n]#veth, peer }]=1 makers[$here]=1 ;;
		+*) makings+=("$n") modelled[${owner[n]}]=1 ;;
		\?*) needs+=("$n") ;;
		' vlan '*) note_reading "$here" "${words[n]}" && tagging[${owner[n]}]=1 ;;
		' net.'* | ' nft '*) note_reading "$here" "${words[n]}" ;;
		esac
		n=$((n + 1))
	done
	set +f
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
	nft*) tables[$1]=1 ;;
	esac
}

# Notes what has to be read to know whether what was made true on things that are not ours still is.
note_borrowings() {
	local text
	for text in "${borrowings[@]}"; do note_reading host "${text#*: }"; done
}

# Is a fact, OWNER WORDS, true of the live system? An nft table is compared with the COMMAND that loads it, if given.
holds() {
	local text=${live[$1]-} key value peer
	case $2 in
	up) [[ $text == *[[,]'"UP"'[],]* ]] ;;
	inet' '* | inet6' '* | vlan' '* | net.*) [[ ${fact["$1: $2"]+set} ]] ;;
	namespace) [[ ${netns[$1]-broken} != broken ]] ;;
	exists) [[ $text ]] ;;
	bridge) [[ $text == *'"info_kind":"bridge"'* ]] ;;
	veth,*)
		find_peer "$1"
		[[ $text == *'"info_kind":"veth"'* && "veth, peer $peer" == "$2" ]]
		;;
	ageing_time' '*) # while its spanning tree changes, a bridge ages faster
		[[ $text == *"\"ageing_time\":${2#* },"* || $text == *'"topology_change":1'* ]]
		;;
	'nft table'*)
		value=${3#*"; delete table inet $TABLE; "}
		value=${value%\'} text=${fact["$1: nft"]-}
		[[ $text && ${text//[;[:space:]]/} == "${value//[;[:space:]]/}"* ]]
		;;
	*)
		key=${2%% *} value=${2#* }
		[[ $text == *"\"$key\":$value"[,\}]* || $text == *"\"$key\":\"$value\""* ]]
		;;
	esac
}
