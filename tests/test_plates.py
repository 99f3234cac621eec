"""What is printed from a plate is what would have been laid out by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from topologies import topologies

from k8snet_scripts import plates, render
from k8snet_scripts.addresses import WIDTH, Cidr
from k8snet_scripts.groups import Group
from k8snet_scripts.plan import Plan, plan_topology
from k8snet_scripts.plates import Plates
from k8snet_scripts.render import lay_out
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Route, Topology, Veth

few = settings(max_examples=60, deadline=None)


def one_by_one(plan: Plan) -> str:
    """The table of a plan, every group of which is laid out by itself."""
    waves = [(wave.title, render._lay_out_groups(wave.groups)) for wave in plan.waves]
    return "\n".join(f"### {number}. {title}\n{text}" for number, (title, text) in enumerate(waves, start=1))


def repeat(topology: Topology, times: int) -> Topology:
    """Every namespace and every veth several times, with other names and addresses."""

    def again(veth: Veth, number: int) -> Veth:
        return Veth(_again(veth.inner, number), _again(veth.outer, number))

    numbers = range(1, times + 1)
    return replace(
        topology,
        namespaces=tuple(replace(own, name=f"{own.name}{n}") for own in topology.namespaces for n in numbers),
        veths=tuple(again(veth, n) for n in numbers for veth in topology.veths),
    )


def _again(end: End, number: int) -> End:
    on_host = end.namespace == HOST
    return replace(
        end,
        name=f"{end.name}{number}" if on_host else end.name,
        namespace=HOST if on_host else f"{end.namespace}{number}",
        addresses=tuple(_following(address, number) for address in end.addresses),
    )


def _following(address: Cidr, number: int) -> Cidr:
    return address._replace(value=(address.value + 7 * number) % 2 ** WIDTH[address.family])


@few
@given(topologies(), st.integers(2, 12))
def test_the_table_is_the_same_with_plates_and_without(topology: Topology, times: int) -> None:
    plan = plan_topology(repeat(topology, times))
    assert "".join(lay_out(plan)) == one_by_one(plan)


PORT = Port("br0")
ROUTE = Route(4, None, via="10.0.0.1")


def pods(changed: Callable[[int, Veth], Veth] = lambda number, veth: veth, **of_all: object) -> Topology:
    """Thirty namespaces on one bridge, some of them other than the others."""
    numbers = range(1, 31)
    veths = [
        changed(
            number,
            Veth(
                End("eth0", (Cidr(4, (10 << 24) + 50 + number, 16),), (ROUTE,), namespace=f"n{number}"),
                End(f"v{number}", port=PORT),
            ),
        )
        for number in numbers
    ]
    namespaces = [Namespace(f"n{number}", **of_all) for number in numbers]  # type: ignore[arg-type] # of whatever field
    return Topology("lab", Namespace(HOST, bridges=(Bridge("br0"),)), tuple(namespaces), tuple(veths))


def inner(number: int, **changes: object) -> Callable[[int, Veth], Veth]:
    """The end inside of one of the namespaces is another."""

    def changed(own: int, veth: Veth) -> Veth:
        return replace(veth, inner=replace(veth.inner, **changes)) if own == number else veth  # type: ignore[arg-type]

    return changed


def outer(number: int, **changes: object) -> Callable[[int, Veth], Veth]:
    def changed(own: int, veth: Veth) -> Veth:
        return replace(veth, outer=replace(veth.outer, **changes)) if own == number else veth  # type: ignore[arg-type]

    return changed


SIX = Cidr(6, 0xFD << 120 | 5, 64)


@pytest.mark.parametrize(
    "topology",
    [
        pods(),
        pods(description="100 % of `n1`, and %s"),
        pods(sysctls=(("net.ipv4.conf.all.rp_filter", "0"), ("net.ipv4.conf.eth0.forwarding", "1"))),
        pods(forwarding=True),
        pods(routes=(ROUTE,)),
        pods(inner(9, routes=())),
        pods(inner(9, addresses=())),
        pods(inner(9, addresses=(SIX,))),
        pods(inner(9, addresses=(Cidr(4, (10 << 24) + 1, 16),))),
        pods(inner(9, addresses=(Cidr(4, 0x0A00000A, 32),))),
        pods(inner(9, broadcast=True)),
        pods(inner(9, connected=False)),
        pods(inner(9, mtu=1400, lladdr="02:00:00:00:00:01", description="the ninth")),
        pods(inner(9, namespace=HOST)),
        pods(inner(9, namespace="n10")),
        pods(outer(9, namespace="n9", port=None)),
        pods(outer(9, namespace="n10", port=None)),
        pods(outer(9, port=Port("br1"))),
        pods(outer(9, port=Port("br0", only_from="02:00:00:00:00:01"))),
        pods(outer(9, promisc=True, txqlen=5)),
    ],
)
def test_what_is_different_is_printed_differently(topology: Topology) -> None:
    plan = plan_topology(topology)
    assert "".join(lay_out(plan)) == one_by_one(plan)


def test_of_each_shape_few_are_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the first one by itself, and two for each plate, of which there is one for all words of equal lengths."""
    laid_out: list[Group] = []

    class Noting(Plates):
        def __init__(self, lay_out: Callable[..., str]) -> None:
            super().__init__(lambda groups: lay_out(laid_out.append(group) or group for group in groups))  # type: ignore[func-returns-value]

    monkeypatch.setattr(render, "Plates", Noting)
    plan = plan_topology(pods())
    text = "".join(lay_out(plan))
    assert (text.count("its peer"), text.count("\n# n")) == (30, 30)
    assert len(laid_out) == 2 * (1 + 2 * len({(1, 2), (2, 2)}))


def test_more_words_than_letters_need_no_plate() -> None:
    ends = [End(f"e{number}", namespace=name) for name in ("n1", "n2", "n3") for number in range(30)]
    veths = [Veth(end, End(f"{end.namespace}{end.name}")) for end in ends]
    plan = plan_topology(Topology("lab", namespaces=tuple(map(Namespace, ("n1", "n2", "n3"))), veths=tuple(veths)))
    assert "".join(lay_out(plan)) == one_by_one(plan)


def test_shapes_may_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also more of them than are remembered."""
    kinds = [{"mtu": 1400 + number} for number in range(4)]

    def changed(number: int, veth: Veth) -> Veth:
        return inner(number, **kinds[number % 4])(number, veth)

    plan = plan_topology(pods(changed))
    for remembered in (1, 2, 8):
        monkeypatch.setattr(plates, "_SHAPES", remembered)
        assert "".join(lay_out(plan)) == one_by_one(plan)
