#!/usr/bin/env bash
#
# try.sh DIRECTORY [COMMAND…]: the whole life of a network, in namespaces of its own that vanish afterwards.
# DIRECTORY holds setup.sh, verify.sh and teardown.sh. Each step is reported on a line; the first that fails ends it.

set -euo pipefail
export LC_ALL=C

directory=$1
shift

# Runs a step and reports it: "ok", its name, how long it took, and what the third argument makes of its output.
step() {
	local name=$1 started=$EPOCHREALTIME status=0
	shift
	"$@" </dev/null >"$directory/out" 2>"$directory/err" || status=$?
	report "$name" "$status" "$started"
}

report() {
	local name=$1 status=$2 summary milliseconds=$(((${EPOCHREALTIME/./} - ${3/./}) / 1000)) verdict=ok
	if ((status)); then verdict=FAILED; fi
	summary=$(summarise "$name")
	printf '%-6s  %-12s %6d ms%s\n' "$verdict" "$name" "$milliseconds" "${summary:+  $summary}"
	if ((status)); then
		cat "$directory/out" "$directory/err" >&2
		exit 1
	fi
}

summarise() {
	local commands checks
	commands=$(grep --count '^\[#\]' "$directory/err" || true)
	checks=$(grep --count '^ok ' "$directory/out" || true)
	case $1 in
	verify) printf '%d checks' "$checks" ;;
	setup* | teardown) printf '%d commands' "$commands" ;;
	esac
}

# A step that must find nothing to do.
unchanged() {
	"$@" || return 1
	! grep '^\[#\]' "$directory/err"
}

nothing_left() {
	local left
	left=$(
		ip -oneline link show | sed '/^[0-9]*: lo:/d'
		find /run/netns /run/k8snet -mindepth 1 2>/dev/null
	)
	[[ ! $left ]] || {
		printf 'left behind:\n%s\n' "$left"
		return 1
	}
}

mount --make-rprivate /
mount -t tmpfs tmpfs /run
ip link set dev lo up

step setup bash "$directory/setup.sh"
step verify bash "$directory/verify.sh"
step 'setup again' unchanged bash "$directory/setup.sh"
if (($#)); then
	status=0
	"$@" || status=$?
	((status == 0)) || printf 'the command ended with status %d\n' "$status" >&2
fi
step teardown bash "$directory/teardown.sh"
step 'nothing left' nothing_left
exit "${status:-0}"
