"""Our scripts bring a node to the state that the reference plugins bring it to, and back to the one before.

Random configurations: the reference attaches the pods on one node, setup.sh on another one.  Then the two nodes are
equal, as `node.py` understands it, and what their traffic looks like from outside is equal.  When the pods are gone,
nothing is left of what setup.sh made; what the reference leaves is written down here.  `K8SNET_EXAMPLES=200` tries more
configurations than CI has the time for, and others every time.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given

from k8snet_scripts.scripts import Refused, Scripts, compile_pods
from live.cni_configurations import SMALLEST_FOR_IPV6, Network, networks
from live.examples import examples
from live.kernel import HOST, State, diff
from live.masquerading import source_differences
from live.network import Network as Scripted
from live.node import RECORDS, differences, node, node_state, whole_state
from live.normalise import AUTOMATIC, NO_MAC
from live.reference_plugins import Reference
from live.runtime import Answer

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

KUBERNETES = Network(
    {
        "name": "rkt.kubernetes.io",
        "type": "bridge",
        "bridge": "mybridge",
        "mtu": 1460,
        "isGateway": True,
        "ipMasq": True,
        "ipam": {
            "type": "host-local",
            "subnet": "10.1.0.0/16",
            "gateway": "10.1.0.1",
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    },
    ("nginx", "web", "db"),
)

LOOPBACK = {"cniVersion": "1.0.0", "name": "loopback", "type": "loopback"}
"""What every runtime attaches a pod to first."""

RANDOM, RESIDUE = examples(2), examples(1)


def compiled_pods(configuration: str, pods: Sequence[str]) -> Scripts:
    """The scripts of a configuration's text and the pods to attach, in order."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "net.conf")
        path.write_text(configuration)
        return compile_pods(str(path), pods)


def make_and_take_away(network: Network, *, hasty: bool) -> None:
    """A network's whole life on two nodes, which must be alike."""
    pods = network.pods
    with node(hasty=hasty) as theirs, node(hasty=hasty) as ours:
        reference = Reference(theirs, network.configuration)
        for pod in pods:
            reference.make_namespace(pod)
            assert Reference(theirs, LOOPBACK).add(pod).result
        before, ours_before = whole_state(theirs), whole_state(ours)

        for pod in pods:
            assert reference.add(pod).result
        scripted = Scripted(ours, compiled_pods(network.text, pods))
        scripted.set_up()
        found = differences(node_state(theirs, pods), node_state(ours, pods))
        assert "\n".join(found) == "\n".join(deliberate_differences(network))
        if not shares_chains(network):  # for then the reference masquerades from one pod to the other
            assert "\n".join(source_differences(theirs, ours, pods)) == ""
        assert (scripted.set_up(), scripted.drift(), scripted.failures()) == ([], [], [])

        attached = whole_state(theirs)
        for pod in pods:
            check_end(network, reference.delete(pod))
        check_residue(network, before, attached, whole_state(theirs))
        scripted.tear_down()
        assert "\n".join(diff(ours_before, whole_state(ours))) == ""


@RANDOM
@given(network=networks())
def test_a_random_network_is_the_one_of_the_reference(network: Network) -> None:
    assume(not is_refused(network))
    make_and_take_away(network, hasty=True)


def test_the_kubernetes_example_is_the_one_of_the_reference() -> None:
    make_and_take_away(KUBERNETES, hasty=False)


def is_refused(network: Network) -> bool:
    """Whether it has what the reference takes and we refuse, for nobody means it.

    That is an IPv6 range that begins at the address of the network itself, and a route of a family without addresses.
    """
    try:
        compiled_pods(network.text, network.pods)
    except Refused as refused:
        assert "is the network itself" in str(refused) or "no range is of its family" in str(refused)
        return True
    return False


