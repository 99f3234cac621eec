#!/usr/bin/env bash
# What a machine does after each of two boots, started by systemd as: boot_program.sh DIRECTORY.
#
# The directory has the Docker example: its scripts and its unit.  A line says how things are after each step.
set -euo pipefail
cd "$1"
unit=k8snet-docker.service

# Whether the unit is enabled and active, and which interfaces there are.
tell() {
	local links
	links=$(ip -brief link show | sed 's/[ @].*//' | sort | paste -sd ' ')
	echo "$1: $(systemctl is-enabled "$unit"), $(systemctl is-active "$unit"), $links"
}

if ((BOOT == 1)); then
	bash -e <(sed -n 's/^#     //p' "$unit") 2>/dev/null # as the unit itself says that it is installed
	tell installed
	ip -n node1 link delete vethA
	systemctl reload "$unit"
	tell reloaded
	systemctl stop "$unit"
	tell stopped
else
	tell "booted again"
	bash verify.sh | tail -n 2
	journalctl --boot --unit "$unit" --output cat --grep '^\[#\]' | head -n 1
fi
