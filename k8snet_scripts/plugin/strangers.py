"""Strangers: what plugins of somebody else have done for a container.

Where the reference plugin attached it before this one took its place, or the record is lost, what can be told to be the
container's goes with it.  What the reference's `tuning` has changed of an interface is its business.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex

from k8snet_scripts.plugin.errors import CniError
from k8snet_scripts.plugin.netns import find_system_program, is_netns, run_inside
from k8snet_scripts.plugin.programs import run_program

_TUNED = "/run/cni/tuning"
"""Where the reference's `tuning` keeps what an interface had before, if its configuration has no `dataDir`."""

_ATTRIBUTES = {"mac": "address", "mtu": "mtu"}


def detach_stranger(network: str, container_id: str, netns: str, ifname: str) -> None:
    """Delete an interface of a container, and the reference's rules that masquerade it, where they are."""
    if netns and is_netns(netns):
        run_inside(netns, {}, "ip", "link", "delete", "dev", ifname)
    for program in ("iptables", "ip6tables"):
        _delete_chain(program, name_chain(network, container_id))


def find_tuned(container_id: str, ifname: str) -> tuple[str, ...]:
    """The attributes of an interface that the reference's `tuning` has on record as changed."""
    try:
        with open(os.path.join(_TUNED, f"{container_id}_{ifname}.json"), encoding="utf-8") as file:
            before = json.load(file)
    except (FileNotFoundError, json.JSONDecodeError):  # the latter if it was killed; then it restores nothing either
        return ()
    return tuple([ours for theirs, ours in _ATTRIBUTES.items() if isinstance(before, dict) and before.get(theirs)])


def name_chain(network: str, container_id: str) -> str:
    """The name that the reference gives the chain of a container."""
    return f"CNI-{hashlib.sha512(f'{network}{container_id}'.encode()).hexdigest()[:24]}"


def _delete_chain(program: str, chain: str) -> None:
    try:
        command = [find_system_program(program, {}), "--wait", "--table", "nat"]
    except CniError:
        return  # then there are no such rules
    if run_program([*command, "--list-rules", chain], {}).status != 0:
        return
    rules = run_program([*command, "--list-rules", "POSTROUTING"], {}).output.decode(errors="replace").splitlines()
    for rule in map(shlex.split, rules):
        if rule[:1] == ["-A"] and rule[-2:] == ["-j", chain]:
            run_program([*command, "--delete", *rule[1:]], {})
    run_program([*command, "--flush", chain], {})
    run_program([*command, "--delete-chain", chain], {})
