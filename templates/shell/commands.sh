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
