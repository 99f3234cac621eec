#!/usr/bin/env bash
#
# try.sh DIRECTORY [COMMAND…]: the whole life of a network, in namespaces of its own that vanish afterwards.
# DIRECTORY holds setup.sh, verify.sh and teardown.sh. Each step is reported on a line; the first that fails ends it.

# shellcheck disable=SC2317 # functions that are called as steps

set -euo pipefail

directory=$1
shift

# Reports a step on a line: "ok" or "FAILED", its name, how long it took, and what its output comes to. When nobody reads
# that any more, a program dies of SIGPIPE, which the first process of a sandbox, this one, never gets.
step() {
	local name=$1 started=$EPOCHREALTIME status=0 verdict=ok milliseconds summary
	shift
	"$@" </dev/null >"$directory/out" 2>"$directory/err" || status=$?
	milliseconds=$(((${EPOCHREALTIME/[.,]/} - ${started/[.,]/}) / 1000))
	if ((status)); then verdict=FAILED; fi
	summary=$(summarise "$name")
	env printf '%-6s  %-12s %6d ms%s\n' "$verdict" "$name" "$milliseconds" "${summary:+  $summary}"
	if ((status)); then
		cat "$directory/out" "$directory/err" >&2
		exit 1
	fi
}

summarise() {
	case $1 in
	stand-ins) paste -sd ' ' "$directory/out" ;;
	setup* | teardown) printf '%d commands' "$(grep --count '^\[#\]' "$directory/err")" ;;
	verify) printf '%d checks' "$(grep --count --extended-regexp '^(not )?ok ' "$directory/out")" ;;
	esac
}

# ---- the sandbox ----

# Hides a directory under an empty one. The directory of the scripts has to be seen where it was.
cover() {
	local here
	exec {here}<"$directory"
	mount --no-mtab --types tmpfs tmpfs "$1"
	if [[ ! -d $directory ]]; then
		mkdir -p "$directory"
		mount --no-mtab --no-canonicalize --bind "/proc/self/fd/$here" "$directory"
	fi
	exec {here}<&-
}

# The directories of records, or what is there of the way to them.
find_records() {
	local path
	sed --quiet 's/^.*   #  host: directory \(.*\)$/\1/p' "$directory/setup.sh" | while read -r path; do
		until [[ -d $path ]]; do path=${path%/*}; done
		echo "${path:-/}"
	done | sort --unique
}

# What the topology uses and does not make is not in here: a namespace, a bridge, or one end of a veth pair stands in.
find_strangers() { sed --quiet 's/^.*   #? \(.*\): \(namespace\|bridge\|exists\)$/\2 \1/p' "$directory/setup.sh"; }

# The addresses that such an end has already.
find_their_addresses() { sed --quiet 's/^.*   #? \(.*\): inet6* \(.*\)$/\1 \2/p' "$directory/setup.sh"; }

make_stand_ins() {
	local what namespace dev address number=0 in
	while read -r what namespace dev; do
		in=()
		if [[ $namespace != host ]]; then in=(-n "$namespace"); fi
		case $what in
		namespace)
			ip netns add "$namespace" || return
			ip "${in[@]}" link set dev lo up || return
			;;
		bridge) ip "${in[@]}" link add name "$dev" address "02:00:00:00:00:01" up type bridge || return ;;
		exists)
			number=$((number + 1)) what=veth
			ip "${in[@]}" link add name "$dev" up type veth peer name "stand-in$number" || return
			ip "${in[@]}" link set dev "stand-in$number" up || return
			;;
		esac
		printf '%s (a %s)\n' "${dev:-$namespace}" "$what"
	done <<<"$1"
	while read -r namespace dev address; do
		in=()
		if [[ $namespace != host ]]; then in=(-n "$namespace"); fi
		ip "${in[@]}" address add "$address" dev "$dev" nodad 2>/dev/null || return
	done < <(find_their_addresses)
}

# What a network can change for good.
show_state() {
	local tool
	ip -oneline link show | sed 's/<[^>]*>//; s/ state [A-Z]*//'
	ip -oneline address show scope global
	ip route show
	if command -v nft >/dev/null; then nft list tables | grep --invert-match --extended-regexp '^table ip6? filter$' || true; fi
	for tool in iptables ip6tables; do
		if command -v "$tool" >/dev/null; then "$tool" --list-rules 2>/dev/null || true; fi
	done
	find /run/netns /run/k8snet "${records[@]}" -mindepth 1 2>/dev/null || true
}

# ---- steps ----

# A script that must find nothing to do.
unchanged() {
	"$@" || return
	! grep '^\[#\]' "$directory/err"
}

nothing_left() {
	local after
	after=$(show_state)
	[[ $after == "$before" ]] || {
		diff <(echo "$before") <(echo "$after") | grep '^[<>]'
		return 1
	}
}

# Ctrl-C ends the trial, but while COMMAND runs it is for COMMAND alone.
exec {errors}>&2
listen() { trap 'echo "stopped; nothing is left" >&"$errors"; exit 130' INT; }

listen
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin TMPDIR=$directory
mapfile -t records < <(find_records)
for path in /run "${records[@]}"; do
	if [[ $path == / ]]; then
		echo 'a directory of records at the root of the file system cannot be hidden' >&2
		exit 1
	fi
	cover "$path"
done
ip link set dev lo up
strangers=$(find_strangers)
if [[ $strangers ]]; then step stand-ins make_stand_ins "$strangers"; fi
before=$(show_state)

step setup bash "$directory/setup.sh"
step verify bash "$directory/verify.sh"
step 'setup again' unchanged bash "$directory/setup.sh"
status=0
if (($#)); then
	trap : INT
	env -- "$@" || status=$?
	listen
	if ((status)); then printf 'the command ended with status %d\n' "$status" >&2; fi
fi
step teardown bash "$directory/teardown.sh"
step 'nothing left' nothing_left
exit "$status"