def deliberate_differences(network: Network) -> list[str]:
    """A bridge of ours never loses its MAC address, where the reference gives one to gateways only."""
    is_gateway = network.plugin.get("isGateway") or network.plugin.get("isDefaultGateway")
    if is_gateway and "ipam" in network.plugin:
        return []
    return [f"host: links: {network.plugin.get('bridge', 'cni0')}: address: (drawn by the kernel) -> (fixed)"]


# What the reference leaves


def shares_chains(network: Network) -> bool:
    """Whether one chain of iptables serves two addresses of a pod, which is one address too many for a DEL."""
    return bool(network.plugin.get("ipMasq")) and len(set(network.families)) < len(network.families)


def check_end(network: Network, answer: Answer) -> None:
    """Hold the reference to how its DEL ends: at a chain that is in use a second time, it gives up."""
    if shares_chains(network):
        assert "CHAIN_DEL failed" in answer.error["msg"]
    else:
        assert answer.status == 0


def check_residue(network: Network, before: State, attached: State, after: State) -> None:
    """Hold the reference to what is known of it: pods go, and the bridge, forwarding and the records' frame stay."""
    spaces, host, bridge = after["namespaces"], after["namespaces"][HOST], network.bridge
    was = attached["namespaces"][HOST]
    is_small = network.plugin.get("mtu") in range(1, SMALLEST_FOR_IPV6)
    revived = {f"net.ipv6.conf.{bridge}"} if is_small else set()  # as its MTU is large enough for IPv6 again
    assert {pod: spaces[pod] for pod in network.pods} == {pod: before["namespaces"][pod] for pod in network.pods}
    assert sorted(host["links"]) == sorted(("lo", "uplink", bridge))
    assert host["links"][bridge]["mtu"] == "1500"  # which it took over from its ports
    assert (host["links"][bridge]["address"] == NO_MAC) == (not network.is_gateway)  # nobody fixed its address
    assert chosen(host["addresses"][bridge]) == chosen(was["addresses"][bridge])
    assert {where for where in host["sysctls"] if host["sysctls"][where] != was["sysctls"].get(where)} <= revived
    kinds = [(kind, what) for line in host["nft"] for kind, what in json.loads(line).items()]
    rules = [what for kind, what in kinds if kind == "rule"]
    chains = [what for kind, what in kinds if kind == "chain" and what["name"] != "POSTROUTING"]
    assert (bool(rules), bool(chains)) == (shares_chains(network), shares_chains(network))
    assert {path: kept[0] for path, kept in records(after).items()} == left_records(network)


def chosen(addresses: dict[str, str]) -> list[str]:
    """The addresses that the kernel has not made by itself."""
    return [address for address in addresses if AUTOMATIC not in address]


def records(state: State) -> dict[str, list[str]]:
    """Kind, mode and content of every file below /var/lib/cni."""
    return {path: text.split(" ") for path, text in state["namespaces"][RECORDS].items()}


def left_records(network: Network) -> dict[str, str]:
    """The kinds of the files that stay: the lock, and for each set of ranges the address handed out last."""
    ipam = network.plugin.get("ipam")
    if ipam is None:
        return {}
    place = Path(ipam.get("dataDir", f"{RECORDS}/networks")).relative_to(RECORDS)
    files = ["lock", *(f"last_reserved_ip.{number}" for number in range(len(network.families)))]
    name = network.configuration["name"]
    return {f"{place}": "d", f"{place}/{name}": "d", **{f"{place}/{name}/{file}": "f" for file in files}}


@RESIDUE
@given(network=networks())
def test_the_reference_leaves_what_is_known(network: Network) -> None:
    with node(hasty=True) as theirs:
        reference = Reference(theirs, network.configuration)
        for pod in network.pods:
            reference.make_namespace(pod)
        before = whole_state(theirs)
        for pod in network.pods:
            assert reference.add(pod).result
        attached = whole_state(theirs)
        for pod in network.pods:
            check_end(network, reference.delete(pod))
        check_residue(network, before, attached, whole_state(theirs))
