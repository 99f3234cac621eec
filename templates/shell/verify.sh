# ---- verify: every fact, then who reaches whom; reads only, and reports in TAP ----

declare -i count=0 failures=0

usage() {
	cat <<-END
		Usage: bash $SELF

		Checks that the network $NAME is what its topology says: every fact, then who reaches whom and who must not.
		Changes nothing. The report, on standard output, is in TAP; the exit status is 1 if a check failed.

		  --help     this text
	END
}

main() {
	local table
	while (($#)); do
		case $1 in
		--help) usage && return ;;
		*) usage >&2 && return 2 ;;
		esac
	done
	prepare ip bridge nsenter stat head mktemp timeout sleep
	table=$(topology)
	read_table "$table"
	read_probes
	printf 'TAP version 13\n1..%d\n' "$((${#step[@]} + ${#probe[@]}))"
	wait_until_settled
	check_facts
	check_probes
	((failures == 0))
}

# Prints the result of one check: "ok" or "not ok", what it is, and if it failed, what more there is to say.
report() {
	count+=1
	if [[ $1 == ok ]]; then
		printf 'ok %d - %s\n' "$count" "$2"
	else
		failures+=1
		printf 'not ok %d - %s\n# %s\n' "$count" "$2" "$3"
	fi
}

# Reads the state, and again while addresses are being checked for duplicates, carriers come up, or ports learn.
wait_until_settled() {
	local deadline=$((SECONDS + 60))
	while
		live=() fact=() device=() nsid=()
		read_ownership
		read_wanted
		is_unsettled && ((SECONDS < deadline))
	do
		sleep 0.2
	done
}

is_unsettled() {
	local object text
	for object in "${!fact[@]}"; do
		if [[ ${wanted[$object]-}${wanted["$object noprefixroute"]-} && ${fact[$object]} == *'"tentative":true'* && ${fact[$object]} != *'"dadfailed":true'* ]]; then return 0; fi
	done
	for object in "${!live[@]}"; do
		if [[ ! ${modelled[${object% port of *}]+set} ]]; then continue; fi
		case ${live[$object]} in
		*'"state":"learning"'* | *'"state":"listening"'* | *'"operstate":"LOWERLAYERDOWN"'*) return 0 ;;
		esac
	done
	return 1
}

check_facts() {
	local n text
	for n in "${!step[@]}"; do
		text=${step[n]}
		if ! holds "${owner[n]}" "${words[n]}" "${command[n]}"; then
			report failed "$text" "setup.sh would run: ${command[n]}"
		elif [[ ${fact[$text]-} == *'"dadfailed":true'* ]]; then
			report failed "$text" "somebody else on the link has this address (duplicate address detection failed)"
		else
			report ok "$text"
		fi
	done
}

# ---- who reaches whom ----

declare -a probe=() source=() target=() expected=() claim=() # the probes, column by column

read_probes() {
	local line text n=0 IFS=$'\n'
	set -f
	for line in $(reachability); do
		if [[ $line == '#'* ]]; then continue; fi
		probe[n]=${line%%  *}
		text=${line:${#probe[n]}}
		text=${text#*\#}
		expected[n]=${text:0:1} claim[n]=${text:2} target[n]=${probe[n]#*/dev/tcp/} source[n]=host
		if [[ ${probe[n]} == 'ip netns exec '* ]]; then
			source[n]=${probe[n]#ip netns exec }
			source[n]=${source[n]%% *}
		fi
		n=$((n + 1))
	done
	set +f
}

# Makes the probes, some at a time, and reports them in their order.
check_probes() {
	local first n together=16
	make_scratch
	for ((first = 0; first < ${#probe[@]}; first += together)); do
		for ((n = first; n < first + together && n < ${#probe[@]}; n++)); do
			try "$n" >"$scratch/$n" &
		done
		wait
	done
	for n in "${!probe[@]}"; do
		case ${expected[n]}$(<"$scratch/$n") in
		'>reached' | '!not reached'*) report ok "${claim[n]}" ;;
		*) report failed "${claim[n]}" "$(<"$scratch/$n"): ${probe[n]}" ;;
		esac
	done
}

# Prints whether the probe got through. To be refused is proof of the way there and of the way back.
try() {
	local said tries=1 seconds=1
	if [[ ${expected[$1]} == '>' ]]; then tries=3 seconds=2; fi
	while ((tries-- > 0)); do
		said=$(enter "${source[$1]}" timeout "$seconds" bash -c ": </dev/tcp/${target[$1]%\'}" 2>&1) && said=refused
		if [[ $said == *refused* ]]; then
			printf 'reached'
			return
		fi
	done
	printf 'not reached (%s)' "${said:+${said##*: }}"
}
