"""Resolving: what a file such as /etc/resolv.conf says about DNS, as far as a result of CNI has room for it."""

from __future__ import annotations

from k8snet_scripts.cni.addressing import Dns


def parse_resolv_conf(text: str) -> Dns:
    """The DNS settings in the text of a file.  The last `domain` counts; all other lines add up."""
    words: dict[str, list[str]] = {"nameserver": [], "domain": [""], "search": [], "options": []}
    for line in text.splitlines():
        key, *values = line.split() or ("",)
        if values and key in words:
            words[key] += values if key in ("search", "options") else values[:1]
    return Dns(tuple(words["nameserver"]), words["domain"][-1], tuple(words["search"]), tuple(words["options"]))
