"""What the running kernel can do, found by trying it in a sandbox, never by its name or version."""

from __future__ import annotations

import functools
import platform
from collections.abc import Sequence
from typing import TypeVar

from live.sandbox import Sandbox

Item = TypeVar("Item")

TRIALS = {
    "vlan_filtering": "ip link add name t0 type bridge vlan_filtering 1; bridge vlan add dev t0 vid 7 self",
    "vlan": "ip link add name t0 type bridge; ip link add link t0 name t1 type vlan id 7",
    "vxlan": "ip link add name t0 type vxlan id 7 dstport 4789",
    "dummy": "ip link add name t0 type dummy",
    "macvlan": "ip link add name t0 type veth peer name t1; ip link add link t0 name t2 type macvlan",
    "ipvlan": "ip link add name t0 type veth peer name t1; ip link add link t0 name t2 type ipvlan",
    "vrf": "ip link add name t0 type vrf table 7",
    "ifb": "ip link add name t0 type ifb; tc qdisc add dev t0 root tbf rate 1mbit burst 10kb latency 9ms; tc qdisc add dev t0"
    " ingress; tc filter add dev t0 ingress protocol all u32 match u32 0 0 action mirred egress redirect dev t0",
    "netem": "ip link add name t0 type veth peer name t1; tc qdisc add dev t0 root netem delay 1ms",
    "nft_masquerade": "nft 'table ip t { chain c { type nat hook postrouting priority 100; masquerade; }; }'",
    "nft_masquerade6": "nft 'table ip6 t { chain c { type nat hook postrouting priority 100; masquerade; }; }'",
    "nft_bridge": "nft 'table bridge t { chain c { type filter hook prerouting priority -300; ether saddr != 02:00:00:00:00:01 drop; }; }'",
    "iptables_filter": "for tool in iptables ip6tables; do $tool -A FORWARD -m conntrack --ctstate DNAT -m comment --comment x -j ACCEPT; done",
    "iptables_legacy": "for tool in iptables ip6tables; do $tool-legacy -P FORWARD DROP; done",
    "nft_filter": "nft 'table inet t { chain c { type filter hook forward priority 0; policy drop; }; }'",
    "bridge_netfilter": "ip link add name t0 type bridge; echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables",
    "iptables_nat": "iptables -t nat -A POSTROUTING -j MASQUERADE || iptables-legacy -t nat -A POSTROUTING -j MASQUERADE",
    "cgroup2": "mount -n -t cgroup2 cgroup2 /sys/fs/cgroup",
    "ansible": "command -v ansible-playbook; command -v sshd; grep 4294967295 /proc/self/uid_map",
    "systemd": "command -v systemd-analyze",
    "boot": "for file in linux.uml modprobe mkfs.ext4 /lib/systemd/systemd; do command -v $file; done; grep 4294967295 /proc/self/uid_map; ! grep User.Mode /proc/cpuinfo",
    "user_namespaces": "unshare --user --map-root-user --net --mount true",
}
"""Commands that all succeed where the kernel, with the programs installed, can do it."""


class Kernel:
    """The running kernel."""

    name = platform.release()

    def has(self, feature: str) -> bool:
        """Whether it can do what `TRIALS` has under that name; `KeyError` for a name that is not there.

        The feature `speed` is for tests that need nothing of the kernel, but time: it is a kernel that `is_slow` not.
        """
        return not self.is_slow if feature == "speed" else _try(TRIALS[feature])

    @functools.cached_property
    def is_slow(self) -> bool:
        """Whether starting a program takes more than 20 ms, as in User-Mode Linux, which has one processor as well.

        The quickest of ten starts counts: what else the machine does is no property of the kernel.
        """
        script = 'for _ in {1..10}; do s=$EPOCHREALTIME; ip link show dev lo >&2; echo "$s $EPOCHREALTIME"; done'
        with Sandbox() as sandbox:
            times = [line.split() for line in sandbox.bash(script, check=True).stdout.splitlines()]
        return min(float(end) - float(start) for start, end in times) > 0.02

    def sample(self, cases: Sequence[Item], at_most: int = 8) -> list[Item]:
        """All cases on a fast kernel; on a slow one at most so many, evenly spread, the first and the last included."""
        if not self.is_slow or len(cases) <= at_most:
            return list(cases)
        step = (len(cases) - 1) / (at_most - 1)
        return [cases[round(index * step)] for index in range(at_most)]


@functools.cache
def _try(commands: str) -> bool:
    with Sandbox() as sandbox:
        return sandbox.bash(f"set -e; {commands}").returncode == 0
