#!/usr/bin/env bash
# The first process inside User-Mode Linux; started by `run` as: guest.sh WORK VERSION.
#
# The root directory is this machine's own, read-only.  It becomes the lower layer of an overlay whose upper layer is in
# memory, or on a disk that outlives a boot, so that everything can be written and nothing reaches the machine but the
# exit status, in WORK/status, and what is written in the directory that WORK/write names.
work=$1
version=$2
boots=$(<"$work/boots")

# Runs the command, as the last thing there is to do; at once, or as a service of systemd.
run_command() {
	exec >/dev/tty0 2>&1
	(
		# shellcheck source=/dev/null
		source "$work/environment"
		eval "$(<"$work/command")"
	) 2>&1 | cat # programs see a pipe and not a terminal
	status=${PIPESTATUS[0]}
	if ((status == 0 && ${BOOT-0} < boots)); then
		systemctl --no-block start reboot.target
		return
	fi
	echo "$status" >/run/host/status
	echo o >/proc/sysrq-trigger
	sleep 60
}

# Writes down for systemd what it needs to boot, to keep a journal, to run the command and to shut down.
install_units() {
	local units=/run/systemd/system from=/lib/systemd/system
	if (($1 == 1)); then rm -rf /etc/systemd/system/*; fi
	mkdir -p "$units"/{sysinit,multi-user}.target.wants
	cp "$from"/{sysinit,basic,multi-user,local-fs,local-fs-pre,swap,network,network-pre,network-online}.target "$units"
	cp "$from"/{sockets,slices,paths,timers,shutdown,umount,final,reboot}.target "$units"
	cp "$from"/systemd-{reboot,journald}.service "$from"/systemd-journald{,-dev-log}.socket "$units"
	cat >"$units/command.service" <<-END
		[Unit]
		After=multi-user.target
		[Service]
		Type=oneshot
		Environment=BOOT=$1
		ExecStart=/bin/bash ${BASH_SOURCE[0]} $work $version command
	END
	ln -s ../systemd-journald.service "$units/sysinit.target.wants"
	ln -s ../command.service "$units/multi-user.target.wants"
}

case ${3-} in
inside) ;;
command)
	run_command
	exit
	;;
*) # the kernel adds words of its own
	mount -n -t proc proc /proc
	modprobe -d "$work" overlay
	umount -n /proc
	if ((boots)); then mount -n -t ext4 /dev/ubda /mnt; else mount -n -t tmpfs tmpfs /mnt; fi
	mkdir -p /mnt/upper /mnt/work /mnt/root
	mount -n -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
	mount -n --move /dev /mnt/root/dev
	cd /mnt/root || exit
	pivot_root . mnt
	exec chroot . /bin/bash "${BASH_SOURCE[0]}" "$work" "$version" inside
	;;
esac

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
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
ln -sf "$work/lib/modules/$version" "/lib/modules/$version"
modprobe --all ipv6 tun # the modules that nothing asks for by name
mkdir -p /dev/net
[[ -e /dev/net/tun ]] || mknod /dev/net/tun c 10 200

for tool in ip{,6}tables{,-save,-restore}; do # those of nftables have no tables here
	legacy=${tool/tables/tables-legacy}
	[[ ! -x /usr/sbin/$legacy ]] || ln -sf "$legacy" "/usr/sbin/$tool"
done

if ((boots == 0)); then run_command; fi

rm -f /.dockerenv # or systemd would not write to disk what is not there yet, when it shuts down
boot=$(($(cat "$work/boot" 2>/dev/null) + 1))
echo "$boot" >/run/host/boot
install_units "$boot"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system \
	/lib/systemd/systemd --unit=multi-user.target --show-status=no 2>/dev/null
