"""What the packet filter is told: one nft table a family, rules of iptables as `iptables -S` prints them."""

from __future__ import annotations

import pytest
from fake_filter import Filter
from fake_kernel import FakeKernel
from fake_namespace import Refusal, UnknownCommand
from reference import Record, set_up, tear_down

from k8snet_scripts import filters
from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.filtering import Admission, Condition, Forward, Isolation, Publication, find_forwards
from k8snet_scripts.inventory import Guard, Inventory
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.settings import choose_settings
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Topology, Veth

FOUR, SIX = parse_cidr("10.0.0.2/24"), parse_cidr("fd00::2/64")


def rules(*forwards: Forward) -> dict[str, list[str]]:
    """The rules of each chain of the table that publishes ports."""
    step = filters.translate("host", "t", (), forwards)
    text = step.argv[-1].partition("table inet t {")[2]
    chains = [part.split(" { ", 1) for part in text.split("chain ")[1:]]
    return {
        name: [rule for rule in body.partition(" };")[0].split("; ") if not rule.startswith(("type", "policy"))]
        for name, body in chains
    }


def test_a_port_leads_to_the_target_from_outside_and_from_the_namespace_itself() -> None:
    found = rules(Forward(Publication(8080, 80), FOUR, "br0"))
    assert found["prerouting"] == found["output"] == ["fib daddr type local jump published;"]
    assert found["published"] == ["tcp dport 8080 dnat ip to 10.0.0.2:80;"]
    ports = "ip daddr 10.0.0.2 tcp dport 80 ct original proto-dst 8080 ct status dnat masquerade"
    assert found["postrouting"] == [f"ip saddr 10.0.0.0/24 {ports}", f"ip saddr 127.0.0.1 {ports};"]


def test_nobody_sends_from_the_loopback_address_of_ipv6() -> None:
    found = rules(Forward(Publication(53, 54, "udp"), SIX, "br0"))
    assert found["published"] == ["udp dport 53 dnat ip6 to [fd00::2]:54;"]
    assert [rule.split(" ip6 daddr")[0] for rule in found["postrouting"]] == ["ip6 saddr fd00::/64"]


@pytest.mark.parametrize(("masquerade", "count"), [("local", 2), ("all", 1), ("none", 0)])
def test_whose_source_is_replaced(masquerade: str, count: int) -> None:
    found = rules(Forward(Publication(80, 80, masquerade=masquerade), FOUR, "br0"))
    assert len(found.get("postrouting", [])) == count


def test_a_port_on_one_address_and_under_conditions() -> None:
    conditions = (
        Condition("saddr", parse_cidr("192.0.2.0/24"), negated=True),
        Condition("daddr", parse_cidr("fd00::1/128")),
    )
    publication = Publication(80, 80, address="10.0.0.1", conditions=conditions)
    assert rules(Forward(publication, FOUR, "br0"))["published"] == [
        "ip saddr != 192.0.2.0/24 ip daddr 10.0.0.1 tcp dport 80 dnat ip to 10.0.0.2:80;"
    ]
    everywhere = Publication(80, 80, address="::", conditions=conditions)
    assert rules(Forward(everywhere, SIX, "br0"))["published"] == [
        "ip6 daddr fd00::1 tcp dport 80 dnat ip6 to [fd00::2]:80;"
    ]


def test_a_port_leads_to_the_first_address_of_each_family() -> None:
    addresses = tuple(map(parse_cidr, ("10.0.0.2/24", "10.0.0.3/24", "fd00::2/64")))
    ports = (Publication(80, 80), Publication(81, 81, address="::1"), Publication(82, 82, address="0.0.0.0"))
    end = End("eth0", addresses=addresses, namespace="n1", publications=ports)
    found = [
        (forward.publication.port, str(forward.target))
        for forward in find_forwards(end.publications, end.addresses, "veth0")
    ]
    assert found == [(80, "10.0.0.2/24"), (80, "fd00::2/64"), (81, "fd00::2/64"), (82, "10.0.0.2/24")]


def test_a_namespace_may_forward_to_ends_that_the_topology_does_not_have() -> None:
    host = Namespace(HOST, forwards=(Forward(Publication(8080, 80), FOUR, "cni0"),))
    words = [step.words for step in plan_topology(Topology("lab", host)).steps()]
    assert words == ["net.ipv4.conf.cni0.route_localnet 1", "nft table inet k8snet-lab"]


