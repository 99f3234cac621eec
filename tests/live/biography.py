"""A life of a CNI network on a node, written down: after every action, what the plugin said and how the node is.

    one = Biography(Reference(theirs, life.network.configuration), life)
    other = Biography(Runtime(ours, life.network.configuration, directory), life)
    assert unequal_moments(one, other) == []

In what a plugin says, these are replaced, and nothing else: the name of the host's end of a veth by that of the pod it
leads to, and a MAC address by the word `its own` if it is really that of the interface it is said of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from live.kernel import State
from live.lives import Action, Life
from live.node import differences, node_state
from live.runtime import Answer, Json, Runtime
from live.sandbox import Sandbox

OWN = "its own"
NOTHING: State = {"namespaces": {}, "files": {}}


@dataclass(frozen=True)
class Moment:
    """What came of one action: the plugin's answer, without what is random, and the state of the node."""

    title: str
    answer: Json
    state: State


class Biography:
    """A life on one node, as a runtime leads it: an ADD is preceded by a namespace, one that failed is followed by a DEL."""

    def __init__(self, runtime: Runtime, life: Life) -> None:
        self.moments: list[Moment] = []
        self.there: list[str] = []  # pods that have a namespace
        self._runtime = runtime
        self._pods = life.pods
        self._attached: set[tuple[str, str]] = set()
        runtime.sandbox.bash("\n".join(("set -e", *life.before)), check=True)
        for number, action in enumerate(life.actions, 1):
            getattr(self, f"_{action.verb}")(f"{number} {action}", action)

    def _add(self, title: str, action: Action) -> None:
        name = (action.pod, action.interface)
        if action.pod not in self.there:
            self._runtime.make_namespace(action.pod)
            self.there.append(action.pod)
        answer = self._runtime.add(*name, action.wishes)
        is_residue = answer.status != 0 and name not in self._attached
        self._note(title, action, answer, is_looked_at=not is_residue)
        if is_residue:
            self._note(f"{title}, then DEL", action, self._runtime.delete(*name))
        else:
            self._attached.add(name)

    def _delete(self, title: str, action: Action) -> None:
        self._note(title, action, self._runtime.delete(action.pod, action.interface, path=action.path))
        self._attached.discard((action.pod, action.interface))

    def _check(self, title: str, action: Action) -> None:
        self._note(title, action, self._runtime.check(action.pod, action.interface), is_looked_at=False)

    def _lose(self, title: str, action: Action) -> None:
        if action.pod in self.there:
            self._runtime.lose_namespace(action.pod)
            self.there.remove(action.pod)
        self._attached = {(pod, interface) for pod, interface in self._attached if pod != action.pod}
        self._note(title, action, Answer(0, None, ""))

    def _note(self, title: str, action: Action, answer: Answer, *, is_looked_at: bool = True) -> None:
        output = answer.output
        if output is not None and "interfaces" in output:
            output = _symbolic(self._runtime.sandbox, action.pod, output)
        state = node_state(self._runtime.sandbox, self._pods) if is_looked_at else NOTHING
        self.moments.append(Moment(title, _said(answer.status, output), state))


def unequal_moments(reference: Biography, ours: Biography) -> list[str]:
    """What differs between two biographies of one life, a line each, from the first to the second.

    They end where an action that succeeded for one failed for the other: what comes later is another life.
    """
    pairs = list(zip(reference.moments, ours.moments))
    parted = next((number for number, (one, other) in enumerate(pairs, 1) if one.title != other.title), len(pairs))
    return [
        f"{one.title}: {line}"
        for one, other in pairs[:parted]
        for line in (*_unequal_answers(one.answer, other.answer), *differences(one.state, other.state))
    ]


def _unequal_answers(one: Json, other: Json) -> Iterator[str]:
    for key in [*one, *(key for key in other if key not in one)]:
        if one.get(key) != other.get(key):
            yield f"answer: {key}: {json.dumps(one.get(key))} -> {json.dumps(other.get(key))}"


def _said(status: int, output: Json | None) -> Json:
    """The answer by its parts: of an error, code and message count, and details are for people."""
    shown: Json = output or {}
    kept = {key: value for key, value in shown.items() if status == 0 or key in ("code", "msg")}
    return {"exit status": status, "anything": output is not None, **kept}


def _symbolic(sandbox: Sandbox, pod: str, result: Json) -> Json:
    """The result without random names and addresses of interfaces, as far as they are true."""
    here, inside = _links(sandbox), _links(sandbox, pod)
    leads = {link.get("link_index"): f"veth({pod}/{name})" for name, link in inside.items()}
    interfaces = []
    for said in result["interfaces"]:
        link = (inside if said.get("sandbox") else here).get(said["name"], {})
        mac = OWN if said.get("mac") == link.get("address") else said.get("mac")
        interfaces.append({**said, "name": leads.get(link.get("ifindex"), said["name"]), "mac": mac})
    return {**result, "interfaces": interfaces}


def _links(sandbox: Sandbox, pod: str | None = None) -> dict[str, dict[str, Any]]:
    """The interfaces of a pod that is there, or of the host, by name."""
    enter = [] if pod is None else ["nsenter", f"--net=/run/netns/{pod}"]
    listing = json.loads(sandbox.run([*enter, "ip", "-j", "link", "show"], check=True).stdout)
    return {link["ifname"]: link for link in listing}
