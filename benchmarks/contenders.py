"""Who competes: each contender makes, looks at and removes the same N namespaces on one bridge, in its own way.

The network is that of DESIGN.md §6: a bridge br0 with 10.0.0.1/16 and namespaces n1 … nN, each with lo up and an eth0
whose other end v1 … vN is in the bridge, an address (10.0.0.2/16 and up) and a default route by the bridge.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GATEWAY = "10.0.0.1"

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contender:
    """The commands of one contender at one size.

    `again` is a run that finds everything in place, and `verify` one that looks whether all is well, if it has them.
    """

    name: str
    setup: Argv
    again: Argv | None
    teardown: Argv
    verify: Argv | None = None
    slow: bool = False  # takes minutes at a thousand namespaces: run once there, and within a budget


def topology(count: int) -> str:
    """The topology file of the measured network."""
    return f"""\
name = "bench"

[bridges.br0]
subnet = "10.0.0.0/16"
addresses = ["{GATEWAY}/16"]

[namespaces."n{{1..{count}}}".veths.eth0]
peer = "v{{}}"
bridge = "br0"
addresses = ["auto"]
routes = [{{ to = "default", via = "{GATEWAY}" }}]
"""


def floor_contender(program: Path, count: int) -> Contender:
    """The netlink program in C."""
    setup, again, teardown = ((str(program), mode, str(count)) for mode in ("setup", "check", "teardown"))
    return Contender("floor", setup, again, teardown)


def generated_contender(k8snet: Argv, count: int, directory: Path) -> Contender:
    """The scripts that k8snet writes, from a file each, as a user who keeps them under version control runs them."""
    source = directory / "bench.toml"
    source.write_text(topology(count))
    scripts = {}
    for kind in ("setup", "teardown"):
        scripts[kind] = directory / f"{kind}.sh"
        with scripts[kind].open("wb") as script:
            subprocess.run([*k8snet, kind, str(source)], stdout=script, check=True)
    setup = ("bash", str(scripts["setup"]))
    return Contender("k8snet", setup, setup, ("bash", str(scripts["teardown"])))


def hand_written_contender(count: int, directory: Path) -> Contender:
    """One `ip` command a line, veths made in place: what a careful person writes.  It cannot be run twice."""
    setup = write_script(directory / "hand-setup.sh", (command for _, command in _wanted(count)))
    teardown = write_script(directory / "hand-teardown.sh", _removal(count))
    return Contender("hand-written", setup, None, teardown, slow=True)


def guarded_contender(count: int, directory: Path) -> Contender:
    """The same, each command behind a look whether it is needed, so that the script may be run again."""
    guarded = (f"{test} || {command}" for test, command in _wanted(count))
    setup = write_script(directory / "guarded-setup.sh", guarded)
    teardown = write_script(directory / "guarded-teardown.sh", _guarded_removal(count))
    return Contender("guarded", setup, setup, teardown, slow=True)


def address(number: int) -> str:
    """Address and prefix length of the eth0 of a namespace, counted from 1."""
    return f"10.0.{(number + 1) // 256}.{(number + 1) % 256}/16"


def write_script(path: Path, lines: Iterator[str]) -> Argv:
    """Write a script that stops at the first command that fails; give what runs it."""
    path.write_text("set -e\n" + "".join(f"{line}\n" for line in lines))
    return ("bash", str(path))


def _wanted(count: int) -> Iterator[tuple[str, str]]:
    """A test that succeeds where the command is not needed, and the command."""
    yield _exists("br0"), "ip link add name br0 type bridge"
    yield _shown("ip address show dev br0", f"{GATEWAY}/16"), f"ip address add {GATEWAY}/16 dev br0"
    for number in range(1, count + 1):
        name, peer = f"n{number}", f"v{number}"
        inside = f"ip -n {name}"
        yield f"[ -e /run/netns/{name} ]", f"ip netns add {name}"
        yield _shown(f"{inside} link show dev lo", "LOOPBACK,UP"), f"{inside} link set lo up"
        yield _exists(peer), f"ip link add name {peer} master br0 type veth peer name eth0 netns {name}"
        yield _shown(f"ip link show dev {peer}", ",UP"), f"ip link set {peer} up"
        wanted = address(number)
        yield _shown(f"{inside} address show dev eth0", f"{wanted} "), f"{inside} address add {wanted} dev eth0"
        yield _shown(f"{inside} link show dev eth0", ",UP"), f"{inside} link set eth0 up"
        yield (
            _shown(f"{inside} route show default", f"via {GATEWAY} "),
            f"{inside} route add default via {GATEWAY}",
        )
    yield _shown("ip link show dev br0", ",UP"), "ip link set br0 up"


def _removal(count: int) -> Iterator[str]:
    for number in range(1, count + 1):
        yield f"ip link delete v{number}"
        yield f"ip netns delete n{number}"
    yield "ip link delete br0"


def _guarded_removal(count: int) -> Iterator[str]:
    for number in range(1, count + 1):
        yield f"! {_exists(f'v{number}')} || ip link delete v{number}"
        yield f"[ ! -e /run/netns/n{number} ] || ip netns delete n{number}"
    yield f"! {_exists('br0')} || ip link delete br0"


def _exists(link: str) -> str:
    return f"ip link show dev {link} >/dev/null 2>&1"


def _shown(look: str, text: str) -> str:
    return f"{look} | grep -qF '{text}'"
