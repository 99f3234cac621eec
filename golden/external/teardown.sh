#!/usr/bin/env bash
#
# teardown.sh removes what setup.sh made for the network external, and nothing else.
#
# Things that others made, used and given back: a bridge that gets a port, and an interface that becomes one.
#
#   ┌─ host ─────────────────────────────┐
#   │ 10.91.9.0/24 via 10.91.0.2         │
#   │                                    │
#   │ lan0  10.91.0.1/24 (external)      │
#   │ ═══════════╤══════════════════════ │
#   │        veth-guest                  │
#   │ ┌─ guest ──┴─────────┐             │
#   │ │ eth0  10.91.0.2/24 │             │
#   │ └────────────────────┘             │
#   │                                    │
#   │ br0                                │
#   │ ═══════════╤════════════════╤═════ │
#   │        veth-local        uplink0   │
#   │ ┌─ local ──┴─────────┐  (external) │
#   │ │ eth0  10.92.0.2/24 │             │
#   │ └────────────────────┘             │
#   └────────────────────────────────────┘
#
# Made by k8snet from topology.toml
# (SHA-256 55b93076cd165714438fd9deaa0a148c07f4d0801ba8a3f56d4ee96cb08a9da7).
# To change it, edit that file and run: k8snet compile topology.toml
#
#     sudo bash teardown.sh             run it
#     sudo bash teardown.sh --dry-run   print the commands that a run would execute now
#
# How to read it: the table `topology` has a command on each line and behind it what it removes. A line is
# executed if that is there and was made by setup.sh: links carry the group, namespaces are recorded in /run/k8snet.
# What an earlier version of the network made goes too, and what setup.sh changed on things that are not its own is put
# back as it was, also by that record.
#
# What is below the line that begins with `####` is the same for every network, and that line has the SHA-256 of it:
#
#     sed '1,/^####/d' teardown.sh | sha256sum
#     k8snet digests
#
# shellcheck disable=SC2034,SC2317 # not every script uses all of what is the same in every script

readonly SELF=teardown.sh NAME=external MARK=1382917433 TABLE=k8snet-external

# ---- the network ----

topology() { table=$(</dev/stdin); } <<'END'

# Every link that was made for this network on the host; with a veth goes its peer. Then the namespaces.
ip link delete group 1382917433   #- host: group 1382917433
ip netns delete guest             #- guest: namespace
ip netns delete local             #- local: namespace
END

#### The rest is the same in every teardown.sh, SHA-256 b741d8cc722d792d7b094e3d7a0902743b20653998f133e37340a58b07ef2c89

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

# ---- what is ours ----
#
# Links that setup makes carry a link group. A namespace cannot be marked in the instant it is made, so it is recorded
# before, and its identity after. Recorded, too, is how to take back what was made true on things that are not ours.
# The record is gone after a reboot, as namespaces are.

readonly STATE=/run/k8snet/$NAME
readonly OWNED=$STATE/owned

# netns[node1]: the identity of the namespace that has this name now
# owned[node1]: the identity it had when it was made for this network, or "-" until that is known
# used[web]:    the identity of a namespace of others when something was made in it
# undo[FACT]:   the command that takes back a fact made true on something that is not ours
# shared[FACT]: the same in the record of another network, which needs the fact, too: whoever goes last takes it back
declare -A netns=() owned=() used=() undo=() shared=()
declare has_lock=''      # that this run has locked its topology
declare -a borrowings=() # the keys of undo, in the order in which they were made true

# What is recorded is taken for true, commands included: so nobody else may have written it, where everybody may write to
# /run, say.
trust_record() {
	local path
	for path in /run/k8snet "$STATE"; do
		if [[ ! -L $path && (! -e $path || -O $path) ]]; then continue; fi
		unset -v LOCK # so that nothing is removed there
		die "$path is not root's own directory: somebody else may have made up what is in it"
	done
}

# Takes the lock of this topology: the directory of its state, unless a teardown removes it in that moment.
lock() {
	LOCK=''
	trap 'stop PIPE 141' PIPE
	while [[ -d $STATE ]] || mkdir -p "$STATE" 2>/dev/null || mkdir -p "$STATE" || exit 1; do # twice: another topology may remove /run/k8snet
		trust_record
		{ exec {LOCK}<"$STATE"; } 2>/dev/null || continue
		if ! flock --nonblock "$LOCK"; then
			say "another run on $NAME is under way; waiting for it"
			wait_for "$LOCK"
		fi
		if [[ /proc/self/fd/$LOCK -ef $STATE ]]; then break; fi
		exec {LOCK}<&-
	done
	has_lock=yes
	sweep
}

# In short turns, between which signals are heard.
wait_for() {
	until flock --timeout 1 "$1"; do (($? == 1)) || exit 1; done
}

# One network at a time looks at what others have borrowed, and records what it borrows or gives back; and tells iptables
# of that, whose chains several have in common.
take_turn() {
	if [[ ! ${TURN+set} ]]; then exec {TURN}</run/k8snet; fi
	wait_for "$TURN"
}
end_turn() { if [[ ${TURN+set} ]]; then exec {TURN}<&- && unset TURN; fi; }

# What is recorded as ours, and which of the namespaces that matter here there are.
read_ownership() {
	local kind name rest key keys=()
	local -A origin=() # by borrowed fact: the identity of the namespace that it was made true in
	trust_record
	if [[ -r $OWNED ]]; then
		while IFS=$'\t' read -r kind name rest; do
			case $kind in
			netns) owned[$name]=$rest ;;
			used) used[$name]=$rest ;;
			check) checks[$name]=${checks[$name]-$rest} ;;
			undo) undo[$name]=${rest//$'\r'/$'\n'} keys+=("$name") origin[$name]=${used[${name%%[ :]*}]-} ;;
			esac
		done <"$OWNED"
	fi
	read_namespaces
	borrowings=()
	for key in "${keys[@]}"; do
		if [[ $key == *': command '* && ${wanted[$key]+set} ]]; then undo[$key]=${ways_back[$key]-}; fi
		if [[ ${undo[$key]} ]] && is_there "$key" "${origin[$key]}"; then borrowings+=("$key"); else unset 'undo[$key]'; fi
	done
}

# Is the namespace that a fact was made true in the one that has this name now? In another one it is no fact of ours.
is_there() { [[ ! $2 || $2 == "${netns[${1%%[ :]*}]-}" ]]; }

# Sets text to a record, which may go in the moment in which it is looked at. What of a line was written by a run that was
# killed then does not count.
read_record() {
	text=''
	{ IFS= read -r -d '' text <"$1"; } 2>/dev/null || true
	text=${text%"${text##*$'\n'}"}
}

# What other networks recorded as borrowed, but for parts of nft tables: the kernel knows whether others use those.
read_others() {
	local - line name rest record text IFS=$'\n'
	local -A origins=()
	for record in /run/k8snet/*/owned; do
		if [[ $record == "$OWNED" ]]; then continue; fi
		read_record "$record"
		origins=()
		set -f
		for line in $text; do
			if [[ $line != u[ns]* || $line == *': nft '[ce]* ]]; then continue; fi
			rest=${line#*$'\t'}
			name=${rest%%$'\t'*} rest=${rest#*$'\t'}
			case $line in
			used$'\t'*) origins[$name]=$rest ;;
			undo$'\t'*) if is_there "$name" "${origins[${name%%[ :]*}]-}"; then shared[$name]=${rest//$'\r'/$'\n'}; fi ;;
			esac
		done
	done
}

# Can this network have a fact in common with others? Its nft tables are its own.
borrows() {
	local n text
	for text in "${borrowings[@]}"; do
		if [[ $text != *': nft '* ]]; then return 0; fi
	done
	for n in "${!owner[@]}"; do
		if [[ ! ${sign[n]} && ${foreign[${owner[n]%% *}]+set} && ${words[n]} != nft* ]] && is_borrowed "${owner[n]}" "${words[n]}"; then return 0; fi
	done
	return 1
}

# Does a fact have to be taken back by itself? Those of the namespaces of others do that are about something this topology
# does not make. So does what the packet filter is told, wherever it is, as a later version of the topology may not want
# it, and a command of people. What a port is, it is no more when it leaves the bridge.
is_borrowed() {
	local where=${1%% *} name
	if [[ $2 == nft' '* || $2 == ip*tables' '* || $2 == command' '* ]]; then return 0; fi
	if [[ ! ${foreign[$where]+set} ]]; then return 1; fi
	if [[ $1 == *' port of '* && ${undo["${1%% port of *}: master ${1#* port of }"]+set} ]]; then return 1; fi
	name=${1#"$where"}
	name=${name%% port of *}
	case $2 in
	*' route '*' dev '*)
		name=${2#* dev }
		name=" ${name%% *}"
		;;
	net.*.conf.* | net.*.neigh.*)
		name=${2%% *}
		name=${name#net.*.*.}
		name=" ${name%%.*}"
		name=${name//\//.}
		;;
	esac
	[[ ! ${modelled["$where$name"]+set} ]]
}

# A name in /run/netns that is no namespace is what was left when its making was cut off.
read_namespaces() {
	local - kernel='' line name identity IFS=$'\n'
	local -A paths=()
	netns=()
	for name in "${namespaces[@]}" "${!foreign[@]}" "${!owned[@]}" "${!used[@]}"; do
		if [[ $name != host && ! ${paths[$name]+set} && -e /run/netns/$name ]]; then paths[$name]=/run/netns/$name; fi
	done
	if ((${#paths[@]} == 0)); then return 0; fi
	set -f
	for line in $(exec stat --dereference --printf '%d %i %.9Z %n\n' /proc/self/ns/net "${paths[@]}" 2>/dev/null); do
		name=${line##*/} identity=${line#* }
		if [[ ! $kernel ]]; then
			kernel=${line%% *}
		elif [[ ${line%% *} == "$kernel" ]]; then
			netns[$name]=${identity% *}
		else
			netns[$name]=broken
		fi
	done
	for name in "${!paths[@]}"; do
		[[ ${netns[$name]+set} || ! -e ${paths[$name]} ]] || die "cannot read /run/netns: stat says nothing of $name"
	done
}

