"""Documents that nobody would write: nothing in them raises, is executed, or disturbs a terminal."""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import Any

import pytest
from documents import document
from grafting import assert_presentable, grafted, paths
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import unplaced
from topologies import topologies

from k8snet_scripts.diagnostics import Report
from k8snet_scripts.frontend.load import load_topology
from k8snet_scripts.topology import Topology

_WORDS = """
    name description host namespaces bridges veths interfaces addresses routes sysctls forwarding masquerade peer bridge
    master mtu lladdr external subnet stp ageing_time untagged tagged hairpin cost to via dev type metric namespace a br0
    n{1..3} e{} {} {1..2}{ net.ipv4.ip_forward
    """
KEYS = _WORDS.split()
HOSTILE = [
    "$(reboot)", "`id`", "a;b", "a b", "' x", '" x', "\\", "a\nb", "\x1b[2J", "\x00", "{{ 7*7 }}", "{% x %}", "{# x", "\u202e", "\ud800",
    "#", "|| x", "../../x", "--help", "*", "~", "!", "é", "", "{}{}", "{1..2}", "%s",
]  # fmt: skip

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.text(max_size=12),
    st.sampled_from([*HOSTILE, *KEYS, "auto", "default", "10.0.0.2/24", "10.{}.0.0/16", "fd00::1/64", "blackhole"]),
)
keys = st.sampled_from(KEYS) | st.text(max_size=8) | st.sampled_from(HOSTILE)
structures = st.recursive(
    scalars, lambda parts: st.lists(parts, max_size=4) | st.dictionaries(keys, parts, max_size=6), max_leaves=30
)


@settings(deadline=None, max_examples=100)
@given(structures)
def test_no_structure_raises(data: object) -> None:
    report = Report()
    assert isinstance(load_topology(data, report), Topology)
    assert_presentable(report)


@settings(deadline=None, max_examples=100)
@given(structures, st.data())
def test_no_value_in_any_place_raises(value: object, data: st.DataObject) -> None:
    everything = document(data.draw(topologies(max_namespaces=1)), short=data.draw(st.booleans()))
    path = data.draw(st.sampled_from(list(paths(everything))))
    report = Report()
    load_topology(grafted(everything, path, value), report)
    assert_presentable(report)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_or_described(text: str) -> None:
    """Wherever a string can stand: printable text passes unchanged as a description, plain words as a sysctl's value."""
    base = tomllib.loads(
        """
        name = "t"
        description = "d"
        [host]
        description = "d"
        addresses = ["10.255.0.1/32"]
        routes = [{ to = "10.9.0.0/16", via = "10.1.0.9", dev = "br0", src = "10.1.0.1" }, { to = "10.8.0.0/16", type = "blackhole" }]
        sysctls = { "net.x" = "1" }
        masquerade = ["10.0.0.0/8"]
        [bridges.br0]
        description = "d"
        addresses = ["10.1.0.1/24"]
        lladdr = "02:00:00:00:00:01"
        subnet = "10.1.0.0/24"
        tagged = ["5-7"]
        [interfaces.eth1]
        external = true
        bridge = "br0"
        [namespaces.a.veths.eth0]
        master = "b"
        peer = { name = "v0", namespace = "c", bridge = "br0", untagged = "5", description = "d" }
        """
    )
    for path in paths(base):
        where = base
        for key in path:
            where = where[key]
        if not isinstance(where, str):
            continue
        report = Report()
        topology = load_topology(grafted(base, path, text), report)
        if path[-1] == "description" and text.isprintable() and "{}" not in text:
            assert report.ok
            assert repr(text) in repr(unplaced(topology))
        elif "sysctls" in path and re.fullmatch("[A-Za-z0-9 ._:/-]+", text):
            assert topology.host.sysctls == (("net.x", text),)
        else:
            assert not report.ok, path
        assert_presentable(report)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("parent", ["bridges", "veths", "interfaces", "namespaces"])
def test_hostile_keys_are_refused(text: str, parent: str) -> None:
    report = Report()
    load_topology({"name": "t", parent: {f"{text}-": {}, f"-{text}": {}}}, report)
    assert report.findings
    assert_presentable(report)
    report = Report()
    load_topology({"name": "t", text: 1, "host": {text: 1, "sysctls": {text: 1}}}, report)
    assert len(report.findings) == 3


@pytest.mark.parametrize("key", ["mtu", "ageing_time", "priority", "untagged", "lladdr", "stp"])
@pytest.mark.parametrize("value", [10**5000, -(10**5000), 2**64, -1], ids=["huge", "-huge", "2^64", "-1"])
def test_huge_numbers(key: str, value: int) -> None:
    report = Report()
    sysctls = {"sysctls": {"net.x": value * 2**64}}
    load_topology({"name": "t", "host": sysctls, "bridges": {"br0": {key: value, "tagged": [value]}}}, report)
    assert len(report.findings) == 3
    assert_presentable(report)


@pytest.mark.parametrize("data", [None, 1, "x", [], [{}], {1: 2}, {"name": {}}, {(): ()}, datetime.date(2024, 1, 1)])
def test_what_is_no_document(data: object) -> None:
    report = Report()
    load_topology(data, report)
    assert report.findings


def test_endless_nesting() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    report = Report()
    load_topology({"name": deep, "host": {"addresses": deep, "sysctls": {"net.x": deep}}, "x": deep}, report)
    assert {finding.slug for finding in report.findings} == {"wrong-type", "unknown-key"}
