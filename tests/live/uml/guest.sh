#!/usr/bin/env bash
# The first process inside User-Mode Linux; started by `run` as: guest.sh WORK VERSION.
#
# The root directory is this machine's own, read-only.  It becomes the lower layer of an overlay whose upper layer is in
# memory, so that everything can be written and nothing reaches the machine but the exit status, in
# WORK/status, and what is written in the directory that WORK/write names.
work=$1
version=$2

if [[ ${3-} != inside ]]; then
	mount -n -t tmpfs tmpfs /mnt
	mkdir /mnt/upper /mnt/work /mnt/root
	mount -n -t proc proc /proc
	modprobe -d "$work" overlay
	umount -n /proc
	mount -n -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
	mount -n --move /dev /mnt/root/dev
	cd /mnt/root || exit
	pivot_root . mnt
	exec chroot . /bin/bash "${BASH_SOURCE[0]}" "$work" "$version" inside
fi

exec </dev/null >/dev/tty0 2>&1
stty -F /dev/tty0 -onlcr
umount -n -l /mnt
mount -n -t proc proc /proc
mount -n -t sysfs sysfs /sys
mount -n -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /dev/pts /dev/shm /run/host /lib/modules
mount -n -t devpts -o ptmxmode=0666 devpts /dev/pts
mount -n -t tmpfs tmpfs /dev/shm
mount -n -t hostfs -o "$work" hostfs /run/host
[[ ! -s $work/write ]] || mount -n -t hostfs -o "$(<"$work/write")" hostfs "$(<"$work/write")"
ln -s /proc/self/fd /dev/fd
ln -s "$work/lib/modules/$version" "/lib/modules/$version"
modprobe --all ipv6 tun # the modules that nothing asks for by name
mkdir -p /dev/net
[[ -e /dev/net/tun ]] || mknod /dev/net/tun c 10 200

(
	# shellcheck source=/dev/null
	source "$work/environment"
	eval "$(<"$work/command")"
) 2>&1 | cat # programs see a pipe and not a terminal
echo "${PIPESTATUS[0]}" >/run/host/status
echo o >/proc/sysrq-trigger
sleep 60
