"""Waiting until the kernel has finished what a script set in motion: carriers, spanning trees, duplicate addresses."""

from __future__ import annotations

import json
import time
from typing import Any

from live.sandbox import Sandbox

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
    end = time.monotonic() + timeout
    before = None
    while True:
        seen = _look(sandbox)
        waiting = [reason for link in seen for reason in _pending(link)]
        if not waiting and seen == before:
            return
        if time.monotonic() > end:
            raise TimeoutError(
                f"the network did not settle in {timeout} s: {', '.join(waiting) or 'it keeps changing'}"
            )
        before = seen
        time.sleep(0.05)


def _look(sandbox: Sandbox) -> list[dict[str, Any]]:
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
