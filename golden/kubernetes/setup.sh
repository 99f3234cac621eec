#!/usr/bin/env bash
#
# setup.sh makes the network kubernetes, or mends what differs from it. Run again, it changes nothing.
#
# A node of Kubernetes with 3 pods, as the CNI plugins bridge and host-local wire them.
#
#   ┌─ host ─────────────────────────────────────────────────────────────────────────────────────────┐
#   │ forwarding                                                                                     │
#   │ masquerade 10.1.0.0/16                                                                         │
#   │                                                                                                │
#   │ mybridge  10.1.0.1/16                                                                          │
#   │ ═══════════════╤═══════════════════════════════╤═══════════════════════════════╤══════════════ │
#   │           veth1f48f1dc                    vethbf305cac                    veth3d6cb003         │
#   │ ┌─ nginx ──────┴─────────────┐  ┌─ web ────────┴─────────────┐  ┌─ db ─────────┴─────────────┐ │
#   │ │ eth0  10.1.0.2/16          │  │ eth0  10.1.0.3/16          │  │ eth0  10.1.0.4/16          │ │
#   │ │       default via 10.1.0.1 │  │       default via 10.1.0.1 │  │       default via 10.1.0.1 │ │
#   │ └────────────────────────────┘  └────────────────────────────┘  └────────────────────────────┘ │
#   └────────────────────────────────────────────────────────────────────────────────────────────────┘
#
# Made by k8snet from topology.toml
# (SHA-256 31610d84f53daadb3f98679583912e39a47cae7b948360f4cbcf7d6e80242ba6),
# and from k8s.conf
# (SHA-256 85e5721e658b93ba396f78741ff014cf53d515b2193503aad703fcbabf0d0510).
# To change it, edit those files and run: k8snet compile topology.toml
#
#     sudo bash setup.sh              run it
#     sudo bash setup.sh --dry-run    print the commands that a run would execute now
#     sudo bash setup.sh --check      print what differs; the exit status is 1 if anything does
#     sudo bash setup.sh --help       all options
#
# How to read it: the table `topology` has a command on each line and behind it the fact that the command makes true. A
# run first reads the live system and then executes only the lines whose fact is not true yet, wave by wave. `#+` makes a
# thing with all that its command names; `#=` is one of those things, put right if it has changed since; `#?` has to be so
# beforehand. The group 277012325 marks links as this network's: teardown.sh goes by it.
#
# What is below the line that begins with `####` is the same for every network, and that line has the SHA-256 of it:
#
#     sed '1,/^####/d' setup.sh | sha256sum
#     k8snet digests
#
# shellcheck disable=SC2034,SC2317 # not every script uses all of what is the same in every script

readonly SELF=setup.sh NAME=kubernetes MARK=277012325 TABLE=k8snet-kubernetes

# ---- the network ----

topology() { table=$(</dev/stdin); } <<'END'
### 1. What is taken, on record before it is used

# Where it is on record what is taken.
mkdir /var/lib/cni                              #  host: directory /var/lib/cni
mkdir /var/lib/cni/networks                     #  host: directory /var/lib/cni/networks
mkdir /var/lib/cni/networks/rkt.kubernetes.io   #  host: directory /var/lib/cni/networks/rkt.kubernetes.io

# What is taken: each file is made in one step, which fails if somebody else was faster.
install --mode=750 /dev/null /var/lib/cni/networks/rkt.kubernetes.io/lock                              #  host: file /var/lib/cni/networks/rkt.kubernetes.io/lock
bash -c 'set -o noclobber; printf "nginx\r\neth0" >/var/lib/cni/networks/rkt.kubernetes.io/10.1.0.2'   #  host: file /var/lib/cni/networks/rkt.kubernetes.io/10.1.0.2 nginx eth0
bash -c 'set -o noclobber; printf "web\r\neth0" >/var/lib/cni/networks/rkt.kubernetes.io/10.1.0.3'     #  host: file /var/lib/cni/networks/rkt.kubernetes.io/10.1.0.3 web eth0
bash -c 'set -o noclobber; printf "db\r\neth0" >/var/lib/cni/networks/rkt.kubernetes.io/10.1.0.4'      #  host: file /var/lib/cni/networks/rkt.kubernetes.io/10.1.0.4 db eth0
bash -c 'printf "10.1.0.4" >/var/lib/cni/networks/rkt.kubernetes.io/last_reserved_ip.0'                #  host: file /var/lib/cni/networks/rkt.kubernetes.io/last_reserved_ip.0

### 2. Namespaces, bridges and veth pairs

# The namespaces.
ip netns add nginx   #+ nginx: namespace
ip netns add web     #+ web: namespace
ip netns add db      #+ db: namespace

# The bridge that joins the pods of the node, which is their gateway (isGateway). Its MAC address is set, and stays when pods come and go.
ip link add name mybridge address 0a:6e:47:5f:6c:06 group 277012325 type bridge   #+ host mybridge: bridge
ip link set dev mybridge address 0a:6e:47:5f:6c:06                                #= host mybridge: address 0a:6e:47:5f:6c:06

# eth0 in nginx; its peer veth1f48f1dc on the host, a port of mybridge.
ip link add name veth1f48f1dc up mtu 1460 master mybridge group 277012325 type veth peer name eth0 mtu 1460 group 277012325 netns nginx   #+ host veth1f48f1dc: veth, peer nginx eth0
ip link set dev veth1f48f1dc master mybridge   #= host veth1f48f1dc: master mybridge
ip link set dev veth1f48f1dc mtu 1460          #= host veth1f48f1dc: mtu 1460
ip link set dev veth1f48f1dc up                #= host veth1f48f1dc: up
ip -n nginx link set dev eth0 mtu 1460         #= nginx eth0: mtu 1460

# eth0 in web; its peer vethbf305cac on the host, a port of mybridge.
ip link add name vethbf305cac up mtu 1460 master mybridge group 277012325 type veth peer name eth0 mtu 1460 group 277012325 netns web   #+ host vethbf305cac: veth, peer web eth0
ip link set dev vethbf305cac master mybridge   #= host vethbf305cac: master mybridge
ip link set dev vethbf305cac mtu 1460          #= host vethbf305cac: mtu 1460
ip link set dev vethbf305cac up                #= host vethbf305cac: up
ip -n web link set dev eth0 mtu 1460           #= web eth0: mtu 1460

# eth0 in db; its peer veth3d6cb003 on the host, a port of mybridge.
ip link add name veth3d6cb003 up mtu 1460 master mybridge group 277012325 type veth peer name eth0 mtu 1460 group 277012325 netns db   #+ host veth3d6cb003: veth, peer db eth0
ip link set dev veth3d6cb003 master mybridge   #= host veth3d6cb003: master mybridge
ip link set dev veth3d6cb003 mtu 1460          #= host veth3d6cb003: mtu 1460
ip link set dev veth3d6cb003 up                #= host veth3d6cb003: up
ip -n db link set dev eth0 mtu 1460            #= db eth0: mtu 1460

### 3. Addresses, routes and settings, several namespaces at a time

# nginx. A pod, as ADD leaves it: others see the address that it has itself.
ip netns exec nginx bash -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_notify'   #  nginx: net.ipv4.conf.eth0.arp_notify 1
ip netns exec nginx bash -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'   #  nginx: net.ipv6.conf.eth0.accept_dad 0
ip -n nginx link set dev lo up                                                  #  nginx lo: up
ip -n nginx address add 10.1.0.2/16 brd + dev eth0                              #  nginx eth0: inet 10.1.0.2/16
ip -n nginx link set dev eth0 up                                                #  nginx eth0: up
ip -n nginx route add default via 10.1.0.1 dev eth0                             #  nginx: inet route default via 10.1.0.1 dev eth0

# web. A pod, as ADD leaves it: others see the address that it has itself.
ip netns exec web bash -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_notify'   #  web: net.ipv4.conf.eth0.arp_notify 1
ip netns exec web bash -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'   #  web: net.ipv6.conf.eth0.accept_dad 0
ip -n web link set dev lo up                                                  #  web lo: up
ip -n web address add 10.1.0.3/16 brd + dev eth0                              #  web eth0: inet 10.1.0.3/16
ip -n web link set dev eth0 up                                                #  web eth0: up
ip -n web route add default via 10.1.0.1 dev eth0                             #  web: inet route default via 10.1.0.1 dev eth0

# db. A pod, as ADD leaves it: others see the address that it has itself.
ip netns exec db bash -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_notify'   #  db: net.ipv4.conf.eth0.arp_notify 1
ip netns exec db bash -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad'   #  db: net.ipv6.conf.eth0.accept_dad 0
ip -n db link set dev lo up                                                  #  db lo: up
ip -n db address add 10.1.0.4/16 brd + dev eth0                              #  db eth0: inet 10.1.0.4/16
ip -n db link set dev eth0 up                                                #  db eth0: up
ip -n db route add default via 10.1.0.1 dev eth0                             #  db: inet route default via 10.1.0.1 dev eth0

### 4. Where the bridges are: they come up last

