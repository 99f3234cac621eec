"""Source addresses: RFC 6724 as far as the addresses of a topology differ by it."""

from __future__ import annotations

import pytest
from cables import cidrs
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.addresses import Cidr, format_address, is_link_local, parse_address
from k8snet_scripts.reach.sources import best_sources6, global_addresses

VALUES = st.integers(0, 2**128 - 1)


@pytest.mark.parametrize(
    ("target", "best"),
    [
        ("fd00:0:0:2::9", "fd00:0:0:2::1"),
        ("fd99::9", "fd00:0:0:2::1"),
        ("2001:db8::9", "2001:db8::1"),
        ("2002::9", "2002::1"),
        ("2001::9", "2001:db8::1"),
        ("::9", "2001:db8::1"),
    ],
)
def test_the_label_comes_first_then_the_common_prefix(target: str, best: str) -> None:
    own = cidrs("fd00:0:0:2::1/64 2001:db8::1/64 2002::1/16")
    assert [format_address(6, value) for value in best_sources6(own, parse_address(target)[1])] == [best]


def test_no_more_counts_as_common_than_the_prefix_of_the_address() -> None:
    own = cidrs("fd00::1/48 fd00::1:1/48")
    assert len(best_sources6(own, parse_address("fd00::2")[1])) == 2


@given(st.lists(VALUES, min_size=1, max_size=4), VALUES)
def test_there_is_always_a_best_one_and_it_is_among_them(values: list[int], target: int) -> None:
    best = best_sources6([Cidr(6, value, 64) for value in values], target)
    assert best and set(best) <= set(values)


@given(VALUES)
def test_link_local_is_fe80_10(value: int) -> None:
    assert is_link_local(6, value) == Cidr(6, 0xFE80 << 112, 10).contains(6, value)


def test_link_local_addresses_and_the_other_family_are_left_out() -> None:
    own = cidrs("169.254.0.1/16 fe80::1/64 fd00::1/64")
    assert global_addresses(own, 4) == [own[0]]
    assert global_addresses(own, 6) == [own[2]]
