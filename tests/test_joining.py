"""What topologies say to an nft table that they have in common: all of it at once, and each takes back its own."""

from __future__ import annotations

import pytest
from fake_kernel import FakeKernel
from fake_namespace import Refusal
from reference import Record, compare, set_up, tear_down

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.filtering import Forward, Masquerade, Publication
from k8snet_scripts.plan import Plan, plan_topology
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Topology, Veth

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


def publishing(name: str, *publications: Publication, addresses: tuple[str, ...] = ("10.1.0.2/16",)) -> Plan:
    """The plan of a topology whose ports lead to some addresses behind the bridge of somebody else."""
    forwards = [Forward(item, parse_cidr(text), "br0") for item in publications for text in addresses]
    host = Namespace(HOST, interfaces=(Interface("br0", external=True),), forwards=tuple(forwards))
    return plan_topology(Topology(name, host, table="pods"))


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


def host_with_a_bridge() -> FakeKernel:
    kernel = FakeKernel()
    kernel.add_device("br0", "bridge")
    return kernel


def test_ports_lead_to_the_topology_that_publishes_them() -> None:
    kernel, first, second = host_with_a_bridge(), Record(), Record()
    here = Publication(8081, 81, "udp", "127.0.0.1", masquerade="none")
    set_up(publishing("a", Publication(8080, 80), addresses=("10.1.0.2/16", "fd00::2/64")), kernel, first)
    set_up(publishing("b", here, addresses=("10.1.0.3/16",)), kernel, second)
    mine = ["ports ipv4.tcp.8080 jump a", "ports ipv6.tcp.8080 jump a", "ports4 127.0.0.1.udp.8081 jump b"]
    back = ["targets4 10.1.0.2 jump a-back", "targets6 fd00::2 jump a-back"]
    common = ["output", "passing", "postrouting", "prerouting"]
    assert facts(kernel) == sorted(["a", "a-back", "b", *common, *mine, *back])
    chains = {name.split()[-1]: rules[1:] for name, rules in kernel.joined.chains.items()}
    own, other = "tcp dport 8080 dnat ip to 10.1.0.2:80", "tcp dport 8080 dnat ip6 to [fd00::2]:80"
    assert chains["a"] == [own, other, "goto passing"]
    assert chains["b"] == ["ip daddr 127.0.0.1 udp dport 8081 dnat ip to 10.1.0.3:81", "goto passing"]
    assert chains["prerouting"] == chains["output"] != []
    ports = "tcp dport 80 ct original proto-dst 8080 ct status dnat masquerade"
    assert chains["a-back"][0] == f"ip saddr 10.1.0.0/16 ip daddr 10.1.0.2 {ports}"


def test_a_table_with_published_ports_goes_with_the_last_topology() -> None:
    kernel, first, second = host_with_a_bridge(), Record(), Record()
    plans = [publishing("a", Publication(8080, 80)), publishing("b", Publication(8081, 80), addresses=("10.1.0.3/16",))]
    for wanted, record in zip(plans, (first, second), strict=True):
        set_up(wanted, kernel, record)
        assert not any(compare(wanted, kernel, record).waves)
    common = f"host: nft chain inet {TABLE} passing"
    remove = first.undo.pop(common)  # which a script leaves out while there are others
    with pytest.raises(Refusal, match="busy"):
        kernel.run(remove)
    tear_down(plans[0], kernel, first)
    assert [fact for fact in facts(kernel) if "jump" in fact] == [
        "ports ipv4.tcp.8081 jump b",
        "targets4 10.1.0.3 jump b-back",
    ]
    second.undo = {common: remove, **second.undo}
    tear_down(plans[1], kernel, second)
    assert facts(kernel) == [] and not kernel.joined.tables
