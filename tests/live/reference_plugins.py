"""The reference CNI plugins in a sandbox, called one after another the way the library of every runtime calls them.

    reference = Reference(sandbox, configuration)
    reference.make_namespace("nginx")
    assert reference.add("nginx").result["ips"]
    assert reference.delete("nginx").status == 0

A pod is a named network namespace.  Its container ID is its name, and its interface is `eth0`.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from typing import Any

import pytest

from live.sandbox import Sandbox

DIRECTORY = "/usr/lib/cni"
"""Where Debian's package `containernetworking-plugins` puts them."""

INTERFACE = "eth0"

_CHECKABLE = (0, 4, 0)  # from here on, DEL and CHECK are told what ADD has made

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came of one command: the JSON on standard output (None if there is none), the rest, and the exit status."""

    status: int
    output: Json | None
    stderr: str

    @property
    def result(self) -> Json:
        """The result of an ADD, which must have succeeded."""
        assert self.status == 0 and self.output is not None, f"the reference failed: {self}"
        return self.output

    @property
    def error(self) -> Json:
        """`code`, `msg` and perhaps `details` of a command, which must have failed."""
        assert self.status != 0 and self.output is not None, f"the reference did not fail: {self}"
        return self.output


class Reference:
    """One network, `configuration` being the JSON of a `.conf` or a `.conflist` file, and the pods attached to it."""

    def __init__(self, sandbox: Sandbox, configuration: Json) -> None:
        self._sandbox = sandbox
        self._configuration = configuration
        self._results: dict[str, Json] = {}
        for plugin in self._chain():
            _require(plugin["type"])
            if "type" in plugin.get("ipam", {}):
                _require(plugin["ipam"]["type"])

    def make_namespace(self, pod: str) -> None:
        """Make the namespace of a pod, as a runtime does before it calls a plugin."""
        self._sandbox.run(["ip", "netns", "add", pod], check=True)

    def add(self, pod: str) -> Answer:
        """Attach a pod, which has its namespace already.  After a failure, `delete` has to clean up."""
        previous: Json | None = None
        answer = Answer(0, None, "")
        for plugin in self._chain():
            answer = self._call("ADD", pod, plugin, previous)
            if answer.status != 0:
                return answer
            previous = answer.output or previous
        self._results[pod] = answer.result
        return answer

    def delete(self, pod: str) -> Answer:
        """Detach a pod, from the last plugin of a chain to the first; its namespace stays."""
        answer = Answer(0, None, "")
        for plugin in reversed(self._chain()):
            answer = self._call("DEL", pod, plugin, self._remembered(pod))
            if answer.status != 0:
                return answer
        self._results.pop(pod, None)
        return answer

    def check(self, pod: str) -> Answer:
        """Ask whether a pod is attached as it was left."""
        answer = Answer(0, None, "")
        for plugin in self._chain():
            answer = self._call("CHECK", pod, plugin, self._remembered(pod))
            if answer.status != 0:
                return answer
        return answer

    def _chain(self) -> list[Json]:
        """The configuration of each plugin, with the network's name and version in it."""
        if "plugins" not in self._configuration:
            return [copy.deepcopy(self._configuration)]
        head: Json = {key: self._configuration[key] for key in ("cniVersion", "name") if key in self._configuration}
        return [{**copy.deepcopy(plugin), **head} for plugin in self._configuration["plugins"]]

    def _remembered(self, pod: str) -> Json | None:
        version = self._configuration.get("cniVersion") or "0.1.0"
        return self._results.get(pod) if tuple(map(int, version.split("."))) >= _CHECKABLE else None

    def _call(self, command: str, pod: str, plugin: Json, previous: Json | None) -> Answer:
        environment = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod,
            "CNI_IFNAME": INTERFACE,
            "CNI_NETNS": f"/run/netns/{pod}",
            "CNI_PATH": DIRECTORY,
        }
        handed = plugin if previous is None else {**plugin, "prevResult": previous}
        program = [f"{DIRECTORY}/{plugin['type']}"]
        done = self._sandbox.run(program, stdin=json.dumps(handed), env=environment)
        return Answer(done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr)


def _require(plugin: str) -> None:
    """Fail the test, with the remedy, where a plugin is not installed: what is not compared is not known to be equal."""
    program = f"{DIRECTORY}/{plugin}"
    if not os.access(program, os.X_OK):
        package = "`apt-get install containernetworking-plugins`"
        pytest.fail(f"there is no reference plugin {program}; install it with {package}", pytrace=False)
