"""Names: what can be called what."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.rules.names import KEYWORDS, check_interface_name, check_namespace_name, check_topology_name
from k8snet_scripts.rules.refusal import Refused

Check = Callable[[str], str]

CHECKS: tuple[Check, ...] = (check_topology_name, check_namespace_name, check_interface_name)
HOSTILE = [
    "", " ", "a b", "a\tb", "a\n", "\na", "a/b", "../x", ".", "..", ".a", "-a", "--help", "+a", "a;b", "$(reboot)", "`id`", "a'b",
    'a"b', "a\\b", "a|b", "a&b", "a>b", "a#b", "#", "!x", "~", "a*", "a?", "[a]", "{{ x }}", "{% x %}", "{1..2}", "{}", "a%d", "a@b",
    "a:b", "a=b", "a,b", "a\0", "\x1b[2J", "\x7f", "\u202e", "é", "ａ", "１", "\ud800", "x" * 65, "x" * 100_000,
]  # fmt: skip


def slug_of(check: Check, name: str) -> str:
    with pytest.raises(Refused) as refused:
        check(name)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 250
    return refused.value.slug


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", HOSTILE)
def test_nobody_is_called_that(check: Check, name: str) -> None:
    assert slug_of(check, name) in ("bad-name", "name-too-long")


@pytest.mark.parametrize("check", CHECKS)
@given(name=st.text())
def test_whatever_passes_is_plain_and_unchanged(check: Check, name: str) -> None:
    try:
        assert check(name) == name
    except Refused:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", name)
    assert name[0] not in ".-+"


@pytest.mark.parametrize(
    "name", ["eth0", "vethA", "br0", "br-lan", "eth0.100", "_x", "0", "wg+", "abcdefghijklmno", "host", "x.y"]
)
def test_names_of_interfaces(name: str) -> None:
    assert check_interface_name(name) == name


@pytest.mark.parametrize("name", ["node1", "host1", "Host", "a.b", "up", "lo", "all", "n" * 64, "1"])
def test_names_of_namespaces(name: str) -> None:
    assert check_namespace_name(name) == name


@pytest.mark.parametrize("name", ["docker", "rkt.kubernetes.io", "0", "a_b-c.d", "n" * 64])
def test_names_of_topologies(name: str) -> None:
    assert check_topology_name(name) == name


def test_length_counts() -> None:
    assert slug_of(check_interface_name, "abcdefghijklmnop") == "name-too-long"
    assert slug_of(check_namespace_name, "n" * 65) == "name-too-long"
    assert slug_of(check_topology_name, "n" * 65) == "bad-name"


@pytest.mark.parametrize(
    "name", ["dev", "name", "type", "up", "down", "master", "nomaster", "mtu", "address", "alias", "via"]
)
def test_words_of_iproute2_are_reserved(name: str) -> None:
    assert slug_of(check_interface_name, name) == "reserved-name"


def test_every_keyword_is_refused_and_nothing_else_is_said_about_it() -> None:
    assert {slug_of(check_interface_name, name) for name in KEYWORDS} == {"reserved-name"}


@pytest.mark.parametrize("name", ["lo", "all", "default", "bonding_masters"])
def test_names_that_are_taken(name: str) -> None:
    assert slug_of(check_interface_name, name) == "reserved-name"


def test_the_host_is_no_namespace_of_ours() -> None:
    assert slug_of(check_namespace_name, "host") == "reserved-name"


def test_topologies_do_not_begin_with_a_mark() -> None:
    assert slug_of(check_topology_name, "_x") == "bad-name"
    assert slug_of(check_topology_name, "a+b") == "bad-name"
