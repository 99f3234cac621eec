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
