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
	if [[ $mode == run ]]; then
		lock
		take_turn
	fi
	read_ownership
	give_back
	remove_owned
	commands+=$release
	if [[ $mode != run ]]; then
		announce "$commands"
		[[ $mode == dry-run || ! $commands ]]
		return
	fi
	announce "$commands" >&2
	if ! said=$(carry_out host "$commands"); then
		failure="failed: $said"
		return 1
	fi
	rm -f "$OWNED"
}

# Takes back what was made true on things that are not ours, in the reverse order, where it still is; what files stand for
# is released when all else has gone.
give_back() {
	local text i
	if ((${#borrowings[@]} == 0)); then return 0; fi
	note_borrowings
	read_state
	for ((i = ${#borrowings[@]} - 1; i >= 0; i--)); do
		text=${borrowings[i]}
		if [[ ${shared[$text]+set} ]] || ! holds "${text%%: *}" "${text#*: }" ''; then continue; fi
		case ${text#*: } in
		file' '* | directory' '*) release+=${undo[$text]}$'\n' ;;
		*) commands+=${undo[$text]}$'\n' ;;
		esac
	done
}

# The steps of the table that remove something of ours, then whatever else is recorded as ours.
remove_owned() {
	local n name links
	links=$(ip -json link show group "$MARK")
	for n in "${!owner[@]}"; do
		case ${words[n]} in
		namespace) if [[ ${netns[${owner[n]}]+set} ]] && owns_namespace "${owner[n]}"; then commands+=${command[n]}$'\n'; fi ;;
		group*) if [[ $links == *ifname* ]]; then commands+=${command[n]}$'\n'; fi ;;
		esac
	done
	for name in "${!owned[@]}"; do
		if [[ ! ${wanted["$name: namespace"]+set} && ${netns[$name]+set} ]] && owns_namespace "$name"; then
			commands+="ip netns delete $name"$'\n'
		fi
	done
}
