# ---- teardown: what this topology made is removed, and nothing else ----

usage() {
	cat <<-END
		Usage: bash $SELF [--dry-run | --check]

		Removes what setup made for the network $NAME, as recorded in $STATE and marked by link group $MARK:
		also what an earlier version of the topology made. Run again, it changes nothing.
		A namespace goes with everything that is in it. What cannot be removed is told, and all else is removed.

		  --dry-run  print the commands that a run would execute now, and change nothing
		  --check    the same, and exit with 1 if there is anything to remove
		  --help     this text
	END
}

main() {
	local mode=run table commands='' release='' under_way='' FORCE=''
	while (($#)); do
		case $1 in
		--dry-run | --check) mode=${1#--} ;;
		--help) show_help ;;
		*) refuse_word "$1" ;;
		esac
		shift
	done
	prepare ip nsenter flock stat head
	topology
	read_table "$table"
	if [[ $mode == run ]]; then lock; fi
	read_ownership
	if borrows; then
		if [[ $mode == run ]]; then take_turn; fi
		read_others
	fi
	if ((${#borrowings[@]} || ${#used[@]} || ${#foreign[@]} > 1)); then
		note_borrowings
		read_wanted
		give_back
		remove_links
	else
		remove_group
	fi
	remove_namespaces
	commands+=$release
	if [[ $mode != run ]]; then
		announce "$commands"
		[[ $mode == dry-run || ! $commands ]]
		return
	fi
	announce "$commands" >&2
	(hear_late && FORCE=yes execute_all "$commands" && [[ ! $complained ]]) || complained=yes
	if [[ $under_way ]]; then wait "$under_way" || complained=yes; fi
	if [[ $complained ]]; then
		failure='all else is removed; when that is mended, run it again'
		return 1
	fi
	rm -f "$OWNED" "$STATE/wanted" "$STATE"/*.*
}

# Carries out commands in their order, those of one namespace together as long as they follow each other. What fails is
# told, and the others are carried out all the same.
execute_all() {
	local line place here=host batch='' IFS=$'\n'
	set -f
	for line in $1; do
		find_place "$line"
		if [[ $place != "$here" ]]; then
			carry_out "$here" "$batch"
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
	for ((i = ${#borrowings[@]} - 1; i >= 0; i--)); do
		text=${borrowings[i]}
		if [[ ${shared[$text]+set} ]] || ! holds "${text%%: *}" "${text#*: }" '' || serves_others "$text"; then continue; fi
		case ${text#*: } in
		file' '* | directory' '*) release+=${undo[$text]}$'\n' ;;
		command' '*) commands+=${undo[$text]}$'\n' given[${undo[$text]}]=1 ;;
		*) commands+=${undo[$text]}$'\n' ;;
		esac
		unset 'fact[$text]'
	done
}

# Removes our links, where they are on the host only; with a veth goes its peer. As nothing else is to be taken back before
# that, the kernel begins at once: it waits a lot in between, and meanwhile the namespaces can go.
remove_group() {
	local links said line="ip link delete group $MARK"
	links=$(ip -brief link show group "$MARK")
	if [[ ! $links ]]; then return 0; fi
	if [[ $mode != run ]]; then
		commands+=$line$'\n'
		return
	fi
	announce "$line" >&2
	(
		hear_late
		said=$(ip link delete group "$MARK" 2>&1) || report_failure "$line" "${said:-exit status $?}"
		[[ ! $complained ]]
	) &
	under_way=$!
}

# The same where they may be in namespaces of others, too: there, those that do not go with their peers.
remove_links() {
	local place object peer parent ip found
	local -A gone=() # interfaces that go by then: with their peers, with what they stand on, or in turn
	for place in host "${!netns[@]}"; do
		found=()
		for object in "${!live[@]}"; do
			if [[ $object != "$place "* || $object == *' port of '* || ${gone[$object]+set} ]]; then continue; fi
			find_parent "$object"
			if [[ $parent && ${gone[$parent]+set} ]]; then continue; fi
			if owns_link "$object"; then found+=("$object"); fi
		done
		if ((${#found[@]} == 0)); then continue; fi
		ip_in "$place"
		commands+="$ip link delete group $MARK"$'\n'
		if ((${#netns[@]} == 0)); then return 0; fi
		for object in "${found[@]}"; do
			gone[$object]=1
			find_other_end "$object"
			if [[ $peer ]]; then gone[$peer]=1; fi
		done
	done
}

# Removes the namespaces of the table that are ours, then whatever others are recorded as ours.
remove_namespaces() {
	local n name
	for n in "${!owner[@]}"; do
		if [[ ${words[n]} == namespace && ${netns[${owner[n]}]+set} ]] && owns_namespace "${owner[n]}"; then
			commands+=${command[n]}$'\n'
		fi
	done
	for name in "${!owned[@]}"; do
		if [[ ! ${wanted["$name: namespace"]+set} && ${netns[$name]+set} ]] && owns_namespace "$name"; then
			commands+="ip netns delete $name"$'\n'
		fi
	done
}
