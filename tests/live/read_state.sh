#!/usr/bin/env bash
# Prints everything that kernel.py compares: the host's network state, then that of every named namespace, then the
# files of /run/k8snet.  A part is its name between RS and US characters, followed by what a command printed; a
# command that the kernel or the machine cannot serve leaves its part empty, or with a lone bracket.

part() {
	printf '\036%s\037' "$1"
	"${@:2}" 2>/dev/null || true
}

# Without a program, of which a namespace takes enough.
has_line() { read -r _ <"$1"; } 2>/dev/null

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
	part vlan bridge -j vlan show
	part fdb bridge -j -d fdb show
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

files() {
	find /run/k8snet -printf '%P\t%y\t%m\t' \( -type f -exec base64 -w 0 {} \; -o -true \) -printf '\n' 2>/dev/null || true
}

shopt -s nullglob
part namespace echo host
reader
functions=$(declare -f part has_line reader)
for file in /run/netns/*; do
	part namespace echo "${file##*/}"
	ip netns exec "${file##*/}" bash -c "$functions; reader" 2>/dev/null || true
done
part files files
