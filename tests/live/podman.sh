#!/usr/bin/env bash
# Podman in a sandbox, with everything that it writes below one directory, and CNI plugins of one's choice.
#
# Use: podman.sh DIRECTORY PLUGINS ARGUMENTS…
#
# The first run in a sandbox prepares DIRECTORY: configuration, storage, a network `k8s` of the type `k8snet`, and the
# root file system of a container, which is made of busybox.
set -euo pipefail
directory=$1 plugins=$2
shift 2

prepare() {
	local root=$directory/root program
	mkdir -p "$directory"/{net.d,storage,run,tmp} "$root"/{bin,dev,etc,proc,run,sys,tmp,var}
	cp /bin/busybox "$root/bin"
	for program in cat ip nc ping sh sleep; do ln -s busybox "$root/bin/$program"; done
	cat >"$directory/containers.conf" <<-END
		[containers]
		apparmor_profile = "unconfined"
		cgroups = "disabled"
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		seccomp_profile = "unconfined"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "none"
		no_pivot_root = true
		runtime = "crun"
		tmp_dir = "$directory/tmp"
		[network]
		cni_plugin_dirs = ["$plugins"]
		network_backend = "cni"
		network_config_dir = "$directory/net.d"
	END
	cat >"$directory/storage.conf" <<-END
		[storage]
		driver = "vfs"
		graphroot = "$directory/storage"
		runroot = "$directory/run"
	END
	cat >"$directory/net.d/k8s.conflist" <<-END
		{
		  "cniVersion": "0.4.0",
		  "name": "k8s",
		  "plugins": [
		    {
		      "type": "k8snet",
		      "bridge": "cni7",
		      "isGateway": true,
		      "ipMasq": true,
		      "ipam": {
		        "type": "host-local",
		        "ranges": [[{"subnet": "10.77.0.0/24"}]],
		        "routes": [{"dst": "0.0.0.0/0"}]
		      }
		    },
		    {"type": "portmap", "capabilities": {"portMappings": true}},
		    {"type": "firewall", "backend": ""},
		    {"type": "tuning"}
		  ]
		}
	END
}

[[ -e $directory ]] || prepare
if [[ $(stat --file-system --format %T /sys/fs/cgroup) == sysfs ]]; then
	mount -n -t cgroup2 cgroup2 /sys/fs/cgroup # crun wants to see one, and does not use it
fi
export CONTAINERS_CONF=$directory/containers.conf CONTAINERS_STORAGE_CONF=$directory/storage.conf TMPDIR=$directory/tmp
exec podman "$@"
