"""Exports: files by which others run the scripts, systemd at boot and Ansible on the nodes of a cluster.

Nothing here runs or copies anything.  Whatever a template prints is quoted for the language of its file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from k8snet_scripts.cluster.cluster import Cluster
from k8snet_scripts.render import Text, environment

INVENTORY, PLAYBOOK = "inventory.yaml", "playbook.yaml"
NODES = "nodes"
"""The directory beside the playbook that has one for each node, by its name, with the scripts and the unit."""

_GROUP = "k8snet_nodes"
_PLAIN = re.compile(r"[A-Za-z0-9_./:-]+")


def unit_name(name: str) -> str:
    """The name of the systemd unit of a topology."""
    return f"k8snet-{name}.service"


def write_unit(name: str, source: str, templates: Path | None = None) -> Iterator[str]:
    """The systemd unit of a topology, in pieces; `source` is the base name of the file that it is made from."""
    return _render("unit.service", _unit_word, templates, **_titles(name, source))


def write_inventory(cluster: Cluster, source: str, templates: Path | None = None) -> Iterator[str]:
    """The inventory of the nodes of a cluster, in pieces."""
    nodes = ((node.name, node.addresses[0].address) for node in cluster.nodes)
    return _render(INVENTORY, _yaml_word, templates, **_titles(cluster.name, source), group=_GROUP, nodes=nodes)


def write_playbook(cluster: Cluster, source: str, templates: Path | None = None) -> Iterator[str]:
    """The playbook for that inventory, in pieces."""
    return _render(PLAYBOOK, _yaml_word, templates, **_titles(cluster.name, source), group=_GROUP)


def _titles(name: str, source: str) -> dict[str, str]:
    return {"name": name, "source": source, "unit": unit_name(name), "home": f"/etc/k8snet/{name}"}


def _render(template: str, quoted: Callable[[object], str], templates: Path | None, **values: object) -> Iterator[str]:
    return environment(templates, quoted).get_template(f"export/{template}.j2").generate(**values)


def _yaml_word(value: object) -> str:
    """A string as YAML has it.  Ansible would expand what looks like an expression: no name has a brace."""
    return value if isinstance(value, Text) else json.dumps(str(value))


def _unit_word(value: object) -> str:
    """A word as systemd reads it."""
    text = str(value)
    if isinstance(value, Text) or _PLAIN.fullmatch(text):
        return text
    return json.dumps(text).replace("%", "%%")