# The host.
bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'                    #  host: net.ipv4.ip_forward 1
bash -c 'echo 0 >/proc/sys/net/ipv6/conf/mybridge/accept_ra'       #  host: net.ipv6.conf.mybridge.accept_ra 0
bash -c 'echo 0 >/proc/sys/net/ipv6/conf/veth1f48f1dc/accept_ra'   #  host: net.ipv6.conf.veth1f48f1dc.accept_ra 0
bash -c 'echo 0 >/proc/sys/net/ipv6/conf/vethbf305cac/accept_ra'   #  host: net.ipv6.conf.vethbf305cac.accept_ra 0
bash -c 'echo 0 >/proc/sys/net/ipv6/conf/veth3d6cb003/accept_ra'   #  host: net.ipv6.conf.veth3d6cb003.accept_ra 0
ip link set dev mybridge mtu 1460                                  #  host mybridge: mtu 1460
ip address add 10.1.0.1/16 brd + dev mybridge                      #  host mybridge: inet 10.1.0.1/16
ip link set dev mybridge up                                        #  host mybridge: up

# The packet filter of the host: sources that are masqueraded.
nft 'add table inet k8snet-kubernetes; delete table inet k8snet-kubernetes; table inet k8snet-kubernetes { chain postrouting { type nat hook postrouting priority srcnat; policy accept; ip saddr 10.1.0.2 ip daddr != 10.1.0.0/16 ip daddr != 224.0.0.0/4 masquerade; ip saddr 10.1.0.3 ip daddr != 10.1.0.0/16 ip daddr != 224.0.0.0/4 masquerade; ip saddr 10.1.0.4 ip daddr != 10.1.0.0/16 ip daddr != 224.0.0.0/4 masquerade; }; }'   #  host: nft table inet k8snet-kubernetes
END

#### The rest is the same in every setup.sh, SHA-256 23729acb169af743ca5339bf28d7ef7e8acec567a470c713be2374be4f404deb

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

# ---- what differs ----

# Notes a command for a wave, and the fact that it changes.
note_command() {
	local place
	find_place "$2"
	note_batch "$1 $place" "$2"
	about[$2]=$3
}

