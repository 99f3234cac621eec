#!/usr/bin/env bash
#
# unshare --mount bash named.sh PATH NAME COMMAND…: runs a command where the network namespace at PATH has a name.
#
# Scripts know a namespace by its name in /run/netns. One that has only a path, /proc/PID/ns/net say, gets a name for
# the time of a command, and in a mount namespace that nobody else sees.

set -euo pipefail

path=$1 name=$2
shift 2
exec {netns}<"$path"
mkdir -p /run/netns
mount --no-mtab --types tmpfs tmpfs /run/netns
: >"/run/netns/$name"
mount --no-mtab --no-canonicalize --bind "/proc/self/fd/$netns" "/run/netns/$name"
exec {netns}<&-
exec bash "$@"
