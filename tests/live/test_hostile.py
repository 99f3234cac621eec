"""Text that a shell, a template or a terminal could take for more than text: in the file, and on the machine.

Wherever a file may not hold it, it is refused before there is a script; where it may, in descriptions, it stays a
comment.  What others called things on the machine is read, and never executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from k8snet_scripts.render import KINDS
from k8snet_scripts.scripts import Refused, Scripts, compile_source
from live.kernel import diff
from live.network import Network, compiled
from live.sandbox import Sandbox

CANARY = "/run/canary"
HOSTILE = (
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"x; touch {CANARY}; #",
    f"x'; touch {CANARY}; '",
    f'x"; touch {CANARY}; "',
    f"x\ntouch {CANARY}",
    f"END\n}}\ntouch {CANARY}",
    "{{ 7 * 7 }}",
    "{% include '/etc/passwd' %}",
    "\x1b]0;owned\x07",
    "a\u202eb",
)

EVERYTHING: dict[str, Any] = {
    "name": "hostile",
    "description": "text",
    "host": {
        "description": "text",
        "addresses": ["10.9.0.1/32"],
        "routes": [{"to": "10.9.9.0/24", "via": "10.1.0.2", "src": "10.1.0.1", "type": "unicast"}],
        "sysctls": {"net.ipv4.conf.all.arp_announce": "1"},
        "masquerade": ["10.1.0.0/24"],
    },
    "bridges": {"br0": {"description": "text", "addresses": ["10.1.0.1/24"], "subnet": "10.1.0.0/24", "lladdr": "02:00:00:00:00:01"}},
    "interfaces": {"ext0": {"external": True, "bridge": "br0", "description": "text"}},
    "namespaces": {
        "n1": {
            "description": "text",
            "veths": {
                "eth0": {
                    "peer": {"name": "v1", "description": "text"},
                    "bridge": "br0",
                    "description": "text",
                    "addresses": ["10.1.0.2/24"],
                    "routes": [{"to": "default", "via": "10.1.0.1"}],
                }
            },
        }
    },
}  # fmt: skip


def spoilt(value: Any, text: str, where: str = "") -> Iterator[tuple[str, Any]]:
    """Copies of a structure in each of which one string, a key or a value, is replaced."""
    if isinstance(value, str):
        yield where, text
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for place, copy in spoilt(item, text, f"{where}[{index}]"):
                yield place, [*value[:index], copy, *value[index + 1 :]]
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{where}.{key} (key)", {text if name == key else name: inner for name, inner in value.items()}
            for place, copy in spoilt(item, text, f"{where}.{key}"):
                yield place, value | {key: copy}


def compiled_from(structure: Any, directory: Path) -> Scripts:
    path = directory / "topology.json"
    path.write_text(json.dumps(structure))
    return compile_source(str(path))


def test_the_structure_is_good_as_long_as_it_is_not_spoilt(tmp_path: Path) -> None:
    assert compiled_from(EVERYTHING, tmp_path).name == "hostile"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_in_every_field_it_is_refused_or_stays_a_comment(tmp_path: Path, text: str) -> None:
    for place, structure in spoilt(EVERYTHING, text):
        try:
            scripts = compiled_from(structure, tmp_path)
        except Refused as refused:
            assert "\x1b" not in str(refused), place
            continue
        assert place.endswith(".description"), place
        for kind in KINDS:
            lines = [line for line in scripts.text(kind).split("\n") if text in line]
            assert all(line.startswith("#") for line in lines), place


def test_descriptions_are_never_executed(sandbox: Sandbox) -> None:
    text = """
    name = "described"
    description = '''{}'''
    [host]
    description = '''{}'''
    [bridges.br0]
    description = '''{}'''
    [namespaces.n1]
    description = '''{}'''
    [namespaces.n1.veths.eth0]
    peer = "v1"
    bridge = "br0"
    description = '''{}'''
    addresses = ["10.1.0.2/24"]
    """.format(*[f'$(touch {CANARY}) `touch {CANARY}`; touch {CANARY} \\" # {{{{ 7 * 7 }}}}'] * 5)
    network = Network(sandbox, compiled(text))
    network.set_up()
    assert (network.drift(), network.failures()) == ([], [])
    network.tear_down()
    assert sandbox.run(["ls", CANARY]).returncode != 0


def test_names_that_others_gave_are_never_executed(sandbox: Sandbox) -> None:
    network = Network(
        sandbox,
        compiled('name = "lab"\n[bridges.br0]\n[namespaces.n1.veths.eth0]\npeer = "v1"\nbridge = "br0"\n'),
    )
    network.set_up()
    names = ("$(>canary)", "`>canary`", "a]b", 'a"b', "a'b", "*", "a{b")
    for name in names:  # in our own namespace, with our mark: somebody inside may do that
        sandbox.run(
            ["ip", "-n", "n1", "link", "add", "name", name, "group", str(network.mark), "type", "bridge"], check=True
        )
    network.do("touch '/run/netns/$(>canary)'", "touch $'/run/netns/a\\nb'")
    before = network.state(identity=True)
    assert (network.drift(), network.set_up()) == ([], [])
    assert diff(before, network.state(identity=True)) == []
    network.do("ip -n n1 link delete dev eth0")
    network.set_up()
    network.tear_down()
    assert sandbox.bash("find . / /root /run /run/k8snet /run/netns /tmp -maxdepth 1 -name canary").stdout == ""
