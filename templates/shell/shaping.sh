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
