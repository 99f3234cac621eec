"""Cutting networks into parts: all of them, in order, and none with something taken in it."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.addresses import WIDTH, Cidr, parse_cidr
from k8snet_scripts.cluster.division import divide, last, ordinary, pick, widen


@st.composite
def networks(draw: st.DrawFn) -> Cidr:
    """Small networks, so that all addresses can be counted."""
    family = draw(st.sampled_from((4, 6)))
    value = 10 << 24 if family == 4 else 0xFD << 120
    return Cidr(family, value + draw(st.integers(0, 255)), WIDTH[family] - draw(st.integers(0, 8))).network


@st.composite
def parts_of(draw: st.DrawFn, network: Cidr) -> Cidr:
    prefix = draw(st.integers(network.prefix, WIDTH[network.family]))
    return Cidr(network.family, draw(st.integers(network.value, last(network))), prefix).network


@given(st.data())
def test_the_parts_are_those_in_which_nothing_is_taken(data: st.DataObject) -> None:
    network = data.draw(networks())
    prefix = data.draw(st.integers(network.prefix, WIDTH[network.family]))
    taken = data.draw(st.lists(parts_of(network), max_size=5))
    size = 1 << WIDTH[network.family] - prefix
    parts = [Cidr(network.family, value, prefix) for value in range(network.value, last(network) + 1, size)]
    assert list(divide(network, prefix, taken)) == [
        part for part in parts if not any(part.overlaps(other) for other in taken)
    ]


def test_nodes_get_the_parts_that_kube_controller_manager_gives_them() -> None:
    found = [str(part) for part in islice(divide(parse_cidr("10.244.0.0/16"), 24), 3)]
    assert found == ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]
    found = [str(part) for part in islice(divide(parse_cidr("fd00:10:244::/56"), 64), 3)]
    assert found == ["fd00:10:244::/64", "fd00:10:244:1::/64", "fd00:10:244:2::/64"]


def test_what_is_taken_elsewhere_does_not_matter() -> None:
    taken = [parse_cidr("10.0.0.0/24"), parse_cidr("fd00::/8"), parse_cidr("10.245.0.0/16")]
    assert str(next(divide(parse_cidr("10.244.0.0/16"), 24, taken))) == "10.244.0.0/24"


@pytest.mark.parametrize(
    ("network", "first", "count"),
    [
        ("10.0.0.0/24", 1, 254),
        ("10.0.0.0/30", 1, 2),
        ("10.0.0.0/31", 0, 2),
        ("fd00::/120", 1, 255),
        ("fd00::/127", 0, 2),
    ],
)
def test_ordinary_addresses(network: str, first: int, count: int) -> None:
    cidr = parse_cidr(network)
    assert (ordinary(cidr)[0] - cidr.value, len(ordinary(cidr))) == (first, count)
    assert pick(cidr, 1) == Cidr(cidr.family, cidr.value + first + 1, cidr.prefix)


@given(st.data())
def test_a_widened_network_has_enough_parts_and_none_too_many(data: st.DataObject) -> None:
    network = data.draw(networks())
    prefix = data.draw(st.integers(network.prefix, WIDTH[network.family]))
    wide = widen(network, prefix, parts := data.draw(st.integers(1, 200)))
    assert wide == wide.network and wide.contains(network.family, network.value) and wide.prefix <= network.prefix
    assert 1 << prefix - wide.prefix >= parts
    assert wide == network or 1 << prefix - wide.prefix - 1 < parts
