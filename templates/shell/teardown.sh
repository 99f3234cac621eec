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
	if [[ $links == *ifname* ]]; then commands+="ip link delete group $MARK"$'\n'; fi
	remove_links_of_others
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

# Our links in namespaces of others that do not go with their peers.
remove_links_of_others() {
	local name object left places=()
	local -A gone=() # interfaces that go with their peers
	for name in "${!netns[@]}"; do
		if [[ ${netns[$name]} == broken || ! ${foreign[$name]+set}${used[$name]+set} ]]; then continue; fi
		places+=("$name")
		take_answer "$name" "$(enter "$name" ip -json link show group "$MARK")"
	done
	if ((${#places[@]} == 0)); then return 0; fi
	take_answer host "$(ip -json netns list-id)"
	take_answer host "$links"
	note_peers host
	for name in "${places[@]}"; do
		left=''
		for object in "${!live[@]}"; do
			if [[ $object == "$name "* && ! ${gone[$object]+set} ]] && owns_link "$object"; then left=yes; fi
		done
		if [[ $left ]]; then
			commands+="ip -n $name link delete group $MARK"$'\n'
			note_peers "$name"
		fi
	done
}

# Notes the peers of our links in a namespace.
note_peers() {
	local object peer
	for object in "${!live[@]}"; do
		if [[ $object != "$1 "* ]] || ! owns_link "$object"; then continue; fi
		find_other_end "$object"
		if [[ $peer ]]; then gone[$peer]=1; fi
	done
}
