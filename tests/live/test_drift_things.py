"""Interfaces and namespaces that are gone, renamed, moved or replaced: the next run makes them anew, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, at_once, mend, remade
from live.second_kernel import sampled

PORT = "host veth1 port of br0: *"
BRIDGE = "host br0: *"
NODE1 = (
    "host veth1: veth, peer node1 eth0",
    PORT,
    "node1 eth0: *",
    "node1: net.ipv4.conf.eth0*",
    "node1: inet*dev eth0*",
)
CABLE = ("node3 cable: *", "node2 cable: *")

THINGS = {
    "an end gone": [
        remade("options", "ip link delete dev veth1", "host/veth1 node1/eth0", *NODE1),
        remade("options", "ip -n node2 link delete dev cable", "node2/cable node3/cable", *CABLE),
        remade(
            "options",
            "ip -n node3 link delete dev inner",
            "node3/inner",
            "node3 inner: *",
            "node3 stub: master inner",
            "node3 stub port of inner: hairpin true",
        ),
    ],
    "the other end gone": [
        remade("options", "ip -n node1 link delete dev eth0", "host/veth1 node1/eth0", *NODE1),
        remade(
            "options",
            """ip -n node3 link set dev cable down
        ip -n node3 link set dev cable name renamed""",
            "node2/cable node3/cable",
            *CABLE,
            removes=(("node2 cable: interface", "ip -n node2 link delete dev cable"),),
        ),
    ],
    "an end renamed": [
        remade(
            "options",
            """ip link set dev veth1 down
        ip link set dev veth1 name renamed up""",
            "host/veth1 node1/eth0",
            *NODE1,
            removes=(("node1 eth0: interface", "ip -n node1 link delete dev eth0"),),
        ),
        remade(
            "options",
            """ip -n node2 link set dev cable down
        ip -n node2 link set dev cable name renamed""",
            "node2/cable node3/cable",
            *CABLE,
            removes=(("node3 cable: interface", "ip -n node3 link delete dev cable"),),
        ),
    ],
    "the other end renamed": [
        remade(
            "options",
            """ip -n node1 link set dev eth0 down
        ip -n node1 link set dev eth0 name renamed""",
            "host/veth1 node1/eth0",
            *NODE1,
            removes=(("host veth1: interface", "ip link delete dev veth1"),),
        ),
        remade(
            "options",
            """ip link delete dev veth2
        ip link add name veth2 group 1100938469 type bridge""",
            "host/veth2 node2/eth0",
            "host veth2: *",
            "node2 eth0: *",
            removes=(("host veth2: interface", "ip link delete dev veth2"),),
        ),
    ],
    "an end moved, a namespace gone": [
        remade(
            "options",
            "ip -n node1 link set dev eth0 name moved netns node2",
            "host/veth1 node1/eth0",
            *NODE1,
            removes=(("host veth1: interface", "ip link delete dev veth1"),),
        ),
        remade(
            "options",
            """ip -n node3 link delete dev stub
        ip netns delete node4""",
            "node4/lo node4/eth0 node3/stub",
            "node4: *",
            "node4 *",
            "node3 stub*",
        ),
    ],
    "an end moved elsewhere": [
        remade(
            "options",
            """ip netns add elsewhere
        ip -n node1 link set dev eth0 netns elsewhere""",
            "host/veth1 node1/eth0",
            *NODE1,
            removes=(("host veth1: interface", "ip link delete dev veth1"),),
            tidy="ip netns delete elsewhere",
        ),
    ],
    "the other end moved": [
        remade(
            "options",
            "ip link set dev veth1 netns node2",
            "host/veth1 node1/eth0",
            *NODE1,
            removes=(("node1 eth0: interface", "ip -n node1 link delete dev eth0"),),
        ),
    ],
    "a bridge gone": [
        remade(
            "options",
            "ip link delete dev br0",
            "host/br0",
            BRIDGE,
            "host veth1: master br0",
            "host veth2: master br0",
            PORT,
            "host: inet route*dev br0*",
        ),
    ],
    "namespaces": [
        remade(
            "docker",
            """ip netns delete node1
        while ip link show dev vethB >/dev/null 2>&1; do sleep 0.01; done""",
            "node1/lo node1/vethA host/vethB",
            "node1: *",
            "node1 *",
            "host vethB: *",
        ),
        remade(
            "docker",
            """umount /run/netns/node2
        while ip link show dev vethY >/dev/null 2>&1; do sleep 0.01; done""",
            "node2/lo node2/vethX host/vethY",
            "node2: *",
            "node2 *",
            "host vethY: *",
            removes=(("node2: namespace", "ip netns delete node2"),),
        ),
    ],
}


@pytest.mark.parametrize(
    "drift", sampled([at_once(*drifts) for drifts in THINGS.values()], len(THINGS) - 1), ids=THINGS
)
def test_a_drift_of_things_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
