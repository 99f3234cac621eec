"""Patterns: the scripts of one attachment, from which those of the next ones are copied.

Two attachments to one network differ in names, MAC addresses and addresses.  Where these are as long as those of a
pattern, everything else in the scripts is the same, the layout too: they are what the compiler would give, without it.
"""

from __future__ import annotations

import json
import os
import re

import k8snet_scripts
from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin
from k8snet_scripts.cni.names import digest
from k8snet_scripts.marks import link_group
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.names import Names

_TEMPLATES = os.path.join(os.path.dirname(k8snet_scripts.__file__), "templates")
_CHECKOUT = os.path.join(os.path.dirname(os.path.dirname(k8snet_scripts.__file__)), "templates")
_FIXED = "# ---- from here on, nothing is particular to this network ----\n"
_SHORTEST = 4  # characters of a name that a stand-in can take the place of
_STAND_IN = "qzx"  # no word of the scripts has it


def scripts_of(
    network: str, plugin: BridgePlugin, container_id: str, ifname: str, attachment: Attachment, names: Names
) -> dict[str, str]:
    """The scripts of an attachment by the names of their files: copied from a pattern, or compiled."""
    addresses = [lease.address.address for lease in attachment.leases]
    own = _particulars(container_id, names, addresses)
    if min(len(container_id), len(names.namespace)) < _SHORTEST or not _are_told_apart(attachment, addresses):
        return _compile(network, plugin, container_id, ifname, attachment, names)
    path = shelf.place("patterns", _key(network, plugin, ifname, attachment, own))
    text = shelf.find(path)
    if text is None:
        stand_ins = _stand_in(container_id, 0), names._replace(namespace=_stand_in(names.namespace, 1))
        scripts = _compile(network, plugin, stand_ins[0], ifname, attachment, stand_ins[1])
        text = json.dumps([_particulars(*stand_ins, addresses), scripts])
        shelf.keep_pattern(path, text)
    return _copy(text, own)


def _compile(
    network: str, plugin: BridgePlugin, container_id: str, ifname: str, attachment: Attachment, names: Names
) -> dict[str, str]:
    from k8snet_scripts.plugin.compiling import compile_attachment

    return compile_attachment(network, plugin, container_id, ifname, attachment, names)


def _particulars(container_id: str, names: Names, addresses: list[str]) -> list[list[str]]:
    """What is particular to an attachment: words, and addresses."""
    mark = str(link_group(names.topology))
    words = [names.topology, mark, names.namespace, names.host_end, names.host_lladdr, names.pod_lladdr, container_id]
    return [words, addresses]


def _stand_in(word: str, number: int) -> str:
    """A word of the same length that is nowhere else."""
    return f"{_STAND_IN}{number}{_STAND_IN * len(word)}"[: len(word)]


def _are_told_apart(attachment: Attachment, addresses: list[str]) -> bool:
    """Whether the addresses of a container are none that its network speaks of, too."""
    others = [str(gateway.address) for gateway in attachment.gateways]
    others += [str(lease.gateway) for lease in attachment.leases]
    others += [lease.address.network.address for lease in attachment.leases]
    others += [text for route in attachment.routes for text in (route.dst.address, str(route.via), str(route.src))]
    return len({*addresses}) == len(addresses) and not {*addresses} & {*others}


def _key(network: str, plugin: BridgePlugin, ifname: str, attachment: Attachment, own: list[list[str]]) -> str:
    """What attachments have in common that can go by one pattern."""
    lengths = [list(map(len, texts)) for texts in own]
    networks = [(lease.address.network, lease.gateway) for lease in attachment.leases]
    rest = (attachment.routes, attachment.connected, attachment.gateways, len(attachment.masquerade))
    return digest(repr((_templates(), network, plugin, ifname, lengths, networks, rest)))[:32]


def _templates() -> list[tuple[str, int, int]]:
    """Which templates there are, and when they were changed."""
    root = _TEMPLATES if os.path.isdir(_TEMPLATES) else _CHECKOUT
    files = [entry for place in (root, f"{root}/shell") for entry in os.scandir(place) if entry.is_file()]
    return sorted([(file.path, file.stat().st_mtime_ns, file.stat().st_size) for file in files])


def _copy(text: str, own: list[list[str]]) -> dict[str, str]:
    """The scripts of a pattern with what is particular to another attachment."""
    theirs, scripts = json.loads(text)
    instead = {old: new for olds, news in zip(theirs, own, strict=True) for old, new in zip(olds, news, strict=True)}
    words, addresses = ["|".join(map(re.escape, texts)) for texts in theirs]
    pattern = rf"(?<!\w)(?:{words})(?!\w)"
    if addresses:
        pattern += rf"|(?<![\w.:])(?:{addresses})(?![\w.:])"
    find = re.compile(pattern)
    copied = {}
    for name, script in scripts.items():
        particular, mark, fixed = script.partition(_FIXED)
        copied[name] = find.sub(lambda found: instead[found[0]], particular) + mark + fixed
    return copied