# Is a chain of iptables, or a jump between chains, of use to others as well? A chain has no owner: the last one takes it
# along. A jump on behalf of one interface (-i) is of no use to others.
serves_others() {
	local key tool=${1%% -[NA] *} chain where from=''
	case $1 in
	*': command '*) return 1 ;;
	*': nft chain '*)
		holds_others "$1"
		return
		;;
	*': ip'*'tables -N '*) chain=${1##* } ;;
	*' -j ACCEPT' | *' -j DROP' | *' -j RETURN' | *': ip'*'tables -A '*' -i '*) return 1 ;;
	*': ip'*'tables -A '*) chain=${1##* -j } from=${1#"$tool -A "} from=${from%% *} ;;
	*) return 1 ;;
	esac
	for key in "${!fact[@]}"; do
		if [[ $key != "$tool -A "* || $key == "$1" ]]; then continue; fi
		where=${key#"$tool -A "} where=${where%% *}
		if [[ $where == "$chain" || (! $from && $key == *" -j $chain") ]]; then return 0; fi
		if [[ $where == "$from" && $from != FORWARD ]]; then return 0; fi
	done
	return 1
}

# Adds to now, which is to be recorded, how facts are taken back.
note_ways_back() {
	local key
	for key in "$@"; do
		now+="undo"$'\t'$key$'\t'${undo[$key]//$'\n'/$'\r'}$'\n'
		if [[ ${checks[$key]+set} ]]; then now+="check"$'\t'$key$'\t'${checks[$key]}$'\n'; fi
	done
}

# Removes what processes of a run had to say, and what a run that was killed left half written.
sweep() {
	if compgen -G "$STATE/*.*" >/dev/null; then rm -f "$STATE"/*.*; fi
}

# Removes the record of a topology that owns nothing, if this run meant to lock it and no other run does now.
forget_state() {
	[[ ${LOCK+set} && ! -e $OWNED ]] || return 0
	if [[ ! $LOCK ]]; then { exec {LOCK}<"$STATE"; } 2>/dev/null || return 0; fi
	[[ /proc/self/fd/$LOCK -ef $STATE ]] || return 0
	[[ $has_lock ]] || flock --nonblock "$LOCK" || return 0
	sweep
	if [[ -e $STATE/wanted ]]; then rm -f "$STATE/wanted"; fi
	(cd /run && rmdir --parents --ignore-fail-on-non-empty "k8snet/$NAME" 2>/dev/null) || true
}

owns_namespace() { [[ ${owned[$1]+set} && (${owned[$1]} == - || ${netns[$1]-} == "${owned[$1]}" || ${netns[$1]-} == broken) ]]; }

# A name that no topology can give was given by somebody inside a namespace, whatever group the link carries.
owns_link() { [[ ${live[$1]-} == *"\"group\":\"$MARK\""* && $1 != *[!A-Za-z0-9_.+\ -]* ]]; }

# ---- reading the live system ----

# live[node1 vethA]: what ip says of an interface, in JSON; live[host vethB port of br0]: of a port, as its bridge sees it
# fact[node1 vethA: inet 10.10.0.2/24]: addresses, routes, VLANs, entries and sysctls; the value is what else is known of them
# device[node1 2]: the interface with that index; nsid[host 0]: the namespace that the host knows by that number
declare -A live=() fact=() device=() nsid=()

# table_number[name]: the routing table that this system calls so
declare -A table_number=()

# By namespace, what is read beside interfaces, addresses and routes: sysctls, VLANs, the nft table by family, parts of nft
# tables that others use as well, the rules of iptables by the tool that prints them, numbers of namespaces, and for tunnels
# the FDB and the neighbours that somebody entered.
declare -A sysctls=() vlans=() tables=() parts=() rules=() makers=() tunnels=()

# Reads the host, those of the wanted namespaces that exist, and those of others where something of ours is or was.
read_wanted() {
	local namespace present=()
	local -A seen=([host]=1)
	for namespace in "${namespaces[@]}" "${!foreign[@]}" "${!used[@]}"; do
		if [[ ! ${seen[$namespace]+set} && ${netns[$namespace]-broken} != broken ]]; then present+=("$namespace"); fi
		seen[$namespace]=1
	done
	read_state "${present[@]}"
}

# The names of routing tables, which the tools print in the place of numbers.
read_table_names() {
	local file number name
	for file in {/usr/share,/usr/lib,/etc}/iproute2/rt_tables{,.d/*.conf}; do
		if [[ ! -r $file ]]; then continue; fi
		while read -r number name _; do
			if [[ $number == [0-9]* && $name ]]; then table_number[$name]=$((number)); fi
		done <"$file"
	done
}

# Reads the host and the namespaces named: those that one process can read together, and the rest several at a time.
read_state() {
	local worker workers=1 said text unread=() readers=() ends=()
	read_table_names
	if ((${#owner[@]} > 100)) && ! asks_more host; then set -- host "$@"; else start_reader 0 1 host; fi
	read_together "$@"
	if ((${#unread[@]} > 8)); then workers=4; fi
	for ((worker = 0; worker < workers && worker < ${#unread[@]}; worker++)); do
		start_reader "$worker" "$workers" "${unread[@]}"
	done
	for worker in "${readers[@]}"; do
		said=$(<"/dev/fd/$worker") text=${said%%'@read'*}
		if [[ $text == "$said" ]]; then die "cannot read the state: $said"; fi
		take_state "${said:${#text}+6}"
	done
	hang_up
	if ((${#ends[@]})); then match_ends; fi
}

# Starts a process that shows the state of some namespaces: what went wrong, then "@read" and the rest when all is done.
start_reader() {
	local speaker
	exec {speaker}< <(
		exec 2>&1
		text=$(
			set -e
			show_state "$@"
		)
		printf '@read\n%s' "$text"
	)
	listening+=("$speaker") readers+=("$speaker")
}

# Is there more to read in a namespace than one process for all of them can? Rates are, as a burst is a number of the
# kernel's ticks, which tc turns into bytes, and a filter is a program that tc puts into words.
asks_more() { [[ ${vlans[$1]-}${tables[$1]-}${parts[$1]-}${rules[$1]-}${tunnels[$1]-}${shaped[$1]-} || ($1 != host && ${makers[$1]-}) ]]; }

# Reads the namespaces named as far as that is possible together; the others are left. Without a perl that can, all are.
read_together() {
	local namespace part speaker n=0 text=() speakers=() readings=()
	for namespace in "$@"; do
		if asks_more "$namespace"; then
			unread+=("$namespace")
			if [[ $1 == host ]]; then text[0]+="$namespace -"$'\n'; fi
		else
			part=$((n++ / 32 % 2)) # two processes, where there are many
			text[part]+="$namespace${sysctls[$namespace]-}"$'\n'
		fi
	done
	for part in "${!text[@]}"; do
		exec {speaker}< <(exec perl -e "$hopper$reader" "$HOSTTYPE" <<<"${text[part]%$'\n'}" 2>/dev/null)
		listening+=("$speaker") speakers+=("$speaker")
	done
	for speaker in "${speakers[@]}"; do
		readings+=("$(<"/dev/fd/$speaker")")
		exec {speaker}<&-
	done
	for part in "${!readings[@]}"; do
		if [[ ${readings[part]} != *@read ]]; then
			unread=("$@")
			return
		fi
	done
	for part in "${!readings[@]}"; do take_readings "${readings[part]%@read}"; done
}

# Takes in what the reader printed.
take_readings() {
	local line IFS=$'\n'
	set -f
	for line in $1; do
		IFS=$'\t'
		# shellcheck disable=SC2086 # what stands between tabs
		set -- $line
		case $1 in
		fact) fact[$2]=${3-} ;;
		link) device["$2 $4"]=$3 live["$2 $3"]=$5 ;;
		port) live["$2 $3 port of $4"]=$5 ;;
		nsid) nsid["host $2"]=$3 ;;
		setting) take_sysctl "$2" "${3#/proc/sys/}" "${*:4}" ;;
		left) unread+=("$2") ;;
		end) ends+=("$line") ;;
		*) fact[$1]=1 ;;
		esac
	done
	set +f
}

# Finds the peers of the ends that were read, by their numbers.
match_ends() {
	local line there IFS=$'\t'
	for line in "${ends[@]}"; do
		# shellcheck disable=SC2086 # what stands between tabs
		set -- $line
		there=${nsid["host $4"]-}
		if [[ ${device["$there $5"]+set} ]]; then fact["$2 $3: veth, peer $there ${device["$there $5"]}"]=1; fi
	done
}

# Prints every WORKERS-th namespace of those named: "@NAME", then what the tools say, each answer on a line.
show_state() {
	local first=$1 step=$2 namespace ask routes text family tool i
	shift 2
	for ((i = first + 1; i <= $#; i += step)); do
		namespace=${!i}
		ask_for_links "$namespace"
		if [[ $routes ]]; then
			ask+=$'route show table all type unicast\nroute show table all type blackhole\n'
			ask+=$'route show table all type unreachable\nroute show table all type prohibit\n'
		fi
		if [[ ${tunnels[$namespace]-} ]]; then ask+=$'neigh show nud permanent\n'; fi
		printf '@%s\n' "$namespace"
		if [[ $ask ]]; then enter "$namespace" ip -json -details -batch - <<<"$ask"; fi
		show_sysctls
		if [[ ${vlans[$namespace]-} ]]; then enter "$namespace" bridge -json vlan show; fi
		if [[ ${tunnels[$namespace]-} ]]; then enter "$namespace" bridge -json fdb show; fi
		if [[ ${shaped[$namespace]-} ]]; then show_shaping; fi
		if [[ ! ${LOCK-} || -e $OWNED ]]; then # a first run has no table yet
			for family in ${tables[$namespace]-}; do show_table; done
			if [[ ${parts[$namespace]-} ]]; then show_parts; fi
		fi
		for tool in ${rules[$namespace]-}; do show_rules; done
	done
}

# Sets ask to what brings out the links of a namespace with their addresses, and routes to whether its routes matter. Of the
# host, which may have many of others, the links are those that the table or the record names, where these are few, and
# what carries our mark; and the routes matter where one of these links is ours, or something is said of addresses or routes.
ask_for_links() {
	local text name ours=''
	local -A devices=()
	ask=$'address show\n' routes=yes
	if [[ $1 != host ]]; then
		if [[ ${makers[$1]-} ]]; then ask+=$'netns list-id\n'; fi
		return
	fi
	if ((${#owner[@]} > 100)); then
		ask+=$'netns list-id\n'
		return
	fi
	for text in "${owner[@]}" "${!modelled[@]}" "${borrowings[@]%%: *}"; do
		name=${text#host }
		if [[ $name != "$text" ]]; then devices[${name%% port of *}]=1; fi
	done
	ask='' routes=''
	for name in "${!devices[@]}"; do
		if [[ ! -e /proc/sys/net/ipv4/conf/$name ]]; then continue; fi
		ask+="address show dev $name"$'\n'
		if [[ ${modelled["host $name"]+set} ]]; then ours=yes routes=yes; fi
	done
	for text in "${step[@]}" "${borrowings[@]}"; do
		if [[ $text == host*': inet'* ]]; then routes=yes; fi
	done
	if [[ $ours || -e $OWNED ]] || ((${#makings[@]} == 0)); then ask+="link show group $MARK"$'\nnetns list-id\n'; fi
}

# Prints the nft table of a family, if there is one.
show_table() {
	if ! text=$(enter "$namespace" nft --stateless list table "$family" "$TABLE" 2>&1); then
		[[ $text == *'No such file or directory'* ]] || die "nft list table: $text"
		text=''
	fi
	printf '\n@nft %s %s\n' "$family" "${text//$'\n'/$'\r'}"
}

# Prints the chains and rules that iptables or ip6tables has in its table filter.
show_rules() {
	text=$(enter "$namespace" "$tool" --wait --list-rules 2>&1) || die "$tool --list-rules: $text"
	printf '\n'
	while IFS= read -r text; do printf '@%s %s\n' "$tool" "$text"; done <<<"$text"
}

# Prints settings, each below its path. Those of interfaces that are not there are left out.
show_sysctls() {
	local path value
	if [[ $namespace == host ]]; then
		for path in ${sysctls[host]-}; do
			if { read -r value <"$path"; } 2>/dev/null; then printf '==> %s <==\n%s\n' "$path" "$value"; fi
		done
	elif [[ ${sysctls[$namespace]-} ]]; then
		# shellcheck disable=SC2086 # a list of paths
		enter "$namespace" head --lines=1 --verbose ${sysctls[$namespace]} 2>/dev/null || true
	fi
}

# Takes in what show_state printed.
take_state() {
	local line namespace='' sysctl='' IFS=$'\n'
	set -f
	for line in $1; do
		case $line in
		'@nft '*)
			line=${line#@nft }
			fact["$namespace: nft ${line%% *}"]=${line#* }
			;;
		'@part '*) take_part "$namespace" "${line#@part }" ;;
		'@iptables '* | '@ip6tables '*) fact["$namespace: ${line#@}"]=1 ;;
		'@qdiscs '*) take_qdiscs "$namespace" "${line#@qdiscs }" ;;
		'@filters '*)
			line=${line#@filters }
			take_filter "$namespace ${line%% *}" "${line#* }"
			;;
		@*) namespace=${line#@} ;;
		'[ ]' | '[]') ;;
		\[*) take_answer "$namespace" "$line" ;;
		'==> '*) sysctl=${line#==> /proc/sys/} sysctl=${sysctl% <==} ;;
		*) take_sysctl "$namespace" "$sysctl" "$line" ;;
		esac
	done
	set +f
}

take_sysctl() {
	local key=${2//./%} value IFS=$' \t'
	key=${key//\//.}
	read -ra value <<<"$3"
	fact["$1: ${key//%//} ${value[*]}"]=1
}

# Takes in one JSON array, piece by piece: every object in it starts with a key that tells what it is.
take_answer() {
	local namespace=$1 owner='' port='' last='' before='' after='' text value IFS='{'
	for text in $2; do
		case $text in
		'"ifindex":'*) take_link ;;
		'"family":"inet","local":"127.0.0.1","prefixlen":8,'* | '"family":"inet6","local":"::1",'*) ;;
		'"family":'*) take_address ;;
		'"type":'*'","dst":"'*'"protocol":"'[kr]*) last='' ;; # kernel, ra, redirect: set up or learnt by the kernel itself
		'"type":'*'","dst":"'*) take_route ;;
		'"gateway":'* | '"dev":'*) take_hop ;;
		'"dst":"'*'"lladdr":"'*) # a neighbour
			text_of dev
			owner="$namespace $value"
			text_of dst
			last=$value
			text_of lladdr
			fact["$owner: neigh $last lladdr $value"]=1
			;;
		'"mac":"'*'"dst":"'*'"state":"permanent"'*) # of the FDB
			text_of ifname
			owner="$namespace $value"
			text_of mac
			last=$value
			text_of dst
			last+=" dst $value"
			if [[ $text == *'"port":'* ]]; then number_of port && last+=" port $value"; fi
			if [[ $text == *'"vni":'* ]]; then number_of vni && last+=" vni $value"; fi
			fact["$owner: fdb $last"]=1
			;;
		'"dst":"'* | '"mac":"'*) ;;
		'"nsid":'*)
			text_of name
			last=$value
			number_of nsid
			nsid["$namespace $value"]=$last
			;;
		'"ifname":'*) # of the listing of VLANs
			text_of ifname
			owner="$namespace $value"
			text=${live[$owner]-}
			if [[ $text == *'"master":'* ]]; then
				text_of master
				owner+=" port of $value"
			fi
			;;
		'"vlan":'*)
			number_of vlan
			if [[ $text == *'"PVID"'* ]]; then value+=" pvid"; fi
			if [[ $text == *'"Egress Untagged"'* ]]; then value+=" untagged"; fi
			fact["$owner: vlan $value"]=1
			;;
		*)
			if [[ $port ]]; then
				live[$port]=$text port=''
			elif [[ $owner ]]; then
				live[$owner]+=$text
				if [[ $text == *'"info_slave_kind":"bridge"'* ]]; then
					last=$text text=${live[$owner]}
					text_of master
					port="$owner port of $value"
				fi
			fi
			;;
		esac
	done
}

# The value of a key in the JSON text: a string, a number. To cut off the end and measure the rest is many times faster
# than to cut off the beginning.
text_of() {
	value=${text%%"\"$1\":\""*}
	value=${text:${#value}+${#1}+4}
	value=${value%%\"*}
}
number_of() {
	value=${text%%"\"$1\":"*}
	value=${text:${#value}+${#1}+3}
	value=${value%%[,\}]*}
}

# Takes in the first piece of a link, whose keys come in this order. A name with a comma or a brace no topology gives.
take_link() {
	local part index='' IFS=,
	owner='' port=''
	for part in $text; do
		case $part in
		'"ifindex":'*) index=${part#*:} ;;
		'"ifname":"'*'"')
			part=${part#*:\"} owner="$namespace ${part%\"}"
			live[$owner]=$text device["$namespace $index"]=${owner#* }
			;;
		'"ifname":'* | '"operstate":'*) return ;;
		'"flags":["UP"'* | '"UP"'*) fact["$owner: up"]=1 ;;
		'"master":"'*'"') part=${part#*:\"} fact["$owner: master ${part%\"}"]=1 ;;
		esac
	done
}

take_address() {
	local part family address IFS=,
	for part in ${text//\"/}; do
		case $part in
		family:*) family=${part#*:} ;;
		local:*) address=${part#*:} ;;
		address:*) address+=" peer ${part#*:}" ;;
		prefixlen:*)
			fact["$owner: $family $address/${part#*:}"]=$text
			return
			;;
		esac
	done
}

# Spells a route as the table does.
take_route() {
	local part family=inet kind='' words='' dev='' tail='' table='' onlink='' scope='' IFS=,
	for part in ${text//\"/}; do
		case $part in
		type:unicast | table:main) ;;
		type:*) kind=" ${part#*:}" ;;
		dst:*) words=" ${part#*:}" ;;
		gateway:*) words+=" via ${part#*:}" ;;
		dev:*) dev=${part#*:} ;;
		prefsrc:*) tail+=" src ${part#*:}" ;;
		metric:*) tail+=" metric ${part#*:}" ;;
		table:*)
			table=${part#*:}
			table=" table ${table_number[$table]-$table}"
			;;
		pref:*) family=inet6 ;;
		scope:host) scope=' scope host' ;;
		*onlink*) onlink=' onlink' ;;
		esac
	done
	if [[ $kind ]]; then dev=''; fi
	before="$namespace: $family route$kind$words" after="$tail$table$onlink$scope"
	last="$before${dev:+ dev $dev}$after"
	fact[$last]=$dev
}

# Takes in a next hop of the route before. In IPv6 these are routes of their own, which the kernel only shows together.
take_hop() {
	local words='' onlink=''
	if [[ ! $last ]]; then return; fi
	if [[ $text == *'"gateway":'* ]]; then text_of gateway && words=" via $value"; fi
	if [[ $text == *'"onlink"'* ]]; then onlink=' onlink'; fi
	text_of dev
	if [[ $last == *': inet6 route '* ]]; then
		unset 'fact[$last]'
		fact["$before$words dev $value$after$onlink"]=$value
	else
		fact[$last]=$value
	fi
}

# Sets peer to the other end of a veth: "node1 vethA", or nothing.
find_peer() {
	local other=''
	if [[ ${live[$1]-} == *'"info_kind":"veth"'* ]]; then find_linked "$1" ''; fi
	peer=$other
}

# Sets parent to the interface that a macvlan shares the wire of: "host eth0", or nothing.
find_parent() {
	local other='' unnamed=host # which has no name that others could know
	if [[ ${live[$1]-} == *'"info_kind":"macvlan"'* ]]; then
		if [[ ${live[$1]} == *'"link_netnsid":'* ]]; then read_numbers "${1%% *}"; fi
		if [[ $1 == 'host '* ]]; then unnamed=''; fi
		find_linked "$1" "$unnamed"
	fi
	parent=$other
}

# Sets other to what an interface is linked to, if that is known; a namespace that has no number here is the one given.
find_linked() {
	local text=${live[$1]} value='' there=${1%% *}
	if [[ $text == *'"link_netnsid":'* ]]; then
		number_of link_netnsid
		there=${nsid["$there $value"]:-$2}
		number_of link_index
		value=${device["$there $value"]-}
	elif [[ $text == *'"link":"'* ]]; then
		text_of link
	fi
	if [[ $value ]]; then other="$there $value"; fi
}

# Reads the numbers that a namespace has for others, if that was not done.
read_numbers() {
	if [[ $1 != host && ! ${makers[$1]-} ]]; then
		makers[$1]=1
		take_answer "$1" "$(enter "$1" ip -json netns list-id)"
	fi
}

# Reads the VLANs of a namespace, if that was not done.
read_vlans() {
	if [[ ! ${vlans[$1]-} ]]; then
		vlans[$1]=1
		take_answer "$1" "$(enter "$1" bridge -json vlan show)"
	fi
}

# The same as find_peer for any link: it may be in a namespace whose numbers for others were not read, and none knows the host by name.
find_other_end() {
	local namespace=${1%% *} object
	read_numbers "$namespace"
	find_peer "$1"
	if [[ $peer || $namespace == host ]]; then return 0; fi
	for object in "${!live[@]}"; do
		if [[ $object == host' '* ]]; then find_peer "$object"; fi
		if [[ $peer == "$1" ]]; then
			peer=$object
			return 0
		fi
	done
	peer=''
}

# ---- one process for many namespaces ----
#
# nsenter and ip take one namespace a process each. Where there is a perl, it goes from one namespace to the next instead.
# Without one, or on a machine whose system calls these programs do not know, all works as well, but takes its time.

# The programs are in single quotes and have none inside. They load no module, not even `strict`, which would take longer
# than all they do.

# shellcheck disable=SC2016 # what looks like an expansion is perl
readonly hopper='
my $CLONE_NEWNET = 0x40000000;
my $setns = {x86_64 => 308, aarch64 => 268, riscv64 => 268}->{shift @ARGV};
exit 127 if !$setns || length pack("p", "") != 8;

sub enter {
    my ($name) = @_;
    open my $file, "<", "/run/netns/$name" or die "/run/netns/$name: $!\n";
    syscall($setns, fileno $file, $CLONE_NEWNET) == 0 or die "setns $name: $!\n";
    (stat "/proc/self/ns/net")[1] == (stat $file)[1] or die "setns $name: led elsewhere\n";
}
'

# Reads namespaces: asks the kernel what ip asks it (rtnetlink: all links, addresses and routes), and prints what is made of
# ip's answers elsewhere. What it does not know (tunnels, routes of several hops) it leaves to ip.
#
# It reads a namespace a line, with the paths of the settings to read there, or with "-" where nothing but the number is
# asked for, and prints, with tabs in between,
#   FACT, or fact FACT JSON, or link NAMESPACE NAME INDEX JSON, or port NAMESPACE NAME MASTER JSON,
#   or setting NAMESPACE PATH VALUE, or nsid NUMBER NAMESPACE, by which the host knows it, or left NAMESPACE,
#   or end NAMESPACE NAME NUMBER INDEX, of a veth whose peer has that index in the namespace of that number
# and, when all is done, "@read".
# The host comes first, if at all, as there is no way back to it.
# shellcheck disable=SC2016 # what looks like an expansion is perl
readonly reader='
my ($AF_INET, $AF_INET6, $AF_NETLINK, $SOCK_RAW, $NLM_F_REQUEST, $NLM_F_DUMP) = (2, 10, 16, 3, 1, 0x300);
my ($RTM_GETLINK, $RTM_GETADDR, $RTM_GETROUTE, $RTM_GETNSID, $NETNSA_FD) = (18, 22, 26, 90, 3);
my ($IFLA_EXT_MASK, $RTEXT_FILTER_SKIP_STATS) = (29, 8);
my %family = ($AF_INET => "inet", $AF_INET6 => "inet6");
my %scope = (0 => "global", 200 => "site", 253 => "link", 254 => "host");
my %operstate = (2 => "DOWN", 3 => "LOWERLAYERDOWN", 6 => "UP");
my %kind = (1 => "unicast", 6 => "blackhole", 7 => "unreachable", 8 => "prohibit");
my %flag = (0x01 => "secondary", 0x02 => "nodad", 0x08 => "dadfailed", 0x40 => "tentative", 0x200 => "noprefixroute");
my %raised = (0x1 => "UP", 0x100 => "PROMISC", 0x200 => "ALLMULTI");
my %mode = (1 => "private", 2 => "vepa", 4 => "bridge", 8 => "passthru", 16 => "source");
my %learnt = map { $_ => 1 } 1, 2, 9, 189;    # by protocol: redirect, kernel, ra, rip
my @of_bridges = ([1, "forward_delay"], [2, "hello_time"], [3, "max_age"], [4, "ageing_time"], [5, "stp_state"], [6, "priority"],
    [7, "vlan_filtering"], [14, "topology_change"], [23, "mcast_snooping"], [39, "vlan_default_pvid"]);
my @of_ports = ([4, "hairpin"], [5, "guard"], [6, "root_block"], [7, "fastleave"], [8, "learning"], [9, "flood"],
    [10, "proxy_arp"], [27, "mcast_flood"], [30, "bcast_flood"], [32, "neigh_suppress"], [33, "isolated"]);
my %layout = (1 => "C", 2 => "S", 4 => "L");    # of a number, by its length
my @state = qw(disabled listening learning forwarding blocking);

socket my $host, $AF_NETLINK, $SOCK_RAW, 0 or die "netlink: $!\n";
my ($kernel, %device) = $host;    # the socket, and the names of interfaces by index, of the namespace at hand
my @answer;

while (my $line = <STDIN>) {
    my ($name, @paths) = split " ", $line;
    if ($name ne "host") {
        find_number($name);
        next if "@paths" eq "-";
        enter($name);
        socket $kernel = undef, $AF_NETLINK, $SOCK_RAW, 0 or die "netlink: $!\n";
    }
    my @said = eval { (links($name), routes($name), map { setting($name, $_) } @paths) };
    die $@ if $@ && $@ ne "unknown\n";
    push @answer, $@ ? "left\t$name\n" : @said;
}
print @answer, "\@read";    # at the end, so that none of several processes waits for its reader

sub unknown { die "unknown\n" }

# The messages of one dump.
sub ask {
    my ($type) = @_;
    my @mask = $type == $RTM_GETLINK ? (8, $IFLA_EXT_MASK, $RTEXT_FILTER_SKIP_STATS) : (0, 0, 0);
    send $kernel, pack("L S S L L x16 S S L", 40, $type, $NLM_F_REQUEST | $NLM_F_DUMP, 1, 0, @mask), 0 or die "netlink: $!\n";
    my @messages;
    while (1) {
        defined recv $kernel, my $data, 1 << 16, 0 or die "netlink: $!\n";
        for (my $at = 0; $at + 16 <= length $data;) {
            my ($length, $kind, $flags) = unpack "L S S", substr $data, $at, 8;
            unknown() if $kind == 2 || $flags & 0x10 || $length < 16;    # an error, or a dump that was disturbed
            return @messages if $kind == 3;
            push @messages, substr $data, $at + 16, $length - 16;
            $at += $length + 3 & ~3;
        }
    }
}

# Finds out and prints the number by which the host knows a namespace.
sub find_number {
    my ($name) = @_;
    open my $file, "<", "/run/netns/$name" or die "/run/netns/$name: $!\n";
    send $host, pack("L S S L L x4 S S L", 28, $RTM_GETNSID, $NLM_F_REQUEST, 1, 0, 8, $NETNSA_FD, fileno $file), 0 or die "netlink: $!\n";
    defined recv $host, my $data, 1 << 16, 0 or die "netlink: $!\n";
    my ($kind, $number) = unpack "x4 S x18 l", $data;
    push @answer, "nsid\t$number\t$name\n" if $kind != 2 && $number >= 0;
}

sub attributes {
    my ($data) = @_;
    my (%found, $length, $type);
    my $last = length($data) - 4;
    for (my $at = 0; $at <= $last; $at += $length + 3 & ~3) {
        ($length, $type) = unpack "S S", substr $data, $at, 4;
        last if $length < 4;
        $found{$type & 0x3fff} = substr $data, $at + 4, $length - 4;
    }
    return \%found;
}

sub value { unpack $layout{length $_[0]}, $_[0] }
sub string { unpack "Z*", $_[0] }

# An address as the C library spells it: the longest run of zeros, the first of the longest, is left out.
sub spell {
    my ($address) = @_;
    return join ".", unpack "C4", $address if length $address == 4;
    my $text = sprintf "%x:%x:%x:%x:%x:%x:%x:%x", unpack "n8", $address;
    my ($zeros) = sort { length $b <=> length $a } $text =~ /\b0(?::0)+\b/g;
    $text =~ s/(?:^|:)$zeros(?::|$)/::/ if $zeros;
    return $text if $text !~ /^::(ffff:)?[^:]+:[^:]+$/;
    return "::" . ($1 // "") . join ".", unpack "x12 C4", $address;    # one of IPv4 in an IPv6 dress
}

sub links {
    my ($name) = @_;
    my @messages = map { [unpack("x4 l L", $_), attributes(substr $_, 16)] } ask($RTM_GETLINK);
    %device = map { $_->[0] => string($_->[2]{3}) } @messages;
    return map({ link_of($name, @$_) } @messages), map { address_of($name, $_) } ask($RTM_GETADDR);
}

sub link_of {
    my ($name, $index, $flags, $has) = @_;
    my $me = $device{$index};
    my $info = attributes($has->{18} // "");
    my $kind = string($info->{1} // "");
    my $master = $has->{10} ? $device{value($has->{10})} : "";
    unknown() if $me =~ /[^\w.+-]/ || $kind eq "vxlan" || $master && string($info->{4} // "") ne "bridge";
    my ($group, $link, $number) = (value($has->{27}), map { $_ && value($_) } $has->{5}, $has->{37});
    my @flags = map { $flags & $_ ? qq("$raised{$_}") : () } sort keys %raised;
    my $json = q("flags":[) . join(",", @flags) . q(],"mtu":) . value($has->{4}) . ",";
    $json .= qq("master":"$master",) if $master;
    $json .= q("operstate":") . ($operstate{value($has->{16})} // "UNKNOWN") . qq(","group":"$group",);
    $json .= q("txqlen":) . value($has->{13}) . "," if $has->{13} && value($has->{13});
    $json .= q("address":") . join(":", unpack "(H2)*", $has->{1}) . q(",) if $has->{1};
    $json .= qq("link_index":$link,"link_netnsid":$number,) if $link && defined $number;
    $json .= qq("link":"$device{$link}",) if $link && !defined $number && $device{$link};
    $json .= qq("info_kind":"$kind",);
    my $data = attributes($info->{2} // "");
    $json .= qq("mode":") . $mode{value($data->{1})} . q(",) if $kind eq "macvlan";
    my @said = ("$name $me: up\n") x ($flags & 1);
    push @said, "end\t$name\t$me\t$number\t$link\n" if $kind eq "veth" && $name eq "host" && defined $number;
    push @said, "$name $me: master $master\n", "port\t$name\t$me\t$master\t" . port(attributes($info->{5})) . "\n" if $master;
    $json .= options($data, @of_bridges) . sprintf q("group_fwd_mask":"%#x",), value($data->{9}) if $kind eq "bridge";
    return "link\t$name\t$me\t$index\t$json\n", @said;
}

sub options {
    my ($has, @options) = @_;
    return join "", map { $has->{$_->[0]} ? qq("$_->[1]":) . value($has->{$_->[0]}) . "," : () } @options;
}

sub port {
    my ($has) = @_;
    my @switches = map { $has->{$_->[0]} ? qq("$_->[1]":) . (value($has->{$_->[0]}) ? "true," : "false,") : () } @of_ports;
    return join "", q("state":"), $state[value($has->{1})], q(",), options($has, [2, "priority"], [3, "cost"]), @switches;
}

sub address_of {
    my ($name, $message) = @_;
    my ($family, $prefix, $flags, $scope, $index) = unpack "C4 L", $message;
    return () if !$family{$family};
    my $has = attributes(substr $message, 8);
    my ($local, $peer) = ($has->{2} // $has->{1}, $has->{1});
    my $address = spell($local);
    return () if "$address/$prefix" eq "127.0.0.1/8" || "$address/$prefix" eq "::1/128";
    $address .= " peer " . spell($peer) if $peer ne $local;
    $flags = value($has->{8}) if $has->{8};
    my $json = q("scope":") . ($scope{$scope} // $scope) . q(");
    $json .= q(,"metric":) . value($has->{9}) if $has->{9};
    $json .= q(,"broadcast":") . spell($has->{4}) . q(") if $has->{4};
    my $label = string($has->{3} // "");
    unknown() if $label =~ /[^\w.+:-]/;
    $json .= qq(,"label":"$label") if $label;
    $json .= q(,"dynamic":true) if !($flags & 0x80);
    $json .= qq(,"$flag{$_}":true) for grep { $flags & $_ } sort keys %flag;
    return "fact\t$name $device{$index}: $family{$family} $address/$prefix\t$json,\n";
}

sub routes {
    my ($name) = @_;
    return map { route_of($name, $_) } ask($RTM_GETROUTE);
}

sub route_of {
    my ($name, $message) = @_;
    my ($family, $bits, $from, $tos, $table, $protocol, $scope, $type, $flags) = unpack "C8 L", $message;
    return () if !$family{$family} || !$kind{$type} || $learnt{$protocol};
    my $has = attributes(substr $message, 12);
    unknown() if $from || grep { $has->{$_} } 9, 18, 22, 30;    # several hops, another family, a tunnel, a next hop object
    my $dev = $kind{$type} eq "unicast" && $has->{4} ? $device{value($has->{4})} : "";
    my $words = "$family{$family} route" . ($kind{$type} eq "unicast" ? "" : " $kind{$type}");
    $words .= $bits ? " " . spell($has->{1}) . ($bits == 8 * length $has->{1} ? "" : "/$bits") : " default";
    $words .= " via " . spell($has->{5}) if $has->{5};
    $words .= " dev $dev" if $dev;
    $words .= " src " . spell($has->{7}) if $has->{7};
    $words .= " metric " . value($has->{6}) if $has->{6};
    $table = value($has->{15}) if $has->{15};
    $words .= " table $table" if $table != 254;
    $words .= " onlink" if $flags & 4;
    $words .= " scope host" if $scope == 254;
    return "fact\t$name: $words\t$dev\n";
}

sub setting {
    my ($name, $path) = @_;
    open my $file, "<", $path or return ();
    my $value = <$file> // "";
    chomp $value;
    return "setting\t$name\t$path\t$value\n";
}
'

# ---- rates: how much an interface sends, and what comes in led through another one that has a rate ----
#
# A rate is the queueing discipline tbf at the root of an interface. What comes in cannot be held back, so a filter leads it
# to an ifb, which sends it on to where it would have gone.

# fact[host vethB: tbf]: its rate, spelt as in the table
# fact[host vethB: ingress]: it can have filters for what comes in; fact[host vethB: clsact]: and for what it sends
# fact[host vethB: redirect ifb0]: its first one leads all to ifb0; fact[host vethB: filter 1]: that does something else

# The namespaces in which any of that has to be read, and the interfaces that have a rate in the table.
declare -A shaped=() rated=()

# Prints the queueing disciplines of a namespace, then the first filter of each interface that has some for what comes in:
# not in JSON, which differs from one version of tc to the next, and one by one, as in a batch tc mixes them up.
show_shaping() {
	local - text value IFS='{'
	set -f
	text=$(enter "$namespace" tc -json qdisc show)
	printf '@qdiscs %s\n' "$text"
	for text in $text; do
		if [[ $text != '"kind":"'@(ingress|clsact)'"'* ]]; then continue; fi
		text_of dev
		if [[ $value == *[!A-Za-z0-9_.+-]* ]]; then continue; fi
		text=$(enter "$namespace" tc filter show dev "$value" ingress pref 1)
		printf '@filters %s %s\n' "$value" "${text//$'\n'/$'\r'}"
	done
}

# Takes in the queueing disciplines of a namespace.
take_qdiscs() {
	local namespace=$1 owner='' text value IFS='{'
	for text in $2; do
		case $text in
		'"kind":"tbf",'*'"root":true,'*)
			text_of dev
			owner="$namespace $value"
			;;
		'"kind":'*)
			owner=''
			text_of dev
			case $text in
			'"kind":"ingress"'*) fact["$namespace $value: ingress"]=1 ;;
			'"kind":"clsact"'*) fact["$namespace $value: clsact"]=1 ;;
			esac
			;;
		'"rate":'*) if [[ $owner ]]; then take_rate; fi ;;
		esac
	done
}

take_rate() {
	local rate burst latency=0
	number_of rate && rate=$value
	number_of burst && burst=$value
	if [[ $text == *'"lat":'* ]]; then number_of lat && latency=$value; fi
	spell_rate "$rate" "$burst" "$latency"
	if [[ $text == *'"peakrate":'* ]]; then spelt+=' peakrate'; fi
	fact["$owner: tbf"]=$spelt
}

# Takes in the first filter of an interface, given as "node1 vethA" with all that tc says of it.
take_filter() {
	local value=${2#*'Redirect to device '}
	value=${value%%)*}
	if [[ $2 != *[![:space:]]* ]]; then
		return 0
	elif [[ $2 == *'protocol all '*'match 00000000/00000000 at 0'*'action order 1: mirred (Egress Redirect to device '* && ${2#*' match '} != *' match '* && $value != '*' ]]; then
		fact["$1: redirect $value"]=$value
	else
		fact["$1: filter 1"]=1
	fi
}

# Sets spelt to the words of a rate, given in bytes a second, bytes, and microseconds.
spell_rate() {
	local number=$((8 * $1)) units=(bit kbit mbit gbit) unit=0 latency=$3us
	while ((unit < 3 && number && number % 1000 == 0)); do number=$((number / 1000)) unit=$((unit + 1)); done
	if [[ $latency == *000us ]]; then latency=${latency%000us}ms; fi
	spelt="tbf rate $number${units[unit]} burst $2 latency $latency"
}

# Sets rate, burst and latency to the numbers of a rate.
measure_rate() {
	local words IFS=' '
	read -ra words <<<"$1"
	rate=${words[2]} burst=${words[4]} latency=${words[6]}
	case $rate in
	*gbit) rate=${rate%gbit}000000000 ;;
	*mbit) rate=${rate%mbit}000000 ;;
	*kbit) rate=${rate%kbit}000 ;;
	*) rate=${rate%bit} ;;
	esac
	rate=$((rate / 8))
	case $latency in *ms) latency=${latency%ms}000 ;; *) latency=${latency%us} ;; esac
}

# Has an interface a rate? The kernel counts a burst in ticks, up to a microsecond long, and the latency in bytes.
has_rate() {
	local text=${fact["$1: tbf"]-} rate burst latency goal
	if [[ ! $text || $text == *' peakrate' || $text == "$2" ]]; then
		[[ $text == "$2" ]]
		return
	fi
	measure_rate "$2"
	goal=("$rate" "$burst" "$latency")
	measure_rate "$text"
	burst=$((burst - goal[1])) latency=$((latency - goal[2]))
	((rate == goal[0] && ${burst#-} <= rate / 1000000 + 1 && ${latency#-} <= 1000000 / rate + 2))
}

# ---- the table of steps: "COMMAND   #SIGN OWNER: WORDS" ----

# The steps, column by column (step: "OWNER: WORDS"); the numbers of those that make an interface, need something, write a
# file, or make the kernel change something else as well; the namespaces that are made.
declare -a wave=() sign=() command=() step=() owner=() words=() makings=() needs=() files=() shifting=() namespaces=()

# Their facts; the interfaces that they make, as well as the loopbacks of their namespaces; what they give VLANs, a bridge
# to be a port of ("host br0"), and an MTU; the namespaces that others made; the link-layer and other addresses that they
# have just one entry for.
declare -A wanted=() modelled=() tagging=() ports=() mtus=() foreign=([host]=1) entries=()

# By the fact of a command that people gave: what tells whether it was carried out, and what takes it back.
declare -A checks=() ways_back=()

# The number of the wave that goes beside the others. The first two take away what is not wanted, and after it come those of
# the table.
readonly BESIDE=2

# Reads the table, and from it what has to be read of the live system. What can be done to a whole column in one expansion
# is: it takes a fraction of the time. Most rows only bring something up or give it an address or a route.
read_table() {
	local - line part=$BESIDE n here rows=() special=() IFS=$'\n'
	set -f
	for line in $1; do
		case $line in
		'### '*) part=$((part + 1)) && continue ;;
		'#'*) continue ;;
		*'   #'[:\<]*) special+=("${#rows[@]}") ;;
		*': up' | *': inet '*) ;;
		*) special+=("${#rows[@]}") ;;
		esac
		rows+=("$line") wave+=("$part")
	done
	command=("${rows[@]%%  *}")
	rows=("${rows[@]##*#}") # which has one
	sign=("${rows[@]%% *}")
	step=("${rows[@]#??}")
	owner=("${step[@]%%: *}")
	words=("${step[@]#*: }")
	for line in "${step[@]}"; do wanted[$line]=1; done
	for n in "${special[@]}"; do
		case ${sign[n]:- }${words[n]} in
		+namespace) namespaces+=("${owner[n]}") modelled["${owner[n]} lo"]=1 ;;
		+*) note_making "$n" ;;
		'?namespace') needs+=("$n") foreign[${owner[n]}]=1 ;;
		\?*) needs+=("$n") ;;
		[:\<]*) note_companion "$n" ;;
		-group*) foreign[${owner[n]}]=1 ;;
		' file '*) files+=("$n") ;;
		?'master '*) ports[${owner[n]}]="${owner[n]%% *} ${words[n]#master }" shifting+=("$n") ;;
		?'mtu '*) mtus[${owner[n]}]=${words[n]#mtu } shifting+=("$n") ;;
		?'address '* | ?'remote '* | ?'group '* | ?'vlan_default_pvid 0') shifting+=("$n") ;;
		' fdb '[!0]* | ' fdb 0'[!0]* | ' neigh '*) entries[${step[n]%" ${words[n]#* * }"}]=1 ;;
		' vlan '* | ' net.'* | ' nft '* | ' iptables '* | ' ip6tables '* | ' tbf '* | ' ingress' | ' redirect '*)
			here=${owner[n]%% *}
			note_reading "$here" "${words[n]}"
			case ${words[n]} in
			vlan*) tagging[${owner[n]}]=1 ;;
			tbf*) rated[${owner[n]}]=1 ;;
			net.ipv4.ip_forward' '* | net.ipv6.conf.all.forwarding' '*) shifting+=("$n") ;;
			esac
			;;
		esac
	done
}

# Notes what belongs to the command of a line above; such a line has no fact of its own.
note_companion() {
	if [[ ${sign[$1]} == : ]]; then checks[${step[$1]}]=${command[$1]}; else ways_back[${step[$1]}]=${command[$1]}; fi
	unset "wave[$1]" "sign[$1]" "command[$1]" "step[$1]" "owner[$1]" "words[$1]"
}

note_making() {
	local what=${words[$1]} where=${owner[$1]}
	makings+=("$1") modelled[$where]=1
	if [[ $what == vxlan* ]]; then tunnels[${where%% *}]=1; fi
	if [[ $what == macvlan* && ${what#*, parent } != "${where%% *} "* ]]; then makers[${where%% *}]=1; fi
	if [[ $what == veth,* ]]; then modelled[${what#veth, peer }]=1 makers[${where%% *}]=1; fi
}

# Notes what has to be read in a namespace, beside interfaces, addresses and routes, to know whether a fact is true.
note_reading() {
	local path
	case $2 in
	net.*)
		path=${2%% *} path=${path//\//%}
		path=${path//.//}
		sysctls[$1]+=" /proc/sys/${path//%/.}"
		;;
	vlan*) vlans[$1]=1 ;;
	'tbf '* | ingress | 'redirect '*) shaped[$1]=1 ;;
	'nft table '*)
		path=${2#nft table }
		note_once tables "$1" "${path%% *}"
		;;
	'nft '*) note_part "$1" "$2" ;;
	'iptables '* | 'ip6tables '*) note_once rules "$1" "${2%% *}" ;;
	esac
}

# Adds a word to those that an array has for a namespace.
note_once() {
	local -n noted=$1
	if [[ " ${noted[$2]-} " != *" $3 "* ]]; then noted[$2]+=" $3"; fi
}

# Notes what has to be read to know whether what was made true on things that are not ours still is.
note_borrowings() {
	local text
	for text in "${borrowings[@]}"; do note_reading "${text%%[ :]*}" "${text#*: }"; done
}

# Is a fact, OWNER WORDS, true of the live system? A table or chain of nft is compared with the COMMAND that loads it, if
# given.
holds() {
	local text key value peer parent
	if [[ ${fact["$1: $2"]+set} ]]; then return 0; fi
	text=${live[$1]-}
	case $2 in
	inet*' noprefixroute') [[ ${fact["$1: ${2% *}"]-} == *'"noprefixroute":true'* ]] ;;
	up | master' '* | inet' '* | inet6' '* | vlan' '* | fdb' '* | neigh' '* | net.* | iptables' '* | ip6tables' '*) is_moot "$2" ;;
	command' '*) was_carried_out "$1: $2" ;;
	tbf' '*) has_rate "$1" "$2" ;;
	ingress) [[ ${fact["$1: ingress"]+set} || (${fact["$1: clsact"]+set} && ! ${modelled[$1]+set}) ]] ;;
	redirect' '*) [[ ${fact["$1: $2"]+set} ]] ;;
	ifb) [[ $text == *'"info_kind":"ifb"'* ]] ;;
	namespace) [[ ${netns[$1]-broken} != broken ]] ;;
	directory' '*) [[ -d ${2#directory } ]] ;;
	file' '*) file_says "${2#file }" ;;
	allmulti' on') [[ $text == *[[,]'"ALLMULTI"'[],]* ]] ;;
	allmulti' off') [[ $text != *[[,]'"ALLMULTI"'[],]* ]] ;;
	txqlen' 0') [[ $text != *'"txqlen":'[1-9]* ]] ;;
	promisc' on') [[ $text == *[[,]'"PROMISC"'[],]* ]] ;;
	exists) [[ $text ]] ;;
	bridge) [[ $text == *'"info_kind":"bridge"'* ]] ;;
	veth,*)
		find_peer "$1"
		[[ "veth, peer $peer" == "$2" ]] && fact["$1: $2"]=1
		;;
	macvlan*', parent '*)
		find_parent "$1"
		value=macvlan
		if [[ $text == *'"mode":"passthru"'* ]]; then value+=' passthru'; fi
		[[ $parent && "$value, parent $parent" == "$2" ]]
		;;
	vxlan' '*)
		value=${2#vxlan id }
		[[ $text == *'"info_kind":"vxlan"'*"\"id\":${value%% *},"*"\"port\":${value##* },"* ]]
		;;
	local' '* | remote' '* | group' '*)
		key=${2%% *} value=${2#* }
		[[ $text == *"\"$key\":\"$value\""* || $text == *"\"${key}6\":\"$value\""* ]]
		;;
	dev' '*) [[ $text == *"\"link\":\"${2#dev }\""* ]] ;;
	ageing_time' '*) # while its spanning tree changes, a bridge ages faster
		[[ $text == *"\"ageing_time\":${2#* },"* || $text == *'"topology_change":1'* ]]
		;;
	'nft table'*)
		value=${3#*"; delete ${2#nft }; "} key=${2#nft table }
		value=${value%\'} text=${fact["$1: nft ${key%% *}"]-}
		[[ $text && ${text//[;[:space:]]/} == "${value//[;[:space:]]/}"* ]]
		;;
	'nft '*) part_holds "$@" ;;
	*)
		key=${2%% *} value=${2#* }
		[[ $text == *"\"$key\":$value"[,\}]* || $text == *"\"$key\":\"$value\""* ]]
		;;
	esac
}

# Where the kernel has no IPv6, no setting of it says anything. What needs IPv6 is refused.
is_moot() { [[ $1 == net.ipv6.* && ! -e /proc/sys/net/ipv6/conf ]]; }

# Was a command of people, given by its fact, carried out in the namespace that now has that name?
was_carried_out() {
	local place=${1%%: *}
	if [[ ! ${checks[$1]-} || ${netns[$place]-broken} == broken ]]; then return 1; fi
	if [[ ! ${foreign[$place]+set} && ! ${used[$place]+set} ]] && ! owns_namespace "$place"; then return 1; fi
	run_apart "${checks[$1]}" >/dev/null 2>&1
}

# Is there a file that says what is wanted, its lines one after the other? Given are its path and that text, if any.
file_says() {
	local path=${1%% *} text=''
	[[ -f $path ]] || return 1
	if [[ $1 == "$path" ]]; then return 0; fi
	{ IFS= read -r -d '' text || true; } <"$path"
	[[ "$path ${text//$'\r\n'/ }" == "$1" ]]
}

# ---- carrying out commands ----

declare trouble=''    # the command that failed, and on further lines what was said of it
declare complained='' # is there anything that could not be carried out although all that can be is?
declare -A given=()   # the commands that people gave to take back theirs: whatever these say, it is a failure

# Prints commands, given a line each, as they are about to be executed.
announce() {
	local IFS=$'\n'
	set -f
	# shellcheck disable=SC2086 # a line each
	if [[ $1 ]]; then printf '[#] %s\n' $1; fi
	set +f
}

# Carries out commands of one namespace, given a line each: those of `ip`, `bridge`, `tc`, `nft` and `iptables`, those that
# write settings, and those that write records are together in one process as long as they follow each other.
# Where one fails it sets trouble and carries out no more; with FORCE it goes on.
carry_out() {
	local - namespace=$1 line tool='' next lines=() IFS=$'\n'
	set -f
	for line in $2; do
		case $line in
		*"bash -c 'echo "*' >/proc/sys/'*) next=bash ;;
		"bash -c 'set -o noclobber; "*) next='bash records' ;;
		'ip netns exec '*) next='' ;;
		'ip '*) next=ip ;;
		'bridge '*) next=bridge ;;
		'tc '*) next=tc ;;
		'iptables '*) next=iptables ;;
		'ip6tables '*) next=ip6tables ;;
		"nft '"*\') if [[ ${line:5:-1} == *\'* ]]; then next=''; else next=nft; fi ;;
		*) next='' ;;
		esac
		if [[ ! $next || $next != "$tool" ]]; then
			execute_lines || return 1
			tool=$next lines=()
		fi
		lines+=("$line")
	done
	execute_lines
}

# Carries out a line by itself, and without the locks of this run: a program that it leaves behind must not hold them.
run_apart() (
	if [[ ${LOCK-} ]]; then exec {LOCK}<&-; fi
	end_turn
	exec bash -c "$1"
)

# The same, and sets said to what is said where it fails. What a program that is left behind may say is not waited for.
hear() {
	local file=$STATE/said.$BASHPID status=0
	run_apart "$1" >"$file" 2>&1 || status=$?
	if ((status)); then said=$(<"$file"); fi
	return "$status"
}

execute_lines() {
	local said='' status=0 number texts prefix="$tool " strict=-e inside=()
	((${#lines[@]})) || return 0
	if [[ $tool == nft ]] && ((${#lines[@]} == 1)); then tool=''; fi # what fails alone is not tried again
	if [[ ${FORCE-} ]]; then strict=+e; fi
	if [[ $namespace != host ]]; then prefix+="-n $namespace " inside=(nsenter --net="/run/netns/$namespace"); fi
	if [[ $tool == bash && $namespace == host ]] && write_here; then return 0; fi
	if [[ $tool == bash* ]]; then
		texts=("${lines[@]#*bash -c \'}")
		said=$(exec "${inside[@]}" bash "$strict" <<<"${texts[*]%\'}" 2>&1) || status=$?
	elif [[ $tool == ip*tables ]]; then
		said=$("$tool-restore" --noflush --wait <<<"$(transaction)" 2>&1) || one_by_one || status=$?
	elif [[ $tool == nft ]]; then
		texts=("${lines[@]#nft \'}")
		said=$(exec nft "${texts[*]%\'}" 2>&1) || one_by_one || status=$?
	elif [[ $tool ]]; then
		said=$(exec "${inside[@]}" "$tool" ${FORCE:+-force} -batch - <<<"${lines[*]#"$prefix"}" 2>&1) || status=$?
	else
		hear "${lines[0]}" || status=$?
	fi
	if ((status == 0)) && [[ ! ${FORCE-} ]]; then return 0; fi
	if [[ ${FORCE-} ]]; then
		if ((status)) || [[ $tool == bash* && $said ]]; then complain "$said"; fi
		return 0
	fi
	if [[ $tool && $said =~ 'Cannot find device'.*'Command failed -:'([0-9]+) ]]; then
		number=${BASH_REMATCH[1]}
		if [[ ${lines[number - 1]} == *' link delete dev '* ]]; then # it went with its peer
			lines=("${lines[@]:number}")
			execute_lines
			return
		fi
	fi
	blame "$tool" "$status" "$said" "${lines[@]}"
	return 1
}

# Writes settings of the host without another process, or tells that this is not possible for all of them.
write_here() {
	local line
	for line in "${lines[@]}"; do
		line=${line#*"'echo "} line=${line%\'}
		printf '%s\n' "${line% >*}" 2>/dev/null >"${line##* >}" || return 1 # a signal is to find the script with its voice
	done
}

# Reports what could not be carried out although all that can be is, given what was said; but not what is there, or gone,
# already: where a run was stopped, that may be so.
complain() {
	local message text='' culprit first=${lines[0]}
	if ((${#lines[@]} > 1)); then first+=" (or one of the $((${#lines[@]} - 1)) after it)"; fi
	if [[ ! $1 ]]; then
		report_failure "$first" "exit status $status"
		return
	fi
	while IFS= read -r message; do
		case $message in
		'Command failed -:'*) report_failure "${lines[${message##*:} - 1]}" "$text" && text='' ;;
		'bash: line '[0-9]*': '*)
			culprit=${message#bash: line }
			report_failure "${lines[${culprit%%:*} - 1]}" "${culprit#*: }"
			;;
		*) text+=${text:+ }$message ;;
		esac
	done <<<"$1"
	if [[ $text ]]; then report_failure "$first" "$text"; fi
}

report_failure() {
	if [[ $1 == *'; delete table '* && $2 == *'resource busy'* ]]; then return; fi # others have come to use it
	case ${given[$1]-$2} in
	*'Cannot find device'* | *'No such '* | *'Cannot assign requested address'* | *'does not exist'* | *'File exists'*) ;;
	*'Cannot find specified '* | *'Cannot delete qdisc with handle of zero'* | *'Exclusivity flag on'*) ;; # tc
	*'ddress not found'* | *'Cannot open network namespace'* | *'Bad rule'* | *'No chain'* | *'Chain already exists'*) ;;
	*) complained=yes && say "could not be carried out: $1"$'\n'"$2" ;;
	esac
}

# Prints the lines as iptables-restore reads them, which carries out all of them or none.
transaction() {
	local text=${lines[*]#"$tool --wait "}
	printf '*filter\n%s\nCOMMIT\n' "${text//\'/\"}"
}

# Carries out the lines by themselves, to see which one fails: after a transaction that failed nothing is done.
one_by_one() {
	local line
	for line in "${lines[@]}"; do
		if is_done "$line" || hear "$line" || take_over "$line"; then continue; fi
		tool='' lines=("$line")
		if [[ ! ${FORCE-} ]]; then return 1; fi
		complain "$said"
	done
}

# Has somebody else, who does not take turns with us, done in the meantime what a line adds?
is_done() {
	local line=${1/ -N / --list-rules }
	case $1 in
	*' -I '*) line=${1/ -I / -C } line=${line/ 1 / } ;;
	*' -A '*) line=${1/ -A / -C } ;;
	*' -N '*) ;;
	*) return 1 ;;
	esac
	run_apart "$line" >/dev/null 2>&1
}

# Lets an element of a map, which is there already, lead to us from now on.
take_over() {
	local text=${1:5:-1}
	[[ $1 == "nft 'add element "* ]] && said=$(exec nft "${text/#add/delete}; $text" 2>&1)
}

# Sets trouble to the one of the lines given to a tool that failed, and what was said.
blame() {
	local tool=$1 status=$2 said=$3 line lines=("${@:4}")
	if [[ ! $tool ]]; then
		line=${lines[0]} said=${said:-"exit status $status"}
	elif [[ $said =~ (.*)'Command failed -:'([0-9]+) ]]; then
		line=${lines[BASH_REMATCH[2] - 1]} said=${BASH_REMATCH[1]}
	elif [[ $tool == bash* && $said =~ ^'bash: line '([0-9]+)': '(.*) ]]; then
		line=${lines[BASH_REMATCH[1] - 1]} said=${BASH_REMATCH[2]}
	else
		line="${lines[0]} (or one of the ${#lines[@]} after it)" said+=" exit status $status"
	fi
	trouble=$line$'\n'${said%$'\n'}
}

# The words that each command of ip begins with in a namespace.
ip_in() { if [[ $1 == host ]]; then ip=ip; else ip="ip -n $1"; fi; }

# The namespace in which a command is carried out.
find_place() {
	case $1 in
	'ip -n '* | 'bridge -n '* | 'tc -n '*) place=${1#* -n } place=${place%% *} ;;
	'ip netns exec '*) place=${1#ip netns exec } place=${place%% *} ;;
	*) place=host ;;
	esac
}

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

# ---- so that a script that is cut off does nothing, this comes last ----

{
	main "$@"
	exit
}
