#!/usr/bin/env bash
#
# teardown.sh removes what setup.sh made for the network isolated, and nothing else.
#
# Two bridges that have nothing to do with each other: what is on one cannot reach what is on the other.
#
#   ┌─ host ─────────────────────────────────────────┐
#   │ red                                            │
#   │ ═══════════╤═══════════════════════╤══════════ │
#   │          vred1                   vred2         │
#   │ ┌─ red1 ───┴─────────┐  ┌─ red2 ───┴─────────┐ │
#   │ │ eth0  10.40.1.1/24 │  │ eth0  10.40.1.2/24 │ │
#   │ └────────────────────┘  └────────────────────┘ │
#   │                                                │
#   │ blue                                           │
#   │ ═══════════╤═══════════════════════╤══════════ │
#   │          vblue1                  vblue2        │
#   │ ┌─ blue1 ──┴─────────┐  ┌─ blue2 ──┴─────────┐ │
#   │ │ eth0  10.40.2.1/24 │  │ eth0  10.40.2.2/24 │ │
#   │ └────────────────────┘  └────────────────────┘ │
#   └────────────────────────────────────────────────┘
#
# Made by k8snet from topology.toml
# (SHA-256 8d922762569ad41348443c5d48388c23a90489caa0d78a2fc444436929122395).
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
# shellcheck disable=SC2034,SC2317 # not every script uses all of what is the same in every script

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
# From then on every way out leads through `leave`: the end, a command that failed, and a signal, which is heard when the
# command under way has ended.
prepare() {
	local program
	trap 'leave $?' EXIT
	trap 'stop INT 130' INT
	trap 'stop TERM 143' TERM
	trap 'stop HUP 129' HUP
	trap 'stop PIPE 141' PIPE
	((EUID == 0)) || die "must run as root (sudo bash $SELF), or in a user namespace: unshare -rnm"
	for program in "$@"; do
		command -v "$program" >/dev/null || die "needs the program $program, which is not installed"
	done
	exec </dev/null
}

failure='' # why the script ends early, for people to read
go_back='' # what takes back the changes of this run, while there are any

stop() {
	failure="stopped by SIG$1"
	leave "$2"
}

# Ends the script, deaf to further signals.
leave() {
	local line
	trap '' INT TERM HUP PIPE
	trap - EXIT
	set +e
	wait
	if [[ $failure ]]; then while IFS= read -r line; do say "$line"; done <<<"$failure"; fi
	if [[ $go_back ]]; then "$go_back"; fi
	remove_scratch
	forget_state
	exit "$1"
}

# A directory for what several processes have to say, gone when the script ends.
scratch=''
make_scratch() { scratch=$(mktemp --directory); }
remove_scratch() {
	if [[ $scratch ]]; then rm -r "$scratch"; fi
	scratch=''
}

# Runs a command in a namespace.
enter() {
	if [[ $1 == host ]]; then "${@:2}"; else nsenter --net="/run/netns/$1" "${@:2}"; fi
}

readonly SELF=teardown.sh NAME=isolated MARK=1839749336 TABLE=k8snet-isolated

# ---- the network ----

topology() {
	cat <<'END'

# Every link on the host that was made for this network; with a veth goes its peer. Then the namespaces.
ip link delete group 1839749336   #- host: group 1839749336
ip netns delete red1              #- red1: namespace
ip netns delete red2              #- red2: namespace
ip netns delete blue1             #- blue1: namespace
ip netns delete blue2             #- blue2: namespace
END
}
# ---- from here on, nothing is particular to this network ----

# ---- what is ours ----
#
# Links that setup makes carry a link group. A namespace cannot be marked in the instant it is made, so it is recorded
# before, and its identity after. Recorded, too, is how to take back what was made true on things that are not ours.
# The record is gone after a reboot, as namespaces are.

readonly STATE=/run/k8snet/$NAME
readonly OWNED=$STATE/owned

# netns[node1]: the identity of the namespace that has this name now
# owned[node1]: the identity it had when it was made for this network, or "-" until that is known
# undo[FACT]:   the command that takes back a fact made true on something that is not ours
# shared[FACT]: the same in the record of another network, which needs the fact, too: whoever goes last takes it back
declare -A netns=() owned=() undo=() shared=()
declare -a borrowings=() # the keys of undo, in the order in which they were made true

# Takes the lock of this topology: the directory of its state, unless a teardown removes it in that moment.
lock() {
	LOCK=''
	while mkdir -p "$STATE" 2>/dev/null || mkdir -p "$STATE" || exit 1; do # twice: another topology may remove /run/k8snet
		{ exec {LOCK}<"$STATE"; } 2>/dev/null || continue
		if ! flock --nonblock "$LOCK"; then
			say "another run on $NAME is under way; waiting for it"
			wait_for "$LOCK"
		fi
		if [[ /proc/self/fd/$LOCK -ef $STATE ]]; then return 0; fi
		exec {LOCK}<&-
	done
}

