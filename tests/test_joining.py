"""What topologies say to an nft table that they have in common: all of it at once, and each takes back its own."""

from __future__ import annotations

import pytest
from fake_kernel import FakeKernel
from fake_namespace import Refusal
from reference import Record, compare, set_up, tear_down

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.plan import Plan, plan_topology
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Topology, Veth

TABLE = "k8snet-pods"
LLADDR = "02:00:00:00:00:01"


def plan(name: str, *addresses: str, guarded: bool = False) -> Plan:
    """The plan of a topology that masquerades some addresses, and may guard the port of a veth."""
    within = {4: parse_cidr("10.1.0.0/16"), 6: parse_cidr("fd00::/64")}
    sources = [parse_cidr(text) for text in addresses]
    host = Namespace(HOST, masquerade=tuple(Masquerade(source, (within[source.family],)) for source in sources))
    if not guarded:
        return plan_topology(Topology(name, host, table="pods"))
    bridge = Bridge("br0", external=True)
    host = Namespace(HOST, bridges=(bridge,), masquerade=host.masquerade)
    port = End(f"veth-{name}", namespace=HOST, port=Port("br0", only_from=LLADDR))
    veth = Veth(End("eth0", namespace=name, lladdr=LLADDR), port)
    return plan_topology(Topology(name, host, (Namespace(name, external=True),), (veth,), table="pods"))


def facts(kernel: FakeKernel) -> list[str]:
    """What nft was told, without the name of the table."""
    return sorted(text.partition(f"{TABLE} ")[2] for text in kernel.facts() if ": nft " in text)


def test_the_second_topology_adds_its_part_to_the_table_of_the_first() -> None:
    kernel, first, second = FakeKernel(), Record(), Record()
    set_up(plan("a", "10.1.0.2/32", "fd00::2/128"), kernel, first)
    common = ["masquerading", "postrouting"]
    assert facts(kernel) == ["a", *common, "sources4 10.1.0.2 jump a", "sources6 fd00::2 jump a"]
    set_up(plan("b", "10.1.0.3/32"), kernel, second)
    assert len(facts(kernel)) == 7 and kernel.joined.tables == {f"inet {TABLE}"}
    assert set_up(plan("a", "10.1.0.2/32", "fd00::2/128"), kernel, first) == []
    look = ["ip saddr vmap @sources4", "ip6 saddr vmap @sources6"]
    assert kernel.joined.chains[f"inet {TABLE} postrouting"][1:] == look
    outside = "ip daddr != 10.1.0.0/16 ip daddr != 224.0.0.0/4"
    assert kernel.joined.chains[f"inet {TABLE} b"][1:] == [f"ip saddr 10.1.0.3 {outside} goto masquerading"]


def test_a_table_that_others_use_cannot_be_removed_and_goes_with_the_last_one() -> None:
    kernel, first, second = FakeKernel(), Record(), Record()
    set_up(plan("a", "10.1.0.2/32"), kernel, first)
    set_up(plan("b", "10.1.0.3/32"), kernel, second)
    common = f"host: nft chain inet {TABLE} masquerading"
    remove = first.undo.pop(common)  # which a script leaves out while there are others
    with pytest.raises(Refusal, match="busy"):
        kernel.run(remove)
    tear_down(plan("a", "10.1.0.2/32"), kernel, first)
    assert facts(kernel) == ["b", "masquerading", "postrouting", "sources4 10.1.0.3 jump b"]
    second.undo = {common: remove, **second.undo}  # the first run of a script takes it that there is no table yet
    tear_down(plan("b", "10.1.0.3/32"), kernel, second)
    assert facts(kernel) == [] and not kernel.joined.tables


@pytest.mark.parametrize(
    ("change", "mended"),
    [
        (f"flush chain inet {TABLE} masquerading", 1),
        (f"add rule inet {TABLE} postrouting accept", 1),
        (f"delete element inet {TABLE} sources4 {{ 10.1.0.2 }}", 1),
        (f"delete table inet {TABLE}", 4),
    ],
)
def test_whatever_is_altered_is_told_again(change: str, mended: int) -> None:
    kernel, record, wanted = FakeKernel(), Record(), plan("a", "10.1.0.2/32")
    set_up(wanted, kernel, record)
    before = kernel.joined.copy()
    kernel.run(("nft", change))
    assert len(set_up(wanted, kernel, record)) == mended
    assert kernel.joined == before


def test_frames_are_guarded_in_a_table_of_family_bridge() -> None:
    kernel, record, wanted = FakeKernel(), Record(), plan("a", guarded=True)
    kernel.run(("ip", "netns", "add", "a"))
    kernel.add_device("br0", "bridge")
    set_up(wanted, kernel, record)
    assert kernel.joined.tables == {f"bridge {TABLE}"}
    assert facts(kernel) == ["a", "forged", "ports veth-a jump a", "prerouting"]
    rule = f'iifname "veth-a" ether saddr != {LLADDR} goto forged'
    assert kernel.joined.chains[f"bridge {TABLE} a"][1:] == [rule]
    assert not any(compare(wanted, kernel, record).waves)
    tear_down(wanted, kernel, record)
    assert not kernel.joined.tables
