"""Attributes and options of interfaces, bridges and ports, altered: the next run sets them again, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, at_once, mend
from live.second_kernel import sampled

PORT = "host veth1 port of br0: *"

LINKS = {
    "mtu": [
        Drift(
            "options",
            "ip link set dev veth1 mtu 1449",  # which the bridge follows
            ("host veth1: mtu 1450", "host br0: mtu 1450"),
        ),
        Drift("options", "ip -n node1 link set dev eth0 mtu 1300", ("node1 eth0: mtu 1450",)),
        Drift(
            "options",
            "ip -n node2 link set dev eth0 mtu 1000",  # too little for IPv6, which the kernel therefore removes
            ("node2 eth0: mtu 1450", "node2 eth0: inet6 fd00:80::3/64"),
        ),
        Drift("options", "ip -n node3 link set dev cable mtu 1500", ("node3 cable: mtu 9000",)),
    ],
    "mtu and address": [
        Drift("options", "ip link set dev br0 mtu 1400", ("host br0: mtu 1450",)),
        Drift("options", "ip -n node2 link set dev cable mtu 1500", ("node2 cable: mtu 9000",)),
        Drift("options", "ip link set dev veth1 address 02:00:00:00:00:01", ("host veth1: address 02:00:00:00:80:02",)),
        Drift(
            "options",
            "ip -n node1 link set dev eth0 address 02:00:00:00:00:01",
            ("node1 eth0: address 02:00:00:00:80:03",),
        ),
        Drift(
            "options",
            "ip -n node3 link set dev stub nomaster",
            ("node3 stub: master inner", "node3 stub port of inner: hairpin true"),
        ),
        Drift("options", "ip -n node2 link set dev lo down", ("node2 lo: up",)),
    ],
    "without a master": [
        Drift("options", "ip link set dev br0 address 02:00:00:00:00:01", ("host br0: address 02:00:00:00:80:01",)),
        Drift("options", "ip link set dev veth1 nomaster", ("host veth1: master br0", PORT)),
        Drift("options", "ip -n node3 link set dev cable down", ("node3 cable: up",)),
        Drift("options", "ip -n node3 link set dev inner down", ("node3 inner: up",)),
    ],
    "another master": [
        Drift(
            "options",
            """ip link add name other type bridge
        ip link set dev veth1 master other""",
            ("host veth1: master br0", PORT),
            tidy="ip link delete dev other",
        ),
        Drift("options", "ip -n node3 link set dev stub down", ("node3 stub: up",)),
    ],
    "a master of ours": [
        Drift("router-on-a-stick", "ip -n router link set dev lan1 master dmz", ("router lan1: master lan",)),
    ],
    "options": [
        Drift(
            "options",
            """for option in 'stp_state 1' 'mcast_snooping 1' 'forward_delay 1500' 'hello_time 200' 'max_age 2000' \\
            'ageing_time 30000' 'priority 32768' 'group_fwd_mask 8'; do
            ip link set dev br0 type bridge $option
        done""",
            (
                "host br0: stp_state 0",
                "host br0: mcast_snooping 0",
                "host br0: forward_delay 200",
                "host br0: hello_time 100",
                "host br0: max_age 600",
                "host br0: ageing_time 6050",
                "host br0: priority 4096",
                "host br0: group_fwd_mask 0x4000",
            ),
        ),
        Drift(
            "options",
            """for option in hairpin isolated guard root_block fastleave learning flood bcast_flood; do
            ip link set dev veth1 type bridge_slave $option off
        done
        for option in 'mcast_flood on' 'neigh_suppress on' 'proxy_arp on' 'cost 2' 'priority 32'; do
            ip link set dev veth1 type bridge_slave $option
        done""",
            (PORT,),
        ),
        Drift("options", "ip link set dev veth1 down", ("host veth1: up",)),
    ],
    "down": [
        Drift(
            "dual-stack",
            "ip -n node2 link set dev eth0 down",  # the kernel forgets routes then, and IPv6 addresses
            ("node2 eth0: up", "node2 eth0: inet6 fd00:20::12/64", "node2: inet*"),
        ),
        Drift("dual-stack", "ip link set dev br0 down", ("host br0: up", "host br0: inet6 fd00:20::1/64")),
    ],
}


@pytest.mark.parametrize("drift", sampled([at_once(*drifts) for drifts in LINKS.values()], len(LINKS) - 1), ids=LINKS)
def test_a_drift_of_links_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
