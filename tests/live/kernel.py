"""The whole network state of a sandbox as one comparable value, and the difference of two such values.

    before = snapshot(sandbox)
    ...
    assert diff(before, snapshot(sandbox)) == []

`read_state.sh` reads, `normalise.py` says what counts as equal.  Reading changes nothing and raises no event.
"""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from live.normalise import Names, Parts, normal_namespace
from live.sandbox import Sandbox

State = dict[str, Any]
"""Nested dicts with text at the leaves: `state["namespaces"]["node1"]["links"]["eth0"]["mtu"] == "1500"`."""

HOST = "host"
Raw = tuple[dict[str, Parts], dict[str, dict[str, str]]]
"""What was printed, by namespace and part, and the files of /run/k8snet."""

_READER = Path(__file__).with_name("read_state.sh")
_KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s"}


def snapshot(sandbox: Sandbox, *, identity: bool = False) -> State:
    """Everything: `{"namespaces": {NAME: {"links", "addresses", "routes", "rules", …}}, "files": {PATH: …}}`.

    The namespace that scripts are started in is called `host`.  What is left out, and why, is said in `normalise.py`.
    With `identity` each link has its `ifindex` too, so that an interface that was deleted and made again, alike in
    everything, shows as changed.
    """
    return comparable(read(sandbox), identity=identity)


def read(sandbox: Sandbox) -> Raw:
    """What is there now, as it was printed."""
    parts = _parts(sandbox.bash(_READER.read_text(), timeout=300, check=True).stdout)
    return _by_namespace(parts), files_below(sandbox, "/run/k8snet")


def comparable(read: Raw, *, identity: bool = False) -> State:
    """The same without what may differ by chance."""
    raw, files = read
    names = Names(raw)
    namespaces = {name: normal_namespace(name, parts, names, identity=identity) for name, parts in raw.items()}
    return {"namespaces": namespaces, "files": files}


def files_below(sandbox: Sandbox, directory: str) -> dict[str, dict[str, str]]:
    """Every file of a directory, and itself as `.`: by its path, the kind as `find` calls it, the mode, the content."""
    found: dict[str, dict[str, str]] = {}
    top = sandbox.root / directory.lstrip("/")
    for path in sorted((top, *top.rglob("*"))) if top.exists() else ():
        status = path.lstat()
        kind = _KINDS[stat.S_IFMT(status.st_mode)]
        content = base64.b64encode(path.read_bytes()).decode() if kind == "f" else ""
        name = str(path.relative_to(top))
        found[name] = {"kind": kind, "mode": f"{stat.S_IMODE(status.st_mode):o}", "base64": content}
    return found


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


def _by_namespace(parts: list[tuple[str, str]]) -> dict[str, Parts]:
    """The parts of each namespace."""
    raw: dict[str, Parts] = {}
    current: Parts = {}
    for name, text in parts:
        if name == "namespace":
            current = raw.setdefault(text.strip(), {})
        else:
            current[name] = text
    return raw
