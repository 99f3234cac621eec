"""`--node` and `--nodes` on the command line: scripts for single nodes of a cluster."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from command_line import SCRIPTS, k8snet, scripts

from k8snet_scripts.cli import main

CLUSTER = 'name = "lab"\n\n[cluster]\nnodes = 3\npods_per_node = 1\n'


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, which has nothing but a cluster."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cluster.toml").write_text(CLUSTER)
    return tmp_path


def test_one_node_is_written_like_a_topology(directory: Path) -> None:
    result = k8snet("compile", "cluster.toml", "--node", "node2")
    assert (result.exit_code, result.stdout.splitlines(), result.stderr) == (0, list(SCRIPTS), "")
    assert k8snet("compile", "cluster.toml", "--node", "node2", "-o", "b").exit_code == 0
    assert scripts(directory) == scripts(directory / "b")


def test_several_nodes_have_a_directory_each(directory: Path) -> None:
    result = k8snet("compile", "cluster.toml", "--nodes", "-o", "nodes")
    names = ["node1", "node2", "node3"]
    assert result.stdout.splitlines() == [f"nodes/{node}/{name}" for node in names for name in SCRIPTS]
    result = k8snet("compile", "cluster.toml", "--node", "node3", "--node", "node1")
    assert result.stdout.splitlines() == [f"{node}/{name}" for node in ("node3", "node1") for name in SCRIPTS]
    assert scripts(directory / "node3") == scripts(directory / "nodes" / "node3")


def test_the_command_in_the_header_makes_the_same_bytes(directory: Path) -> None:
    k8snet("compile", "cluster.toml", "--nodes")
    setup = (directory / "node2" / "setup.sh").read_text()
    (line,) = [line for line in setup.splitlines() if " and run: " in line]
    program, *words = shlex.split(line.partition(" and run: ")[2])
    assert (program, k8snet(*words).exit_code) == ("k8snet", 0)
    assert scripts(directory) == scripts(directory / "node2")


def test_stale_nodes_are_found_and_the_command_that_mends_them_does(directory: Path) -> None:
    assert k8snet("compile", "cluster.toml", "--nodes", "-o", "nodes").exit_code == 0
    assert k8snet("compile", "cluster.toml", "--nodes", "-o", "nodes", "--check").output == ""
    (directory / "nodes" / "node3" / "setup.sh").unlink()
    result = k8snet("compile", "cluster.toml", "--nodes", "-o", "nodes", "--check")
    assert (result.exit_code, result.stdout.startswith("--- /dev/null\n+++ nodes/node3/setup.sh\n")) == (1, True)
    _, _, command = result.stderr.partition("to write them anew: ")
    assert k8snet(*shlex.split(command)[1:]).exit_code == 0
    assert k8snet("compile", "cluster.toml", "--nodes", "-o", "nodes", "--check").exit_code == 0


@pytest.mark.parametrize("kind", ["setup", "teardown", "verify"])
def test_one_script_of_a_node_is_printed(directory: Path, kind: str) -> None:
    k8snet("compile", "cluster.toml", "--node", "node1")
    assert k8snet(kind, "cluster.toml", "--node", "node1").stdout == scripts(directory)[f"{kind}.sh"]


def test_a_node_is_drawn_and_spelled_out(directory: Path) -> None:
    assert "eth0  172.18.0.2/16 (external)" in k8snet("diagram", "cluster.toml", "--node", "node1").stdout
    (directory / "node.toml").write_text(k8snet("expand", "cluster.toml", "--node", "node1").stdout)
    assert k8snet("check", "node.toml").stdout == "node.toml: good, 1 namespace, 1 bridge, 1 veth pair\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--node", "node1", "--nodes"], "--nodes is all of them"),
        (["--node", "node1", "--node", "node1"], "the node `node1` is there twice"),
        (["--nodes", "cluster.toml"], "--nodes goes with one TOPOLOGY"),
    ],
)
def test_what_contradicts_itself_is_refused(words: list[str], message: str) -> None:
    result = k8snet("compile", "cluster.toml", *words)
    assert (result.exit_code, message in result.stderr) == (2, True)


def test_nodes_that_are_not_there_are_not_compiled(directory: Path) -> None:
    result = k8snet("compile", "cluster.toml", "--node", "node1", "--node", "nodes2")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: there is no node `nodes2` in the cluster\nhelp: did you mean `node2`?")
    (directory / "other.toml").write_text('name = "lab"\n')
    result = k8snet("setup", "other.toml", "--node", "node1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: other.toml: the topology has no nodes\nhelp: ")
    (directory / "other.toml").write_text('name = "lab"\n[cluster]\nnodes = 0\n')
    assert "[bad-count]" in k8snet("compile", "other.toml", "--nodes").stderr
    assert sorted(path.name for path in directory.iterdir()) == ["cluster.toml", "other.toml"]


def completed(line: str) -> list[str]:
    """What a shell is told that the last word of a line may become."""
    _, *words, incomplete = line.split(" ")
    found = ShellComplete(main, {}, "k8snet", "_K8SNET_COMPLETE").get_completions(words, incomplete)
    return [item.value for item in found if item.type == "plain"]


@pytest.mark.parametrize(
    "line",
    [
        "k8snet compile cluster.toml --node node1 --node ",
        "k8snet compile --check cluster.toml --node n",
        "k8snet setup cluster.toml --node no",
        "k8snet diagram --node node2 cluster.toml --node node",
        "k8snet export systemd cluster.toml --node ",
    ],
)
def test_the_shell_completes_the_nodes_of_the_file_on_the_line(line: str) -> None:
    assert completed(line) == ["node1", "node2", "node3"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("broken.toml", "name = "),
        ("wrong.toml", CLUSTER + "colour = 1\n"),
        ("plain.toml", 'name = "lab"\n'),
        ("other.toml", None),
        ("-", None),
        (".", None),
    ],
)
def test_where_there_is_no_cluster_the_shell_completes_nothing(directory: Path, file: str, text: str | None) -> None:
    if text:
        (directory / file).write_text(text)
    assert completed(f"k8snet setup {file} --node n") == []
    assert completed(f"k8snet compile {file} --node n") == []
    assert completed("k8snet setup cluster.toml --node x") == []
