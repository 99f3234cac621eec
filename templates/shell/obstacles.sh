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
