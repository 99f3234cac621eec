"""Our `host-local` beside the reference's: random configurations and calls have equal answers and leave equal files.

It needs no sandbox: both do nothing but read and write a directory.  `K8SNET_EXAMPLES=1000` tries more.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.plugin.main import answer
from live.examples import examples
from live.reference_plugins import DIRECTORY

PROGRAM = f"{DIRECTORY}/host-local"
VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")


class Step(NamedTuple):
    """One call; `asked` are addresses in `CNI_ARGS`, `args.cni.ips` and `runtimeConfig.ips`."""

    command: str
    container: str
    ifname: str
    asked: tuple[str | None, str | None, str | None]


@st.composite
def ranges(draw: st.DrawFn, place: int, family: int) -> dict[str, Any]:
    """A range in a small subnet of its own, the one with the number `place`."""
    host, network = (
        (f"10.{place}.0.{{}}", f"10.{place}.0.0") if family == 4 else (f"fd00:{place}::{{:x}}", f"fd00:{place}::")
    )
    bits = draw(st.integers(2, 4))
    hosts = st.integers(1, (1 << bits) - (2 if family == 4 else 1)).map(host.format)
    found: dict[str, Any] = {"subnet": f"{network}/{(32 if family == 4 else 128) - bits}"}
    for key in ("rangeStart", "rangeEnd", "gateway"):
        if draw(st.integers(0, 2)) == 0:
            found[key] = draw(hosts)
    return found


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration; most of them are good."""
    numbers = iter(range(1, 20))
    families = draw(st.lists(st.sampled_from([4, 4, 6]), min_size=1, max_size=3))
    sets = [[draw(ranges(next(numbers), family)) for _ in range(draw(st.integers(1, 2)))] for family in families]
    ipam: dict[str, Any] = {"type": "host-local", "ranges": sets}
    if draw(st.booleans()):
        ipam |= draw(ranges(next(numbers), 4))
    if draw(st.booleans()):
        ipam["routes"] = [{"dst": "10.200.0.0/16"}, {"dst": "::/0", "gw": "fd00:1::1"}][: draw(st.integers(1, 2))]
    return {"cniVersion": draw(st.sampled_from(VERSIONS)), "name": "net", "ipam": ipam}


ADDRESSES = st.none() | st.builds(
    lambda prefix, host: f"{prefix}{host}",
    st.sampled_from(["10.1.0.", "10.2.0.", "fd00:1::", "fd00:2::"]),
    st.integers(1, 9),
)
STEPS = st.builds(
    Step,
    st.sampled_from(["ADD", "ADD", "ADD", "DEL", "CHECK"]),
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(["eth0", "eth1"]),
    st.tuples(ADDRESSES, ADDRESSES, ADDRESSES).filter(lambda asked: asked.count(None) > 1),
)


def environment(step: Step) -> dict[str, str]:
    asked = {"CNI_ARGS": f"IP={step.asked[0]}"} if step.asked[0] else {}
    place = {"CNI_CONTAINERID": step.container, "CNI_IFNAME": step.ifname, "CNI_NETNS": "/x", "CNI_PATH": "/x"}
    return {"CNI_COMMAND": step.command, **place, **asked}


def handed(network: dict[str, Any], step: Step, directory: str) -> bytes:
    """The configuration as a runtime hands it over for one call."""
    data = {**network, "ipam": {**network["ipam"], "dataDir": directory}}
    if step.command == "CHECK":
        data |= {"cniVersion": "1.0.0", "prevResult": {"cniVersion": "1.0.0"}}
    for key, asked in (("args", step.asked[1]), ("runtimeConfig", step.asked[2])):
        if asked:
            data[key] = {"cni": {"ips": [asked]}} if key == "args" else {"ips": [asked]}
    return json.dumps(data).encode()


def files(directory: str) -> dict[str, tuple[int, bytes]]:
    """Every file of the network, with its mode and content."""
    return {path.name: (path.stat().st_mode, path.read_bytes()) for path in Path(directory).glob("net/*")}


def owner(step: Step) -> bytes:
    """The content of a record of whoever calls."""
    return f"{step.container}\r\n{step.ifname}".encode()


def decoded(output: str) -> Any:
    return json.loads(output) if output.strip() else None


@pytest.mark.needs("speed")
@examples(60)
@given(networks(), st.lists(STEPS, min_size=4, max_size=14))
def test_answers_and_files_are_equal(network: dict[str, Any], steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as theirs, tempfile.TemporaryDirectory() as ours:
        for step in steps:
            before = files(ours)
            raw, own = handed(network, step, theirs), handed(network, step, ours)
            done = subprocess.run([PROGRAM], env=environment(step), input=raw, capture_output=True, check=False)
            status, output, _ = answer("host-local", environment(step), partial(bytes, own))
            expected, found = decoded(done.stdout.decode()), decoded(output)
            if done.returncode == 0:
                assert (status, found) == (0, expected)
            elif step.command == "DEL":  # it needs a good configuration, and ours does not
                assert (status, found) == (0, None)
                return
            elif found["code"] == 7:  # the words are better, and the reference has refused it too
                return
            else:
                assert (status, found["code"], found["msg"]) == (1, expected["code"], expected["msg"])
                if held := {name: file for name, file in before.items() if file[1] == owner(step)}:
                    # It has taken addresses from whoever has them and asks for others; we have not.
                    assert files(ours) == files(theirs) | held
                    return
            assert files(ours) == files(theirs)
