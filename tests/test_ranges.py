"""Ranges: what keys stand for, and that what is made by index equals what would be made key by key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.frontend.ranges import (
    MOST_ITEMS,
    Each,
    PerIndex,
    Range,
    Ranges,
    combine,
    convert,
    gather,
    insert_index,
)
from k8snet_scripts.rules.refusal import Refused


def keys(key: str) -> list[str]:
    span = Ranges().read(key)
    assert span is not None
    return [span.key(index) for index in span.indices()]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("node{1..3}", ["node1", "node2", "node3"]),
        ("{8..11}x", ["8x", "9x", "10x", "11x"]),
        ("a{08..11}.b", ["a08.b", "a09.b", "a10.b", "a11.b"]),
        ("a{1..02}", ["a01", "a02"]),
        ("a{0..1}", ["a0", "a1"]),
        ("a{00..1}", ["a00", "a01"]),
        ("a{5..5}", ["a5"]),
    ],
)
def test_a_range_stands_for_keys(key: str, expected: list[str]) -> None:
    assert keys(key) == expected


@given(st.integers(0, 10**8), st.integers(0, 50), st.integers(1, 9))
def test_indices_count_up_and_are_padded_alike(first: int, more: int, width: int) -> None:
    limits = f"{first:0{width}}", f"{first + more:0{width}}"
    span = Ranges().read(f"n{{{limits[0]}..{limits[1]}}}")
    assert span is not None
    indices = list(span.indices())
    assert [int(index) for index in indices] == list(range(first, first + more + 1))
    assert indices[0] == limits[0] or len(limits[0]) < len(limits[1])
    assert len(span) == len(indices)


@pytest.mark.parametrize("key", ["node", "", "n{}", "{}", "a..b", "n{}{}"])
def test_a_key_without_a_range(key: str) -> None:
    assert Ranges().read(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "n{", "n}", "n{1}", "n{1..}", "n{..2}", "n{a..b}", "n{1..2..3}", "n{-1..2}", "n{1...2}", "n{ 1..2}", "n{1..2 }", "n{1,2}",
        "n{1..2}{1..2}", "n{1..2}{}", "{}n{1..2}", "n{{1..2}}", "n{1..2}}", "}{", "n{٠..٣}", "n{2..1}",
        "n{1..9999999999}", f"n{{1..{'9' * 5000}}}", "n{1..1000001}",
    ],
)  # fmt: skip
def test_braces_that_are_no_range(key: str) -> None:
    with pytest.raises(Refused) as refused:
        Ranges().read(key)
    assert refused.value.slug == "bad-range"
    assert len(refused.value.message) < 200


def test_the_ranges_of_a_document_are_counted_together() -> None:
    ranges = Ranges()
    assert len(ranges.read(f"a{{1..{MOST_ITEMS - 1}}}") or ()) == MOST_ITEMS - 1
    with pytest.raises(Refused):
        ranges.read("b{1..2}")
    assert ranges.read("b{1..1}") == Range("b", "", 1, 1, 1)


def at(value: Each[object], index: str) -> object:
    return value.at(index) if isinstance(value, PerIndex) else value


indices = st.integers(0, 999).map(str)
texts = st.text(alphabet="ab{}", max_size=6)


def lift(text: str) -> Each[str]:
    return insert_index(text) if "{}" in text else text


@given(st.dictionaries(st.sampled_from("xyz"), texts), indices)
def test_combining_and_indexing_commute(parts: dict[str, str], index: str) -> None:
    combined: Each[dict[str, str]] = combine(dict, **{name: lift(text) for name, text in parts.items()})
    assert isinstance(combined, PerIndex) == any("{}" in text for text in parts.values())
    assert at(combined, index) == {name: text.replace("{}", index) for name, text in parts.items()}


@given(st.lists(texts | st.none()), indices)
def test_gathering_and_indexing_commute(parts: list[str | None], index: str) -> None:
    gathered = gather([None if text is None else lift(text) for text in parts])
    assert isinstance(gathered, PerIndex) == any("{}" in text for text in parts if text)
    assert at(gathered, index) == tuple(text.replace("{}", index) for text in parts if text is not None)


@given(texts, indices)
def test_converting_and_indexing_commute(text: str, index: str) -> None:
    assert at(convert(str.upper, lift(text)), index) == text.replace("{}", index).upper()


def test_what_is_refused_for_an_index_is_left_out_for_that_index() -> None:
    def refuse_even(text: str) -> str | None:
        return text if int(text) % 2 else None

    odd = convert(refuse_even, insert_index("{}"))
    assert at(combine(dict, x=odd, y=1), "3") == {"x": "3", "y": 1}
    assert at(combine(dict, x=odd, y=1), "4") is None
    assert at(gather([odd, "z"]), "3") == ("3", "z")
    assert at(gather([odd, "z"]), "4") == ("z",)
    assert at(convert(repr, odd), "4") is None


def test_plain_parts_are_shared() -> None:
    shared = ["the same object"]
    combined: Each[dict[str, object]] = combine(dict, x=insert_index("{}"), y=shared)
    assert isinstance(combined, PerIndex)
    one, other = combined.at("1"), combined.at("2")
    assert one and other and one["y"] is other["y"] is shared
