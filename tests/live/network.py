"""One topology in a sandbox: its three scripts, run as a user would, and what a run is held to.

network = Network(sandbox, golden("docker"))
network.set_up()
with network.disturbed("ip -n node1 link delete vethA"): …
"""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from k8snet_scripts.render import Kind, Origin
from k8snet_scripts.scripts import Scripts, compile_source, compile_topology
from k8snet_scripts.topology import Topology
from live.kernel import State, diff
from live.sandbox import Sandbox
from live.settle import settled

GOLDEN = Path(__file__).parents[2] / "golden"
GOLDENS = tuple(sorted(path.parent.name for path in GOLDEN.glob("*/topology.toml")))
"""The names of all golden topologies."""

FILTERING = ("kubernetes-ports", "published")
"""Those that need rules of iptables and an nft table of family bridge as well."""

MASQUERADING = (
    "cluster-host-gw",
    "cluster-none",
    "cluster-router",
    "gateway",
    "kubernetes",
    "options",
    "ptp",
    *FILTERING,
)
"""Those that need nftables with NAT."""

PATIENCE = 300
"""Seconds that a script may take: far more than it needs on a machine that has other things to do."""

Done = subprocess.CompletedProcess[str]


@functools.cache
def golden(name: str) -> Scripts:
    """The scripts of a golden topology, compiled now."""
    return compile_source(str(GOLDEN / name / "topology.toml"))


@functools.cache
def compiled(text: str) -> Scripts:
    """The scripts of a topology file's text."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "topology.toml")
        path.write_text(text)
        return compile_source(str(path))


def modelled(topology: Topology) -> Scripts:
    """The scripts of a topology built in Python."""
    return compile_topology(topology, Origin((("topology.py", "0" * 64),), ("topology.py",)))


def commands(done: Done) -> list[str]:
    """The commands that a run printed before it executed them."""
    return [line.removeprefix("[#] ") for line in done.stderr.splitlines() if line.startswith("[#] ")]


class Network:
    """The scripts of one topology in a sandbox."""

    def __init__(self, sandbox: Sandbox, scripts: Scripts, via: Literal["file", "pipe"] = "file") -> None:
        self.sandbox = sandbox
        self._via: Literal["file", "pipe"] = via
        self.name = scripts.name
        self.mark = scripts.body.plan.mark
        self._scripts = scripts

    @functools.cached_property
    def _texts(self) -> dict[Kind, str]:
        return {kind: self._scripts.text(kind) for kind in ("setup", "teardown", "verify")}

    def text(self, kind: Kind) -> str:
        """The text of one script."""
        return self._texts[kind]

    def run(self, kind: Kind, *args: str) -> Done:
        """Runs a script to its end, whatever that is; it must leave no temporary file."""
        scratch = self.sandbox.directory / "scratch"
        scratch.mkdir(exist_ok=True)
        done = self.sandbox.bash(self.text(kind), *args, via=self._via, env={"TMPDIR": str(scratch)}, timeout=PATIENCE)
        assert [path.name for path in scratch.iterdir()] == [], "a script left a file behind"
        return done

    def set_up(self, *args: str) -> list[str]:
        """Runs setup.sh, which must succeed and say nothing else than its commands; gives those."""
        return self._change("setup", *args)

    def tear_down(self) -> list[str]:
        """The same with teardown.sh."""
        return self._change("teardown")

    def _change(self, kind: Kind, *args: str) -> list[str]:
        done = self.run(kind, *args)
        assert (done.returncode, done.stdout) == (0, ""), f"{kind}: {done.stdout}{done.stderr}"
        printed = commands(done)
        assert done.stderr == "".join(f"[#] {line}\n" for line in printed)
        return printed

    def drift(self) -> list[str]:
        """What `--check` prints, its exit status as it must be."""
        done = self.run("setup", "--check")
        lines = done.stdout.splitlines()
        assert (done.returncode, done.stderr) == (1 if lines else 0, ""), f"{done.stdout}{done.stderr}"
        return lines

    def foreseen(self, kind: Kind = "setup") -> list[str]:
        """The commands that `--dry-run` prints."""
        done = self.run(kind, "--dry-run")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        lines = done.stdout.splitlines()
        assert all(line.startswith("[#] ") for line in lines), done.stdout
        return [line.removeprefix("[#] ") for line in lines]

    def state(self, *, identity: bool = False) -> State:
        """The state of the whole sandbox, once it stands still."""
        return settled(self.sandbox, identity=identity)

    def failures(self) -> list[str]:
        """What verify.sh finds wrong."""
        done = self.run("verify")
        assert done.stderr == "", done.stderr
        return [claim for ok, claim in checks(done) if not ok]

    def do(self, *lines: str) -> None:
        """Changes something behind the scripts' back."""
        self.sandbox.bash("set -e\n" + "\n".join(lines), check=True, timeout=PATIENCE)


def differences(before: State, after: State, leaving_out: Sequence[str] = ()) -> list[str]:
    """What changed between two states, but for lines that contain one of these words."""
    return [line for line in diff(before, after) if not any(word in line for word in leaving_out)]


def checks(done: Done) -> list[tuple[bool, str]]:
    """The results in a TAP report, in order, each with its description; raises if the report is not valid TAP 13.

    What fails as expected, marked by TODO, is no failure.
    """
    first, plan, *lines = done.stdout.splitlines()
    assert first == "TAP version 13"
    found: list[tuple[bool, str]] = []
    failed = False
    for line in lines:
        if line.startswith("# "):
            assert failed, f"a diagnostic that belongs to no failure: {line}"
            continue
        match = re.fullmatch(r"(not )?ok ([0-9]+) - ([^#]+?)(?: # (TODO|SKIP) .+)?", line)
        assert match, f"not a line of TAP: {line}"
        found.append((match[1] is None or match[4] == "TODO", match[3]))
        assert int(match[2]) == len(found)
        failed = match[1] is not None
    assert plan == f"1..{len(found)}"
    assert done.returncode == (0 if all(ok for ok, _ in found) else 1)
    return found
