"""The `cni` table of a topology file: what it asks for, and what is wrong with it or with the file that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cni_loading import KUBENET
from goldens import GOLDEN

from k8snet_scripts.cni.table import Request, asks_for_node, read_request
from k8snet_scripts.diagnostics import Report, render_findings
from k8snet_scripts.filtering import Publication
from k8snet_scripts.scripts import Refused, load_source
from k8snet_scripts.text.source import read_source

GOOD = """\
name = "node"
description = "A node."

[cni]
configuration = "net.d/k8s.conf"
pods = ["nginx", "web"]
"""


DOCUMENTATION = GOLDEN.parent / "docs"


def read(text: str) -> tuple[Request, list[str]]:
    """What a text asks for, and of each finding `LINE:COLUMN SLUG`."""
    source, report = read_source("topology.toml", text.encode())
    assert report.ok and asks_for_node(source.data)
    request = read_request(source.data, report)
    return request, heads(render_findings(report, source), "topology.toml")


def heads(findings: str, file: str) -> list[str]:
    found = re.findall(rf"^{re.escape(file)}:(\d+:\d+): error: .* (\[[a-z0-9-]+\])$", findings, re.MULTILINE)
    return [" ".join(item) for item in found]


def explain(file: Path) -> str:
    with pytest.raises(Refused) as refused:
        load_source(str(file))
    return str(refused.value)


@pytest.fixture
def topology(tmp_path: Path) -> Path:
    """A topology file, and the configuration in a directory below."""
    (tmp_path / "net.d").mkdir()
    (tmp_path / "net.d" / "k8s.conf").write_text(KUBENET)
    (tmp_path / "topology.toml").write_text(GOOD)
    return tmp_path / "topology.toml"


def test_a_table_that_is_good() -> None:
    assert read(GOOD) == (Request("node", "A node.", "net.d/k8s.conf", ("nginx", "web")), [])


def test_pods_and_a_description_may_be_left_out() -> None:
    assert read('name = "node"\n[cni]\nconfiguration = "k8s.conf"') == (Request("node", "", "k8s.conf", ()), [])


def test_types_are_called_as_in_the_notation_of_the_file() -> None:
    report = read_source("topology.toml", b'name = "node"\ncni = [1]')[1]
    read_request({"name": "node", "cni": [1]}, report)
    read_request({"name": "node", "cni": {"configuration": "x", "pods": {}}}, report)
    assert [finding.message for finding in report.findings] == [
        "`cni` must be a table, not a list",
        "`pods` must be a list of strings, not a table",
    ]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('name = "node"', "", ["1:1 [missing-key]"]),
        ('"node"', '"no node"', ["1:8 [bad-name]"]),
        ('"A node."', '"A\\tnode."', ["2:15 [bad-text]"]),
        ("configuration", "configurations", ["4:2 [missing-key]", "5:1 [unknown-key]"]),
        ('"net.d/k8s.conf"', '""', ["5:17 [bad-path]"]),
        ('"net.d/k8s.conf"', '"a\\u0000b"', ["5:17 [bad-path]"]),
        ('"net.d/k8s.conf"', "7", ["5:17 [wrong-type]"]),
        ('["nginx", "web"]', '"nginx"', ["6:8 [wrong-type]"]),
        ('"web"', "7", ["6:18 [wrong-type]"]),
        ('"web"', '"nginx"', ["6:18 [duplicate-namespace]"]),
        ('"web"', '"host"', ["6:18 [reserved-name]"]),
        ('"web"', '"-x"', ["6:18 [bad-name]"]),
        ("[cni]", "[bridges.br0]\n[cni]", ["4:2 [unknown-key]"]),
        ("[cni]", "[hosts]\n[cni]", ["4:2 [unknown-key]"]),
    ],
)
def test_what_is_wrong_is_said_where_it_is(old: str, new: str, found: list[str]) -> None:
    assert read(GOOD.replace(old, new, 1))[1] == found


def test_a_table_that_is_none_is_said_once() -> None:
    assert read('name = "node"\ncni = 3')[1] == ["2:7 [wrong-type]"]


@pytest.mark.parametrize("data", [{}, {"name": "node"}, [], None, "cni"])
def test_a_file_without_the_table_asks_for_no_node(data: object) -> None:
    assert not asks_for_node(data)


def test_ports_are_published_pod_by_pod() -> None:
    request, found = read(GOOD + 'publish = { web = ["8080:80", "[::1]:53:5353/udp"], nginx = [] }\n')
    ports = (Publication(8080, 80), Publication(53, 5353, "udp", "::1"))
    assert (request.published, found) == ({"web": ports, "nginx": ()}, [])


@pytest.mark.parametrize(
    ("publish", "found"),
    [
        ("7", "7:11 [wrong-type]"),
        ("{ web = 7 }", "7:19 [wrong-type]"),
        ('{ web = ["80"] }', "7:20 [bad-port]"),
        ('{ wab = ["80:80"] }', "7:13 [unknown-namespace]"),
    ],
)
def test_a_port_that_is_wrong(publish: str, found: str) -> None:
    assert read(f"{GOOD}publish = {publish}\n")[1] == [found]


def test_the_file_is_found_from_the_topology_and_the_topology_gives_the_name(topology: Path) -> None:
    sources, node = load_source(str(topology))
    assert [Path(source.name) for source in sources] == [topology, topology.parent / "net.d" / "k8s.conf"]
    assert (node.name, node.description) == ("node", "A node.")
    assert [namespace.name for namespace in node.namespaces] == ["nginx", "web"]
    assert node.records[0].path == "/var/lib/cni/networks/rkt.kubernetes.io/lock"


def test_what_is_wrong_in_the_configuration_is_located_there(topology: Path) -> None:
    file = topology.parent / "net.d" / "k8s.conf"
    file.write_text(KUBENET.replace("1460", '"1460"').replace("isGateway", "isGatway"))
    assert heads(explain(topology), str(file)) == ["5:10 [wrong-type]", "7:3 [unknown-key]"]
    file.write_text(KUBENET.replace("10.1.0.0/16", "10.1.0.0/30"))
    assert heads(explain(topology), str(file)) == ["9:11 [subnet-exhausted]"]
    file.write_text(KUBENET.replace('"mybridge"', '"up"'))
    assert "[reserved-name]" in heads(explain(topology), str(file))[0]


@pytest.mark.parametrize("path", ["nowhere.conf", ".", "net.d/k8s.conf/x"])
def test_a_file_that_cannot_be_read(topology: Path, path: str) -> None:
    topology.write_text(GOOD.replace("net.d/k8s.conf", path))
    said = explain(topology)
    assert heads(said, str(topology)) == ["5:17 [bad-path]"]
    assert f"cannot read `{topology.parent / path}`" in said


def test_a_dash_is_a_file_and_not_standard_input(topology: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    topology.write_text(GOOD.replace("net.d/k8s.conf", "-"))
    (topology.parent / "-").write_text(KUBENET)
    monkeypatch.chdir(topology.parent)
    assert len(load_source("topology.toml").topology.namespaces) == 2


def test_the_documentation_shows_the_golden() -> None:
    golden = GOLDEN / "kubernetes"
    assert f"```json\n{(golden / 'k8s.conf').read_text()}```\n" in (DOCUMENTATION / "cni.md").read_text()
    table = (golden / "topology.toml").read_text().partition("\n\n")[2]
    for page in ("cni.md", "topology.md"):
        assert f"```toml\n{table}```\n" in (DOCUMENTATION / page).read_text()


def test_a_table_in_json() -> None:
    report = Report()
    data = {"name": "node", "cni": {"configuration": "/etc/cni/net.d/k8s.conf", "pods": ["a"]}}
    assert read_request(data, report) == Request("node", "", "/etc/cni/net.d/k8s.conf", ("a",))
    assert report.ok
