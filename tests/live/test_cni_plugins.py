"""Plugins beside `bridge`: our scripts bring a node to the state that the reference plugins bring it to, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from live.kernel import State, diff
from live.masquerading import source_differences
from live.network import Network as Scripted
from live.node import differences, node, node_state, whole_state
from live.reference_plugins import Reference
from live.test_cni_reference import compiled_pods

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

Json = dict[str, Any]


def host_local(*subnets: str, **more: object) -> Json:
    return {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets], **more}


def chain(*plugins: Json) -> Json:
    return {"cniVersion": "1.0.0", "name": "mynet", "plugins": list(plugins)}


BRIDGE = {
    "type": "bridge",
    "isGateway": True,
    "ipam": host_local("10.22.0.0/24", routes=[{"dst": "0.0.0.0/0"}]),
}
TUNING = {
    "type": "tuning",
    "sysctl": {
        "net.core.somaxconn": "500",
        "net.ipv4.conf.IFNAME.arp_filter": "1",
        "net.ipv4.conf.eth0.arp_notify": "0",
    },
    "mac": "c2:b0:57:49:47:f1",
    "promisc": True,
    "allmulti": True,
    "txQLen": 77,
}
ALONE = " noprefixroute"
CASES: dict[str, tuple[Json, tuple[str, ...]]] = {
    "ptp": (
        chain(
            {
                "type": "ptp",
                "ipMasq": True,
                "mtu": 1450,
                "ipam": host_local("10.1.0.0/24", "fd00:1::/64", routes=[{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]),
            }
        ),
        ("web", "db"),
    ),
    "tuning": (chain(BRIDGE, TUNING), ("web",)),
    "macvlan": (
        chain(
            {
                "type": "macvlan",
                "master": "uplink",
                "ipam": host_local("10.1.0.0/24", "fd00:1::/64", routes=[{"dst": "0.0.0.0/0"}, {"dst": "fd05::/64"}]),
            }
        ),
        ("web", "db"),
    ),
    "macvlan and tuning": (
        chain(
            {"type": "macvlan", "master": "uplink", "mode": "vepa", "mtu": 1400, "mac": "c2:b0:57:49:47:f2"},
            {key: value for key, value in TUNING.items() if key != "mac"},
        ),
        ("web",),
    ),
    "macvlan of the whole": (chain({"type": "macvlan", "master": "uplink", "mode": "passthru"}), ("web",)),
}
"""Configurations, and the pods that are attached."""


def without_flags(state: State) -> State:
    """The state of ours without what is different on purpose.

    An address that is to have no route to its network never gets one, where the reference deletes it.  One that is the
    source of a route is not looked for elsewhere.
    """
    for space in state["namespaces"].values():
        for name, addresses in space.get("addresses", {}).items():
            alone = {key: key.replace(" nodad", "").replace(" noprefixroute", "") for key in addresses if ALONE in key}
            space["addresses"][name] = {alone.get(key, key): value for key, value in addresses.items()}
    return state


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs("macvlan") if "macvlan" in name else ()) for name in CASES]
)
def test_a_plugin_does_what_the_reference_does(name: str) -> None:
    configuration, pods = CASES[name]
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        reference = Reference(theirs, configuration)
        for pod in pods:
            reference.make_namespace(pod)
            assert Reference(theirs, {"cniVersion": "1.0.0", "name": "loopback", "type": "loopback"}).add(pod).result
        before = whole_state(ours)
        for pod in pods:
            assert reference.add(pod).result
        scripted = Scripted(ours, compiled_pods(json.dumps(configuration), pods))
        scripted.set_up()
        found = differences(node_state(theirs, pods), without_flags(node_state(ours, pods)))
        assert "\n".join(found) == ""
        assert "\n".join(source_differences(theirs, ours, pods)) == ""
        assert (scripted.set_up(), scripted.drift(), scripted.failures()) == ([], [], [])
        scripted.tear_down()
        assert "\n".join(diff(before, whole_state(ours))) == ""
