# ---- prelude: the same in every script ----

set -euo pipefail
export LC_ALL=C
umask 022

say() { printf '%s: %s\n' "$SELF" "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# As root, with the programs that are named, and with nothing of this script left on standard input for them to read.
prepare() {
	local program
	((EUID == 0)) || die "must run as root (sudo bash $SELF), or in a user namespace: unshare -rnm"
	for program in "$@"; do
		command -v "$program" >/dev/null || die "needs the program $program, which is not installed"
	done
	exec </dev/null
}

# A directory for what several processes have to say, gone when the script ends.
make_scratch() {
	scratch=$(mktemp --directory)
	trap 'rm -rf "$scratch"' EXIT
}
remove_scratch() {
	rm -r "$scratch"
	trap - EXIT
}

# Runs a command in a namespace.
enter() {
	if [[ $1 == host ]]; then "${@:2}"; else nsenter --net="/run/netns/$1" "${@:2}"; fi
}
