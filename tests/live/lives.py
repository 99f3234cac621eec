"""Random lives of a CNI network: a node, a configuration, and what a runtime asks for, one thing after another.

`lives()` is a hypothesis strategy.  The reference carries out the first ADD of each life, made so and not filtered; what
comes later may fail, as long as it fails for both in the same way.  What the reference gets wrong is never drawn, and
each place where that is so says why: `test_plugin_better.py` has it instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hypothesis import strategies as st

from k8snet_scripts.addresses import format_address, parse_cidr
from live.cni_configurations import PODS, SMALLEST_FOR_IPV6, Network, networks
from live.runtime import INTERFACE, Json, Wishes

Draw = Callable[[st.SearchStrategy[Any]], Any]
Verb = Literal["add", "delete", "check", "lose"]

MOST_ACTIONS = 7
MAC = "02:42:ac:11:00:{:02x}"
BEFORE = (
    (),
    (),
    ("ip link add name {bridge} address 02:00:00:00:be:ef type bridge ageing_time 4000 stp_state 0",),
    ("ip link add name {bridge} up address 02:00:00:00:be:ef mtu 1400 type bridge", "ip link set dev lo alias mine"),
    ("echo 1 >/proc/sys/net/ipv4/ip_forward", "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"),
)
"""What a node may have before anything is attached.  A bridge has an address of its own: without one, the first DEL of a
pod that came into it would leave it with none, and the reference with a bridge that it cannot use."""


OTHER_ADDRESSES = (
    "ip link add name {bridge} address 02:00:00:00:be:ef type bridge",
    "ip address add 10.200.0.1/24 dev {bridge}",
    "ip address add fd00:200::1/64 dev {bridge} nodad",
)
"""A bridge that a gateway may have only with `forceAddress`."""


@dataclass(frozen=True)
class Action:
    """One thing that a runtime does for one interface of one pod.

    `lose` has the namespace vanish, if there is one, with all interfaces.  A `delete` with `path=""` knows of none.
    """

    verb: Verb
    pod: str
    interface: str = INTERFACE
    wishes: Wishes | None = None
    path: str | None = None

    def __str__(self) -> str:
        said = [self.verb, self.pod, self.interface]
        said += [f"with {self.wishes}"] if self.wishes else []
        return " ".join([*said, *([] if self.path is None else [f"in `{self.path}`"])])


@dataclass(frozen=True)
class Life:
    """Shell lines that prepare the node, a network, and what happens to it."""

    network: Network
    actions: tuple[Action, ...]
    before: tuple[str, ...] = ()

    @property
    def pods(self) -> tuple[str, ...]:
        """Every pod that occurs."""
        return tuple(dict.fromkeys(action.pod for action in self.actions))


@st.composite
def lives(draw: Draw) -> Life:
    """A life that begins with an ADD without wishes."""
    network = _changed(draw, draw(networks()))
    pods = draw(st.permutations(PODS))[:3]
    is_free = network.plugin.get("forceAddress") or not network.is_gateway
    before = draw(st.sampled_from((*BEFORE, OTHER_ADDRESSES) if is_free else BEFORE))
    actions = [Action("add", pods[0])]
    for number in range(draw(st.integers(1, MOST_ACTIONS - 1))):
        actions.append(_draw_action(draw, network, pods, actions, number))
    return Life(network, tuple(actions), tuple(line.format(bridge=network.bridge) for line in before))


def _draw_action(draw: Draw, network: Network, pods: Sequence[str], so_far: Sequence[Action], number: int) -> Action:
    """What may come next: most often something that makes a difference."""
    pod = draw(st.sampled_from(pods))
    interface = draw(st.sampled_from((INTERFACE, INTERFACE, "net1") if _has_room(network) else (INTERFACE,)))
    known = [action.pod for action in so_far if action.verb in ("add", "lose")]
    verbs: tuple[Verb, ...] = (
        ("add", "add", "delete", "check", "lose") if pod in known else ("add", "add", "add", "delete")
    )
    ipam = network.plugin.get("ipam") or {}
    if not ipam or any("gw" not in route for route in ipam.get("routes") or ()):
        verbs = tuple(verb for verb in verbs if verb != "check")  # that of the reference fails
    verb: Verb = draw(st.sampled_from(verbs))
    is_lost = [action.verb for action in so_far if action.pod == pod and action.verb in ("add", "lose")][-1:] == [
        "lose"
    ]
    if verb == "add":
        return Action(verb, pod, interface, _draw_wishes(draw, network, number))
    if verb == "delete" and is_lost:
        return Action(verb, pod, interface, path=draw(st.sampled_from((None, ""))))
    return Action(verb, pod, interface)


def _changed(draw: Draw, network: Network) -> Network:
    """The network with what only a plugin that is called can do."""
    plugin = dict(network.plugin)
    if draw(st.sampled_from((False, False, True))):
        plugin["forceAddress"] = draw(st.booleans())
    if len(set(network.families)) < len(network.families):
        plugin.pop("ipMasq", None)  # a DEL of the reference fails at the chain which two addresses share
    if plugin.get("mtu") in range(1, SMALLEST_FOR_IPV6):
        plugin.pop("mtu")  # a bridge of the reference has IPv6 again when its last port has gone
    if plugin.get("capabilities") is None:
        plugin["capabilities"] = {"ips": True, "mac": True}
    if "plugins" in network.configuration:
        return replace(network, configuration={**network.configuration, "plugins": [plugin]})
    return replace(network, configuration={**plugin, **_head(network)})


def _head(network: Network) -> Json:
    return {key: network.configuration[key] for key in ("cniVersion", "name") if key in network.configuration}


def _has_room(network: Network) -> bool:
    """Whether a pod can have two interfaces: with `ipMasq` the reference's DEL of one breaks the other."""
    return not network.plugin.get("ipMasq")


def _draw_wishes(draw: Draw, network: Network, number: int) -> Wishes:
    """None mostly; an address that may be free, taken, a gateway or elsewhere; a MAC address."""
    mac = MAC.format(number)
    chosen: Wishes = draw(st.sampled_from(_wishes(_draw_address(draw, network), mac)))
    return chosen


def _wishes(address: str | None, mac: str) -> tuple[Wishes, ...]:
    """The ways to say it."""
    if address is None:
        macs = Wishes(f"IgnoreUnknown=1;MAC={mac}"), Wishes(keys={"runtimeConfig": {"mac": mac}})
        return Wishes(), Wishes(), Wishes("IgnoreUnknown=1;K8S_POD_NAME=web"), *macs
    bare = address.partition("/")[0]
    return (
        Wishes(f"IgnoreUnknown=1;IP={bare}"),
        Wishes(f"IgnoreUnknown=1;IP={bare};MAC={mac}"),
        Wishes(keys={"runtimeConfig": {"ips": [address]}}),
        Wishes(keys={"runtimeConfig": {"ips": [address], "mac": mac}}),
        Wishes(keys={"args": {"cni": {"ips": [bare]}}}),
    )


def _draw_address(draw: Draw, network: Network) -> str | None:
    """An address to ask for, with the length of its prefix."""
    sets = network.range_sets
    if not sets or draw(st.sampled_from((True, True, False))):
        return None
    subnet = parse_cidr(draw(st.sampled_from(draw(st.sampled_from(sets))))["subnet"])
    offset = draw(st.sampled_from((3, 2, 5, 1, 0, 300)))
    return f"{format_address(subnet.family, subnet.value + offset)}/{subnet.prefix}"
