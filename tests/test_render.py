"""Rendering: what a template prints is quoted, what is fixed is the same everywhere, and no text breaks the structure."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from goldens import GOLDEN, find_cases
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from rendering import EVERYTHING, HOSTILE, ORIGIN, bash, few, here_documents, rows, script, split_row, table, take_apart
from topologies import topologies

import k8snet_scripts
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.render import (
    KINDS,
    Kind,
    Origin,
    Text,
    command_line,
    comment,
    environment,
    plain,
    template_directory,
)
from k8snet_scripts.scripts import compile_source, compile_topology, fixed_digests
from k8snet_scripts.topology import Namespace, Topology

PACKAGE = Path(k8snet_scripts.__file__).parent
CASES = [case / "topology.toml" for case in find_cases(GOLDEN, leave_out=["errors", "exports"])]


# ---- quoting ----


@given(st.text() | st.sampled_from(HOSTILE))
def test_what_a_template_prints_is_one_word_of_shell(text: str) -> None:
    printed = environment().from_string("{{ text }}").render(text=text)
    assert shlex.split(printed) == [text]


@pytest.mark.parametrize(
    "value", [None, 1.5, ["a"], ("a",), {"a": "b"}, b"a", object()], ids=lambda value: type(value).__name__
)
def test_what_is_neither_text_nor_a_number_is_not_printed(value: object) -> None:
    with pytest.raises(TypeError):
        environment().from_string("{{ value }}").render(value=value)


def test_what_is_missing_is_not_printed() -> None:
    with pytest.raises(UndefinedError, match="'value' is undefined"):
        environment().from_string("{{ value }}").render()
    with pytest.raises(UndefinedError, match="has no attribute 'name'"):
        environment().from_string("{{ value.name }}").render(value="text")


def test_text_joined_to_text_of_ours_is_quoted() -> None:
    """`~` and `+` make plain text of it, so that nothing rides along."""
    for template in ("{{ ours ~ theirs }}", "{{ theirs ~ ours }}", "{{ ours + theirs }}", "{{ ours | upper }}"):
        printed = environment().from_string(template).render(ours=Text("a;"), theirs="$(reboot)")
        assert len(shlex.split(printed)) == 1


def test_only_one_module_makes_text_that_is_not_quoted() -> None:
    suspects = {
        path: text for path in sorted(PACKAGE.rglob("*.py")) if re.search("Text|Markup", text := path.read_text())
    }
    assert PACKAGE / "render.py" in suspects
    for path, text in suspects.items():
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
        makers = [
            call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in ("Text", "Markup")
        ]
        assert path == PACKAGE / "render.py" or not makers, path


def test_templates_leave_quoting_to_the_environment() -> None:
    for path in sorted(template_directory().glob("*.j2")):
        assert "safe" not in path.read_text()
        assert "autoescape" not in path.read_text()


# ---- comments ----


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.sampled_from(HOSTILE))
def test_a_comment_is_nothing_but_comment(text: str) -> None:
    made = comment(text)
    assert all(line.startswith("#") for line in made.split("\n") if made)
    assert made.split("\n") == [line.rstrip() for line in made.split("\n")]
    assert all(character == "\n" or character.isprintable() or ord(character) > 0x9F for character in made)
    assert bash(f"{made}\necho whole").stdout == b"whole\n"


@given(st.text())
def test_our_own_words_stay_on_one_line(text: str) -> None:
    assert len(plain(text).splitlines()) <= 1


# ---- the table ----


@few
@given(topologies())
def test_a_row_is_the_command_the_sign_and_the_fact_of_a_step(topology: Topology) -> None:
    plan = plan_topology(topology)
    groups = [group for wave in plan.waves for group in wave.groups]
    steps = [step for group in groups for step in (*group.steps, *group.companions)]
    lines = rows("\n".join(next(here_documents(table(plan)))))
    assert [split_row(line) for line in lines] == [
        (command_line(step), step.sign.value, f"{step.owner}: {step.words}") for step in steps
    ]
    plain = [(line, step) for line, step in zip(lines, steps, strict=True) if not step.words.startswith("command ")]
    assert [shlex.split(split_row(line)[0]) for line, _ in plain] == [list(step.argv) for _, step in plain]


@few
@given(topologies(), st.sampled_from(KINDS))
def test_no_line_has_blanks_at_its_end_and_no_line_ends_a_table_early(topology: Topology, kind: Kind) -> None:
    text = script(topology, kind)
    assert [line for line in text.split("\n") if line != line.rstrip()] == []
    for lines in here_documents(take_apart(text).network):
        assert "END" not in lines


@few
@given(topologies())
def test_the_facts_of_a_group_stand_below_each_other(topology: Topology) -> None:
    """But for those of the longest commands, which do not push the others to the right."""
    found = "\n".join(next(here_documents(table(plan_topology(topology)))))
    for group in found.split("\n\n"):
        columns = {
            len(line) - len(line.partition("  ")[2].lstrip()) for line in rows(group) if len(split_row(line)[0]) <= 100
        }
        assert len(columns) <= 1


@few
@given(topologies())
def test_each_group_and_each_wave_says_why_it_is_there(topology: Topology) -> None:
    plan = plan_topology(topology)
    lines = next(here_documents(table(plan)))
    said = [line for line in lines if line.startswith("#")]
    expected: list[str] = []
    for number, wave in enumerate(plan.waves, start=1):
        expected.append(f"### {number}. {wave.title}")
        expected += [comment(group.why) for group in wave.groups]
    assert said == expected


def test_teardown_names_the_mark_and_every_namespace() -> None:
    topology = Topology("docker", namespaces=(Namespace("n1"), Namespace("n2")))
    network = take_apart(script(topology, "teardown")).network
    assert [split_row(line) for line in rows("\n".join(next(here_documents(network))))] == [
        ("ip link delete group 541138318", "-", "host: group 541138318"),
        ("ip netns delete n1", "-", "n1: namespace"),
        ("ip netns delete n2", "-", "n2: namespace"),
    ]


# ---- what is fixed ----


@few
@given(topologies(), topologies(), st.sampled_from(KINDS))
def test_all_but_the_network_is_the_same_for_every_network(one: Topology, other: Topology, kind: Kind) -> None:
    first, second = take_apart(script(one, kind)), take_apart(script(other, kind))
    assert (first.seam, first.rest) == (second.seam, second.rest)
    plan = plan_topology(one)
    assert shlex.split(first.names) == [f"{kind}.sh", f"NAME={plan.name}", f"MARK={plan.mark}", f"TABLE={plan.table}"]


def below_the_seam(text: str) -> str:
    """The digest that a reviewer gets, who follows what the header says."""
    command = "sed '1,/^####/d' | sha256sum"
    return subprocess.run(["bash", "-c", command], input=text, capture_output=True, check=True, text=True).stdout[:64]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_the_same_for_every_network_has_one_digest(kind: Kind) -> None:
    wanted = dict(fixed_digests())[f"{kind}.sh"]
    for path in CASES:
        text = path.with_name(f"{kind}.sh").read_text()
        assert below_the_seam(text) == wanted, path
        assert take_apart(text).seam == f"#### The rest is the same in every {kind}.sh, SHA-256 {wanted}"


def test_no_text_of_a_user_is_taken_for_the_seam() -> None:
    """It could make a reviewer compare something else."""
    text = "#### The rest"
    described = replace(
        EVERYTHING, description=text, namespaces=(Namespace("n1", description=f"{text}\n{text}"),), veths=()
    )
    origin = Origin(((text, text),), (text,))
    for kind in KINDS:
        assert below_the_seam(script(described, kind, origin)) == dict(fixed_digests())[f"{kind}.sh"]


RENDER_ALL = """
import hashlib, sys
from k8snet_scripts.render import KINDS
from k8snet_scripts.scripts import compile_source
scripts = [compile_source(name) for name in sys.argv[1:]]
print(hashlib.sha256("".join(one.text(kind) for one in scripts for kind in KINDS).encode()).hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_order_of_sets() -> None:
    """Those on record were made in another order still."""
    recorded = "".join(path.with_name(f"{kind}.sh").read_text() for path in CASES for kind in KINDS)
    digests = {f"{hashlib.sha256(recorded.encode()).hexdigest()}\n"}
    for seed in ("0", "4242"):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(PACKAGE.parent)}
        command = [sys.executable, "-c", RENDER_ALL, *map(str, CASES)]
        digests.add(subprocess.run(command, env=environ, capture_output=True, check=True, text=True).stdout)
    assert len(digests) == 1


