"""The whole network state of a sandbox as one comparable value, and the difference of two such values.

    before = snapshot(sandbox)
    ...
    assert diff(before, snapshot(sandbox)) == []

One process per namespace reads (`read_state.sh`), `normalise.py` says what counts as equal.  Reading changes nothing
and raises no event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from live.normalise import Names, normal_namespace
from live.sandbox import Sandbox

State = dict[str, Any]
"""Nested dicts with text at the leaves: `state["namespaces"]["node1"]["links"]["eth0"]["mtu"] == "1500"`."""

HOST = "host"
_READER = Path(__file__).with_name("read_state.sh")


def snapshot(sandbox: Sandbox, *, identity: bool = False) -> State:
    """Everything: `{"namespaces": {NAME: {"links", "addresses", "routes", "rules", …}}, "files": {PATH: …}}`.

    The namespace that scripts are started in is called `host`.  What is left out, and why, is said in `normalise.py`.
    With `identity` each link has its `ifindex` too, so that an interface that was deleted and made again, alike in
    everything, shows as changed.
    """
    parts = _parts(sandbox.bash(_READER.read_text(), timeout=300, check=True).stdout)
    raw, files = _group(parts)
    names = Names(raw)
    namespaces = {name: normal_namespace(name, parts, names, identity=identity) for name, parts in raw.items()}
    return {"namespaces": namespaces, "files": files}


def diff(before: State, after: State) -> list[str]:
    """What changed, one line each: `node1: links: eth0: mtu: 1500 -> 1400`, `host: routes: default …: gone`."""
    there, here = before["namespaces"], after["namespaces"]
    return [*_differences(there, here, ()), *_differences(before["files"], after["files"], ("/run/k8snet",))]


def _differences(before: Any, after: Any, where: tuple[str, ...]) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from _differences(before.get(key), after.get(key), (*where, key))
    elif before != after:
        if after is None:
            change = f"gone, was {_short(before)}"
        elif before is None:
            change = f"new, {_short(after)}"
        else:
            change = f"{_short(before)} -> {_short(after)}"
        yield ": ".join((*where, change))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 300 else f"{text[:297]}..."


def _parts(output: str) -> list[tuple[str, str]]:
    """Name and text of every part that the reader printed, in order.  Several names have a JSON value each."""
    decoder, parts = json.JSONDecoder(), []
    for printed in output.split("\x1e")[1:]:
        names, _, text = printed.partition("\x1f")
        for name in names.split()[:-1]:
            _, end = decoder.raw_decode(text)
            parts.append((name, text[:end]))
            text = text[end:].lstrip()
        parts.append((names.split()[-1], text))
    return parts


def _group(parts: list[tuple[str, str]]) -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """The parts of each namespace, and the files."""
    raw: dict[str, dict[str, str]] = {}
    files: dict[str, Any] = {}
    current: dict[str, str] = {}
    for name, text in parts:
        if name == "namespace":
            current = raw.setdefault(text.strip(), {})
        elif name == "files":
            for line in text.splitlines():
                path, kind, mode, content = line.split("\t")
                files[path or "."] = {"kind": kind, "mode": mode, "base64": content}
        else:
            current[name] = text
    return raw, files