# Notes commands for a wave and a place, "2 node1", which has others already or not.
note_batch() {
	local number=${1%% *} place=${1#* } IFS=$'\n'
	if [[ ! -v batch[$1] ]]; then # which, unlike an expansion, leaves a long text where it is
		if [[ $place == host ]]; then places[number]="host ${places[number]-}"; else places[number]+=" $place"; fi
	fi
	batch[$1]+="${*:2}"$'\n'
}

# Notes a fact that is not to be, and the commands that end it. Namespaces go when what has an end in them has gone.
note_removal() {
	local number=0 line
	if [[ $2 == *': namespace' ]]; then number=1; fi
	drift+=("there, not wanted: $2")
	while IFS= read -r line; do note_command "$number" "$line" "$2"; done <<<"$1"
}

# Refuses to start where something of a wanted name was made by others, or something that others make is missing.
refuse_foreign() {
	local n name
	for name in "${namespaces[@]}"; do
		if [[ ! ${netns[$name]+set} ]] || owns_namespace "$name"; then continue; fi
		if [[ $adopt ]]; then
			owned[$name]=${netns[$name]}
		elif [[ ${netns[$name]} == broken ]]; then
			refused+=("namespace $name exists only as a file in /run/netns, and this topology did not make it (--adopt replaces it)")
		else
			refused+=("namespace $name exists, and this topology did not make it (--adopt takes it over)")
		fi
	done
	for n in "${makings[@]}"; do
		refuse_link "$n" "${owner[n]}"
		if [[ ${words[n]} == veth,* ]]; then refuse_link "$n" "${words[n]#veth, peer }"; fi
	done
	for n in "${files[@]}"; do refuse_file "$n"; done
	if [[ ! -e /proc/sys/net/ipv6/conf ]]; then refuse_ipv6; fi
	for n in "${needs[@]}"; do
		name=${owner[n]%% *}
		if [[ ${words[n]} == namespace ]]; then
			[[ ${netns[$name]-broken} != broken ]] || refused+=("namespace $name has to exist before setup, and does not")
			continue
		fi
		if [[ $name != host && ${netns[$name]-broken} == broken ]] || holds "${owner[n]}" "${words[n]}"; then continue; fi
		refused+=("${owner[n]}: ${words[n]}: has to be so before setup, and is not")
	done
}

refuse_link() {
	if [[ ! ${live[$2]+set} || ${live[$2]} == *"\"group\":\"$MARK\""* ]]; then return 0; fi
	local n=$1 ip namespace=${2%% *} name=${2#* }
	if ! holds "${owner[n]}" "${words[n]}"; then
		refused+=("interface $name ($namespace) exists, is not what is wanted (${owner[n]}: ${words[n]}), and this topology did not make it")
	elif [[ $adopt ]]; then
		ip_in "$namespace"
		note_command 0 "$ip link set dev $name group $MARK" "$2: group $MARK"
		drift+=("not ours yet: $2")
	else
		refused+=("interface $name ($namespace) exists, and this topology did not make it (--adopt takes it over)")
	fi
}

refuse_ipv6() {
	local n
	for n in "${!words[@]}"; do
		if [[ ${words[n]} == inet6' '* ]]; then
			refused+=("this kernel has no IPv6 (there is no /proc/sys/net/ipv6), and it is needed: ${step[n]}")
			return
		fi
	done
}

refuse_file() {
	local path=${words[$1]#file } key
	path=${path%% *}
	if [[ ! -e $path ]] || holds host "${words[$1]}"; then return 0; fi
	for key in "${borrowings[@]}"; do
		if [[ $key == "host: file $path "* ]] && holds host "${key#*: }"; then return 0; fi
	done
	refused+=("$path exists, and does not say ${words[$1]#"file $path "}: what it stands for is taken by somebody else")
}

# Removes what this topology owns and does not want any more: of an earlier version of it, or no longer what it was.
remove_leftovers() {
	local n object name peer text
	for ((n = ${#borrowings[@]} - 1; n >= 0; n--)); do
		text=${borrowings[n]}
		if [[ ! ${wanted[$text]+set} && ! ${shared[$text]+set} ]] && holds "${text%%: *}" "${text#*: }" '' && ! serves_others "$text"; then
			note_removal "${undo[$text]}" "$text"
			expect_back "${text%%: *}" "${text#*: }" "${undo[$text]}"
		fi
	done
	for n in "${makings[@]}"; do
		if [[ ${fact[${step[n]}]+set} || ! ${live[${owner[n]}]+set} ]]; then continue; fi
		if ! holds "${owner[n]}" "${words[n]}"; then remove_link "${owner[n]}"; fi
	done
	for n in "${makings[@]}"; do
		if [[ ${live[${owner[n]}]+set} ]]; then continue; fi
		peer=${words[n]#veth, peer }
		if [[ ${live[$peer]+set} ]]; then remove_link "$peer"; fi
	done
	for object in "${!live[@]}"; do
		if [[ ! ${modelled[$object]+set} ]] && owns_link "$object"; then remove_link "$object"; fi
	done
	for name in "${!owned[@]}"; do
		if [[ ! ${netns[$name]+set} || ${modelled["$name lo"]+set} && ${netns[$name]} != broken ]]; then continue; fi
		if [[ ${foreign[$name]+set} ]]; then continue; fi # it was ours, and is given away
		if owns_namespace "$name"; then note_removal "ip netns delete $name" "$name: namespace"; fi
	done
}

# Takes it that a fact, OWNER WORDS, has been taken back by a command. What replaces it is taken back to the same.
expect_back() {
	local value
	case $2 in
	iptables' '* | ip6tables' '* | ingress | redirect' '*) unset 'fact["$1: $2"]' ;;
	tbf' '*) unset 'fact["$1: tbf"]' ;;
	net.*)
		value=${3#*echo }
		unset 'fact["$1: $2"]'
		fact["$1: ${2%% *} ${value%% >*}"]=1
		;;
	'master '*)
		value=${3%%$'\n'*}
		unset 'fact["$1: $2"]'
		if [[ $3 == *' nomaster' ]]; then
			value=''
		else
			fact["$1: master ${value##* }"]=1 value="\"master\":\"${value##* }\","
		fi
		live[$1]=${live[$1]/"\"master\":\"${2#* }\","/"$value"}
		;;
	esac
}

# Removes an interface; with it go its peer, what stands on it, its addresses and routes, and its ports are free.
remove_link() {
	local ip peer
	ip_in "${1%% *}"
	note_removal "$ip link delete dev ${1#* }" "$1: interface"
	find_other_end "$1"
	forget_link "$1"
	if [[ $peer ]]; then forget_link "$peer"; fi
}

forget_link() {
	local key name=${1#* } parent
	forget_mtu "$1"
	for key in "${!live[@]}"; do
		if [[ ${live[$key]-} != *'"info_kind":"macvlan"'* ]]; then continue; fi
		find_parent "$key"
		if [[ $parent == "$1" ]]; then forget_link "$key"; fi
	done
	unset 'live[$1]'
	for key in "${!live[@]}"; do
		if [[ $key == "$1 port of "* || $key == "${1%% *} "*" port of ${1#* }" ]]; then
			unset 'live[$key]'
		elif [[ $key == "${1%% *} "* ]]; then
			live[$key]=${live[$key]/"\"master\":\"${1#* }\","/}
			unset 'fact["$key: master ${1#* }"]'
			if [[ ${live[$key]} == *'"info_kind":"vxlan"'*"\"link\":\"${1#* }\""* ]]; then forget_link "$key"; fi
		fi
	done
	for key in "${!fact[@]}"; do
		case $key in
		"$1: "* | "$1 port of "* | "${1%% *}: net."*".${name//.//}."*) unset 'fact[$key]' ;;
		"${1%% *} "*": redirect $name") # its filter stays, and leads nowhere
			unset 'fact[$key]'
			fact["${key%: *}: filter 1"]=1
			;;
		*) if [[ "$1" == "${key%%: *} ${fact[$key]}" ]]; then unset 'fact[$key]'; fi ;;
		esac
	done
}

# Forgets what the kernel will change by itself when a step is carried out, so that it is set again afterwards.
foresee() {
	local n key old namespace following='' # whether there may be a bridge that follows its ports
	for key in "${!mtus[@]}"; do
		if [[ ${live[$key]+set} ]]; then following=yes && break; fi
	done
	for n in "${shifting[@]}"; do
		case ${words[n]} in
		'master '* | 'mtu '*)
			if [[ $following ]] && ! holds "${owner[n]}" "${words[n]}"; then forget_mtu "${owner[n]}" "${words[n]}"; fi
			continue
			;;
		'address '* | 'remote '* | 'group '*)
			if ! holds "${owner[n]}" "${words[n]}"; then expect_entries "${owner[n]}" "${words[n]}"; fi
			continue
			;;
		esac
		if holds "${owner[n]}" "${words[n]}"; then continue; fi
		namespace=${owner[n]%% *}
		if [[ ${words[n]} == net.* ]]; then # forwarding as a whole sets that of each interface
			old="net.${words[n]:4:4}.conf.*.forwarding *"
		elif [[ ${live[${owner[n]}]-} =~ '"vlan_default_pvid":'([0-9]+) ]]; then # the VLAN that every port had by default
			old="vlan ${BASH_REMATCH[1]} pvid untagged"
		else
			continue
		fi
		for key in "${!fact[@]}"; do
			case $key in
			"${owner[n]}: "* | "$namespace "*" port of ${owner[n]#* }: "*)
				# shellcheck disable=SC2053 # a pattern
				if [[ ${key#*: } == $old && $key != *": ${words[n]% *} "* ]]; then unset 'fact[$key]'; fi
				;;
			esac
		done
	done
}

# An interface that gets another address forgets its neighbours; one that gets another remote end, the entry for that.
expect_entries() {
	local key text=${live[$1]-} value
	if [[ $2 == address* ]]; then
		for key in "${!fact[@]}"; do
			if [[ $key == "$1: neigh "* ]]; then unset 'fact[$key]'; fi
		done
	elif [[ $text ]]; then
		for key in remote group remote6 group6; do
			if [[ ${text#*'"info_data":'} == *"\"$key\":\""* ]]; then
				text_of "$key"
				unset 'fact["$1: fdb 00:00:00:00:00:00 dst $value"]'
			fi
		done
		fact["$1: fdb 00:00:00:00:00:00 dst ${2#* }"]=1
	fi
}

# least[host br0]: the lowest MTU that the ports of a bridge are to have
declare -A least=()

# Forgets the MTU of the bridge that an interface is a port of, or will be, if it may be only following that of its ports
# and will follow them to another one.
forget_mtu() {
	local text=${live[$1]-} value='' bridge
	if [[ ${2-} == 'master '* ]]; then value=${2#master }; elif [[ $text == *'"master":"'* ]]; then text_of master; fi
	bridge="${1%% *} $value"
	if [[ ! ${mtus[$bridge]+set} ]]; then return 0; fi
	find_least "$bridge"
	if ((${least[$bridge]} != ${mtus[$bridge]})) && [[ ${live[$bridge]-} =~ '"mtu":'[0-9]+, ]]; then
		live[$bridge]=${live[$bridge]/"${BASH_REMATCH[0]}"/}
	fi
}

# Sets least_mtu to the lowest MTU that the ports of a bridge are to have.
find_least() {
	local port value lowest=''
	if [[ ! ${least[$1]+set} ]]; then
		for port in "${!ports[@]}"; do
			if [[ ${ports[$port]} != "$1" ]]; then continue; fi
			value=${mtus[$port]-1500}
			if ((!lowest || value < lowest)); then lowest=$value; fi
		done
		least[$1]=${lowest:-1500}
	fi
	least_mtu=${least[$1]}
}

# Takes interfaces of ours out of bridges that the table does not have them in.
remove_masters() {
	local object key text value ip
	for object in "${!modelled[@]}"; do
		if [[ ${ports[$object]+set} || ${live[$object]-} != *'"master":"'* ]]; then continue; fi
		text=${live[$object]}
		text_of master
		ip_in "${object%% *}"
		note_removal "$ip link set dev ${object#* } nomaster" "$object: master $value"
		forget_mtu "$object"
		live[$object]=${text/"\"master\":\"$value\","/}
		unset 'live[$object port of $value]' 'fact["$object: master $value"]'
		for key in "${!fact[@]}"; do
			if [[ $key == "$object port of "* ]]; then unset 'fact[$key]'; fi
		done
	done
}

# Removes addresses, routes, VLANs and entries that the table does not have from the interfaces that it does have.
remove_extras() {
	local key here ip extra=()
	for key in "${!fact[@]}"; do
		if [[ ${wanted[$key]+set} || ${fact[$key]} == *'"scope":"link"'* ]]; then continue; fi
		if is_extra "${key%%: *}" "${key#*: }" "${fact[$key]}"; then extra+=("$key"); fi
	done
	for key in "${extra[@]}"; do
		if [[ $key == *': inet'*' route '* ]]; then remove_route "$key"; fi
	done
	for key in "${extra[@]}"; do
		here=${key%%: *}
		case ${key#*: } in
		*' route '*) ;;
		inet*) remove_address "$here" "${key##* }" "$key" ;;
		vlan*) remove_vlan "$here" "$key" ;;
		fdb* | neigh*) remove_entry "$here" "$key" ;;
		tbf | ingress | clsact | redirect* | filter*) remove_shaping "$here" "$key" ;;
		esac
	done
}

# Is a fact one that the table does not have? A VLAN of which only the flags differ is not, nor an entry that leads
# elsewhere: what adds it sets that.
is_extra() {
	local vid
	case $2 in
	'inet route '* | 'inet6 route '*) [[ ${modelled["$1 $3"]+set} || (! $3 && ${modelled["$1 lo"]+set}) ]] ;;
	inet*) [[ ! (${wanted["$1: $2 noprefixroute"]+set} && $3 == *'"noprefixroute":true'*) && ${modelled[$1]+set} && $3 != *'"dynamic":true'* && ($1 != *' lo' || $3 != *'"scope":"host"'*) ]] ;;
	'vlan '*)
		vid=${2#vlan } vid=${vid%% *}
		[[ ${tagging[$1]+set} && ! ${wanted["$1: vlan $vid"]+set} && ! ${wanted["$1: vlan $vid untagged"]+set} && ! ${wanted["$1: vlan $vid pvid untagged"]+set} ]]
		;;
	fdb' '* | neigh' '*) [[ ${modelled[$1]+set} && ! ${entries["$1: ${2% "${2#* * }"}"]+set} ]] ;;
	tbf | ingress | clsact | redirect' '* | filter' '*) is_shaping_extra "$@" ;;
	*) return 1 ;;
	esac
}

remove_route() {
	local ip text=" ${1#*: inet* route }"
	ip_in "${1%%: *}"
	if [[ $1 == *': inet6 '* ]]; then text=${text/ default/ ::\/0}; fi
	note_removal "$ip route delete$text" "$1"
	unset 'fact[$1]'
}

# Removes an address. The kernel takes more along: with the first IPv4 address of a network the others of that network
# on the interface, and with its last IPv4 address the interface's routes; they are added again where they are wanted.
remove_address() {
	local ip key left='' network
	[[ ${fact[$3]+set} ]] || return 0
	ip_in "${1%% *}"
	note_removal "$ip address delete ${3#*: inet* } dev ${1#* }" "$3"
	was[$3]=${fact[$3]}
	if [[ $3 == *': inet '* ]]; then
		network_of "$2" && local gone=$network
		for key in "${!fact[@]}"; do
			if [[ $key != "$1: inet "* || $key == "$3" ]]; then continue; fi
			network_of "${key##* }"
			if [[ ${fact[$3]} != *'"secondary":true'* && ${fact[$key]} == *'"secondary":true'* && $network == "$gone" ]]; then
				dragged+=("$ip address add ${key#*: inet* } dev ${1#* }")
				unset 'fact[$key]'
			else
				left=yes
			fi
		done
		for key in "${!fact[@]}"; do
			if [[ ! $left && $key == "${1%% *}: inet route "* && ${fact[$key]} == "${1#* }" ]]; then
				dragged+=("$ip route add ${key#*: inet* route }")
				unset 'fact[$key]'
			fi
		done
	fi
	unset 'fact[$3]'
}

# Sets network to that of an IPv4 address with its prefix length.
network_of() {
	local a b c d
	IFS=./ read -r a b c d network <<<"$1"
	network="$(((a << 24 | b << 16 | c << 8 | d) >> (32 - network))) $network"
}

remove_vlan() {
	local bridge=bridge name=${1#* } own=''
	if [[ $1 != host* ]]; then bridge="bridge -n ${1%% *}"; fi
	if [[ $1 != *' port of '* ]]; then own=' self'; fi
	local vid=${2#*: vlan }
	note_removal "$bridge vlan delete dev ${name%% port of *} vid ${vid%% *}$own" "$2"
	unset 'fact[$2]'
}

# Removes an entry of the FDB, or a neighbour.
remove_entry() {
	local ip entry=${2#*: }
	ip_in "${1%% *}"
	if [[ $entry == neigh* ]]; then
		entry=${entry#neigh }
		note_removal "$ip neigh delete ${entry%% *} dev ${1#* }" "$2"
	else
		entry=${entry#fdb }
		note_removal "bridge${ip#ip} fdb delete ${entry%% *} dev ${1#* } ${entry#* }" "$2"
	fi
	unset 'fact[$2]'
}

# Notes the steps of the table whose facts are not true, and their commands: at once those that follow each other and are
# for the same place.
add_missing() {
	local n text here line back number place=host target='' lines=()
	for n in "${!step[@]}"; do
		text=${step[n]}
		if [[ ${fact[$text]+set} && ! ${shared[$text]+set} ]]; then continue; fi
		here=${owner[n]} line=${command[n]}
		if [[ ${live[$here]+set} || ${netns[$here]+set} || $here == host || ${words[n]} == net.* ]]; then
			if [[ ${sign[n]} == '+' && ${words[n]} != namespace ]]; then continue; fi # one of another kind has been removed
			if ! holds "$here" "${words[n]}" "$line"; then
				missing+=("$n")
			else
				if [[ ${shared[$text]+set} ]]; then share "$text"; fi
				if [[ ${words[n]} != command' '* ]] || ! is_rewired "$here"; then continue; fi
				line="${checks[$text]} || $line"
				about[$line]="$here: ask ${words[n]}"
			fi
		elif [[ ${sign[n]} == '=' ]]; then
			continue
		else
			missing+=("$n")
		fi
		number=${wave[n]}
		case $line in
		"ip -n $place "*) ;;
		'ip link '* | 'ip netns add '*) place=host ;;
		"nft '"*) if ((${#rules[@]})); then place=host; else place=host beside_until=$number number=$BESIDE; fi ;;
		*) find_place "$line" ;;
		esac
		if [[ "$number $place" != "$target" ]]; then
			if [[ $target ]]; then note_batch "$target" "${lines[@]}"; fi
			if ((${#lines[@]} > MUCH)) && [[ $target != "${wave[n]} "* ]]; then begin_early; fi
			target="$number $place" lines=()
		fi
		lines+=("$line")
		case ${words[n]} in
		namespace) created[$here]=1 && continue ;;
		'master '*) if [[ ${live[$here]-} == *'"master":'* ]]; then read_vlans "${here%% *}"; fi ;;
		esac
		if [[ ${modelled[$here]+set} || ${undo[$text]+set} || $line != "${command[n]}" ]]; then continue; fi
		if is_borrowed "$here" "${words[n]}"; then
			about[$line]=$text
			invert "$line"
			if [[ $back ]]; then undo[$text]=$back borrowed+=("$text"); fi
		fi
	done
	if [[ $target ]]; then note_batch "$target" "${lines[@]}"; fi
}

# Does a namespace get an interface in this run, or lose one? What people's commands did to that is gone with it.
is_rewired() {
	local text n what='@(interface|bridge|veth,*|vxlan*|macvlan*|ifb)'
	for n in "${missing[@]}"; do
		if [[ ${step[n]} == "$1 "*": "$what || ${step[n]} == *": veth, peer $1 "* ]]; then return 0; fi
	done
	for text in "${about[@]}"; do
		if [[ $text == "$1 "*": "$what || $text == *": veth, peer $1 "* ]]; then return 0; fi
	done
	return 1
}

# Notes that this network, too, needs a fact that another one made true on something that is not theirs.
share() {
	if [[ ! ${undo[$1]+set} ]]; then undo[$1]=${shared[$1]} borrowed+=("$1"); fi
}

# ---- rates that differ, removed and taken back ----

# The words that each command of tc begins with in a namespace.
tc_in() { if [[ $1 == host ]]; then tc=tc; else tc="tc -n $1"; fi; }

# Is a fact one that the table does not have? Where it has no filters, what there is goes with all of them.
is_shaping_extra() {
	case $2 in
	tbf) [[ ${modelled[$1]+set} && ! ${rated[$1]+set} ]] ;;
	ingress | clsact) [[ ${modelled[$1]+set} ]] ;;
	*) [[ ${wanted["$1: ingress"]+set} && ! (${modelled[$1]+set} && ${fact["$1: clsact"]+set}) ]] ;;
	esac
}

# Removes such a fact of an interface.
remove_shaping() {
	local tc key dev=${1#* } kind=${2#"$1: "}
	tc_in "${1%% *}"
	case $kind in
	tbf) note_removal "$tc qdisc delete dev $dev root" "$1: ${fact[$2]}" ;;
	ingress | clsact)
		note_removal "$tc qdisc delete dev $dev $kind" "$2"
		for key in "${!fact[@]}"; do
			if [[ $key == "$1: redirect "* ]]; then was[$1]=${fact[$key]} && unset 'fact[$key]'; fi
		done
		;;
	*)
		note_removal "$tc filter delete dev $dev ingress pref 1" "$2"
		unset 'fact[$2]'
		;;
	esac
}

# The same as invert, for what is about such a fact of an object, WISH.
invert_shaping() {
	local tc dev=${object#* } old=${fact["$object: tbf"]-} key
	tc_in "${object%% *}"
	case $wish in
	tbf*) if [[ $old ]]; then back="$tc qdisc replace dev $dev root $old"; else back="$tc qdisc delete dev $dev root"; fi ;;
	ingress | clsact)
		back="$tc qdisc delete dev $dev $wish"
		if [[ $1 == "$back" ]]; then
			back="$tc qdisc add dev $dev $wish"
			if [[ ${was[$object]-} ]]; then back+=$'\n'"$(redirect "${was[$object]}")"; fi
		fi
		;;
	redirect*)
		back="$tc filter delete dev $dev ingress pref 1"
		if [[ $1 == "$back" ]]; then back=$(redirect "${wish#* }"); fi
		;;
	esac
}

