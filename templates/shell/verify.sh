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
	if (($#)); then
		if [[ $1 == --help ]]; then show_help; fi
		refuse_word "$1"
	fi
	prepare ip bridge nsenter stat head sleep
	topology
	read_table "$table"
	if ((${#rated[@]})); then prepare tc; fi
	read_probes
	printf 'TAP version 13\n1..%d\n' "$((${#step[@]} + ${#probe[@]} + ${#requirement[@]}))"
	wait_until_settled
	check_facts
	check_probes
	check_requirements
	((failures == 0))
}

# Prints the result of one check: "ok" or "not ok", what it is, and if it failed, what more there is to say.
report() {
	count+=1
	if [[ $1 == ok ]]; then
		printf 'ok %d - %s\n' "$count" "$2"
	else
		if [[ $1 == failed ]]; then failures+=1; fi
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
declare -a seen=() part=()                                   # the address that the other side sees; the requirement
declare -a requirement=() promised=()                        # what Kubernetes asks for, and whether the topology gives it
declare -a outcome=() own=() observed=()                     # what came of each probe, and the sender's address at both ends

read_probes() {
	local line text probes='' n=0 IFS=$'\n'
	reachability
	set -f
	for line in $probes; do
		case $line in
		'#= '* | '#~ '*) requirement+=("${line:3}") promised+=("${line:1:1}") && continue ;;
		'#'*) continue ;;
		esac
		probe[n]=${line%%  *}
		text=${line:${#probe[n]}}
		text=${text#*\#}
		expected[n]=${text:0:1} claim[n]=${text:2} target[n]=${probe[n]#*/dev/tcp/} source[n]=host
		if [[ ${probe[n]} == 'ip netns exec '* ]]; then
			source[n]=${probe[n]#ip netns exec }
			source[n]=${source[n]%% *}
		fi
		if [[ $text == *'), seen as '* ]]; then seen[n]=${text##* }; fi
		part[n]=${#requirement[@]}
		n=$((n + 1))
	done
	set +f
}

# Makes the probes, looks at them from the other side, and reports them in their order.
check_probes() {
	local n text said
	observe
	for n in "${!probe[@]}"; do outcome[n]=${outcome[n]-"not reached (${source[n]} is not there)"}; done
	while read -r n text; do outcome[n]=$text; done < <(try_all)
	observe reached
	for n in "${!probe[@]}"; do
		case ${expected[n]}${outcome[n]} in
		'>reached') if is_seen_well "$n"; then report ok "${claim[n]}"; else report failed "${claim[n]}" "$said: ${probe[n]}"; fi ;;
		'!not reached'*) report ok "${claim[n]}" ;;
		*) report failed "${claim[n]}" "${outcome[n]}: ${probe[n]}" ;;
		esac
	done
}

# Makes the probes that have not got through already and prints what came of each: its number, and the outcome in words. In
# each namespace that probes start from, some at a time, one process makes them, so that one that has to be waited for holds
# up no other one.
try_all() {
	local n place places=() running=0
	local -A tasks=()
	for n in "${!probe[@]}"; do
		if [[ ${outcome[n]} == reached ]]; then continue; fi
		if [[ ! ${tasks[${source[n]}]+set} ]]; then places+=("${source[n]}"); fi
		tasks[${source[n]}]+="$n ${expected[n]} ${target[n]%\'}"$'\n'
	done
	for place in "${places[@]}"; do
		if ((running++ >= 16)); then wait -n || true; fi
		enter "$place" bash -c "$(declare -f try_some try); try_some" 2>/dev/null <<<"${tasks[$place]%$'\n'}" &
	done
	wait
}

try_some() {
	local task running=0
	while read -r -a task; do
		if ((running++ >= 16)); then wait -n || true; fi
		try "${task[@]}" &
	done
	wait
}

# Prints whether a probe got through. To be refused is proof of the way there and of the way back.
try() {
	local answer said='' tries=1 seconds=1
	if [[ $2 == '>' ]]; then tries=3 seconds=2; fi
	while ((tries-- > 0)); do
		exec {answer}< <({ : <"/dev/tcp/$3"; } 2>&1 && echo refused)
		read -r -t "$seconds" -u "$answer" said || kill $! 2>/dev/null
		exec {answer}<&-
		if [[ $said == *refused ]]; then
			echo "$1 reached"
			return
		fi
	done
	said=${said##*: }
	echo "$1 not reached (${said:-no answer})"
}

# ---- what the other side sees ----
#
# Where there is a perl, a probe is a connection from one namespace to a listener in the other one, made by one process that
# has an end in each: that proves the way there and back, and it prints the sender's address as both ends know it. What
# listens is gone at once. Where that fails, as where somebody listens already, the probe is made by itself, as are all that
# come after one without an answer, of which there may be many; those that get through are then looked at on another port.

IFS= read -r -d '' observer <<'END' || true
use Socket qw(:DEFAULT :addrinfo inet_pton inet_ntop pack_sockaddr_in6 unpack_sockaddr_in6);

open my $start, '<', '/proc/self/ns/net' or die "/proc/self/ns/net: $!\n";
$SIG{ALRM} = sub { die "no answer\n" };

while (my $line = <STDIN>) {
    my ($number, $source, $namespace, $address, $port) = split ' ', $line;
    my @ends = eval { alarm($port ? 1 : 3); ends($source, $namespace, $address, $port) };
    my $wrong = $@;
    alarm 0;
    chomp $wrong;
    last if $port && $wrong eq "no answer";
    print "$number ", $wrong ? "- $wrong" : "@ends", "\n";
}

sub visit {
    my ($name) = @_;
    return enter($name) if $name ne 'host';
    syscall($setns, fileno $start, $CLONE_NEWNET) == 0 or die "setns: $!\n";
}

sub ends {
    my ($source, $namespace, $address, $port) = @_;
    my $family = $address =~ /:/ ? AF_INET6 : AF_INET;
    visit($namespace);
    my $listener = opened($family);
    bind $listener, place($family, $port, $address) or die "bind: $!\n";
    listen $listener, 1 or die "listen: $!\n";
    ($port) = spelt(getsockname $listener);
    visit($source);
    my $near = opened($family);
    connect $near, place($family, $port, $address) or die "connect: $!\n";
    accept my $far, $listener or die "accept: $!\n";
    return ((spelt(getsockname $near))[1], (spelt(getpeername $far))[1]);
}

# A socket that leaves nothing behind when it is closed.
sub opened {
    my ($family) = @_;
    socket my $socket, $family, SOCK_STREAM, 0 or die "socket: $!\n";
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) or die "setsockopt: $!\n";
    return $socket;
}

sub place {
    my ($family, $port, $address) = @_;
    my $packed = inet_pton($family, $address);
    return $family == AF_INET6 ? pack_sockaddr_in6($port, $packed) : pack_sockaddr_in($port, $packed);
}

# The port and the address of a socket's end.
sub spelt {
    my ($name) = @_;
    my $family = sockaddr_family($name);
    my ($port, $packed) = $family == AF_INET6 ? unpack_sockaddr_in6($name) : unpack_sockaddr_in($name);
    return ($port, inet_ntop($family, $packed));
}
END

# Makes the probes that must be seen by an address, or given `reached`, looks once more at those that got through unseen.
observe() {
	local n text='' to there said found
	for n in "${!seen[@]}"; do
		if [[ ${own[n]+set} || ${outcome[n]-} != "${1-}" ]]; then continue; fi
		to=${target[n]%\'} there=${claim[n]#* reaches }
		text+="$n ${source[n]} ${there%% *} ${to%/*} "
		if [[ ${1-} ]]; then text+=$'0\n'; else text+=${to##*/}$'\n'; fi
	done
	if [[ ! $text ]] || ! found=$(perl -e "$hopper$observer" "$HOSTTYPE" <<<"${text%$'\n'}" 2>/dev/null) || [[ ! $found ]]; then return 0; fi
	while read -r n to said; do
		if [[ $to != - ]]; then
			outcome[n]=reached own[n]=$to observed[n]=$said
		elif [[ ${1-} && ${claim[n]#* reaches } != 'host '* ]]; then # a firewall of the host may mind
			own[n]=- observed[n]=$said
		fi
	done <<<"$found"
}

# Whether the other side sees the address that it must see, or cannot be looked at; if not, what it sees is in `said`.
is_seen_well() {
	if [[ ${own[$1]-} == - ]]; then
		said="cannot be looked at from the other side (${observed[$1]})"
		return 1
	fi
	said="seen as ${observed[$1]-}"
	[[ ! ${observed[$1]+set} || ${observed[$1]} == "${seen[$1]}" ]]
}

# ---- what Kubernetes asks of a network ----

# Each requirement is judged by its probes, the last one by those of all. One that the topology does not promise may fail.
check_requirements() {
	local number n last=${#requirement[@]} reached altered unseen wrong
	for number in "${!requirement[@]}"; do
		reached=0 altered=0 unseen=0 wrong=0
		for n in "${!probe[@]}"; do
			if ((part[n] == 0 || part[n] != number + 1 && number + 1 < last)); then continue; fi
			if [[ ${outcome[n]} != reached ]]; then
				wrong=$((wrong + 1))
			elif [[ ! ${seen[n]+set} ]]; then
				if ((number + 1 < last)); then reached=$((reached + 1)); fi
			elif [[ ! ${own[n]+set} ]]; then
				unseen=$((unseen + 1))
			elif [[ ${own[n]} != "${observed[n]}" ]]; then
				altered=$((altered + 1))
			else
				reached=$((reached + 1))
			fi
		done
		if ((number + 1 == last)); then wrong=0; fi
		judge "$number" "$reached" "$altered" "$unseen" "$wrong"
	done
}

# Reports a requirement, given how many probes got through as they were, altered, unseen, and not at all.
judge() {
	local what=${requirement[$1]} note=''
	if [[ ${promised[$1]} == '~' ]]; then note=' # TODO this network does not give that'; fi
	if (($3 + $5)); then
		report "${note:+expected }failed" "$what$note" "of $(($2 + $3 + $4 + $5)) probes $5 did not get through, and $3 were seen by another address"
	elif (($4)); then
		report ok "$what # SKIP the other side is looked at by perl, which is not here"
	else
		report ok "$what$note"
	fi
}