def test_a_guarded_port_takes_in_one_link_layer_address() -> None:
    step = filters.guard("n1", "t", [Guard("veth0", "02:00:00:00:00:01")])
    assert step.words == "nft table bridge t"
    assert 'iifname "veth0" ether saddr != 02:00:00:00:00:01 drop;' in step.argv[-1]


def test_what_is_admitted() -> None:
    admissions = (Admission(parse_cidr("10.0.0.2/32")), Admission(parse_cidr("fd00::2/128"), admin="OURS"))
    found = [step.words for step in dict.fromkeys(filters.admit(HOST, admissions))]
    assert found[:6] == [
        "iptables -N CNI-FORWARD",
        "iptables -N CNI-ADMIN",
        'iptables -A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD',
        'iptables -A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN',
        "iptables -A CNI-FORWARD -d 10.0.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "iptables -A CNI-FORWARD -s 10.0.0.2/32 -j ACCEPT",
    ]
    assert found[7] == "ip6tables -N OURS"


def test_what_comes_in_by_a_published_port_is_admitted_if_that_is_asked_for() -> None:
    forwards = [Forward(Publication(8080, 80), FOUR, "br0"), Forward(Publication(53, 53), SIX, "br0")]
    network = parse_cidr("10.0.0.0/24")
    plain, more = ([*filters.admit(HOST, [Admission(network, published=flag)], forwards)] for flag in (False, True))
    assert [step.words for step in more[len(plain) :]] == [
        "iptables -A CNI-FORWARD -d 10.0.0.2/32 -p tcp -m tcp --dport 80 -m conntrack --ctstate DNAT -j ACCEPT"
    ]


def lab(*, bridge: str = "br.0", masquerade: str = "local") -> Topology:
    port = Publication(8080, 80, masquerade=masquerade)
    inner = End("eth0", addresses=(FOUR, SIX), lladdr="02:00:00:00:00:02", namespace="n1", publications=(port,))
    veth = Veth(inner, End("veth1", port=Port(bridge, only_from="02:00:00:00:00:02")))
    host = Namespace(
        HOST,
        bridges=(Bridge(bridge, addresses=(parse_cidr("10.0.0.1/24"), parse_cidr("fd00::1/64"))),),
        forwarding=True,
        admissions=(Admission(parse_cidr("10.0.0.0/24"), published=True), Admission(parse_cidr("fd00::2/128"))),
        isolations=(Isolation(bridge, 4), Isolation(bridge, 6)),
    )
    return Topology("lab", host, (Namespace("n1"),), (veth,))


@pytest.mark.parametrize(("masquerade", "wanted"), [("local", True), ("all", True), ("none", False)])
def test_packets_from_127_0_0_1_leave_by_the_bridge(masquerade: str, wanted: bool) -> None:
    topology = lab(masquerade=masquerade)
    settings = dict(choose_settings(Inventory(topology), topology.host))
    assert (settings.get("net.ipv4.conf.br/0.route_localnet") == "1") is wanted


def test_setup_makes_all_of_it_once_and_teardown_takes_it_back() -> None:
    kernel, record = FakeKernel(), Record()
    plan, before = plan_topology(lab()), kernel.facts()
    assert set_up(plan, kernel, record)
    assert {f"{step.owner}: {step.words}" for step in plan.steps()} <= kernel.facts()
    assert set_up(plan, kernel, record) == []
    tear_down(plan, kernel, record)
    assert kernel.facts() == before


def test_the_fake_filter_refuses_what_iptables_refuses() -> None:
    rules = Filter()
    rules.run("iptables", ["-N", "A"])
    rules.run("iptables", ["-A", "FORWARD", "-j", "A"])
    for words in (["-N", "A"], ["-X", "A"], ["-X", "INPUT"], ["-A", "B", "-j", "ACCEPT"], ["-A", "A", "-j", "B"]):
        with pytest.raises(Refusal):
            rules.run("iptables", words)
    with pytest.raises(Refusal):
        rules.run("iptables", ["-D", "A", "-j", "ACCEPT"])
    with pytest.raises(UnknownCommand):
        rules.run("iptables", ["-L"])