redirect() { printf '%s' "$tc filter add dev $dev ingress pref 1 protocol all u32 match u32 0 0 action mirred egress redirect dev $1"; }

# ---- what an earlier version of this topology set, and this one says nothing of ----
#
# The facts that the last run wanted are on record. A setting among them that is no longer in the table goes back to what
# a new interface, bridge, port or namespace has, if it is one of ours and still as it was set.

readonly WANTED=$STATE/wanted
declare recorded_facts='' # of the last run; those of this one, too, while it is under way
declare -a outdated=()    # the facts that are settings nobody asks for any more

# What the kernel gives a new bridge, a new port, and any new interface.
declare -A of_bridges=([stp_state]=0 [mcast_snooping]=1 [forward_delay]=1500 [hello_time]=200 [max_age]=2000
	[ageing_time]=30000 [priority]=32768 [group_fwd_mask]=0 [vlan_filtering]=0 [vlan_default_pvid]=1)
declare -A of_ports=([hairpin]=off [guard]=off [root_block]=off [fastleave]=off [isolated]=off [neigh_suppress]=off
	[proxy_arp]=off [learning]=on [flood]=on [mcast_flood]=on [bcast_flood]=on [cost]=2 [priority]=32)
declare -A of_interfaces=([mtu]=1500 [promisc]=off [allmulti]=off [txqlen]=1000 [address]=random)

# Sets outdated, and notes what has to be read of it.
find_outdated() {
	local text here IFS=$'\n'
	local -A asked=() # owners with the keys that the table has for them
	if [[ ! -r $WANTED ]]; then return 0; fi
	recorded_facts=$(<"$WANTED")
	if [[ $recorded_facts == "${step[*]}" ]]; then return 0; fi
	for text in "${!wanted[@]}"; do
		here=${text%%: *} text=${text#*: }
		asked["$here: ${text%% *}"]=1
	done
	set -f
	for text in $recorded_facts; do
		here=${text%%: *}
		if [[ ${wanted[$text]+set} ]]; then continue; fi
		text=${text#*: }
		case $text in tbf' '* | ingress | redirect' '*) note_reading "${here%% *}" "$text" ;; esac
		if [[ ! ${asked["$here: ${text%% *}"]+set} ]] && is_setting "$here" "${text%% *}"; then
			outdated+=("$here: $text")
			note_reading "${here%% *}" "$text"
		fi
	done
	set +f
}

# Is what OWNER has by that key a setting that can go back, of a thing of ours?
is_setting() {
	local name=${2#net.*.*.}
	case "$1 $2" in
	*' '*' vlan') [[ ${modelled[${1%% port of *}]+set} ]] ;;
	*' port of '*' '*) [[ ${of_ports[$2]+set} && ${modelled[${1%% port of *}]+set} ]] ;;
	*' '*' '*) [[ ${of_bridges[$2]-}${of_interfaces[$2]-} && ${modelled[$1]+set} ]] ;;
	*)
		name=${name%%.*}
		[[ $2 == net.* && (${modelled["$1 lo"]+set} || ($2 == net.*.@(conf|neigh).*.* && ${modelled["$1 ${name//\//.}"]+set})) ]]
		;;
	esac
}

