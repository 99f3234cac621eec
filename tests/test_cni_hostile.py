"""CNI configurations that nobody would write: none raises, and what is said of them can be printed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cni_loading import Keys, load
from grafting import assert_presentable, grafted, paths
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_scripts.cni.configuration import Delegation, Network
from k8snet_scripts.cni.load import load_delegation, load_network, read_configuration
from k8snet_scripts.diagnostics import Report, render_findings

HOSTILE = [
    "$(reboot)", "`id`", "a;b", "a b", "' x", '" x', "\\", "a\nb", "\x1b[2J", "\x00", "{{ 7*7 }}", "{% x %}", "\u202e",
    "\ud800", "#", "|| x", "../../x", "--help", "*", "~", "!", "é", "{}", "{1..2}", "%s", "a/b", "..", "/", "x" * 300,
]  # fmt: skip
_WORDS = """
    name type cniVersion plugins bridge isGateway isDefaultGateway ipMasq mtu vlan vlanTrunk dns nameservers ipam subnet
    ranges rangeStart gateway routes dst gw addresses address dataDir sysctl capabilities args cni ips runtimeConfig mac
    portMappings bandwidth hostPort ingressRate backend master static host-local portmap tuning firewall macvlan ptp
    loopback cniVersions ipRanges
    """
WORDS = _WORDS.split()

FULL: dict[str, Any] = {
    "name": "net",
    "cniVersion": "1.0.0",
    "cniVersions": ["1.0.0"],
    "plugins": [
        {
            "type": "bridge",
            "bridge": "br0",
            "isGateway": True,
            "mtu": 1500,
            "vlanTrunk": [{"id": 5}],
            "ipMasqBackend": "iptables",
            "ipam": {
                "type": "host-local",
                "subnet": "10.1.0.0/16",
                "rangeStart": "10.1.0.9",
                "gateway": "10.1.0.1",
                "ranges": [[{"subnet": "fd00::/64"}]],
                "routes": [{"dst": "0.0.0.0/0", "gw": "10.1.0.1"}],
                "dataDir": "/run/x",
            },
            "dns": {"nameservers": ["10.1.0.1"], "search": ["a.b"], "domain": "a.b", "options": ["x"]},
            "args": {"cni": {"ips": ["10.1.0.5"], "mac": "02:00:00:00:00:01"}},
            "runtimeConfig": {
                "ips": ["10.1.0.5"],
                "portMappings": [{"hostPort": 1, "containerPort": 2, "protocol": "tcp", "hostIP": "10.0.0.1"}],
            },
        },
        {"type": "tuning", "sysctl": {"net.x": "1"}, "mac": "02:00:00:00:00:01", "dataDir": "/run/t"},
        {"type": "firewall", "backend": "iptables", "iptablesAdminChainName": "X", "ingressPolicy": "open"},
        {"type": "bandwidth", "ingressRate": 8, "ingressBurst": 8},
        {"type": "portmap", "markMasqBit": 1, "capabilities": {"portMappings": True}},
    ],
}

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from([*HOSTILE, *WORDS, "10.1.0.0/16", "10.1.0.1", "fd00::/64", "::", "0.0.0.0/0", "1.0.0", "bridge"]),
)
structures = st.recursive(
    scalars,
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=8) | st.sampled_from(HOSTILE), parts, max_size=6)
    ),
    max_leaves=30,
)


@settings(max_examples=100, deadline=None)
@given(structures, st.booleans())
def test_no_structure_raises(data: object, lenient: bool) -> None:
    report = Report()
    assert isinstance(load_network(data, report, lenient=lenient), Network)
    assert isinstance(load_delegation(data, report), Delegation)
    assert_presentable(report)


@settings(max_examples=200, deadline=None)
@given(structures, st.data(), st.booleans())
def test_no_value_in_any_place_raises(value: object, data: st.DataObject, lenient: bool) -> None:
    path = data.draw(st.sampled_from(list(paths(FULL))))
    report = Report()
    load_network(grafted(FULL, path, value), report, lenient=lenient)
    assert_presentable(report)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
def test_no_bytes_raise(raw: bytes) -> None:
    source, network, report = read_configuration("net.conf", raw)
    assert report.findings
    assert network == Network("")
    assert render_findings(report, source)


@settings(max_examples=100, deadline=None)
@given(structures, st.data())
def test_every_finding_has_a_place(value: object, data: st.DataObject) -> None:
    """Whatever is grafted where, what is said about it points into the text, at a line that is there."""
    path = data.draw(st.sampled_from(list(paths(FULL))))
    text = json.dumps(grafted(FULL, path, value), indent=1)
    source, _, report = read_configuration("net.conf", text.encode(errors="replace"))
    for finding in report.findings:
        position = finding.position or source.locate(finding.path, finding.at)
        assert 1 <= position.line <= len(source.text.split("\n"))
        assert position.length > 0


def test_the_full_configuration_is_right() -> None:
    load(FULL)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_wherever_a_string_can_stand(text: str) -> None:
    for path in paths(FULL):
        where: Any = FULL
        for key in path:
            where = where[key]
        if isinstance(where, str):
            report = Report()
            load_network(grafted(FULL, path, text), report)
            assert not report.ok or "sysctl" in path, path
            assert_presentable(report)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_keys_are_refused(text: str) -> None:
    tables: list[Keys] = [(), ("plugins", 0), ("plugins", 0, "ipam"), ("plugins", 0, "dns"), ("plugins", 1, "sysctl")]
    for path in tables:
        where: Any = FULL
        for key in path:
            where = where[key]
        report = Report()
        load_network(grafted(FULL, path, {**where, text: "1"}) if path else {**FULL, text: "1"}, report)
        assert len(report.findings) == 1
        assert_presentable(report)
