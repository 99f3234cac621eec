"""Machines for a cluster, in one sandbox: each a network and a mount namespace with a /run of its own, on one segment.

machines = Machines(sandbox, {"node1": "172.18.0.2/16"})
machines.run("node1", ["bash", "-s"], stdin=setup)
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from live.sandbox import Process, Sandbox

_HOLD = """
mount -n -t tmpfs tmpfs /run
mount -n -t sysfs sysfs /sys
ip link set dev lo up
echo "$$"
read -r _
"""


class Machines:
    """Machines by name, each with an address on its interface eth0; they are gone with the sandbox."""

    def __init__(self, sandbox: Sandbox, addresses: Mapping[str, str]) -> None:
        self._sandbox = sandbox
        self._holders: dict[str, Process] = {}
        self._pids: dict[str, str] = {}
        sandbox.run(["ip", "link", "add", "name", "segment", "up", "type", "bridge"], check=True)
        for name, address in addresses.items():
            holder = sandbox.popen(["unshare", "--net", "--mount", "bash", "-c", f"set -e{_HOLD}"])
            assert holder.popen.stdout is not None
            self._holders[name], self._pids[name] = holder, holder.popen.stdout.readline().strip()
            cable = f"ip link add name {name} up master segment type veth peer name eth0 netns {self._pids[name]}"
            sandbox.run(cable.split(), check=True)
            self.do(name, f"ip address add {address} dev eth0; ip link set dev eth0 up")

    def close(self) -> None:
        """Ends what holds the machines."""
        for holder in self._holders.values():
            holder.wait("\n")

    def run(
        self, name: str, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program on a machine to its end."""
        return self._sandbox.run([*self._enter(name), *argv], stdin=stdin, timeout=timeout)

    def start(self, name: str, argv: Sequence[str]) -> None:
        """Starts a program on a machine that goes on until it ends with the sandbox."""
        self._sandbox.popen([*self._enter(name), "setsid", "--fork", *argv]).wait()

    def do(self, name: str, script: str) -> str:
        """Runs shell commands on a machine, which must succeed, and gives what they print."""
        done = self.run(name, ["bash", "-euo", "pipefail", "-c", script])
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        return done.stdout

    def _enter(self, name: str) -> list[str]:
        return ["nsenter", "--target", self._pids[name], "--net", "--mount", "--"]
