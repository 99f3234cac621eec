"""The whole way: from a file or a model to three scripts, and onto the disk."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from k8snet_scripts import scripts
from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.plan import Plan
from k8snet_scripts.render import KINDS, Kind, Origin
from k8snet_scripts.scripts import (
    Refused,
    Scripts,
    check_and_compile,
    compile_source,
    compile_topology,
    load_source,
)
from k8snet_scripts.topology import End, Namespace, Topology, Veth

SOURCE = """name = "lab"

[namespaces.n1.veths.eth0]
peer = "veth1"
addresses = ["10.0.0.2/24"]
"""
MODEL = Topology(
    "lab",
    namespaces=(Namespace("n1"),),
    veths=(Veth(End("eth0", (parse_cidr("10.0.0.2/24"),), namespace="n1"), End("veth1")),),
)
ORIGIN = Origin((("lab.toml", "0" * 64),), ("lab.toml",))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "lab.toml"
    file.write_text(SOURCE)
    return file


def table(text: str) -> str:
    return text.split("topology() {")[1].split("\n}\n")[0]


def test_a_file_and_a_model_of_the_same_network_have_the_same_table(source: Path) -> None:
    made = compile_source(str(source))
    assert made.name == "lab"
    for kind in KINDS:
        assert table(made.text(kind)) == table(compile_topology(MODEL, ORIGIN).text(kind))


def test_the_header_names_the_file_and_its_digest(source: Path) -> None:
    digest = load_source(str(source)).sources[0].digest
    for kind in KINDS:
        header = compile_source(str(source)).text(kind).split("readonly SELF=")[0]
        assert "# Made by k8snet from lab.toml\n" in header
        assert digest in header


def test_standard_input_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SOURCE.encode())))
    assert "# Made by k8snet from standard input\n" in compile_source("-").text("setup")


def test_a_topology_that_breaks_a_rule_is_refused_with_all_findings(source: Path) -> None:
    source.write_text(SOURCE.replace("10.0.0.2/24", "10.0.0.0/24") + "mtu = 1\n")
    with pytest.raises(Refused) as refused:
        compile_source(str(source))
    assert "[bad-address]" in str(refused.value)
    assert "[bad-mtu]" in str(refused.value)


def test_a_file_that_is_too_large_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts, "LARGEST", len(SOURCE))
    compile_source(str(source))
    source.write_text(SOURCE + "#")
    with pytest.raises(Refused, match=r"\[limits\]"):
        compile_source(str(source))


def test_a_model_is_checked_as_a_file_is() -> None:
    assert check_and_compile(MODEL, "a model").text("setup") == check_and_compile(MODEL, "a model").text("setup")
    with pytest.raises(Refused, match=r"\[bad-name\]"):
        check_and_compile(Topology("two words"), "a model")


def test_pieces_add_up_to_the_text() -> None:
    made = compile_topology(MODEL, ORIGIN)
    for kind in KINDS:
        assert "".join(made.render(kind)) == made.text(kind)


def test_what_was_compiled_is_gone_with_its_scripts(source: Path) -> None:
    """Without a cycle, that is: the command line collects no garbage, and may compile many topologies."""
    for _ in range(2):  # the first time, the templates are compiled
        gc.collect()
        gc.disable()
        try:
            for kind in KINDS:
                assert compile_source(str(source)).text(kind)
            garbage = gc.collect()
        finally:
            gc.enable()
    assert garbage == 0


# ---- on the disk ----


def test_three_scripts_are_written_that_can_be_run(tmp_path: Path) -> None:
    made = compile_topology(MODEL, ORIGIN)
    directory = tmp_path / "new" / "place"
    assert made.write(directory) == [directory / f"{kind}.sh" for kind in KINDS]
    assert sorted(path.name for path in directory.iterdir()) == ["setup.sh", "teardown.sh", "verify.sh"]
    for kind in KINDS:
        path = directory / f"{kind}.sh"
        assert path.read_bytes() == made.text(kind).encode()
        assert os.access(path, os.X_OK)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o755), (0o077, 0o700), (0o027, 0o750)])
def test_whoever_may_read_a_script_may_run_it(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        compile_topology(MODEL, ORIGIN).write(tmp_path)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {mode}


def test_what_is_there_already_is_not_touched(tmp_path: Path) -> None:
    made = compile_topology(MODEL, ORIGIN)
    made.write(tmp_path)
    before = {path: path.stat() for path in tmp_path.iterdir()}
    assert made.write(tmp_path) == []
    after = {path: path.stat() for path in tmp_path.iterdir()}
    assert {path: (stat.st_ino, stat.st_mtime_ns) for path, stat in after.items()} == {
        path: (stat.st_ino, stat.st_mtime_ns) for path, stat in before.items()
    }


def test_a_script_that_differs_is_replaced_and_so_is_one_that_cannot_be_run(tmp_path: Path) -> None:
    made = compile_topology(MODEL, ORIGIN)
    made.write(tmp_path)
    (tmp_path / "setup.sh").write_text("something else")
    (tmp_path / "verify.sh").chmod(0o644)
    # root passes every test of access but this one, which needs some execute bit to be set
    assert made.write(tmp_path) == [tmp_path / "setup.sh", tmp_path / "verify.sh"]
    assert (tmp_path / "setup.sh").read_text() == made.text("setup")


class Torn(Scripts):
    """Scripts whose rendering fails half way."""

    __slots__ = ()

    def render(self, kind: Kind) -> Iterator[str]:
        yield from list(Scripts.render(self, kind))[:3]
        if kind == "teardown":
            raise OSError("no space left")


def test_nobody_ever_finds_half_a_script(tmp_path: Path) -> None:
    (tmp_path / "teardown.sh").write_text("the one before")
    with pytest.raises(OSError, match="no space left"):
        Torn("lab", compile_topology(MODEL, ORIGIN).body).write(tmp_path)
    assert (tmp_path / "teardown.sh").read_text() == "the one before"
    assert [path.name for path in tmp_path.iterdir()] == ["teardown.sh"]


def test_a_reader_sees_the_old_script_or_the_new_one(tmp_path: Path) -> None:
    """The file is replaced, not written over: whoever has it open reads the old one to its end."""
    path = tmp_path / "setup.sh"
    path.write_text("the one before")
    with path.open() as reader:
        compile_topology(MODEL, ORIGIN).write(tmp_path)
        assert reader.read() == "the one before"
    assert path.read_text() != "the one before"


# ---- what is wrong with a topology ----


@pytest.mark.parametrize("size", [1, 1100])
def test_what_is_wrong_with_a_topology_is_said_whatever_its_size(size: int, tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text(f'name = "lab"\n[namespaces."n{{1..{size}}}".veths.eth0]\npeer = "v{{}}"\nbridge = "br0"\n')
    for take in (load_source, compile_source):
        with pytest.raises(Refused, match="unknown bridge `br0`"):
            take(str(file))


def test_what_is_wrong_is_said_though_the_topology_cannot_be_planned(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(plan: Plan) -> Iterator[None]:
        raise LookupError(plan.name)
        yield  # as `lay_out` is, so that it fails when it is gone through

    monkeypatch.setattr(scripts, "lay_out", fail)
    with pytest.raises(LookupError, match="lab"):
        compile_source(str(source))
    source.write_text(f'{SOURCE}bridge = "br0"\n')
    with pytest.raises(Refused, match="unknown bridge `br0`"):
        compile_source(str(source))
