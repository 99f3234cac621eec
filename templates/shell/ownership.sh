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
