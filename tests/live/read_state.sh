#!/usr/bin/env bash
# Prints all network state that kernel.py compares: the host's, then that of every named namespace, with as few processes
# as will do.  A part is its name between RS and US characters, followed by what a command printed; a command that the
# kernel or the machine cannot serve leaves its part empty, or with a lone bracket.

part() {
	printf '\036%s\037' "$1"
	"${@:2}" 2>/dev/null || true
}

reader() {
	local rules
	# Each line of a batch prints one JSON array: the parts have names in the same order.
	part 'link nsid route4 rule4 neighbour proxy' ip -j -d -force -batch - <<-'BATCH'
		address show
		netns list-id
		route show table all
		rule show
		neighbour show nud permanent
		neighbour show proxy
	BATCH
	part 'route6 rule6' ip -6 -j -d -force -batch - <<-'BATCH'
		route show table all
		rule show
	BATCH
	part 'vlan fdb' bridge -j -force -batch - <<-'BATCH'
		vlan show
		fdb show
	BATCH
	part settings grep -rs . /sys/class/net/*/addr_assign_type \
		/proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/ip_forward
	rules=$(nft -j list ruleset 2>/dev/null) || true
	part nft echo "$rules"
	# Only where there are rules that nft cannot describe: reading them otherwise could create empty tables.
	if [[ $rules == *'"xt":'* ]]; then
		part iptables4 iptables-nft-save
		part iptables6 ip6tables-nft-save
	fi
	if has_line /proc/net/ip_tables_names; then part iptables4 iptables-legacy-save; fi
	if has_line /proc/net/ip6_tables_names; then part iptables6 ip6tables-legacy-save; fi
}

has_line() { [[ -r $1 ]] && read -r <"$1"; }

shopt -s nullglob
part namespace echo host
reader
inside="$(declare -f part reader has_line); reader"
for file in /run/netns/*; do
	part namespace echo "${file##*/}"
	ip netns exec "${file##*/}" bash -c "$inside" 2>/dev/null || true
done
