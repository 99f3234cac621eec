# ---- teardown: what this topology made is removed, and nothing else ----

usage() {
	cat <<-END
		Usage: bash $SELF [--dry-run | --check]

		Removes what setup made for the network $NAME, as recorded in $STATE and marked by link group $MARK:
		also what an earlier version of the topology made. Run again, it changes nothing.
		A namespace goes with everything that is in it.

		  --dry-run  print the commands that a run would execute now, and change nothing
		  --check    the same, and exit with 1 if there is anything to remove
		  --help     this text
	END
}

main() {
	local mode=run table commands='' release='' said
	while (($#)); do
		case $1 in
		--dry-run | --check) mode=${1#--} ;;
		--help) usage && return ;;
		*) usage >&2 && return 2 ;;
		esac
		shift
	done
	prepare ip nsenter flock stat head mktemp
	table=$(topology)
	read_table "$table"
	if [[ $mode == run ]]; then lock; fi
	read_ownership
	if borrows; then
		if [[ $mode == run ]]; then take_turn; fi
		read_others
	fi
	give_back
	remove_owned
	commands+=$release
	if [[ $mode != run ]]; then
		announce "$commands"
		[[ $mode == dry-run || ! $commands ]]
		return
	fi
	announce "$commands" >&2
	if ! said=$(carry_out_all "$commands"); then
		failure="failed: $said"
		return 1
	fi
	rm -f "$OWNED"
}

# Carries out commands in their order, those of one namespace together as long as they follow each other.
carry_out_all() {
	local line place here=host batch='' IFS=$'\n'
	set -f
	for line in $1; do
		find_place "$line"
		if [[ $place != "$here" ]]; then
			carry_out "$here" "$batch" || return 1
			here=$place batch=''
		fi
		batch+=$line$'\n'
	done
	carry_out "$here" "$batch"
}

# Takes back what was made true on things that are not ours, in the reverse order, where it still is; what files stand for
# is released when all else has gone.
give_back() {
	local text i
	if ((${#borrowings[@]} == 0)); then return 0; fi
	note_borrowings
	read_wanted
	for ((i = ${#borrowings[@]} - 1; i >= 0; i--)); do
		text=${borrowings[i]}
		if [[ ${shared[$text]+set} ]] || ! holds "${text%%: *}" "${text#*: }" '' || serves_others "$text"; then continue; fi
		case ${text#*: } in
		file' '* | directory' '*) release+=${undo[$text]}$'\n' ;;
		*) commands+=${undo[$text]}$'\n' ;;
		esac
		unset 'fact[$text]'
	done
}

# The steps of the table that remove something of ours, then whatever else is recorded as ours.
remove_owned() {
	local n name links
	local -A gone=()
	links=$(ip -json link show group "$MARK")
	for n in "${!owner[@]}"; do
		case ${words[n]} in
		namespace) if [[ ${netns[${owner[n]}]+set} ]] && owns_namespace "${owner[n]}"; then commands+=${command[n]}$'\n'; fi ;;
		group*)
			if [[ ${owner[n]} != host ]]; then
				remove_links "${owner[n]}"
			elif [[ $links == *ifname* ]]; then
				commands+=${command[n]}$'\n'
			fi
			;;
		esac
	done
	for name in "${!used[@]}"; do
		if [[ ! ${foreign[$name]+set} ]]; then remove_links "$name"; fi
	done
	for name in "${!owned[@]}"; do
		if [[ ! ${wanted["$name: namespace"]+set} && ${netns[$name]+set} ]] && owns_namespace "$name"; then
			commands+="ip netns delete $name"$'\n'
		fi
	done
}

# Removes our links in a namespace of others, if there are any that do not go with their peers.
remove_links() {
	local object left=''
	if [[ ${netns[$1]-broken} == broken ]]; then return 0; fi
	if ((${#gone[@]} == 0)); then
		gone[host]=1
		take_answer host "$(ip -json netns list-id)"
		take_answer host "$links"
		note_peers host
	fi
	take_answer "$1" "$(enter "$1" ip -json link show group "$MARK")"
	for object in "${!live[@]}"; do
		if [[ $object == "$1 "* && ! ${gone[$object]+set} ]] && owns_link "$object"; then left=yes; fi
	done
	if [[ $left ]]; then
		commands+="ip -n $1 link delete group $MARK"$'\n'
		note_peers "$1"
	fi
}

# Notes the peers of our links in a namespace: they go, too.
note_peers() {
	local object peer
	for object in "${!live[@]}"; do
		if [[ $object != "$1 "* ]] || ! owns_link "$object"; then continue; fi
		find_other_end "$object"
		if [[ $peer ]]; then gone[$peer]=1; fi
	done
}
