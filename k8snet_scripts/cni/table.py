"""The `cni` table of a topology file: a CNI configuration and the pods of a node that are on its network.

name = "node"

[cni]
configuration = "k8s.conf"
pods = ["nginx", "web"]
publish = { web = ["8080:80"] }
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from k8snet_scripts.cni.fields import TOML_WORDS, Object
from k8snet_scripts.cni.filters import NO_PORTS, Published
from k8snet_scripts.diagnostics import Report, close_match
from k8snet_scripts.filtering import Publication
from k8snet_scripts.rules.literals import check_description
from k8snet_scripts.rules.names import check_namespace_name, check_topology_name
from k8snet_scripts.rules.ports import read_publication
from k8snet_scripts.rules.refusal import Refused, show

TABLE = "cni"

_HINTS = {
    key: "a node that CNI wires has nothing else: take it out, or the table `cni`"
    for key in ("namespaces", "bridges", "veths", "interfaces", "host")
}


class Request(NamedTuple):
    """What the file asks for: the path of a configuration, which is relative to the file, and pods by name."""

    name: str
    description: str
    configuration: str
    pods: tuple[str, ...]
    published: Published = NO_PORTS


def asks_for_node(data: object) -> bool:
    """Whether a parsed topology file has a table `cni`."""
    return isinstance(data, dict) and TABLE in data


def read_request(data: object, report: Report) -> Request:
    """What a topology file with such a table asks for; what is wrong with it goes to the report."""
    assert isinstance(data, dict)
    root = Object(data, (), report, words=TOML_WORDS)
    if not root.has("name"):
        root.missing("name", 'write `name = "node"`, say: the scripts know by it what is theirs')
    name = root.text("name", check_topology_name) or ""
    description = root.text("description", check_description) or ""
    table = root.object(TABLE)
    if table is None:
        return Request(name, description, "", ())
    if not table.has("configuration"):
        table.missing("configuration", 'write `configuration = "/etc/cni/net.d/10-k8s.conf"`, say')
    configuration = table.text("configuration", _check_file) or ""
    pods = table.texts("pods", check_namespace_name)
    for number, pod in enumerate(pods):
        if pod in pods[:number]:
            message, help = f"there are two pods `{pod}`", "give them different names"
            report.error("duplicate-namespace", (TABLE, "pods", number), message, help=help)
    published = _read_published(table, pods)
    table.close()
    root.close(_HINTS)
    return Request(name, description, configuration, pods, published)


def _read_published(table: Object, pods: Sequence[str]) -> Published:
    """The ports of the host that lead to single pods.  Where they are written is not in the configuration's file."""
    given = table.object("publish")
    found: dict[str, tuple[Publication, ...]] = {}
    for pod in given.keys if given else ():
        assert given is not None
        if pod not in pods:
            message, help = f"there is no pod {show(pod)}", close_match(pod, pods) or "name it in `pods` as well"
            table.report.error("unknown-namespace", given.where(pod), message, help=help, at="key")
        found[pod] = given.texts(pod, read_publication)
    return found or NO_PORTS


def _check_file(text: str) -> str:
    if not text or "\0" in text:
        raise Refused("bad-path", "the path is empty or has a NUL in it", "write the path of a file")
    return text
