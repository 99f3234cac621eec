"""VXLAN devices and their entries, altered, gone or too many: the next run puts right what it must, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, at_once, mend, remade
from live.second_kernel import sampled

FLANNEL = "node1 flannel.1: "
HAIRPIN = "host vx0 port of br0: hairpin true"
DEVICES = [
    Drift(
        "vxlan",
        """ip -n node1 link set dev flannel.1 type vxlan local 172.18.0.99 learning
        ip -n node1 link set dev flannel.1 type vxlan dev veth1""",  # whose MTU leaves less
        (FLANNEL + "local 172.18.0.11", FLANNEL + "learning false", FLANNEL + "dev eth0", FLANNEL + "mtu 1450"),
    ),
    Drift(
        "vxlan",
        """ip -n node1 link set dev flannel.1 mtu 1400 address 02:00:00:00:00:99  # the kernel forgets neighbours then
        ip -n node2 link set dev flannel.1 down""",
        (
            FLANNEL + "mtu 1450",
            FLANNEL + "address 02:00:00:00:00:11",
            FLANNEL + "neigh *",
            "node2 flannel.1: up",
            "node2 flannel.1: neigh *",
            "node2: inet route 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink",
        ),
    ),
    at_once(
        remade(
            "vxlan",
            "ip -n node1 link delete dev flannel.1",
            "node1/flannel.1",
            FLANNEL + "vxlan id 1 dstport 8472",
            FLANNEL + "*",
            "node1: inet route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
        ),
        remade(
            "vxlan",
            """group=$(ip -n node2 -j link show dev flannel.1 | sed 's/.*"group":"\\([0-9]*\\)".*/\\1/')
        ip -n node2 link delete dev flannel.1
        ip -n node2 link add name flannel.1 group $group type vxlan id 1 dstport 4789 local 172.18.0.12 dev eth0""",
            "node2/flannel.1",
            "node2 flannel.1: *",
            "node2: inet route 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink",
            removes=(("node2 flannel.1: interface", "ip -n node2 link delete dev flannel.1"),),
        ),
    ),
    remade(
        "vxlan",
        "ip -n node1 link delete dev eth0",  # with which goes what stands on it
        "host/to-node1 node1/eth0 node1/flannel.1",
        "host to-node1: veth, peer node1 eth0",
        "node1 eth0: *",
        FLANNEL + "*",
        "node1: inet route 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink",
    ),
    Drift(
        "tunnels",
        """ip -n left link set dev vx0 type vxlan remote fd00::77
        ip -n right link set dev vx1 type vxlan group ff05::78 dev eth0
        ip link set dev vx0 nomaster""",
        ("left vx0: remote fd00::2", "right vx1: group ff05::77", "host vx0: master br0", HAIRPIN),
    ),
]
ENTRIES = [
    at_once(
        Drift(
            "vxlan",
            """bridge -n node1 fdb replace 02:00:00:00:00:12 dev flannel.1 dst 172.18.0.99
        bridge -n node2 fdb delete 02:00:00:00:00:11 dev flannel.1
        bridge -n node2 fdb append 00:00:00:00:00:00 dev flannel.1 dst 172.18.0.12
        bridge -n node2 fdb add 02:00:00:00:00:99 dev flannel.1 dst 172.18.0.12 port 9 vni 5""",
            (
                FLANNEL + "fdb 02:00:00:00:00:12 dst 172.18.0.12",
                "node2 flannel.1: fdb 02:00:00:00:00:11 dst 172.18.0.11",
            ),
            (
                (
                    "node2 flannel.1: fdb 00:00:00:00:00:00 dst 172.18.0.12",
                    "bridge -n node2 fdb delete 00:00:00:00:00:00 dev flannel.1 dst 172.18.0.12",
                ),
                (
                    "node2 flannel.1: fdb 02:00:00:00:00:99 dst 172.18.0.12 port 9 vni 5",
                    "bridge -n node2 fdb delete 02:00:00:00:00:99 dev flannel.1 dst 172.18.0.12 port 9 vni 5",
                ),
            ),
        ),
        Drift(
            "vxlan",
            """ip -n node1 neigh replace 10.244.2.0 lladdr 02:00:00:00:00:99 dev flannel.1 nud permanent
        ip -n node2 neigh delete 10.244.1.0 dev flannel.1
        ip -n node2 neigh add fd00::9 lladdr 02:00:00:00:00:99 dev flannel.1 nud permanent""",
            (FLANNEL + "neigh 10.244.2.0 lladdr 02:00:00:00:00:12", "node2 flannel.1: neigh *"),
            (
                (
                    "node2 flannel.1: neigh fd00::9 lladdr 02:00:00:00:00:99",
                    "ip -n node2 neigh delete fd00::9 dev flannel.1",
                ),
            ),
        ),
    ),
    Drift(
        "tunnels",
        """bridge fdb delete 00:00:00:00:00:00 dev vx0 dst 192.0.2.2
        bridge -n left fdb delete 00:00:00:00:00:00 dev vx0 dst fd00::2""",
        ("host vx0: fdb 00:00:00:00:00:00 dst 192.0.2.2", "left vx0: fdb 00:00:00:00:00:00 dst fd00::2"),
    ),
]


@pytest.mark.needs("vxlan")
@pytest.mark.parametrize("drift", sampled([*DEVICES, *ENTRIES], len(DEVICES) - 1), ids=str)
def test_a_drift_of_tunnels_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
