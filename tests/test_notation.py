"""A model as a topology file: what is written is read as the model that it was made of, and makes the same scripts."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from goldens import GOLDEN, find_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import load, unplaced
from topologies import topologies

from k8snet_scripts import filtering, rates
from k8snet_scripts import topology as model
from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.check.check import check_topology
from k8snet_scripts.cli import main
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Admission, Condition, Forward, Isolation, Masquerade, Publication
from k8snet_scripts.notation.document import write_topology
from k8snet_scripts.notation.toml import Value, write_key, write_table, write_value
from k8snet_scripts.rates import Rate
from k8snet_scripts.render import KINDS, Origin, template_directory
from k8snet_scripts.scripts import compile_topology, load_source
from k8snet_scripts.topology import (
    HOST,
    Bridge,
    Command,
    End,
    FdbEntry,
    Ifb,
    Interface,
    Macvlan,
    Namespace,
    Neighbour,
    Port,
    Route,
    Topology,
    Veth,
    Vlans,
    Vxlan,
)

FILES = [
    *(case / "topology.toml" for case in find_cases(GOLDEN, leave_out=["errors", "exports"])),
    *sorted((template_directory() / "starters").glob("*.toml")),
]

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(texts, max_size=3), st.dictionaries(texts, values, max_size=5))
def test_a_table_is_read_as_it_was_written(path: list[str], table: dict[str, Value]) -> None:
    read = tomllib.loads("\n".join(write_table(tuple(path), table)))
    for key in path:
        read = read[key]
    assert read == table


@given(values)
def test_a_value_keeps_its_type(value: Value) -> None:
    read = tomllib.loads(f"key = {write_value(value)}")["key"]
    assert read == value and repr(read) == repr(value)


@given(texts)
def test_a_key_is_read_as_it_was_written(key: str) -> None:
    assert tomllib.loads(f"{write_key(key)} = 1") == {key: 1}


def test_what_is_plain_looks_plain() -> None:
    table: dict[str, Value] = {
        "name": "eth0",
        "mtu": 1500,
        "up": True,
        "list": ["a", "b"],
        "peer": {"name": "x", "of": 1},
    }
    assert list(write_table(("a", "b.c"), table)) == [
        "",
        '[a."b.c"]',
        'name = "eth0"',
        "mtu = 1500",
        "up = true",
        'list = ["a", "b"]',
        'peer = { name = "x", of = 1 }',
    ]


def test_what_is_long_has_lines_of_its_own() -> None:
    table: dict[str, Value] = {"list": ["x" * 60] * 2, "peer": {"a": "y" * 60, "b": "z" * 60}, "last": 1}
    assert list(write_table((), table)) == [
        "list = [",
        f'    "{"x" * 60}",',
        f'    "{"x" * 60}",',
        "]",
        "last = 1",
        "",
        "[peer]",
        f'a = "{"y" * 60}"',
        f'b = "{"z" * 60}"',
    ]


@settings(deadline=None)
@given(topologies())
def test_any_model_comes_back(topology: Topology) -> None:
    order = [place.name for place in topology.everywhere()]
    veths = [replace(veth, outer=replace(veth.outer, mtu=veth.outer.mtu or veth.inner.mtu)) for veth in topology.veths]
    veths.sort(key=lambda veth: order.index(veth.inner.namespace))
    loaded = load("\n".join(write_topology(topology)))
    assert unplaced(loaded) == unplaced(replace(topology, veths=tuple(veths)))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_expanding_a_file_changes_nothing(path: Path) -> None:
    topology = load_source(str(path)).topology
    expanded = load("\n".join(write_topology(topology)))
    assert unplaced(expanded) == unplaced(replace(topology, records=()))
    report = Report()
    check_topology(expanded, report)
    assert not report.findings
    origin = Origin((("x", "0"),), ("x",))
    for kind in KINDS:
        made, again = (compile_topology(each, origin) for each in (replace(topology, records=()), expanded))
        assert made.text(kind) == again.text(kind)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_expanding_twice_is_expanding_once(path: Path) -> None:
    once = CliRunner().invoke(main, ["expand", str(path)])
    again = CliRunner().invoke(main, ["expand", "-"], input=once.stdout)
    assert (once.exit_code, again.exit_code) == (0, 0)
    assert again.stdout == "".join(line for line in once.stdout.splitlines(keepends=True) if not line.startswith("#"))


def test_a_route_that_comes_before_others_is_one_again() -> None:
    end = End("eth1", (parse_cidr("10.0.0.2/24"),), (Route(4, None, "10.0.0.1", "eth1", prepend=True),), namespace="n1")
    topology = Topology("lab", namespaces=(Namespace("n1", external=True),), veths=(Veth(end, End("v0")),))
    assert unplaced(load("\n".join(write_topology(topology)))) == unplaced(topology)


def test_what_cannot_be_said_is_named() -> None:
    lines = list(write_topology(load_source(str(GOLDEN / "kubernetes" / "topology.toml")).topology))
    assert (
        "# What a topology file cannot say is left out: the file /var/lib/cni/networks/rkt.kubernetes.io/lock." in lines
    )


def test_ports_that_lead_to_what_others_made_are_named() -> None:
    forward = Forward(Publication(53, 54, "udp", "::1"), parse_cidr("fd00::2/64"), "cni0")
    lines = list(write_topology(Topology("lab", Namespace(HOST, forwards=(forward,)))))
    assert lines[0] == "# What a topology file cannot say is left out: the port [::1]:53:54/udp behind cni0 of host."
    lines = list(write_topology(Topology("lab", table="pods")))
    assert lines[0] == "# What a topology file cannot say is left out: the nft table pods is not its own."


INTERFACE = (
    "name addresses routes mtu lladdr port description external configured broadcast connected promisc"
    " allmulti txqlen rate path"
)
KNOWN = {
    Topology: "name host namespaces veths description records table",
    Namespace: "name addresses routes bridges interfaces devices sysctls forwarding masquerade"
    " forwards admissions isolations commands role description path external",
    Command: "run check undo description path",
    Interface: INTERFACE,
    Bridge: f"{INTERFACE} options vlan_filtering vlans subnets",
    End: f"{INTERFACE} namespace publications",
    Vxlan: f"{INTERFACE} id local remote group dev dstport learning fdb neighbours",
    Macvlan: f"{INTERFACE} parent parent_namespace mode",
    Ifb: f"{INTERFACE} source",
    Rate: "bits burst latency",
    FdbEntry: "dst lladdr path",
    Neighbour: "address lladdr path",
    Veth: "inner outer path",
    Port: "bridge options vlans only_from path",
    Vlans: "untagged tagged leaving",
    Route: "family to via dev src metric table onlink kind path scope prepend",
    Masquerade: "source within path",
    Condition: "field network negated",
    Publication: "port to_port protocol address masquerade conditions path",
    Forward: "publication target dev",
    Admission: "network admin published path",
    Isolation: "bridge family",
}


def test_everything_that_the_model_has_is_written() -> None:
    """Whoever adds a field to the model teaches the writer, and adds it here."""
    for kind, known in KNOWN.items():
        assert [field.name for field in fields(kind)] == known.split()
    made = {
        kind
        for module in (model, filtering, rates)
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    }
    assert made == set(KNOWN)
