#!/bin/sh
# Stands in PATH before a real program and starts that program, unless this is the moment to strike.
#
# This file is copied to DIRECTORY/ip, DIRECTORY/bash and so on by `moments.py`.  In DIRECTORY are `path`, the PATH of
# the real programs, `ip.real`, `bash.real` and so on, where they are, and, if a fault is to be injected, `plan`: the
# invocation to strike at, and which one of those that are equal.  Without a plan every invocation is written to `log`, with the lines of its batch.
# The name of an invocation is that of the program with its arguments, after the namespace it is in.

here=${0%/*} name=${0##*/}
read -r path <"$here/path"
place=${MOMENT_PLACE-}
if [ "$name $*" = 'ip -batch -' ]; then # perl started it, perhaps, in a namespace that it went to by itself
	for file in /run/netns/*; do
		# shellcheck disable=SC3013 # both dash and bash have it
		if [ "$file" -ef /proc/self/ns/net ]; then place="--net=$file "; fi
	done
fi
called="$place$name $*"
called=${called%%/said.*} called=${called%%/tmp.*}
case $called in
*"
"*) called=$(printf '%s' "$called" | PATH=$path tr '\n' ' ') ;;
esac
if [ "$name" = nsenter ]; then export MOMENT_PLACE="$1 "; fi

read -r real <"$here/$name.real"
if [ -e "$here/plan" ]; then
	{ IFS= read -r wanted && read -r occurrence; } <"$here/plan"
	if [ "$called" = "$wanted" ]; then
		count=1
		until PATH=$path mkdir "$here/seen.$count" 2>/dev/null; do count=$((count + 1)); done
		if [ "$count" = "$occurrence" ]; then PATH=$path exec "$here/../faults/$name" "$@"; fi
	fi
	exec "$real" "$@"
fi

case " $* " in
*' -batch - '*)
	batch=$(PATH=$path cat)
	printf '%s\t%s\n' "$called" "$(printf '%s' "$batch" | PATH=$path tr '\n' '\t')" >>"$here/log"
	printf '%s\n' "$batch" | PATH=$PATH "$real" "$@"
	;;
*)
	printf '%s\n' "$called" >>"$here/log"
	exec "$real" "$@"
	;;
esac
