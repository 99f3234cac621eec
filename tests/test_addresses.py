"""Addresses: parsing and printing agree with each other, and networks with plain arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.addresses import WIDTH, Cidr, format_address, mask, parse_address, parse_cidr

families = st.sampled_from((4, 6))


@st.composite
def cidrs(draw: st.DrawFn, family: int | None = None) -> Cidr:
    family = family or draw(families)
    return Cidr(family, draw(st.integers(0, 2 ** WIDTH[family] - 1)), draw(st.integers(0, WIDTH[family])))


def block(cidr: Cidr) -> tuple[int, int]:
    """The first and the last value of the network that holds a CIDR, by division."""
    size = 2 ** (WIDTH[cidr.family] - cidr.prefix)
    first = cidr.value // size * size
    return first, first + size - 1


@given(cidrs())
def test_what_is_printed_is_parsed_back(cidr: Cidr) -> None:
    assert parse_cidr(str(cidr)) == cidr
    assert parse_address(cidr.address) == (cidr.family, cidr.value)
    assert format_address(cidr.family, cidr.value) == cidr.address


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4))
def test_ipv4_is_four_decimal_bytes(octets: list[int]) -> None:
    value = octets[0] << 24 | octets[1] << 16 | octets[2] << 8 | octets[3]
    assert parse_address(".".join(map(str, octets))) == (4, value)


@given(st.lists(st.integers(0, 0xFFFF), min_size=8, max_size=8), st.sampled_from(("{:x}", "{:X}", "{:04x}")))
def test_ipv6_is_eight_hexadecimal_words_in_any_spelling(words: list[int], spelling: str) -> None:
    value = 0
    for word in words:
        value = value << 16 | word
    assert parse_address(":".join(spelling.format(word) for word in words)) == (6, value)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("FD00:0:0::1/64", "fd00::1/64"),
        ("::ffff:10.0.0.1/128", "::ffff:10.0.0.1/128"),
        ("0:0:0:0:0:0:0:0/0", "::/0"),
        ("1:0:0:2:0:0:0:3/16", "1:0:0:2::3/16"),
        ("10.0.0.2/0", "10.0.0.2/0"),
    ],
)
def test_equal_addresses_are_printed_alike(text: str, canonical: str) -> None:
    assert str(parse_cidr(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", "1", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.04", "0x1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4\n",
        "1.2.3.4\0", "1..3.4", "+1.2.3.4", "1.2.3.4/24", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1%lo", "fe80::1%1",
        "12345::", "g::", "1::2::3", "::1/64", "::1\0", "\ud800", "::\ud800", "１.2.3.4", "default", "auto",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text)


@pytest.mark.parametrize(
    "prefix",
    ["", "/", "/33", "/-1", "/+8", "/ 8", "/8 ", "/08", "/8\n", "/1e1", "/8/8", "/٨", "/255.0.0.0", "/9999999999"],
)
def test_what_is_no_prefix_length(prefix: str) -> None:
    with pytest.raises(ValueError):
        parse_cidr(f"10.0.0.2{prefix}")


@given(st.text())
def test_any_other_text_is_refused_in_one_way(text: str) -> None:
    for parse in (parse_address, parse_cidr):
        try:
            parse(text)
        except ValueError as error:
            assert str(error)


@given(families, st.data())
def test_a_mask_has_its_ones_first(family: int, data: st.DataObject) -> None:
    prefix = data.draw(st.integers(0, WIDTH[family]))
    assert f"{mask(family, prefix):0{WIDTH[family]}b}" == "1" * prefix + "0" * (WIDTH[family] - prefix)


@given(cidrs())
def test_a_network_begins_at_its_first_value(cidr: Cidr) -> None:
    assert cidr.network == Cidr(cidr.family, block(cidr)[0], cidr.prefix)
    assert cidr.network.network == cidr.network
    assert cidr.is_host == (block(cidr)[0] == block(cidr)[1])


@given(cidrs(), st.data())
def test_a_network_contains_what_lies_between_its_ends(cidr: Cidr, data: st.DataObject) -> None:
    first, last = block(cidr)
    top = 2 ** WIDTH[cidr.family] - 1
    near = st.sampled_from((first, last, max(first - 1, 0), min(last + 1, top)))
    value = data.draw(near | st.integers(first, last) | st.integers(0, top))
    assert cidr.contains(cidr.family, value) == (first <= value <= last)
    assert not cidr.contains(10 - cidr.family, value)


@given(families, st.data())
def test_networks_overlap_when_their_values_do(family: int, data: st.DataObject) -> None:
    one = data.draw(cidrs(family))
    close = st.builds(Cidr, st.just(family), st.integers(*block(one)), st.integers(0, WIDTH[family]))
    other = data.draw(cidrs(family) | close)
    (a, b), (c, d) = block(one), block(other)
    assert one.overlaps(other) == other.overlaps(one) == (a <= d and c <= b)
    assert not one.overlaps(data.draw(cidrs(10 - family)))
