# ---- an nft table that several networks have in common ----
#
# A base chain looks up in a map which network a packet belongs to, and each has a chain, called like it, that elements of
# the maps lead to, and perhaps another one for the way back. Facts are about these parts: "nft chain inet TABLE node1",
# "nft element inet TABLE sources4 10.1.0.2 jump node1". What is read of them is the value of another key:
# fact[host: nft chain inet TABLE node1 has] the rules and fact[host: nft map inet TABLE sources4 has]
# ",10.1.0.2:jumpnode1,", all without space, quotes, braces and semicolons.

# Notes the part that a fact, WORDS, is about, to be read in a namespace: a chain, or the map of an element.
note_part() {
	local part=${2#nft }
	if [[ $part == element* ]]; then part=${part% jump *} part="map ${part#element }" part=${part% *}; fi
	if [[ ${parts[$1]-} != *"list $part;"* && ${undo["$1: $2"]-} != *'; delete table '* ]]; then parts[$1]+="list $part;"; fi
}

# Is a fact, OWNER WORDS, about a part true? A chain is compared with the COMMAND that makes it, if given. The chain that all
# others lead to is there if they are.
part_holds() {
	local part=${2#nft } text
	if [[ ! $3 && ${undo["$1: $2"]-} == *'; delete table '* ]]; then
		part=${part#chain } part=${part% *}
		for text in "${!fact[@]}"; do
			if [[ $text == "$1: nft "*" $part "*' has' ]]; then return 0; fi
		done
		return 1
	elif [[ $part == chain* ]]; then
		if [[ ! ${fact["$1: $2 has"]+set} ]]; then return 1; fi
		if [[ ! $3 ]]; then return 0; fi
		text=${3#*"add $part"}
		text=${text//"; flush $part"/} text=${text//"; add rule ${part#chain }"/}
		[[ ${fact["$1: $2 has"]} == "${text//[\"\'{;\}[:space:]]/}" ]]
	else
		part=${part#element } text=${part% jump *}
		[[ ${fact["$1: nft map ${text% *} has"]-} == *",${text##* }:jump${part##* },"* ]]
	fi
}

# Prints parts of nft tables. There are versions of nft that find but one chain and one map at a time, and in the chain no
# other map: so they are asked for one by one, but for each of our own chains and the first map that leads to it. Where one
# of these two is missing, the other is looked for by itself.
show_parts() {
	local part key found='' IFS=';'
	local -A asked=()
	for part in ${parts[$namespace]}; do
		key=${part##* }
		case $key in
		"$NAME" | sources4 | ports) key=${part#list * } key=${key%% *} ;;
		"$NAME-back" | targets4) key=back ;;
		esac
		asked[$key]+="$part;"
	done
	for key in "${!asked[@]}"; do
		if list_parts "${asked[$key]}"; then
			found+=$text$'\n'
			continue
		fi
		for part in ${asked[$key]}; do
			if [[ "$part;" != "${asked[$key]}" ]] && list_parts "$part"; then found+=$text$'\n'; fi
		done
	done
	text=$'\r'${found//$'\n'/$'\r'}
	printf '%s\n' "${text//$'\r'table /$'\n@part '}"
}
list_parts() {
	if text=$(enter "$namespace" nft --stateless "$1" 2>&1); then return 0; fi
	[[ $text == *'No such file or directory'* ]] || die "nft $1: $text"
	return 1
}

# Takes in a chain of nft, or the elements of a map, without any space: "FAMILY TABLE {", then what it is. A map may be long,
# and Bash takes it to words much faster than it leaves characters out.
take_part() {
	local - said=${2#*$'\t'} what word text='' IFS=$' \t\r\n"{};'
	set -f
	what=${said%% \{*}
	for word in ${said#*\{}; do text+=$word; done
	if [[ $what == map* ]]; then
		if [[ $text == *elements=* ]]; then text=,${text#*elements=},; else text=','; fi
	fi
	fact["$1: nft ${what% *} ${2%% \{*} ${what#* } has"]=$text
}

# Is the fact about a chain that goes with the whole table, and is there anything of others in that?
holds_others() {
	local key text line family table=${1#*: nft chain }
	if [[ ${undo[$1]-} != *'; delete table '* ]]; then return 1; fi
	table=${table% *} family=${table%% *}
	for key in "${!fact[@]}"; do
		if [[ $key != *": nft map $table "*' has' ]]; then continue; fi
		text=${fact[$key]//":jump$NAME,"/,}
		if [[ ${text//":jump$NAME-back,"/,} == *:jump* ]]; then return 0; fi
	done
	while IFS= read -r line; do
		case ${line#$'\t'} in
		"chain $NAME {" | "chain $NAME-back {" | 'chain masquerading {' | 'chain forged {' | 'chain passing {') ;;
		'chain prerouting {' | 'chain output {' | 'chain postrouting {') ;;
		'map sources'[46]' {' | 'map ports {' | 'map ports'[46]' {' | 'map targets'[46]' {') ;;
		$'\t'* | '}' | "table $table {" | '') ;;
		*) return 0 ;;
		esac
	done < <(nft --stateless list table "$family" "${table#* }" 2>/dev/null)
	return 1
}

# Sets back to what takes back a command, the second word being the fact that it makes true. What a run has mended in a part
# that others use as well stays so.
invert_part() {
	local wish=$2
	case $1 in
	*" 'add table "*) back=${wish#nft chain } back="${1%%"'"*}'delete ${wish#nft }; delete table ${back% *}'" ;;
	*' hook '*) ;; # it goes with the table
	*" 'add element "*) back=${1/add/delete} back="${back% : jump *} }'" ;;
	*) back="${1%%"'"*}'delete ${wish#nft }'" ;;
	esac
}
