"""Patterns: the scripts of one attachment or other piece, from which those of the next ones are copied.

Two pieces for one network differ in names, MAC addresses and addresses.  Where those that are drawn or stand in columns
are as long as those of a pattern, everything else in the scripts is the same, the layout too: they are what the compiler
would give, without it.
"""

from __future__ import annotations

import os

import k8snet_scripts
from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import LinkPlugin
from k8snet_scripts.cni.names import digest
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.digests import SEAM
from k8snet_scripts.marks import link_group
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.names import Names
from k8snet_scripts.plugin.texts import read_json, write_json
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_TEMPLATES = os.path.join(os.path.dirname(k8snet_scripts.__file__), "templates")
_CHECKOUT = os.path.join(os.path.dirname(os.path.dirname(k8snet_scripts.__file__)), "templates")
_SHORTEST = 4  # characters of a name that a stand-in can take the place of
_STAND_IN_PORT = "29741"  # its last four digits are a port, too
_STAND_IN = "qzx"  # no word of the scripts has it


Scripts = dict[str, str]
Pieces = tuple[list[str], list[int]]
"""Texts, and what stands between them: numbers of what is particular to a piece."""


def scripts_of(
    network: str, plugin: LinkPlugin, container_id: str, ifname: str, attachment: Attachment, names: Names
) -> Scripts:
    """The scripts of an attachment by the names of their files: copied from a pattern, or compiled."""

    def compile(own: Particulars) -> Scripts:
        from k8snet_scripts.plugin.compiling import compile_attachment

        return compile_attachment(network, plugin, own.container_id, ifname, attachment, own.names)

    others = [str(gateway.address) for gateway in attachment.gateways]
    others += [str(lease.gateway) for lease in attachment.leases]
    others += [text for route in attachment.routes for text in (route.dst.address, str(route.via))]
    networks = [(lease.address.network, lease.gateway) for lease in attachment.leases]
    routes = [route.with_(src=None) for route in attachment.routes]
    rest = (routes, attachment.connected, attachment.gateways, len(attachment.masquerade))
    key = (network, plugin, ifname, networks, rest)
    return copy_scripts(Particulars(container_id, names, attachment.leases), others, key, compile)


class Particulars(NamedTuple):
    """What is particular to the scripts of one piece; `words` are those beside its names: interfaces, and ports."""

    container_id: str
    names: Names
    leases: tuple[Lease, ...]
    words: tuple[str, ...] = ()

    def texts(self) -> list[list[str]]:
        """Words, and addresses."""
        names = self.names
        mark = str(link_group(names.topology))
        words = [names.topology, mark, names.namespace, names.host_end, names.host_lladdr, names.pod_lladdr]
        return [[*words, self.container_id, *self.words], [lease.address.address for lease in self.leases]]


def copy_scripts(
    own: Particulars, others: list[str], key: object, compile: Callable[[Particulars], Scripts]
) -> Scripts:
    """Scripts that speak of the addresses of a container and of `others`, and of which all with an equal key are alike."""
    if min(len(own.container_id), len(own.names.namespace)) < _SHORTEST or not _are_told_apart(own.leases, others):
        return compile(own)
    path = shelf.place("patterns", _digest(key, own))
    text = shelf.find(path)
    if text is not None:
        return _copy(read_json(text), own.texts())
    theirs = own._replace(
        container_id=_stand_in(own.container_id, 0),
        names=own.names._replace(namespace=_stand_in(own.names.namespace, 1)),
        words=tuple(_stand_in_ports(own.words)),
    )
    pattern = _take_apart(compile(theirs), theirs.texts())
    scripts = _copy(pattern, own.texts())
    if own.words and scripts != compile(own):  # a number that stands in for a port is there in another role, too
        return compile(own)
    shelf.keep_pattern(path, write_json(pattern))
    return scripts


def _stand_in(word: str, number: int) -> str:
    """A word of the same length that is nowhere else."""
    return f"{_STAND_IN}{number}{_STAND_IN * len(word)}"[: len(word)]


def _stand_in_ports(words: tuple[str, ...]) -> Iterator[str]:
    """Words of the same lengths: where they are numbers, others that follow each other."""
    for number, word in enumerate(words):
        yield str(int(_STAND_IN_PORT[-len(word) :]) + number) if word.isdecimal() else word


def _are_told_apart(leases: tuple[Lease, ...], others: list[str]) -> bool:
    """Whether the addresses of a container are none that its network speaks of, too."""
    addresses = [lease.address.address for lease in leases]
    networks = [lease.address.network.address for lease in leases]
    return len({*addresses}) == len(addresses) and not {*addresses} & {*others, *networks}


def _digest(key: object, own: Particulars) -> str:
    """What pieces have in common that can go by one pattern.

    The length of a container ID, a mark or a MAC address moves nothing else in a script.
    """
    laid_out = [own.names.topology, own.names.namespace, own.names.host_end, *own.words, *own.texts()[1]]
    return digest(repr((_templates(), key, list(map(len, laid_out)))))[:32]


def _templates() -> list[tuple[str, int, int]]:
    """Which templates there are, and when they were changed."""
    root = _TEMPLATES if os.path.isdir(_TEMPLATES) else _CHECKOUT
    files = [entry for place in (root, f"{root}/shell") for entry in os.scandir(place) if entry.is_file()]
    return sorted([(file.path, file.stat().st_mtime_ns, file.stat().st_size) for file in files])


def _take_apart(scripts: Scripts, theirs: list[list[str]]) -> dict[str, Pieces]:
    """Scripts in pieces: text, then the number of one of the words and addresses that are particular, and so on."""
    import re

    words, addresses = theirs
    patterns = [rf"(?<!\w)(?:{_any_of(words)})(?!\w)"]
    for is_ipv6, after in ((False, r"\w."), (True, r"\w.:")):  # one of IPv4 may have a port
        texts = [address for address in addresses if (":" in address) == is_ipv6]
        patterns += [rf"(?<![\w.:])(?:{_any_of(texts)})(?![{after}])"] if texts else []
    find = re.compile(f"({'|'.join(patterns)})")
    numbers = {text: number for number, text in enumerate((*words, *addresses))}
    pieces: dict[str, Pieces] = {}
    for name, script in scripts.items():
        particular, seam, fixed = script.partition(SEAM)
        *found, last = find.split(particular)
        texts, particulars = found[::2], found[1::2]
        pieces[name] = ([*texts, last + seam + fixed], [numbers[text] for text in particulars])
    return pieces


def _any_of(texts: list[str]) -> str:
    import re

    return "|".join(map(re.escape, texts))


def _copy(pattern: Mapping[str, Pieces], own: list[list[str]]) -> Scripts:
    """The scripts of a pattern with what is particular to another piece."""
    mine = [text for texts in own for text in texts]
    return {name: _join(*pieces, mine) for name, pieces in pattern.items()}


def _join(texts: list[str], numbers: list[int], mine: list[str]) -> str:
    *before, last = texts
    return "".join([part for text, number in zip(before, numbers, strict=True) for part in (text, mine[number])]) + last
