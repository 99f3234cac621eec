# ---- going back ----

# Ends the run: "COMMAND", and on the next line what was said of it.
give_up() {
	failed=${1%%$'\n'*}
	failure="failed: $failed: ${1#*$'\n'}"
	exit 1
}

stop() {
	failure="stopped by SIG$1"
	exit "$2"
}

leave() {
	local status=$?
	trap '' INT TERM HUP
	wait
	rm -f "$STATE"/worker.*
	say "${failure:-ended unexpectedly}"
	if [[ $keep ]]; then
		say "what was made so far is left (--keep); run setup again to go on, or teardown.sh"
	else
		roll_back
	fi
	exit "$((status ? status : 1))"
}

# Takes back, in reverse, what this run has done. What was not done is not there to take back, and that is no failure.
roll_back() {
	local i line back key lines reverse=() FORCE=yes
	say "taking back what this run has done"
	for ((i = ${#executed[@]} - 1; i >= 0; i--)); do
		key=${executed[i]}
		if [[ ${created[${key#* }]+set} ]]; then continue; fi
		mapfile -t lines <<<"${batch[$key]%$'\n'}"
		reverse_lines
	done
	for line in "${reverse[@]}"; do
		printf '[#] %s\n' "$line" >&2
	done
	for line in "${reverse[@]}"; do
		find_place "$line"
		carry_out "$place" "$line"
	done
	if [[ $recorded ]]; then printf '%s\n' "$recorded" >"$OWNED"; else rm -f "$OWNED"; fi
	forget_state
}

# Sets back to the command that takes back another one, as things were before this run; or to nothing where there is none.
invert() {
	local object=${about[$1]%%: *} wish=${about[$1]#*: } text key value
	key=${wish%% *} text=${live[$object]-} back=''
	case $1 in
	*'link delete '* | *'netns delete '*) ;; # it was ours, and not wanted
	'ip netns add '*) back="ip netns delete $object" ;;
	*' link add name '*) back="${1%% add name *} delete dev ${object#* }" ;;
	*' vlan add '* | *' address add '* | *' route add '*) back=${1/ add / delete } ;;
	*' delete '*) back=${1/ delete / add } ;;
	*' up') back=${1% up}' down' ;;
	*'/proc/sys/'*)
		for value in "${!fact[@]}"; do
			if [[ $value == "$object: $key "* ]]; then back=${1/"echo ${wish#* } "/"echo ${value#* "$key" } "}; fi
		done
		;;
	*nft*) if [[ ! ${fact["$object: nft"]-} ]]; then back="${1%%nft*}nft delete table inet $TABLE"; fi ;;
	*' master '*) if [[ $text == *'"master":"'* ]]; then text_of master && back="${1% *} $value"; else back="${1% master *} nomaster"; fi ;;
	*)
		if [[ $text == *"\"$key\":\""* ]]; then text_of "$key"; else number_of "$key"; fi
		case $value in true) value=on ;; false) value=off ;; esac
		back="${1% *} $value"
		;;
	esac
}