def test_the_bytes_do_not_depend_on_place_and_time(tmp_path: Path) -> None:
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "topology.toml").write_bytes(CASES[0].read_bytes())
    for kind in KINDS:
        one, another = (
            compile_source(str(tmp_path / name / "topology.toml")).text(kind) for name in ("one", "another")
        )
        assert one == another
        for odd in (
            str(tmp_path),
            str(PACKAGE),
            str(Path.home()) + "/",
            os.uname().nodename,
            time.strftime("%Y-%m-%d"),
        ):
            assert odd not in one, odd


# ---- a user's own templates ----


def test_a_directory_of_a_user_is_looked_in_first(tmp_path: Path) -> None:
    (tmp_path / "setup.sh.j2").write_text("made for {{ plan.name }} by {{ script }}\n{{ verbatim(['own']) }}")
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell" / "own.sh").write_text("$(as it is)\n")
    made = compile_topology(Topology("lab"), ORIGIN, tmp_path)
    assert made.text("setup") == "made for lab by setup.sh\n\n$(as it is)\n"
    assert made.text("teardown") == script(Topology("lab"), "teardown")


def test_fixed_shell_can_be_replaced_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "shell").mkdir()
    (tmp_path / "shell" / "prelude.sh").write_text("# a prelude\n")
    made = compile_topology(Topology("lab"), ORIGIN, tmp_path)
    for kind in KINDS:
        text = made.text(kind)
        assert text.count("# a prelude\n") == 1
        assert below_the_seam(text) in take_apart(text).seam