# Puts the outdated settings back, those of bridges after the VLANs of their ports.
restore_defaults() {
	local text here key ip line vlans_left=() rest=()
	for text in "${outdated[@]}"; do
		if [[ $text == *': vlan '* ]]; then vlans_left+=("$text"); else rest+=("$text"); fi
	done
	for text in "${vlans_left[@]}" "${rest[@]}"; do
		here=${text%%: *} key=${text#*: } line=''
		key=${key%% *}
		if [[ $here == *' '* && ! ${live[$here]+set} ]] || ! holds "$here" "${text#*: }"; then continue; fi
		ip_in "${here%% *}"
		case "$here $key" in
		*' vlan') restore_vlan ;;
		*' port of '*) restore_port ;;
		*' '*' '*) restore_interface ;;
		*) restore_setting ;;
		esac
		if [[ $line ]]; then note_removal "$line" "$text"; fi
	done
}

# A port that moves to another bridge in this run has a new port's options there.
restore_port() {
	local name=${here%% port of *} value=${of_ports[$key]}
	if [[ ${ports[$name]-} != "${here%% *} ${here#* port of }" ]]; then return 0; fi
	if [[ $key == cost && ${live[$name]} != *'"info_kind":"veth"'* ]]; then value=100; fi
	if [[ ${text##* } != "$value" ]]; then line="$ip link set dev ${name#* } type bridge_slave $key $value"; fi
}

# A bridge of ours, or a port, leaves a VLAN. Then it has the one that all have by default: a bridge of ours gives it when it
# gets its vlan_default_pvid back, one of others has it.
restore_vlan() {
	local name=${here#* } bridge=$here own='' default=0
	if [[ $here == *' port of '* ]]; then bridge="${here%% *} ${here#* port of }"; else own=' self'; fi
	name=${name%% port of *}
	if [[ ! $own && ${ports["${here%% *} $name"]-} != "$bridge" ]]; then return 0; fi
	if [[ ! ${modelled[$bridge]+set} && ${live[$bridge]-} =~ '"vlan_default_pvid":'([0-9]+) ]]; then default=${BASH_REMATCH[1]}; fi
	if [[ $text == *": vlan $default pvid untagged" ]]; then return 0; fi
	remove_vlan "$here" "$text"
	if ((default == 0)) || [[ ${fact["$here: vlan $default pvid untagged"]+set} ]]; then return 0; fi
	fact["$here: vlan $default pvid untagged"]=1
	line="bridge${ip#ip} vlan add dev $name vid $default pvid untagged"
}

# An interface gets the link-layer address that nothing else should have, and that is the same one until the next boot.
restore_interface() {
	local name=${here#* } value=${of_interfaces[$key]-}
	case $key in
	mtu)
		find_usual_mtu
		if [[ ! $value ]]; then return 0; fi
		forget_mtu "$here"
		line="$ip link set dev $name mtu $value"
		;;
	address)
		value=$(sha256sum <<<"$(</proc/sys/kernel/random/boot_id) $here")
		value=02:${value:0:2}:${value:2:2}:${value:4:2}:${value:6:2}:${value:8:2}
		expect_entries "$here" address
		line="$ip link set dev $name address $value"
		;;
	allmulti) line="$ip link set dev $name allmulticast $value" ;;
	promisc | txqlen) line="$ip link set dev $name $key $value" ;;
	*)
		if [[ ${live[$here]} != *'"info_kind":"bridge"'* ]]; then return 0; fi
		value=${of_bridges[$key]} line="$ip link set dev $name type bridge $key $value"
		;;
	esac
	if [[ ${text#*: } == "$key $value" ]]; then line=''; fi
}

# Sets value to the MTU of a new interface of that kind, or to nothing if that is not known. It is that of the interface
# below, less what is put around a frame. A bridge whose MTU was set does not follow that of its ports again: it gets the
# least that they are to have.
find_usual_mtu() {
	local text=${live[$here]} parent='' around=0
	case $text in
	*'"info_kind":"bridge"'*) find_least "$here" && value=$least_mtu && return ;;
	*'"info_kind":"macvlan"'*) find_parent "$here" ;;
	*'"info_kind":"vxlan"'*'"link":"'*)
		text_of link
		parent="${here%% *} $value" around=50
		if [[ $text == *'"'@(local|remote|group)'6":'* ]]; then around=70; fi
		;;
	*'"info_kind":"veth"'* | *'"info_kind":"vxlan"'*) return ;;
	esac
	text=${live[$parent]-} value=''
	if [[ $text == *'"mtu":'* ]]; then number_of mtu && value=$((value - around)); fi
}

