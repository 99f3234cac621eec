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
