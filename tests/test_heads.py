"""Heads: what is made by the built-in templates says what it is for, whatever its author has written beside that."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import OTHER, SCRIPTS, k8snet, scripts, write
from goldens import GOLDEN

from k8snet_scripts.heads import STANDARD_INPUT, Head, read_head

pytestmark = pytest.mark.usefixtures("directory", "nothing_runs")

CLUSTER = 'name = "lab"\n\n[cluster]\nnodes = 2\npods_per_node = 1\n'


@pytest.mark.parametrize("case", ["docker", "kubernetes", "cluster", "external-namespace"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_have_one(case: str, name: str) -> None:
    head = read_head(GOLDEN / case / name)
    assert head is not None
    assert f" NAME={head.network} " in (GOLDEN / case / name).read_text()
    assert (head.source, head.node) == ("topology.toml", "")


@pytest.mark.parametrize("name", ["inventory.yaml", "playbook.yaml", "k8snet-cluster.service"])
def test_exports_have_one(name: str) -> None:
    assert read_head(GOLDEN / "exports" / name) == Head("cluster", "cluster.toml")


@pytest.mark.parametrize("text", ["", "#!/bin/sh\nrm mine\n", "# The network lab\n", "\xff\x00"])
def test_other_files_have_none(directory: Path, text: str) -> None:
    (directory / "setup.sh").write_bytes(text.encode("latin-1"))
    assert read_head(directory / "setup.sh") is None


@pytest.mark.parametrize(
    "lie",
    [
        "It is like the network lie, which was made by k8snet from lie.toml",
        "Lies; made by k8snet from lie.toml.",
        "Made by k8snet from lie.toml",
        "To change it, edit that file and run: k8snet compile --node lie lie.toml",
    ],
)
def test_no_description_is_taken_for_it(directory: Path, lie: str) -> None:
    write(directory / "lab.toml", f'name = "true"\ndescription = "{lie}"\n')
    assert k8snet("compile", "lab.toml").exit_code == 0
    assert {read_head(directory / name) for name in SCRIPTS} == {Head("true", "lab.toml")}


def test_a_node_is_part_of_it(directory: Path) -> None:
    write(directory / "lab.toml", CLUSTER)
    k8snet("compile", "lab.toml", "--node", "node2")
    assert {read_head(directory / name) for name in SCRIPTS} == {Head("lab", "lab.toml", "node2")}


# ---- what `k8snet compile` makes of it ----


@pytest.mark.parametrize("more", [(), ("--check",)])
@pytest.mark.parametrize("words", [("two.toml",), ("b/one.toml", "-o", "."), ("-",)], ids=" ".join)
def test_scripts_of_another_network_are_not_written_over(
    words: tuple[str, ...], more: tuple[str, ...], directory: Path
) -> None:
    write(directory / "one.toml")
    write(directory / "two.toml", OTHER)
    write(directory / "b" / "one.toml", OTHER)
    k8snet("compile", "one.toml")
    before = scripts(directory)
    result = k8snet("compile", *words, *more, stdin=OTHER)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: setup.sh is there already, for the network `docker` from `one.toml`\n"
        "help: write into another directory with `-o DIRECTORY`, or first remove what is there\n"
    )
    assert scripts(directory) == before


def test_where_one_script_is_of_another_network_none_is_written(directory: Path) -> None:
    write(directory / "a" / "one.toml")
    write(directory / "b" / "two.toml", OTHER)
    k8snet("compile", "b/two.toml", "-o", "a")
    (directory / "a" / "setup.sh").unlink()
    result = k8snet("compile", "b/two.toml", "a/one.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error: a/teardown.sh is there already, for the network `other` from `two.toml`\n" in result.stderr
    assert not list(directory.glob("**/setup.sh"))


def test_scripts_from_standard_input_are_from_no_file_that_could_be_the_same(directory: Path) -> None:
    assert k8snet("compile", "-", stdin=OTHER).exit_code == 0
    assert k8snet("compile", "-", stdin=OTHER.replace("10.11.0.2", "10.11.0.9")).exit_code == 0
    result = k8snet("compile", "-", stdin=OTHER.replace('"other"', '"third"'))
    assert (result.exit_code, f"`other` from `{STANDARD_INPUT}`" in result.stderr) == (1, True)


def test_a_network_keeps_its_scripts_when_its_file_is_called_otherwise(directory: Path) -> None:
    write(directory / "one.toml")
    k8snet("compile", "one.toml")
    (directory / "one.toml").rename(directory / "two.toml")
    result = k8snet("compile", "two.toml")
    assert (result.exit_code, result.stdout.split(), result.stderr) == (0, list(SCRIPTS), "")


@pytest.mark.parametrize("more", [(), ("--nodes",)])
def test_a_network_that_has_another_name_now_has_the_place_of_its_former_self(
    more: tuple[str, ...], directory: Path
) -> None:
    write(directory / "lab.toml", CLUSTER)
    k8snet("compile", "lab.toml", *more)
    write(directory / "lab.toml", CLUSTER.replace("lab", "home"))
    assert k8snet("compile", "--check", "lab.toml", *more).exit_code == 1
    result = k8snet("compile", "lab.toml", *more)
    assert (result.exit_code, len(result.stdout.split())) == (0, 6 if more else 3)
    assert result.stderr == (
        "note: these were the scripts of the network `lab`, which is called `home` now\n"
        "help: where `lab` is up, remove it: echo 'name = \"lab\"' | k8snet teardown - | sudo bash\n"
    )
    assert k8snet("compile", "lab.toml", *more).stderr == ""


def test_that_name_is_all_that_its_teardown_needs(directory: Path) -> None:
    write(directory / "lab.toml", OTHER)
    by_name = k8snet("teardown", "-", stdin='name = "other"').stdout
    assert by_name.splitlines()[-20:] == k8snet("teardown", "lab.toml").stdout.splitlines()[-20:]
    (mark,) = [line for line in by_name.splitlines() if line.startswith("ip link delete group ")]
    assert mark in k8snet("teardown", "lab.toml").stdout


def test_one_node_is_not_written_over_another_or_over_the_cluster(directory: Path) -> None:
    write(directory / "lab.toml", CLUSTER)
    k8snet("compile", "lab.toml")
    k8snet("compile", "lab.toml", "--node", "node1", "-o", "a")
    for words, message in (
        (("--node", "node1"), "setup.sh is there already, for the network `lab` from `lab.toml`"),
        (("--node", "node2", "-o", "a"), "a/setup.sh is there already, for the node `node1` of the network `lab` from"),
        (("-o", "a"), "a/setup.sh is there already, for the node `node1` of the network `lab` from `lab.toml`"),
    ):
        result = k8snet("compile", "lab.toml", *words)
        assert (result.exit_code, result.stdout, message in result.stderr) == (1, "", True)


@pytest.mark.parametrize("kind", ["systemd", "ansible"])
def test_nor_are_exports(kind: str, directory: Path) -> None:
    write(directory / "lab.toml", CLUSTER)
    assert k8snet("export", kind, "lab.toml", "-o", "out").exit_code == 0
    write(directory / "lab.toml", CLUSTER.replace("lab", "other"))
    result = k8snet("export", kind, "lab.toml", "-o", "out")
    first = {"systemd": "setup.sh", "ansible": "inventory.yaml"}[kind]
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error: out/{first} is there already, for the network `lab` from `lab.toml`\n" in result.stderr
