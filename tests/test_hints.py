"""What helps whoever writes a file as other tools would have it: what to write instead, in so many words."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import k8snet, write

LAB = 'name = "lab"\n[bridges.br0]\n'
VETH = '[namespaces.a.veths.eth0]\npeer = "v"\nbridge = "br0"\n'
RANGED = VETH.replace("namespaces.a", 'namespaces."n{1..3}"')
INDEX = "every index of the range has the same: put `{}`, which stands for the index, into it"

pytestmark = pytest.mark.usefixtures("directory", "nothing_runs")


@pytest.mark.parametrize(
    ("text", "help"),
    [
        (LAB + VETH + 'gateway = "10.0.0.1"', 'write `routes = [{ to = "default", via = "10.10.0.1" }]`, say'),
        (LAB + '[[namespaces]]\nname = "a"', "write `namespaces.NAME = { … }` for each, with its name for NAME"),
        (LAB + "[[namespaces.a.veths]]", "write `veths.NAME = { … }` for each, with its name for NAME"),
        (
            LAB + '[namespaces.a]\ncommands = ["sysctl -w x=1"]',
            'write `{ run = ["tc", …], check = ["test", …] }`, say',
        ),
        (LAB + RANGED, INDEX),
        (LAB + RANGED.replace('"v"', '"v{}"') + 'addresses = ["10.0.0.2/24"]', INDEX),
        (LAB + RANGED.replace('"v"', '"v{}"') + 'lladdr = "02:00:00:00:00:01"', INDEX),
    ],
)
def test_a_topology(directory: Path, text: str, help: str) -> None:
    write(directory / "lab.toml", text)
    result = k8snet("check", "lab.toml")
    assert (result.exit_code, [line for line in result.stderr.splitlines() if line.startswith("help: ")]) == (
        1,
        [f"help: {help}"],
    )


def test_two_places_of_one_range_are_still_both_named(directory: Path) -> None:
    again = RANGED.replace("n{", "m{").replace('"v"', '"v{}"')
    write(directory / "lab.toml", LAB + RANGED.replace('"v"', '"v{}"') + again)
    assert "help: rename one of them; the other one is at lab.toml:4:8\n" in k8snet("check", "lab.toml").stderr


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ('"plugins": {"type": "bridge"}', "put brackets around it: `[{ … }]`"),
        (
            '"type": "bridge", "ipam": {"type": "host-local", "ranges": [{"subnet": "10.1.0.0/16"}]}',
            'write `"ranges": [[{ "subnet": "10.1.0.0/16" }]]`, say',
        ),
    ],
)
def test_a_cni_configuration(directory: Path, text: str, help: str) -> None:
    write(directory / "k8s.conf", f'{{"cniVersion": "1.0.0", "name": "net", {text}}}')
    result = k8snet("compile", "--cni", "k8s.conf", "--pod", "a")
    assert (result.exit_code, f"help: {help}\n" in result.stderr) == (1, True)