# In short turns, between which signals are heard.
wait_for() {
	until flock --timeout 1 "$1"; do (($? == 1)) || exit 1; done
}

# One network at a time looks at what others have borrowed, and records what it borrows or gives back.
take_turn() {
	exec {TURN}</run/k8snet
	wait_for "$TURN"
}
end_turn() { exec {TURN}<&-; }

# What is recorded as ours, what others recorded as borrowed, and which namespaces there are.
read_ownership() {
	local kind name rest record
	if [[ -r $OWNED ]]; then
		while IFS=$'\t' read -r kind name rest; do
			case $kind in
			netns) owned[$name]=$rest ;;
			undo) undo[$name]=$rest borrowings+=("$name") ;;
			esac
		done <"$OWNED"
	fi
	for record in /run/k8snet/*/owned; do
		if [[ $record == "$OWNED" || ! -e $record ]] || ! { rest=$(<"$record"); } 2>/dev/null; then continue; fi
		while IFS=$'\t' read -r kind name rest; do
			if [[ $kind == undo ]]; then shared[$name]=$rest; fi
		done <<<"$rest"
	done
	read_namespaces
}

# A name in /run/netns that is no namespace is what was left when its making was cut off.
read_namespaces() {
	local kernel kind inode changed path names=(/run/netns/*)
	netns=()
	[[ -d /run/netns ]] || return 0
	kernel=$(stat --dereference --format %d /proc/self/ns/net)
	while read -r -d '' kind inode changed path; do
		if [[ ! $path ]]; then continue; fi
		if [[ $kind == "$kernel" ]]; then netns[${path##*/}]="$inode $changed"; else netns[${path##*/}]=broken; fi
	done < <(stat --printf '%d %i %.9Z %n\0' "${names[@]}" 2>/dev/null)
	for path in "${names[@]}"; do
		[[ ${netns[${path##*/}]+set} || ! -e $path ]] || die "cannot read /run/netns: stat says nothing of ${path##*/}"
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
	[[ /proc/self/fd/$LOCK -ef $STATE ]] && flock --nonblock "$LOCK" || return 0
	sweep
	(cd /run && rmdir --parents --ignore-fail-on-non-empty "k8snet/$NAME" 2>/dev/null) || true
}

owns_namespace() { [[ ${owned[$1]+set} && (${owned[$1]} == - || ${netns[$1]-} == "${owned[$1]}" || ${netns[$1]-} == broken) ]]; }

# A name that no topology can give was given by somebody inside a namespace, whatever group the link carries.
owns_link() { [[ $1 != *[!A-Za-z0-9_.+\ -]* && ${live[$1]-} == *"\"group\":\"$MARK\""* ]]; }

# ---- reading the live system ----

# live[node1 vethA]: what ip says of an interface, in JSON; live[host vethB port of br0]: of a port, as its bridge sees it
# fact[node1 vethA: inet 10.10.0.2/24]: addresses, routes, VLANs and sysctls; the value is what else is known of them
# device[node1 2]: the interface with that index; nsid[host 0]: the namespace that the host knows by that number
declare -A live=() fact=() device=() nsid=()

# table_number[name]: the routing table that this system calls so
declare -A table_number=()

# By namespace, what is read beside interfaces, addresses and routes: sysctls, VLANs, the nft table, numbers of namespaces.
declare -A sysctls=() vlans=() tables=() makers=()

# Reads the host and those of the wanted namespaces that exist.
read_wanted() {
	local namespace present=()
	for namespace in "${namespaces[@]}"; do
		if [[ ${netns[$namespace]-broken} != broken ]]; then present+=("$namespace"); fi
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

# Reads the host and the namespaces named, several at a time where there are many.
read_state() {
	local worker workers=1 pids=()
	read_table_names
	if (($# > 8)); then workers=4; fi
	make_scratch
	for ((worker = 0; worker < workers; worker++)); do
		show_state "$worker" "$workers" host "$@" >"$scratch/$worker" 2>"$scratch/$worker.err" &
		pids+=("$!")
	done
	for worker in "${!pids[@]}"; do
		wait "${pids[worker]}" || die "cannot read the state: $(<"$scratch/$worker.err")"
		take_state "$(<"$scratch/$worker")"
	done
	remove_scratch
}

# Prints every WORKERS-th namespace of those named: "@NAME", then what the tools say, each answer on a line.
show_state() {
	local first=$1 step=$2 namespace ask text i
	shift 2
	for ((i = first + 1; i <= $#; i += step)); do
		namespace=${!i}
		ask=$'address show\nroute show table all type unicast\nroute show table all type blackhole'
		ask+=$'\nroute show table all type unreachable\nroute show table all type prohibit'
		if [[ $namespace == host || ${makers[$namespace]-} ]]; then ask+=$'\nnetns list-id'; fi
		printf '@%s\n' "$namespace"
		enter "$namespace" ip -json -details -batch - <<<"$ask"
		show_sysctls
		if [[ ${vlans[$namespace]-} ]]; then enter "$namespace" bridge -json vlan show; fi
		if [[ ${tables[$namespace]-} ]]; then
			if ! text=$(enter "$namespace" nft --stateless list table inet "$TABLE" 2>&1); then
				[[ $text == *'No such file or directory'* ]] || die "nft list table: $text"
				text=''
			fi
			printf '\n@nft %s\n' "${text//$'\n'/$'\r'}"
		fi
	done
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
		'@nft '*) fact["$namespace: nft"]=${line#@nft } ;;
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
	local namespace=$1 owner='' port='' last='' text value IFS='{'
	for text in $2; do
		case $text in
		'"ifindex":'*'"ifname":"'*'",'*)
			text_of ifname
			owner="$namespace $value" port=''
			live[$owner]=$text
			number_of ifindex
			device["$namespace $value"]=${owner#* }
			;;
		'"ifindex":'*) owner='' port='' ;; # its name has a brace: no topology gives such a name
		'"family":"inet","local":"127.0.0.1","prefixlen":8,'* | '"family":"inet6","local":"::1",'*) ;;
		'"family":'*) take_address ;;
		'"type":'*'"protocol":"'[kr]*) ;; # kernel, ra, redirect: set up or learnt by the kernel itself
		'"type":'*) take_route ;;
		'"gateway":'* | '"dev":'*) # a next hop of the route before
			text_of dev
			fact[$last]=$value
			;;
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
	local part family=inet kind='' words='' dev='' tail='' table='' onlink='' IFS=,
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
		*onlink*) onlink=' onlink' ;;
		esac
	done
	if [[ $kind ]]; then dev=''; fi
	last="$namespace: $family route$kind$words${dev:+ dev $dev}$tail$table$onlink"
	fact[$last]=$dev
}

# Sets peer to the other end of a veth: "node1 vethA", or nothing.
find_peer() {
	local text=${live[$1]-} value there=${1%% *}
	peer=''
	if [[ $text == *'"link_netnsid":'* ]]; then
		number_of link_netnsid
		there=${nsid["$there $value"]-}
		number_of link_index
		value=${device["$there $value"]-}
	elif [[ $text == *'"link":"'* ]]; then
		text_of link
	else
		return 0
	fi
	if [[ $value ]]; then peer="$there $value"; fi
}

# The same for any link: it may be in a namespace whose numbers for others were not read, and none knows the host by name.
find_other_end() {
	local namespace=${1%% *} object
	if [[ $namespace != host && ! ${makers[$namespace]-} ]]; then
		makers[$namespace]=1
		take_answer "$namespace" "$(enter "$namespace" ip -json netns list-id)"
	fi
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

# ---- the table of steps: "COMMAND   #SIGN OWNER: WORDS" ----

# The steps, column by column; the numbers of those that make or need an interface; the namespaces that are made.
declare -a wave=() sign=() command=() owner=() words=() makings=() needs=() namespaces=()

# Their facts; the interfaces that they make, as well as the loopbacks of their namespaces; what they give VLANs.
declare -A wanted=() modelled=() tagging=()

# Reads the table, and from it what has to be read of the live system.
read_table() {
	local line text part=1 n=0 here IFS=$'\n'
	set -f
	for line in $1; do
		case $line in
		'### '*) part=$((part + 1)) && continue ;;
		'#'*) continue ;;
		esac
		command[n]=${line%%  *}
		text=${line:${#command[n]}}
		text=${text#*\#}
		wave[n]=$part sign[n]=${text:0:1} text=${text:2}
		owner[n]=${text%%: *} wanted[$text]=1
		words[n]=${text:${#owner[n]}+2} here=${text%%[ :]*}
		case ${sign[n]}${words[n]} in
		+namespace) namespaces+=("$here") modelled["$here lo"]=1 ;;
		+veth,*) makings+=("$n") modelled[${owner[n]}]=1 modelled[${words[n]#veth, peer }]=1 makers[$here]=1 ;;
		+*) makings+=("$n") modelled[${owner[n]}]=1 ;;
		\?*) needs+=("$n") ;;
		' vlan '*) note_reading "$here" "${words[n]}" && tagging[${owner[n]}]=1 ;;
		' net.'* | ' nft '*) note_reading "$here" "${words[n]}" ;;
		esac
		n=$((n + 1))
	done
	set +f
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
	nft*) tables[$1]=1 ;;
	esac
}

# Notes what has to be read to know whether what was made true on things that are not ours still is.
note_borrowings() {
	local text
	for text in "${borrowings[@]}"; do note_reading host "${text#*: }"; done
}

# Is a fact, OWNER WORDS, true of the live system? An nft table is compared with the COMMAND that loads it, if given.
holds() {
	local text=${live[$1]-} key value peer
	case $2 in
	up) [[ $text == *[[,]'"UP"'[],]* ]] ;;
	inet' '* | inet6' '* | vlan' '* | net.*) [[ ${fact["$1: $2"]+set} ]] ;;
	namespace) [[ ${netns[$1]-broken} != broken ]] ;;
	exists) [[ $text ]] ;;
	bridge) [[ $text == *'"info_kind":"bridge"'* ]] ;;
	veth,*)
		find_peer "$1"
		[[ $text == *'"info_kind":"veth"'* && "veth, peer $peer" == "$2" ]]
		;;
	ageing_time' '*) # while its spanning tree changes, a bridge ages faster
		[[ $text == *"\"ageing_time\":${2#* },"* || $text == *'"topology_change":1'* ]]
		;;
	'nft table'*)
		value=${3#*"; delete table inet $TABLE; "}
		value=${value%\'} text=${fact["$1: nft"]-}
		[[ $text && ${text//[;[:space:]]/} == "${value//[;[:space:]]/}"* ]]
		;;
	*)
		key=${2%% *} value=${2#* }
		[[ $text == *"\"$key\":$value"[,\}]* || $text == *"\"$key\":\"$value\""* ]]
		;;
	esac
}

# ---- carrying out commands ----

# Prints commands, given a line each, as they are about to be executed.
announce() {
	local IFS=$'\n'
	set -f
	# shellcheck disable=SC2086 # a line each
	if [[ $1 ]]; then printf '[#] %s\n' $1; fi
	set +f
}

# Carries out commands of one namespace, given a line each: those of `ip` and of `bridge` together in one process.
# Where one fails it prints that command and, below, what was said of it, and carries out no more; with FORCE it goes on.
carry_out() {
	local - namespace=$1 line tool='' next lines=() IFS=$'\n'
	set -f
	for line in $2; do
		case $line in
		'ip netns exec '*) next='' ;;
		'ip '*) next=ip ;;
		'bridge '*) next=bridge ;;
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

execute_lines() {
	local said=$STATE/said.$BASHPID status=0 number prefix="$tool "
	((${#lines[@]})) || return 0
	if [[ $namespace != host ]]; then prefix+="-n $namespace "; fi
	if [[ $tool ]]; then
		enter "$namespace" "$tool" ${FORCE:+-force} -batch - <<<"${lines[*]#"$prefix"}" >"$said" 2>&1 || status=$?
	else
		bash -c "${lines[0]}" >"$said" 2>&1 || status=$?
	fi
	if ((status == 0)) || [[ ${FORCE-} ]]; then return 0; fi
	said=$(<"$said")
	if [[ $said =~ (.*)'Command failed -:'([0-9]+) ]]; then
		number=${BASH_REMATCH[2]} said=${BASH_REMATCH[1]} line=${lines[BASH_REMATCH[2] - 1]}
		if [[ $line == *' link delete dev '* && $said == *'Cannot find device'* ]]; then # it went with its peer
			lines=("${lines[@]:number}")
			execute_lines
			return
		fi
	elif [[ $tool ]]; then
		line="${lines[0]} (or one of the ${#lines[@]} after it)" said+=" exit status $status"
	else
		line=${lines[0]}
	fi
	printf '%s\n%s\n' "$line" "${said%$'\n'}"
	return 1
}

# The namespace in which a command is carried out.
find_place() {
	case $1 in
	'ip -n '* | 'bridge -n '*) place=${1#* -n } place=${place%% *} ;;
	*) place=host ;;
	esac
}

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
	local mode=run table commands='' said
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

# Takes back what was made true on things that are not ours, in the reverse order, where it still is.
give_back() {
	local text i
	if ((${#borrowings[@]} == 0)); then return 0; fi
	note_borrowings
	read_state
	for ((i = ${#borrowings[@]} - 1; i >= 0; i--)); do
		text=${borrowings[i]}
		if [[ ! ${shared[$text]+set} ]] && holds "${text%%: *}" "${text#*: }" ''; then commands+=${undo[$text]}$'\n'; fi
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

{
	main "$@"
	exit
}
