"""A container runtime, as far as plugins see it: it makes network namespaces and calls plugins with the CNI protocol.

    runtime = Runtime(sandbox, configuration, "/usr/lib/cni")
    runtime.make_namespace("nginx")
    assert runtime.add("nginx").result["ips"]
    assert runtime.delete("nginx").status == 0

A pod is a named network namespace, and its container ID is its name.  What a pod was attached with, a runtime remembers,
and says again when it detaches the pod.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from live.sandbox import Process, Sandbox

INTERFACE = "eth0"

_CHECKABLE = (0, 4, 0)  # from here on, DEL and CHECK are told what ADD has made

_LOSE = """
ends=$(ip -n "$1" -o link show type veth | sed 's/.*@if\\([0-9]*\\):.*/^\\1:/')
ip netns delete "$1"
if [ "$ends" ]; then while ip -o link show | grep -q "$ends"; do sleep 0.02; done; fi
"""

_NOBODY = {"CNI_CONTAINERID": None, "CNI_IFNAME": None, "CNI_NETNS": None}

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
        assert self.status == 0 and self.output is not None, f"the plugin failed: {self}"
        return self.output

    @property
    def error(self) -> Json:
        """`code`, `msg` and perhaps `details` of a command, which must have failed."""
        assert self.status != 0 and self.output is not None, f"the plugin did not fail: {self}"
        return self.output


@dataclass(frozen=True)
class Wishes:
    """What a runtime asks for one attachment: the text of CNI_ARGS, and keys that go into the configuration."""

    arguments: str = ""
    keys: Json = field(default_factory=dict)


class Runtime:
    """One network, `configuration` being the JSON of a `.conf` or a `.conflist` file, and the pods attached to it.

    Its plugins are the executables in `directory`.
    """

    def __init__(self, sandbox: Sandbox, configuration: Json, directory: str) -> None:
        self.sandbox = sandbox
        self._configuration = configuration
        self.directory = directory
        self._results: dict[tuple[str, str], Json] = {}
        self._wishes: dict[tuple[str, str], Wishes] = {}

    def make_namespace(self, pod: str) -> None:
        """Make the namespace of a pod, as a runtime does before it calls a plugin."""
        self.sandbox.run(["ip", "netns", "add", pod], check=True)

    def lose_namespace(self, pod: str) -> None:
        """Have the namespace of a pod vanish with all that is in it, as when a machine's processes are killed.

        The host's ends of its veths go a moment later, and are waited for.
        """
        self.sandbox.bash(_LOSE, pod, check=True)

    def add(self, pod: str, interface: str = INTERFACE, wishes: Wishes | None = None) -> Answer:
        """Attach a pod, which has its namespace already.  After a failure, `delete` has to clean up."""
        if wishes is not None:
            self._wishes[pod, interface] = wishes
        previous: Json | None = None
        answer = Answer(0, None, "")
        for plugin in self.chain():
            answer = self._call("ADD", pod, interface, plugin, previous)
            if answer.status != 0:
                return answer
            previous = answer.output or previous
        self._results[pod, interface] = answer.result
        return answer

    def delete(self, pod: str, interface: str = INTERFACE, *, path: str | None = None) -> Answer:
        """Detach a pod, from the last plugin of a chain to the first; its namespace stays.

        A `path` takes the place of that of the namespace; an empty one says that the runtime knows of none.
        """
        answer = Answer(0, None, "")
        for plugin in reversed(self.chain()):
            previous = self._remembered(pod, interface)
            answer = self._call("DEL", pod, interface, plugin, previous, path)
            if answer.status != 0:
                return answer
        self._results.pop((pod, interface), None)
        self._wishes.pop((pod, interface), None)
        return answer

    def check(self, pod: str, interface: str = INTERFACE) -> Answer:
        """Ask whether a pod is attached as it was left."""
        answer = Answer(0, None, "")
        for plugin in self.chain():
            answer = self._call("CHECK", pod, interface, plugin, self._remembered(pod, interface))
            if answer.status != 0:
                return answer
        return answer

    def collect(self, valid: Sequence[tuple[str, str]]) -> Answer:
        """GC: all attachments but the `valid` ones, pairs of container ID and interface, are gone.  (Plugins of 1.1.0)"""
        attachments = [{"containerID": container, "ifname": interface} for container, interface in valid]
        (plugin,) = self.chain()
        handed = {**plugin, "cni.dev/valid-attachments": attachments}
        return self.speak("GC", plugin["type"], json.dumps(handed), _NOBODY)

    def status(self) -> Answer:
        """STATUS: whether an ADD is possible.  (Plugins of 1.1.0)"""
        (plugin,) = self.chain()
        return self.speak("STATUS", plugin["type"], json.dumps(plugin), _NOBODY)

    def chain(self) -> list[Json]:
        """The configuration of each plugin, with the network's name and version in it."""
        if "plugins" not in self._configuration:
            return [copy.deepcopy(self._configuration)]
        head: Json = {key: self._configuration[key] for key in ("cniVersion", "name") if key in self._configuration}
        return [{**copy.deepcopy(plugin), **head} for plugin in self._configuration["plugins"]]

    def start(self, command: str, pod: str, interface: str = INTERFACE) -> Process:
        """Start the only plugin, with its configuration handed over already; `finished` gives its answer."""
        (plugin,) = self.chain()
        process = self._start(plugin["type"], self._environment(command, pod, interface, None))
        assert process.popen.stdin is not None
        process.popen.stdin.write(json.dumps(plugin))
        process.popen.stdin.close()
        process.popen.stdin = None
        return process

    def speak(self, command: str, program: str, text: str, changes: Mapping[str, str | None] | None = None) -> Answer:
        """Call a plugin with any text for a configuration, for `eth0` of the pod `web`.

        `changes` are of the environment, by name: another value, or None for no such variable.
        """
        environment = {**self._environment(command, "web", INTERFACE, None), **(changes or {})}
        given = {name: value for name, value in environment.items() if value is not None}
        return finished(self._start(program, given), text)

    def _remembered(self, pod: str, interface: str) -> Json | None:
        version = self._configuration.get("cniVersion") or "0.1.0"
        is_told = tuple(map(int, version.split("."))) >= _CHECKABLE
        return self._results.get((pod, interface)) if is_told else None

    def _call(
        self, command: str, pod: str, interface: str, plugin: Json, previous: Json | None, path: str | None = None
    ) -> Answer:
        wishes = self._wishes.get((pod, interface), Wishes())
        handed = {**plugin, **wishes.keys, **({} if previous is None else {"prevResult": previous})}
        environment = self._environment(command, pod, interface, path, wishes.arguments)
        return finished(self._start(plugin["type"], environment), json.dumps(handed))

    def _environment(
        self, command: str, pod: str, interface: str, path: str | None, arguments: str = ""
    ) -> dict[str, str]:
        return {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod,
            "CNI_IFNAME": interface,
            "CNI_NETNS": f"/run/netns/{pod}" if path is None else path,
            "CNI_PATH": self.directory,
            **({"CNI_ARGS": arguments} if arguments else {}),
        }

    def _start(self, program: str, environment: Mapping[str, str]) -> Process:
        return self.sandbox.popen([f"{self.directory}/{program}"], env=environment)


def finished(process: Process, text: str | None = None) -> Answer:
    """The answer of a plugin that was started, once it has ended.  Raises `ValueError` if it is not JSON."""
    done = process.wait(text)
    return Answer(done.returncode, json.loads(done.stdout) if done.stdout.strip() else None, done.stderr)
