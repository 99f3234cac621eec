"""What `k8snet export` writes beside the scripts: goldens, quoting, and which files there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_line import SCRIPTS, k8snet
from goldens import GOLDEN, Goldens

from k8snet_scripts.export import unit_name, write_inventory, write_playbook, write_unit
from k8snet_scripts.machines import load_machines

EXPORTS = GOLDEN / "exports"
SOURCE = EXPORTS / "cluster.toml"
UNIT = "k8snet-cluster.service"


def test_the_inventory_is_what_it_was(goldens: Goldens) -> None:
    cluster = load_machines(str(SOURCE)).cluster
    goldens.compare(EXPORTS / "inventory.yaml", "".join(write_inventory(cluster, SOURCE.name)))


def test_the_playbook_is_what_it_was(goldens: Goldens) -> None:
    cluster = load_machines(str(SOURCE)).cluster
    goldens.compare(EXPORTS / "playbook.yaml", "".join(write_playbook(cluster, SOURCE.name)))


def test_the_unit_is_what_it_was(goldens: Goldens) -> None:
    assert unit_name("cluster") == UNIT
    goldens.compare(EXPORTS / UNIT, "".join(write_unit("cluster", SOURCE.name)))


def test_there_is_no_other_golden() -> None:
    files = {path.name for path in EXPORTS.iterdir()}
    assert files == {"cluster.toml", "inventory.yaml", "playbook.yaml", UNIT}


def test_everything_for_ansible_is_written_once(tmp_path: Path) -> None:
    result = k8snet("export", "ansible", SOURCE, "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (0, "")
    nodes = [f"nodes/{node}/{name}" for node in ("node1", "node2", "node3") for name in (*SCRIPTS, UNIT)]
    assert result.stdout.splitlines() == [
        f"{tmp_path}/out/{name}" for name in ("inventory.yaml", "playbook.yaml", *nodes)
    ]
    modes = {path.name: path.stat().st_mode & 0o111 for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {name: mode > 0 for name, mode in modes.items()} == {
        name: name in SCRIPTS for name in (*SCRIPTS, UNIT, "inventory.yaml", "playbook.yaml")
    }
    assert k8snet("export", "ansible", SOURCE, "-o", tmp_path / "out").stdout.count("is up to date") == 14
    k8snet("compile", SOURCE, "--node", "node2", "-o", tmp_path)
    for name in SCRIPTS:
        assert (tmp_path / name).read_bytes() == (tmp_path / "out" / "nodes" / "node2" / name).read_bytes()


def test_any_topology_has_a_unit(tmp_path: Path) -> None:
    result = k8snet("export", "systemd", GOLDEN / "docker" / "topology.toml", "-o", tmp_path)
    assert result.stdout.splitlines() == [f"{tmp_path}/{name}" for name in (*SCRIPTS, "k8snet-docker.service")]
    k8snet("export", "systemd", SOURCE, "--node", "node3", "-o", tmp_path / "node3")
    assert "node3-pod1" in (tmp_path / "node3" / "setup.sh").read_text()
    assert (tmp_path / "node3" / UNIT).is_file()


def test_without_a_cluster_there_is_nothing_for_ansible(tmp_path: Path) -> None:
    result = k8snet("export", "ansible", GOLDEN / "docker" / "topology.toml", "-o", tmp_path)
    assert (result.exit_code, "the topology has no nodes" in result.stderr, list(tmp_path.iterdir())) == (1, True, [])


@pytest.mark.parametrize("source", ["a\nExecStart=/bin/false", "a\u2028b: {{ x }}", "%n\\"])
def test_a_strange_name_of_a_file_stays_in_its_comment(source: str) -> None:
    cluster = load_machines(str(SOURCE)).cluster
    for text in (write_unit("lab", source), write_inventory(cluster, source), write_playbook(cluster, source)):
        plain = "".join(text)
        (line,) = [
            line for line in plain.split("\n") if "made by k8snet from" in line.lower() and "Description" not in line
        ]
        assert line.startswith("# ")
        assert "\nExecStart=/bin/false" not in plain


def test_names_are_quoted_in_yaml() -> None:
    """YAML would read `on` as true, and `1.10` as a number."""
    cluster = load_machines(str(SOURCE)).cluster
    text = "".join(write_inventory(cluster, "x"))
    assert re.findall(r"^    (\S+):$", text, re.MULTILINE) == [json.dumps(node.name) for node in cluster.nodes]
    assert re.findall(r"ansible_host: (\S+)$", text, re.MULTILINE) == [
        json.dumps(node.addresses[0].address) for node in cluster.nodes
    ]
