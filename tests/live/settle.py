"""Waiting until the kernel has finished what a script set in motion: carriers, spanning trees, duplicate addresses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from live.kernel import Raw, State, comparable, read
from live.sandbox import Sandbox

Links = list[dict[str, Any]]
Seen = TypeVar("Seen")

_LOOK = """
shopt -s nullglob
ip -j -d addr show
for file in /run/netns/*; do ip -n "${file##*/}" -j -d addr show 2>/dev/null; done
true
"""


def settle(sandbox: Sandbox, *, timeout: float = 40) -> None:
    """Returns when nothing is pending in any namespace, twice in a row with no change between.  Seconds.

    Pending are a carrier that interface and `operstate` do not agree on yet (the kernel may take five seconds to
    notice that a bridge lost its last port), an address under duplicate detection on an interface with a carrier, and
    a bridge port that is listening or learning.  Raises `TimeoutError` with what was still pending.
    """
    _settle(sandbox, lambda: _look(sandbox), lambda links: links, timeout)


def settled(sandbox: Sandbox, *, identity: bool = False, timeout: float = 40) -> State:
    """A snapshot of a sandbox where nothing is pending, and which looked the same a moment before."""
    raw = _settle(sandbox, lambda: read(sandbox), _links, timeout)
    return comparable(raw, identity=identity)


def _settle(sandbox: Sandbox, last_look: Callable[[], Seen], links: Callable[[Seen], Links], timeout: float) -> Seen:
    """The last look, which sees the same links as the one before it."""
    end = time.monotonic() + timeout
    pause = 0.05
    while True:
        before = _look(sandbox)
        waiting = [reason for link in before for reason in _pending(link)]
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)  # what takes long needs no close watch
        if not waiting:
            seen = last_look()
            if links(seen) == before:
                return seen
        if time.monotonic() > end:
            raise TimeoutError(
                f"the network did not settle in {timeout} s: {', '.join(waiting) or 'it keeps changing'}"
            )


def _links(raw: Raw) -> Links:
    """Every interface of every namespace, from all that was read."""
    listings = (json.loads(parts.get("link", "").strip() or "[]") for parts in raw[0].values())
    return [_steady(link) for listing in listings for link in listing if link]


def _look(sandbox: Sandbox) -> Links:
    """Every interface of every namespace."""
    text = sandbox.bash(_LOOK, check=True).stdout
    decoder, links, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        listing, at = decoder.raw_decode(text, at)
        links += [_steady(link) for link in listing if link]
        at += 1  # the line's end
    return links


def _steady(link: dict[str, Any]) -> dict[str, Any]:
    """The link without timers, which never stand still."""
    return {key: link.get(key) for key in ("ifname", "flags", "operstate", "addr_info")} | {
        "port": link.get("linkinfo", {}).get("info_slave_data", {}).get("state")
    }


def _pending(link: dict[str, Any]) -> list[str]:
    flags, name = set(link["flags"]), link["ifname"]
    reasons = []
    if "UP" in flags and ("LOWER_UP" in flags) == ("NO-CARRIER" in flags):
        reasons.append(f"carrier of {name}")
    if "LOWER_UP" in flags:
        reasons += [f"{entry['local']} on {name}" for entry in link["addr_info"] if entry.get("tentative")]
    if link["port"] in ("listening", "learning"):
        reasons.append(f"{name} is {link['port']}")
    return reasons
