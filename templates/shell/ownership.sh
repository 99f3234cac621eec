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
declare -A netns=() owned=() undo=()
declare -a borrowings=() # the keys of undo, in the order in which they were made true

# Takes the lock of this topology: the directory of its state, unless a teardown removes it in that moment.
lock() {
	while mkdir -p "$STATE"; do
		exec {LOCK}<"$STATE"
		flock --nonblock "$LOCK" || {
			say "another run on $NAME is under way; waiting for it"
			flock "$LOCK"
		}
		[[ ! /proc/self/fd/$LOCK -ef $STATE ]] || return 0
		exec {LOCK}<&-
	done
}

# What is recorded as ours, and which namespaces there are.
read_ownership() {
	local kind name rest
	if [[ -r $OWNED ]]; then
		while IFS=$'\t' read -r kind name rest; do
			case $kind in
			netns) owned[$name]=$rest ;;
			undo) undo[$name]=$rest borrowings+=("$name") ;;
			esac
		done <"$OWNED"
	fi
	read_namespaces
}

# A name in /run/netns that is no namespace is what was left when its making was cut off.
read_namespaces() {
	local kernel kind inode changed path
	netns=()
	[[ -d /run/netns ]] || return 0
	kernel=$(stat --dereference --format %d /proc/self/ns/net)
	while read -r kind inode changed path; do
		if [[ $kind == "$kernel" ]]; then netns[${path##*/}]="$inode $changed"; else netns[${path##*/}]=broken; fi
	done < <(stat --format '%d %i %.9Z %n' /run/netns/* 2>/dev/null)
}

# Removes what processes of a run had to say.
sweep() {
	if compgen -G "$STATE/said.*" >/dev/null; then rm -f "$STATE"/{worker,said}.*; fi
}

# Removes the record of a topology that owns nothing.
forget_state() {
	if [[ -e $STATE && ! -e $OWNED ]]; then rmdir --parents --ignore-fail-on-non-empty "$STATE" 2>/dev/null || true; fi
}

owns_namespace() { [[ ${owned[$1]-} == - || (${owned[$1]+set} && ${owned[$1]} == "${netns[$1]-}") ]]; }
owns_link() { [[ ${live[$1]-} == *"\"group\":\"$MARK\""* ]]; }
