# ---- prelude: the same in every script ----

set -euo pipefail
export LC_ALL=C
umask 022

# What somebody has told their own bash, and it hands on to this one, is not meant for here: options, exported functions
# in the place of programs, names that are used here as well. `bash -x` shows its trace, and nobody takes it for an answer.
set +abfmvCEPT +o posix
shopt -u dotglob failglob nocaseglob nocasematch nullglob xpg_echo
shopt -u localvar_inherit 2>/dev/null || true # of later versions
export -n SHELLOPTS BASHOPTS
while read -r name _ function; do
	case ${function:+function }$name in
	'function '*) [[ $function == @(topology|reachability) ]] || unset -f "$function" ;;
	*_proxy) ;;
	[a-z]*) export -n "${name?}" ;;
	BASH_ENV | GLOBIGNORE | TMOUT | PERL5OPT | PERL_UNICODE | FORCE | LOCK | TURN) unset -v "$name" ;;
	esac
done < <(declare -Fx && compgen -e 2>/dev/null)
if [[ $- == *x* ]]; then exec {BASH_XTRACEFD}>&2; fi

say() { printf '%s: %s\n' "$SELF" "$*" >&2; }
die() {
	say "$*"
	exit 1
}

# Ends the script where nothing is asked for but help. It does not go on where that cannot be printed.
show_help() {
	usage
	exit
}

# Ends the script at a word that is no option.
refuse_word() {
	usage >&2
	say "unknown argument ${1@Q}"
	exit 2
}

# As root, with the programs that are named, and with nothing of this script left on standard input for them to read.
# From then on every way out leads through `leave`: the end, a command that failed, and a signal, which is heard when the
# command under way has ended. Where nobody reads any more what a script prints that changes nothing, it dies of SIGPIPE,
# as other programs do: bash says nothing of that as long as there is no trap for it.
prepare() {
	local program
	trap 'leave $?' EXIT
	trap 'stop INT 130' INT
	trap 'stop TERM 143' TERM
	trap 'stop HUP 129' HUP
	((EUID == 0)) || die "must run as root: sudo bash $SELF (without root, \`k8snet try\` shows it at work)"
	for program in "$@"; do
		command -v "$program" >/dev/null || die "needs the program $program, which is not installed, or not in PATH=$PATH"
	done
	exec </dev/null
}

failure='' # why the script ends early, for people to read
go_back='' # what takes back the changes of this run, while there are any

stop() {
	failure="stopped by SIG$1"
	leave "$2"
}

# Ends the script, deaf to further signals. It may have been somewhere where words are split and globbed in another way.
leave() {
	local line IFS=$' \t\n'
	trap '' INT TERM HUP PIPE
	trap - EXIT
	set +ef
	hang_up
	wait
	if [[ $failure ]]; then while IFS= read -r line; do say "$line"; done <<<"$failure"; fi
	if [[ $go_back ]]; then "$go_back"; fi
	if [[ ${LOCK-} ]]; then sweep; fi
	forget_state
	exit "$1"
}

# A subshell has no traps, and would be gone at once, before what it has started. With this it hears a signal when that has
# ended, as the script itself does: whoever waits for it knows that nothing goes on.
hear_late() { trap 'exit 1' INT TERM HUP; }

# The descriptors from which it is read what several processes have to say. There is no file that a script which is killed
# could leave. Nobody waits for a process that waits to be heard.
declare -a listening=()
hang_up() {
	local speaker
	for speaker in "${listening[@]}"; do exec {speaker}<&-; done
	listening=()
}

# Runs a command in a namespace.
enter() {
	if [[ $1 == host ]]; then "${@:2}"; else nsenter --net="/run/netns/$1" "${@:2}"; fi
}
