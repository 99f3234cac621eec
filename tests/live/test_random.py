"""Random networks, spoilt at random: a run mends them, does what was foretold and no more, and all of it goes again.

`K8SNET_EXAMPLES=200` tries more of them than CI has the time for, and others every time.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterator
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st
from topologies import topologies

from k8snet_scripts.plan import plan_topology
from k8snet_scripts.render import shell_line
from k8snet_scripts.steps import Sign, Step
from k8snet_scripts.topology import HOST, Bridge, Interface, Namespace, Topology, Veth
from live.examples import examples
from live.features import Kernel
from live.kernel import diff
from live.network import Network, modelled
from live.sandbox import Sandbox

Holder = TypeVar("Holder", bound=Interface)
MORE = examples(4)


def machine(topology: Topology) -> Iterator[str]:
    """Commands that make what the topology expects to find."""
    yield "ip netns add machine"
    for namespace in topology.namespaces:
        if namespace.external:
            yield f"ip netns add {namespace.name}"
            yield f"ip -n {namespace.name} link set dev lo up"
    there = [bridge.name for bridge in topology.host.bridges if bridge.external]
    for number, name in enumerate(there):
        yield f"ip link add name {name} address 02:00:00:00:00:fe type bridge"
        yield f"ip link add name port{number} up master {name} type veth peer name port{number} netns machine"
        yield f"ip -n machine link set dev port{number} up"  # else a carrier would come and go with our ports
        yield f"ip link set dev {name} up"
    for interface in topology.host.interfaces:
        yield f"ip link add name {interface.name} up type veth peer name far netns machine"
        yield "ip -n machine link set dev far up"


def possible(topology: Topology, kernel: Kernel) -> Topology:
    """The topology without what this kernel cannot do, and without two things whose effect depends on when they come.

    Those are spanning trees, which take half a minute to settle, and defaults for interfaces that are made later.
    """
    nat, vlans = kernel.has("nft_masquerade") and kernel.has("nft_masquerade6"), kernel.has("vlan_filtering")

    def bridge(old: Bridge) -> Bridge:
        options = tuple(pair for pair in old.options if pair[0] != "stp_state")
        return dataclasses.replace(
            old, options=options, vlan_filtering=old.vlan_filtering and vlans, vlans=old.vlans if vlans else None
        )

    def holder(old: Holder) -> Holder:
        port = old.port and dataclasses.replace(old.port, vlans=old.port.vlans if vlans else None)
        return dataclasses.replace(old, port=port)

    def veth(old: Veth) -> Veth:
        return dataclasses.replace(old, inner=holder(old.inner), outer=holder(old.outer))

    def namespace(old: Namespace) -> Namespace:
        bridges = tuple(map(bridge, old.bridges))
        interfaces = tuple(map(holder, old.interfaces))
        macvlans = old.macvlans if kernel.has("macvlan") else ()
        ifbs = old.ifbs if kernel.has("ifb") else ()
        devices = (*macvlans, *(map(holder, old.vxlans) if kernel.has("vxlan") else ()), *ifbs)
        sysctls = tuple(pair for pair in old.sysctls if ".default." not in pair[0])
        masquerade = old.masquerade if nat else ()
        return dataclasses.replace(
            old, bridges=bridges, interfaces=interfaces, devices=devices, sysctls=sysctls, masquerade=masquerade
        )

    return dataclasses.replace(
        topology,
        host=namespace(topology.host),
        namespaces=tuple(map(namespace, topology.namespaces)),
        veths=tuple(map(veth, topology.veths)),
    )


def spoil(step: Step) -> str:
    """A command that makes the fact of a step untrue, or takes away what it is about."""
    namespace, name = (*step.owner.split(" ")[:2], "")[:2]
    ip, key, value = ("ip" if namespace == HOST else f"ip -n {namespace}"), *(f"{step.words} ".split(" ", 2)[:2])
    match key:
        case "namespace":
            return f"ip netns delete {namespace}"
        case "bridge" | "veth," | "vxlan" | "macvlan" | "macvlan," | "ifb":
            return f"{ip} link delete dev {name}"
        case "up":
            return f"{ip} link set dev {name} down"
        case "fdb":
            bridge = ip.replace("ip", "bridge", 1)
            return f"{bridge} fdb delete {value} dev {name} {step.words.split(' ', 2)[2]}"
        case "neigh":
            return f"{ip} neigh delete {value} dev {name}"
        case "learning" if "vxlan" in step.argv:
            return f"{ip} link set dev {name} type vxlan {'nolearning' if value == 'true' else 'learning'}"
        case "tbf":
            return f"{ip.replace('ip', 'tc', 1)} qdisc delete dev {name} root"
        case "ingress":
            return f"{ip.replace('ip', 'tc', 1)} qdisc delete dev {name} ingress"
        case "redirect":
            return f"{ip.replace('ip', 'tc', 1)} filter delete dev {name} ingress pref 1"
        case "mode":
            return f"{ip} link set dev {name} type macvlan mode {'vepa' if value == 'bridge' else 'bridge'}"
        case "local" | "remote" | "group":
            plain = {
                "local": ("192.0.2.7", "fd77::7"),
                "remote": ("192.0.2.8", "fd77::8"),
                "group": ("239.9.9.9", "ff05::99"),
            }
            return " ".join(step.argv).replace(f"{key} {value}", f"{key} {plain[key][':' in value]}")
        case "dev":
            return f"{ip} link set dev {name} type vxlan dev lo"  # which fails where there is no room
        case "master":
            return f"{ip} link set dev {name} nomaster"
        case "mtu":
            return f"{ip} link set dev {name} mtu {int(value) - 4}"
        case "address":
            return f"{ip} link set dev {name} address 02:00:00:00:ff:ff"
        case "nft":
            return shlex.join((*step.argv[:-1], f"delete {step.words.removeprefix('nft ')}"))
    if key.startswith("net."):
        other = {"0": "1", "1": "0", "128": "129", "1024 2048": "1024 2049"}[step.words.removeprefix(f"{key} ")]
        return shlex.join((*step.argv[:-1], f"echo {other} >{step.argv[-1].partition('>')[2]}"))
    if " add " in (command := " ".join(step.argv)):
        return command.replace(" add ", " delete ", 1)
    return f"{command.rsplit(' ', 1)[0]} {'off' if step.argv[-1] == 'on' else 9}"


def burden(step: Step) -> str:
    """Commands that add what nobody wants, where a step works."""
    namespace, name = (*step.owner.split(" ")[:2], "lo")[:2]
    ip = "ip" if namespace == HOST else f"ip -n {namespace}"
    if namespace == HOST and step.sign not in (Sign.MAKE, Sign.MEND):
        return "true"  # it may be somebody else's
    return f"{ip} address add 10.200.0.1/24 dev {name}; {ip} route add 10.201.0.0/24 via 10.200.0.9"


@MORE
@given(
    topology=topologies(max_namespaces=3, adorned=False),
    harms=st.lists(st.tuples(st.sampled_from((spoil, spoil, burden)), st.integers(0, 10**6)), min_size=1, max_size=4),
)
def test_a_random_network_is_mended_whatever_happened_to_it(
    kernel: Kernel, topology: Topology, harms: list[tuple[Callable[[Step], str], int]]
) -> None:
    topology = possible(topology, kernel)
    with Sandbox() as sandbox:
        network = Network(sandbox, modelled(topology))
        network.do(*machine(topology))
        before = network.state()
        foreseen = network.foreseen()
        assert network.set_up() == foreseen
        assert (network.set_up(), network.drift()) == ([], [])
        wanted = network.state()
        ours = [
            step
            for step in plan_topology(topology).steps()
            if step.sign is Sign.MEND or shell_line(step.argv) in foreseen  # and not true on the host before
        ]
        chosen = [harm(ours[number % len(ours)]) for harm, number in harms if ours]
        network.do(*(f"({command}) || true" for command in chosen))
        network.do("sleep 0.1")  # a namespace takes its interfaces along a moment later
        drift, foreseen = network.drift(), network.foreseen()
        assert bool(drift) == bool(foreseen)
        assert network.set_up() == foreseen
        assert (network.drift(), network.foreseen()) == ([], [])
        lines = diff(wanted, network.state())
        assert "\n".join(line for line in lines if not line.startswith("/run/k8snet")) == "", chosen
        network.tear_down()
        assert "\n".join(diff(before, network.state())) == "", chosen
