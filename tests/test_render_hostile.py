"""Hostile text in every field of a topology: it is refused, or it is harmless in the scripts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendering import EVERYTHING, HOSTILE, bash, few, here_documents, rows, script, split_row, table, take_apart
from topologies import topologies

from k8snet_scripts.check.check import check_topology
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.render import KINDS, Kind, Origin
from k8snet_scripts.steps import Step
from k8snet_scripts.topology import Topology, Veth


def variants(value: Any, text: str) -> Iterator[Any]:
    """A model with one of its texts replaced, once for each of them."""
    if isinstance(value, str):
        yield text
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            for variant in variants(getattr(value, field.name), text):
                yield replace(value, **{field.name: variant})
    elif type(value) is tuple:
        for index, item in enumerate(value):
            for variant in variants(item, text):
                yield (*value[:index], variant, *value[index + 1 :])


def passes(topology: Topology) -> bool:
    report = Report()
    check_topology(topology, report)
    return report.ok


def structure(text: str) -> list[list[str]]:
    """What bash makes of the tables of a script, without the comments in them."""
    network = take_apart(text).network
    tables = re.findall(r"^(\w+)\(\) \{ (\w+)=.* <<'END'$", network, re.MULTILINE)
    printed = [bash(f'{network}\n{function}\nprintf "%s\\n" "${variable}"\n') for function, variable in tables]
    return [rows(done.stdout.decode()) for done in printed]


def test_hostile_text_is_refused_or_harmless_in_every_field() -> None:
    assert passes(EVERYTHING)
    accepted = 0
    for text in HOSTILE:
        for topology in variants(EVERYTHING, text):
            if topology != EVERYTHING and passes(topology):
                accepted += 1
                assert_harmless(topology)
    assert accepted > 50


@pytest.mark.parametrize("text", HOSTILE, ids=repr)
def test_descriptions_are_harmless_even_unchecked(text: str) -> None:
    expected = {kind: structure(script(EVERYTHING, kind)) for kind in KINDS}
    described = replace(
        EVERYTHING,
        description=text,
        host=replace(
            EVERYTHING.host,
            description=text,
            bridges=tuple(replace(bridge, description=text) for bridge in EVERYTHING.host.bridges),
            interfaces=tuple(replace(interface, description=text) for interface in EVERYTHING.host.interfaces),
        ),
        namespaces=tuple(replace(namespace, description=text) for namespace in EVERYTHING.namespaces),
        veths=tuple(
            Veth(replace(veth.inner, description=text), replace(veth.outer, description=text))
            for veth in EVERYTHING.veths
        ),
    )
    for kind in KINDS:
        made = script(described, kind, Origin(((text, text),), (text,)))
        assert structure(made) == expected[kind]
        assert_sound(made)


def assert_harmless(topology: Topology) -> None:
    found = table(plan_topology(topology))
    lines = [split_row(line) for line in rows(bash(f'{found}\ntopology\nprintf "%s\\n" "$table"\n').stdout.decode())]
    steps = list(plan_topology(topology).steps())
    assert [tuple(shlex.split(command)) for command, _, _ in lines] == [step.argv for step in steps]
    assert [fact for _, _, fact in lines] == [as_fact(step) for step in steps]


def as_fact(step: Step) -> str:
    return f"{step.owner}: {step.words}"


def assert_sound(text: str) -> None:
    header = take_apart(text).header
    assert all(line.startswith("#") for line in header.strip().split("\n") if line)
    checked = bash(text, "-n")
    assert (checked.returncode, checked.stderr) == (0, b"")


@few
@given(topologies(), st.sampled_from(KINDS))
def test_bash_reads_every_script_and_its_tables(topology: Topology, kind: Kind) -> None:
    text = script(topology, kind)
    assert_sound(text)
    written = [rows("\n".join(lines)) for lines in here_documents(take_apart(text).network)]
    assert structure(text) == written