# A setting of a new namespace, or one of an interface, which is what the namespace has for new ones.
restore_setting() {
	local path=${key//\//%} name=${key#net.*.*.} value='' write
	path=/proc/sys/${path//.//} path=${path//%/.}
	name=${name%%.*} name=${name//\//.}
	if [[ $key == net.*.@(conf|neigh).*.* && ${modelled["$here $name"]+set} && $name != lo ]]; then
		value=$(enter "$here" cat "${path/"/$name/"//default/}" 2>/dev/null) || return 0
	else
		value=$(unshare --net cat "$path" 2>/dev/null) || return 0
	fi
	value=${value//$'\t'/ }
	if [[ $text == *": $key $value" ]]; then return 0; fi
	write="bash -c 'echo $value >$path'"
	if [[ $here == host ]]; then line=$write; else line="ip netns exec $here $write"; fi
}

# Records what this run wants, beside what the last one wanted until it is done.
record_facts() {
	local IFS=$'\n'
	if [[ $recorded_facts == "${step[*]}" ]]; then return 0; fi
	if [[ $1 == intended ]]; then
		printf '%s\n' "${step[*]}" >>"$WANTED"
	elif ((${#step[@]})); then
		printf '%s\n' "${step[*]}" >"$WANTED"
	else
		rm -f "$WANTED"
	fi
}

# ---- what on this host is in the way ----
#
# Where the host is to forward packets, or to hand on frames from port to port, what others have told its kernel may drop
# them. It is said before anything is done, with a command that mends it. None of it is ours to change: the run goes on.

declare -a passages=() # the interfaces of the host that packets pass: its bridges, and what is no port of one

# Given is the text of the table.
look_for_obstacles() {
	local table=$1 family number bridging=''
	find_passages
	for family in ip ip6; do
		number=4
		if [[ $family == ip6 ]]; then
			if [[ $table != *': inet6 '* ]]; then break; fi
			number=6
		fi
		if forwards "$family"; then
			look_at_chains "$family" "this host is to forward IPv$number"
		elif [[ $bridging ]] && is_set "/proc/sys/net/bridge/bridge-nf-call-${family}tables" 1; then
			look_at_chains "$family" "IPv$number has to pass it from port to port, as net.bridge.bridge-nf-call-${family}tables is 1"
		fi
	done
	if [[ ${tunnels[host]-} ]] && forwards ip; then look_at_reverse_paths; fi
}

name_obstacle() {
	say "in the way: $1"
	say "to mend it: $2"
}

# Sets passages, and bridging if a bridge of the host has ports.
find_passages() {
	local n
	for n in "${makings[@]}" "${needs[@]}"; do
		if [[ ${owner[n]} != 'host '* || ${words[n]} == inet* ]]; then continue; fi
		if [[ ${ports[${owner[n]}]+set} ]]; then
			bridging=yes
		elif [[ ${words[n]} != exists ]]; then
			passages+=("${owner[n]#host }")
		fi
	done
}

# Does the table make the host forward what is of a family?
forwards() {
	if [[ $1 == ip6 ]]; then
		[[ ${wanted["host: net.ipv6.conf.all.forwarding 1"]+set} ]]
	else
		[[ ${wanted["host: net.ipv4.ip_forward 1"]+set} || ${wanted["host: net.ipv4.conf.all.forwarding 1"]+set} ]]
	fi
}

# Has a setting a value?
is_set() {
	local value
	{ read -r value <"$1"; } 2>/dev/null && [[ $value == "$2" ]]
}

# Looks through the chains that all forwarded packets of a family pass. Those of iptables are shown by nft as well, but for
# the ones of its older kind. Where the topology admits packets itself, by iptables, those chains are no obstacle.
look_at_chains() {
	local line table='' chain='' older='' forwarding=()
	if command -v nft >/dev/null; then
		local - IFS=$'\n'
		set -f
		for line in $(nft list chains 2>/dev/null); do
			line=${line##*$'\t'}
			case $line in
			'table '*) table=${line#table } table=${table% \{} ;;
			'chain '*) chain=${line#chain } chain=${chain% \{} ;;
			*' hook forward '*) if [[ $table == "$1 "* || $table == 'inet '* ]]; then forwarding+=("$table $chain"); fi ;;
			esac
		done
		IFS=$' \t\n'
		for line in "${forwarding[@]}"; do
			chain=${line##* } table=${line% *}
			look_at_nft_chain "$@"
		done
	fi
	if [[ -r /proc/net/${1}_tables_names ]]; then older=$(<"/proc/net/${1}_tables_names"); fi
	if [[ $'\n'$older$'\n' == *$'\nfilter\n'* ]]; then look_at_iptables "$@"; fi
}

look_at_nft_chain() {
	local text='' name tool="${1}tables" drops=$'\n(counter )?(drop|reject[^\n]*)\n'
	if [[ "$table $chain" == "$1 filter FORWARD" && ${rules[host]-} == *"$tool"* ]]; then return; fi
	list_rules "$chain" nft --stateless list chain "${table% *}" "${table#* }"
	if [[ $text != *'policy drop;'* && ! $text =~ $drops ]]; then return 0; fi
	for name in "${passages[@]}"; do
		if [[ $text != *"iifname \"$name\" "*accept* || $text != *"oifname \"$name\" "*accept* ]]; then
			if [[ $table == "$1 filter" && $chain == FORWARD ]]; then
				suggest_iptables "$@"
			else
				name_obstacle "the chain $chain of the nft table $table drops what no rule lets through, and $2" \
					"for i in ${passages[*]}; do for way in iifname oifname; do nft insert rule $table $chain \$way \$i accept; done; done"
			fi
			return
		fi
	done
}

# The same for the older kind of iptables.
look_at_iptables() {
	local text='' name tool="${1}tables" drops=$'\n-j (DROP|REJECT[^\n]*)\n'
	if [[ ${rules[host]-} == *"$tool"* ]]; then return; fi
	if command -v "$tool-legacy" >/dev/null; then tool+=-legacy; fi
	list_rules FORWARD "$tool" --wait --list-rules
	if [[ $text != *'-P FORWARD DROP'* && ! $text =~ $drops ]]; then return 0; fi
	for name in "${passages[@]}"; do
		if [[ $text != *$'\n'"-i $name -j ACCEPT"* || $text != *$'\n'"-o $name -j ACCEPT"* ]]; then
			suggest_iptables "$@"
			return
		fi
	done
}

# Adds to text the rules of a chain, a line each, and after one that hands everything on to another chain those of that one.
# Given are the chain and the command that lists one.
list_rules() {
	local chain=$1 listing line
	shift
	listing=$("$@" "$chain" 2>/dev/null) || return 0
	while read -r line; do
		text+=$'\n'${line#"-A $chain "}$'\n'
		if [[ $line =~ ^("-A $chain -j "|(counter )?jump )([^ ]+)$ ]]; then list_rules "${BASH_REMATCH[3]}" "$@"; fi
	done <<<"$listing"
}

suggest_iptables() {
	name_obstacle "the chain FORWARD of $tool drops what no rule lets through, and $2" \
		"for i in ${passages[*]}; do for way in -i -o; do $tool -I FORWARD \$way \$i -j ACCEPT; done; done"
}

# With a tunnel, packets come by the underlay whose answers go by the tunnel: a strict filter drops them.
look_at_reverse_paths() {
	local n dev path=/proc/sys/net/ipv4/conf
	for n in "${!words[@]}"; do
		if [[ ${words[n]} != 'dev '* || ${owner[n]} != 'host '* ]]; then continue; fi
		dev=${words[n]#dev }
		if is_strict "$dev"; then
			name_obstacle "$dev drops what comes by another way than answers take (rp_filter is 1), as with tunnels it does" \
				"echo 2 >$path/$dev/rp_filter"
		fi
	done
}

# Is the filter of an interface strict, once what the table wants of it is true? The larger of two settings counts.
is_strict() {
	local name text value=0 found
	for name in all "$1"; do
		{ read -r found <"$path/$name/rp_filter"; } 2>/dev/null || continue
		for text in 0 1 2; do
			if [[ ${wanted["host: net.ipv4.conf.${name//.//}.rp_filter $text"]+set} ]]; then found=$text; fi
		done
		if ((found > value)); then value=$found; fi
	done
	((value == 1))
}

# ---- setup: what is not true yet is made true ----

# places[2]: the namespaces in which wave 2 has something to do; batch[2 node1]: what, a command a line
# about[COMMAND]: the fact that it changes, if that is no step of the table; created[node1]: a namespace that this run makes
# was[FACT]: what was known of an address before it was removed; was[host vethB]: where it led what came in
# dragged: what adds again what the kernel took along
# failed[COMMAND]: that it did
# borrowed: the facts, in their order, that this run makes true on something that is not ours; undo has the ways back
declare -a places=() executed=() borrowed=() dragged=()
declare -A batch=() about=() created=() was=() failed=()

declare -a missing=()            # the numbers of the steps that are carried out
declare -a drift=() refused=()   # what else differs, and what forbids a run: for people to read
declare recorded='' written=''   # the record before, and as it is now
declare uses=''                  # what is to be in it of the namespaces of others
declare adopt='' keep=''         # options
declare begun='' begun_by=''     # the wave that is carried out while it is found out what else there is to do
declare beside='' beside_until=0 # what carries out the one that goes beside the others; the wave that does not end before

readonly MUCH=100 # lines of a batch, for which that is worth it

usage() {
	cat <<-END
		Usage: bash $SELF [--dry-run | --check] [--adopt] [--keep]

		Makes the network $NAME, or mends what differs from it. Run again, it changes nothing.
		Every command that changes something is printed on standard error before it is executed.

		  --dry-run  print the commands that a run would execute now, and change nothing
		  --check    print what differs, change nothing, and exit with 1 if anything differs
		  --adopt    take over things of the wanted names that this topology did not make
		  --keep     when a command fails, leave what was made so far for a look
		  --help     this text
	END
}

main() {
	local mode=run table
	while (($#)); do
		case $1 in
		--dry-run | --check) mode=${1#--} ;;
		--adopt) adopt=yes ;;
		--keep) keep=yes ;;
		--help) show_help ;;
		*) refuse_word "$1" ;;
		esac
		shift
	done
	prepare ip bridge nsenter flock stat head
	topology
	read_table "$table"
	if ((${#tables[@]})); then prepare nft; fi
	if ((${#rules[@]})); then prepare iptables ip6tables; fi
	if ((${#rated[@]})); then prepare tc; fi
	if [[ $mode == run ]]; then lock; fi
	read_ownership
	if borrows; then
		if [[ $mode == run ]]; then take_turn; fi
		read_others
	fi
	note_borrowings
	find_outdated
	read_wanted
	refuse_foreign
	if ((${#refused[@]})); then
		printf "$SELF: refused: %s\n" "${refused[@]}" >&2
		return 1
	fi
	if declare -F look_for_obstacles >/dev/null; then look_for_obstacles "$table"; fi # of a plugin nobody would hear it
	remove_leftovers
	remove_masters
	restore_defaults
	foresee
	remove_extras
	add_missing
	case $mode in
	check) report_drift ;;
	dry-run) for_each_batch announce ;;
	run) mend ;;
	esac
}

report_drift() {
	local n
	for n in "${missing[@]}"; do drift+=("wanted, not there: ${step[n]}"); done
	if ((${#drift[@]})); then printf '%s\n' "${drift[@]}"; fi
	((${#drift[@]} == 0))
}

# ---- the run ----

# Calls a command with each batch, in the order of a run: wave by wave, the host first.
for_each_batch() {
	local number place
	if [[ $begun ]]; then "$@" "${batch["$begun host"]}"; fi
	for number in "${!places[@]}"; do
		if [[ $number == "$begun" ]]; then continue; fi
		for place in ${places[number]}; do "$@" "${batch["$number $place"]}"; done
	done
}

mend() {
	local number
	if [[ $begun ]]; then record_intent; else get_ready; fi
	for number in "${!places[@]}"; do
		if ! tells_iptables "$number"; then end_turn; fi
		if ((number > beside_until)); then await_beside; fi
		case $number in
		"$BESIDE") begin_beside ;;
		"$begun") await_begun ;;
		*) run_wave "$number" ;;
		esac
	done
	await_beside
	end_turn
	settle
	record_facts finished
	trap '' INT TERM HUP PIPE
	go_back=''
}

# From now on there is something to take back when a run ends early.
get_ready() {
	local n text
	read_record "$OWNED"
	recorded=$text written=$text
	for n in "${needs[@]}"; do
		if [[ ${words[n]} == namespace ]]; then uses+="used"$'\t'"${owner[n]}"$'\t'"${netns[${owner[n]}]}"$'\n'; fi
	done
	go_back=roll_back
	record_intent
	record_facts intended
}

# Begins with the first wave, if it is for the host alone, as where a large network is made.
begin_early() {
	local number=${!places[*]} text
	if [[ $begun || $number == *' '* || $number == "$BESIDE" || ${places[$number]} != 'host ' ]]; then return; fi
	begun=$number text=${batch["$number host"]}
	if [[ $mode != run ]]; then return; fi
	get_ready
	announce "$text" >&2
	executed+=("$number host")
	tell begun act_on_host "$text" &
	begun_by=$!
}

await_begun() { reap "$begun_by" begun 'what was begun with'; }

# What nft is told on the host, which depends on nothing else: the kernel may take its time there, and waits for the most
# part. So it goes beside all waves up to the one that the table has it in; unless iptables, which has the same part of the
# kernel to do with, is told something, too.
begin_beside() {
	local text=${batch["$BESIDE host"]}
	announce "$text" >&2
	executed+=("$BESIDE host")
	tell beside act_on_host "$text" &
	beside=$!
}

await_beside() {
	if [[ ! $beside ]]; then return; fi
	reap "$beside" beside 'what nft was told'
	beside=''
}

# Waits for a worker, given its process, its name, and its work in words.
reap() {
	local text=''
	if wait "$1"; then return; fi
	if [[ -s $STATE/worker.$2 ]]; then text=$(<"$STATE/worker.$2"); fi
	give_up "${text:-"$3"$'\n'"ended without a word"}"
}

# Is iptables told something in a wave, or in a later one?
tells_iptables() {
	local key
	if ((${#rules[@]})); then
		for key in "${!batch[@]}"; do
			if ((${key%% *} >= $1)) && [[ ${batch[$key]} == *'tables --wait '* ]]; then return 0; fi
		done
	fi
	return 1
}

# Records what is about to be made and cannot be marked in the instant it is made: whatever happens, it is known as ours.
record_intent() {
	local name now=$recorded
	if [[ $'\n'$now != *$'\n'$uses* ]]; then now+=$uses; fi
	for name in "${!created[@]}"; do now+="netns"$'\t'"$name"$'\t-\n'; done
	note_ways_back "${borrowed[@]}"
	if [[ ! -e $OWNED || $now != "$written" ]]; then record "$now"; fi
}

# Carries out one wave: what there is for each namespace, several at a time, and the host's part beside them, or before.
run_wave() {
	local number=$1 place i worker workers text said here=() pids=() names=()
	for place in ${places[number]}; do
		text=${batch["$number $place"]}
		announce "$text" >&2
		executed+=("$number $place")
		if [[ $place != host ]]; then
			here+=("$place")
		elif [[ ${places[number]} != 'host ' ]] && ! comes_before "$text"; then
			tell host act_on_host "$text" &
			pids+=("$!") names+=(host)
		elif ! act_on_host "$text"; then
			give_up "$trouble"
		fi
	done
	workers=$((${#here[@]} < 32 ? (${#here[@]} + 7) / 8 : 4))
	for ((worker = 0; worker < workers; worker++)); do
		tell "$worker" work "$worker" &
		pids+=("$!") names+=("$worker")
	done
	for i in "${!pids[@]}"; do
		if wait "${pids[i]}"; then continue; fi
		said=''
		if [[ -s $STATE/worker.${names[i]} ]]; then said=$(<"$STATE/worker.${names[i]}"); fi
	done
	if [[ ${said+set} ]]; then give_up "${said:-"a part of wave $number"$'\n'"ended without a word"}"; fi
}

# Does the host's part of a wave come before that of the namespaces? What makes interfaces or changes some does, and what
# is no work for another process.
comes_before() {
	local - line IFS=$'\n'
	set -f
	if [[ $1 == *' link '* || $1 == *' netns add '* ]]; then return 0; fi
	for line in $1; do
		if [[ $line != "bash -c 'echo "*' >/proc/sys/'* ]]; then return 1; fi
	done
}

# Calls a command, in a process that nobody hears. What there was to say, if it fails, is then in a file that has the name
# of its worker.
tell() {
	hear_late
	if "${@:2}"; then return 0; fi
	printf '%s\n' "$trouble" >"$STATE/worker.$1"
	return 1
}

# The host's part, in turn where namespaces are made: two first namespaces at a time would race for the mount of /run/netns.
act_on_host() {
	local status=0 mine=''
	if [[ $1 == *'ip netns add '* && ! ${TURN+set} ]]; then
		mine=yes
		take_turn
	fi
	carry_out host "$1" || status=1
	if [[ $mine ]]; then end_turn; fi
	return "$status"
}

# One worker: every so many-th namespace, together where there is only what ip does, and settings to write. It stops where
# another one has failed.
work() {
	local i place commands others jobs='' one_by_one=()
	for ((i = $1; i < ${#here[@]}; i += workers)); do
		place=${here[i]} commands=$'\n'${batch["$number ${here[i]}"]}
		others=${commands//"ip netns exec $place bash -c 'echo "/i}
		case ${others%$'\n'} in
		*$'\n'[!i]* | *' netns exec '* | *' link delete '*) one_by_one[i]=$place ;;
		*) if ((${#here[@]} < 3)) && [[ $others == "$commands" ]]; then one_by_one[i]=$place; else jobs+=$place${commands//"ip -n $place "/}$'\n'; fi ;;
		esac
	done
	act_together "$1" || return 1
	for place in "${one_by_one[@]}"; do
		if [[ -s $STATE/worker.0 || -s $STATE/worker.1 || -s $STATE/worker.2 || -s $STATE/worker.3 ]]; then return 0; fi
		carry_out "$place" "${batch["$number $place"]}" || return 1
	done
}

# Carries out commands: what stands on standard input, in paragraphs, is the name of a namespace and a batch for ip in it,
# with commands in between that write settings. Ends where one fails, with its number in the paragraph and that name after
# what was said, or where a file that was named is not empty any more.
# shellcheck disable=SC2016 # what looks like an expansion is perl
readonly carrier='
my $stopped;
$SIG{$_} = sub { $stopped = 1 } for qw(INT TERM HUP);    # what is under way comes to its end
$/ = "";
while (my $job = <STDIN>) {
    exit 0 if grep { -s } @ARGV;
    exit 1 if $stopped;
    my ($name, @lines) = split /\n/, $job;
    next if eval { enter($name); carry_out(@lines) };
    print STDERR $@, $name;
    exit(($? >> 8) || 1);
}

sub carry_out {
    my ($batch, $number) = ("", 0);
    for (@_) {
        $number++;
        if (/^ip netns exec \S+ bash -c .echo (.*) >(\S+).$/) {
            return 0 if !hand_to_ip($batch);
            write_setting($2, "$1\n") or die "$2: $!\nCommand failed -:$number\n";
            $batch = "\n" x $number;    # so that ip counts them, too
        } else {
            $batch .= "$_\n";
        }
    }
    return hand_to_ip($batch);
}

sub write_setting {
    my ($path, $value) = @_;
    open my $file, ">", $path or return 0;
    return syswrite $file, $value;
}

sub hand_to_ip {
    my ($batch) = @_;
    return 1 if $batch !~ /\S/;
    open my $ip, "|-", "ip", "-batch", "-" or die "ip: $!\n";
    local $SIG{PIPE} = "IGNORE";
    print $ip $batch;
    return close $ip;
}
'

# Carries out the jobs by one process, or adds them to those that are carried out one by one.
act_together() {
	local said status=0 name lines IFS=$'\n'
	if [[ ! $jobs ]]; then return; fi
	said=$(exec perl -e "$hopper$carrier" "$HOSTTYPE" "$STATE"/worker.{0..3} <<<"$jobs" 2>&1) || status=$?
	case $status in
	0) ;;
	126 | 127) for ((i = $1; i < ${#here[@]}; i += workers)); do one_by_one[i]=${here[i]}; done ;;
	*)
		name=${said##*$'\n'}
		commands=${batch["$number $name"]-perl}
		mapfile -t lines <<<"${commands%$'\n'}"
		blame ip "$status" "${said%"$name"}" "${lines[@]}"
		return 1
		;;
	esac
}

# Records what is owned now, with the identities of the namespaces, if that is any different from before.
settle() {
	local name key now=$uses
	if ((${#created[@]})); then read_namespaces; fi
	for name in "${namespaces[@]}"; do now+="netns"$'\t'"$name"$'\t'"${netns[$name]}"$'\n'; done
	for key in "${borrowings[@]}" "${borrowed[@]}"; do
		if [[ ${wanted[$key]+set} ]]; then note_ways_back "$key"; fi
	done
	if [[ $now != "$written" ]]; then record "$now"; fi
}

# Replaces the record in one step, or leaves it as it is, where there is no room for another one, say. The first one is
# written where it belongs: when that is cut off, nothing was done yet.
record() {
	local draft=$OWNED
	if [[ -e $OWNED ]]; then draft+=.new; fi
	if printf '%s' "$1" >"$draft" && { [[ $draft == "$OWNED" ]] || mv "$draft" "$OWNED"; }; then
		written=$1
		return 0
	fi
	say "cannot write $OWNED, which tells what is ours: it stays as it was"
	if [[ $draft == "$OWNED" ]]; then rm -f "$draft"; fi
	return 1
}

# ---- going back ----

# Ends the run. Given is the command that failed and, from the next line on, what was said of it.
give_up() {
	failed[${1%%$'\n'*}]=1
	failure="failed: $1"
	exit 1
}

# Takes back, in reverse, what this run has done. Where it was stopped half way through a batch, some of that was not done;
# it is then not there to take back, and that is no failure. What failed was not done, and may belong to somebody else.
roll_back() {
	local i j n lines back text FORCE=yes
	declare -A taken_back=()
	if [[ $keep ]]; then
		say "what was made so far is left (--keep); run setup.sh again to go on, or teardown.sh"
		return
	fi
	say "taking back what this run has done"
	for text in "$STATE"/worker.*; do # several may have failed
		if [[ -s $text ]] && IFS= read -r text <"$text" && [[ $text ]]; then failed[$text]=1; fi
	done
	if ((${#borrowed[@]})); then
		take_turn # which another run may have had until now
		read_others
	fi
	for n in "${missing[@]}"; do about[${command[n]}]=${step[n]}; done
	for ((i = ${#executed[@]} - 1; i >= 0; i--)); do
		mapfile -t lines <<<"${batch[${executed[i]}]%$'\n'}"
		for ((j = 0; j < ${#lines[@]}; j++)); do
			if [[ ${failed[${lines[j]}]+set} ]]; then break; fi
		done
		while ((--j >= 0)); do
			text=${about[${lines[j]}]}
			if [[ ${shared[$text]+set} ]]; then continue; fi # others rely on it by now, and take it back
			if [[ $text == *': nft chain '* ]] && serves_others "$text"; then continue; fi
			if [[ $text == *': command '* ]]; then
				run_apart "${checks[$text]}" >/dev/null 2>&1 || continue
			elif [[ ${created[${executed[i]#* }]+set} ]]; then
				continue # it goes with the namespace
			fi
			invert "${lines[j]}"
			if [[ $text == *': command '* && $back ]]; then given[$back]=1; fi
			if [[ $back && ! ${taken_back[$back]+set} ]]; then take_back; fi
		done
	done
	for back in "${dragged[@]}"; do take_back; done
	if [[ $complained ]]; then keep_hold; fi
	if [[ $recorded_facts ]]; then printf '%s\n' "$recorded_facts" >"$WANTED"; fi
	if [[ $recorded ]]; then record "$recorded"; else rm -f "$OWNED"; fi
}

# What could not be taken back is still ours.
keep_hold() {
	local name now=$recorded
	say "what is left of it stays on record: when that is mended, run setup.sh again, or teardown.sh"
	read_namespaces
	for name in "${!created[@]}"; do
		if [[ ${netns[$name]+set} ]]; then now+="netns"$'\t'"$name"$'\t'"${netns[$name]}"$'\n'; fi
	done
	note_ways_back "${borrowed[@]}"
	recorded=$now
}

take_back() {
	local place
	taken_back[$back]=1
	announce "$back" >&2
	find_place "$back"
	carry_out "$place" "$back"
}

# Did anything of ours exist before this run? If not, all links that carry the mark go in one transaction.
is_fresh() {
	local text
	for text in "${live[@]}"; do
		if [[ $text == *"\"group\":\"$MARK\""* ]]; then return 1; fi
	done
}

# Sets back to the command that takes back another one, as things were before this run; or to nothing where there is none.
invert() {
	local object=${about[$1]%%: *} wish=${about[$1]#*: } text key value ip
	key=${wish%% *} text=${live[$object]-} back=''
	case $key in
	file) value=${wish#file } back="rm -f ${value%% *}" && return ;;
	directory) back="rmdir --ignore-fail-on-non-empty ${wish#directory }" && return ;;
	esac
	if [[ $wish == 'nft '[ce]* ]]; then
		invert_part "$1" "$wish"
		return
	fi
	if [[ $key == nft ]]; then
		value=${wish#nft table } back="delete ${wish#nft }"
		text=${fact["$object: nft ${value%% *}"]-}
		if [[ $text ]]; then back="add ${wish#nft }; $back; ${text//$'\r'/$'\n'}"; fi
		back="${1%%"nft '"*}nft ${back@Q}"
		return
	fi
	case $1 in
	*'tables --wait -N '*) back=${1/ -N / -X } && return ;;
	*'tables --wait -X '*) back=${1/ -X / -N } && return ;;
	*'tables --wait -A '*) back=${1/ -A / -D } && return ;;
	*'tables --wait -I '*) back=${1/ -I / -D } back=${back/ 1 / } && return ;;
	*'tables --wait -D '*' -j ACCEPT' | *'tables --wait -D '*' -j RETURN') back=${1/ -D / -A } && return ;;
	*'tables --wait -D '*)
		value=${1#* -D } value=${value%% *}
		back=${1/" -D $value "/" -I $value 1 "} && return
		;;
	esac
	case $key in
	master) if [[ $1 == *' type bridge_slave '* || $1 == *' vlan '* ]]; then return 0; fi ;; # it is one again with other options
	command) back=${ways_back[${about[$1]}]-} && return ;;
	ask) return ;; # it may have been true before
	tbf | ingress | clsact | redirect | filter) invert_shaping "$1" && return ;;
	esac
	case $1 in
	*'link delete '* | *'netns delete '*) ;; # it was ours, and not wanted
	'ip netns add '*) back="ip netns delete $object" ;;
	*' link add name '*' type macvlan '*)
		ip_in "${object%% *}"
		back="$ip link delete dev ${object#* }"
		;;
	'ip link add name '*) if is_fresh; then back="ip link delete group $MARK"; else back="ip link delete dev ${object#* }"; fi ;;
	*' link add name '*) back="${1%% add name *} delete dev ${object#* }" ;;
	*' vlan add '* | *' address add '* | *' route add '*) back=${1/ add / delete } ;;
	*' route prepend '*) back=${1/ prepend / delete } ;;
	*' address delete '*)
		back=${1/ delete / add }
		text=${was["$object: $wish"]//\"/}
		for value in ${text//,/ }; do
			case $value in
			broadcast:* | metric:* | label:*:*) back+=" ${value/:/ }" ;;
			nodad:true | noprefixroute:true) back+=" ${value%:*}" ;;
			esac
		done
		;;
	*' vlan delete '*) back="${1/ delete / add }${wish#vlan "${wish//[!0-9]/}"}" ;;
	*' fdb '* | *' neigh '*) turn_entry "$1" ;;
	*' delete '*) back=${1/ delete / add } ;;
	*' promisc '* | *' allmulticast '*) if [[ $text ]]; then case $1 in *on) back="${1% on} off" ;; *) back="${1% off} on" ;; esac fi ;;
	*' txqlen '*) if [[ $text ]]; then
		value=0
		if [[ $text == *'"txqlen":'* ]]; then number_of txqlen; fi
		back="${1% *} $value"
	fi ;;
	*' up') back=${1% up}' down' ;;
	*"echo ${wish#* } >/proc/sys/"*)
		for value in "${!fact[@]}"; do
			if [[ $value == "$object: $key "* ]]; then back=${1/"echo ${wish#* } "/"echo ${value#* "$key" } "}; fi
		done
		;;
	*'/proc/sys/'*) back="${1%%echo *}echo ${wish#* } >${1#*>}" ;;
	*' type vxlan '*learning) if [[ $1 == *nolearning ]]; then back="${1% *} learning"; else back="${1% *} nolearning"; fi ;;
	*' type vxlan group '*)
		if [[ $text == *'"group6":"'* ]]; then text_of group6; else text=${text#*'"info_data":'} && text_of group; fi
		if [[ $value ]]; then back="${1% group *} group $value dev ${1##* }"; fi
		;;
	*' type vxlan dev '*) if [[ $text == *'"link":"'* ]]; then text_of link && back="${1% *} $value"; fi ;;
	*' nomaster') back="${1% *} master ${wish#* }" ;;
	*' master '*) if [[ $text == *'"master":"'* ]]; then return_port "$1"; else back="${1% master *} nomaster"; fi ;;
	*)
		if [[ $1 == *' type vxlan '* && $text == *"\"${key}6\":"* ]]; then key+=6; fi
		if [[ $text != *"\"$key\":"* ]]; then return 0; fi # the thing was not there, and takes it along
		if [[ $text == *"\"$key\":\""* ]]; then text_of "$key"; else number_of "$key"; fi
		case $value in true) value=on ;; false) value=off ;; esac
		back="${1% *} $value"
		;;
	esac
}

# The same for an interface that leaves a bridge for another one: with it go the options and the VLANs that it had there.
return_port() {
	local key options='' bridge
	text_of master
	bridge=$value back="${1% *} $value"
	text=${live["$object port of $value"]-}
	for key in hairpin guard root_block fastleave isolated neigh_suppress proxy_arp learning flood mcast_flood bcast_flood cost priority; do
		if [[ $text != *"\"$key\":"* ]]; then continue; fi
		number_of "$key"
		case $value in true) value=on ;; false) value=off ;; esac
		if [[ $value != "${of_ports[$key]}" ]]; then options+=" $key $value"; fi
	done
	if [[ $options ]]; then back+=$'\n'"${1% master *} type bridge_slave$options"; fi
	return_vlans "$object port of $bridge"
}

# Adds to back what gives a port its VLANs again, given the port, where they are not just the one that any port there has.
return_vlans() {
	local key default='' tool=bridge has=''
	if [[ ${1%% *} != host ]]; then tool="bridge -n ${1%% *}"; fi
	text=$(enter "${1%% *}" ip -json -details link show dev "${1##* }" 2>/dev/null) || return 0
	if [[ $text =~ '"vlan_default_pvid":'([0-9]+) ]]; then default=${BASH_REMATCH[1]}; fi
	for key in "${!fact[@]}"; do
		if [[ $key != "$1: vlan "* ]]; then continue; fi
		key=${key#*: vlan }
		if [[ ${key%% *} == "$default" ]]; then has=yes; fi
		if [[ $key != "$default pvid untagged" ]]; then back+=$'\n'"$tool vlan add dev ${object#* } vid $key"; fi
	done
	if [[ ! $has && ${default:-0} != 0 ]]; then back+=$'\n'"$tool vlan delete dev ${object#* } vid $default"; fi
}

# The same for an entry of the FDB, or a neighbour. What replaced another one gives way to that again.
turn_entry() {
	local entry=${wish#* } prefix=${1%% "${wish%% *}" *} dev=${object#* } old='' key
	if [[ $1 != *' delete '* ]]; then
		back="$prefix ${wish%% *} delete ${entry%% *} dev $dev"
		if [[ $wish == fdb* ]]; then back+=" ${entry#* }"; fi
		if [[ $1 == *' append '* ]]; then return 0; fi
		for key in "${!fact[@]}"; do
			if [[ $key == "$object: ${wish%% *} ${entry%% *} "* ]]; then old=${key#"$object: "}; fi
		done
		if [[ ! $old ]]; then return 0; fi
		entry=${old#* }
	fi
	if [[ $wish == fdb* ]]; then
		back="$prefix fdb append ${entry%% *} dev $dev ${entry#* }"
		if [[ $old ]]; then back=${back/ append / replace }; fi
	else
		back="$prefix neigh replace $entry dev $dev nud permanent"
	fi
}

# ---- so that a script that is cut off does nothing, this comes last ----

{
	main "$@"
	exit
}
