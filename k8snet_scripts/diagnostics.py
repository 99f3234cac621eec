"""Diagnostics: what is wrong with a source, where, which rule says so, and what to write instead.

A phase that checks something appends to a `Report` and carries on, so that one run shows every mistake.  It knows
nothing of lines and columns, only the logical path of what it looked at; `render_findings` asks the source for those.
"""

from __future__ import annotations

from itertools import islice

from k8snet_scripts.values import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from k8snet_scripts.filtering import Path
    from k8snet_scripts.text.positions import Position

RULES: dict[str, str] = {
    # The file as such
    "limits": "nesting has at most 64 levels, integers have at most 64 bits, numbers are finite, strings are Unicode",
    "not-utf8": "a topology file is UTF-8 text",
    "syntax": "a topology file is TOML 1.0, or JSON in which no key is given twice",
    # A value by itself
    "unknown-key": "a table has only keys that the reference of the topology file names",
    "missing-key": "a key that is needed is there",
    "wrong-type": "a value has the type that its key asks for",
    "conflicting-keys": "no two keys say the same thing, or opposite things",
    "bad-name": "a name is made of A-Z a-z 0-9 _ . + - and begins with a letter, a digit or _",
    "name-too-long": "the name of an interface has at most 15 bytes, that of a namespace at most 64",
    "reserved-name": "a name is none that the kernel, iproute2 or k8snet itself uses",
    "bad-address": "an address is one that an interface can have; a network has no host bits",
    "bad-rate": "a rate, its burst and its latency are such as `10mbit`, `32kb` and `25ms`, within what the kernel can count",
    "bad-role": "the role of a namespace is `node` or `pod`",
    "bad-route": "a route is one that the kernel takes, and says where it leads",
    "bad-lladdr": "a link-layer address has six bytes and is neither zero nor a multicast address",
    "bad-mtu": "an MTU is a number from 68 to 65535",
    "bad-option": "an option of a bridge, a port or a device is within the limits that the kernel has for it",
    "bad-sysctl": "a sysctl is one of a network namespace, with a plain value",
    "bad-vlan": "a VLAN is a number from 1 to 4094 that a port has once, tagged or untagged",
    "bad-command": "a command is a program and its arguments, of at most 4000 bytes each, and is there once",
    "bad-text": "a description is one line of at most 200 printable characters",
    "bad-port": "a published port is `PORT:TO_PORT`, with an address before it and a protocol behind it if need be",
    "bad-range": "a key holds at most one range, which ends after it begins and is not too large",
    "nested-range": "no range stands below another one",
    "stray-braces": "`{}` stands below a key that has a range",
    "not-ours": "nothing is set on an external interface but addresses, routes and its bridge",
    "port-option-without-port": "an option of a port stands in the table that names the bridge of the port",
    "auto-without-subnet": "an automatic address is for an interface on a bridge that has a subnet",
    "subnet-exhausted": "a subnet has an address for each interface that wants an automatic one",
    # The model as a whole
    "address-on-port": "a bridge port has no addresses and routes of its own: the bridge has them, or the far end",
    "bridge-loop": "a loop of bridges has one in it that speaks the spanning tree protocol",
    "device-mtu": "a VXLAN device has room on its underlay (it takes 50 bytes, 70 over IPv6), a macvlan on its parent",
    "duplicate-address": "an address is there once in a namespace and once on a segment",
    "duplicate-entry": "a VXLAN device knows a link-layer address behind one endpoint, and an address once",
    "duplicate-interface": "the interfaces of one namespace have different names",
    "duplicate-lladdr": "the interfaces of one segment have different link-layer addresses",
    "duplicate-namespace": "namespaces have different names",
    "duplicate-port": "a port of a namespace leads to one end",
    "duplicate-route": "a namespace has one route to a destination in each table and with each metric",
    "duplicate-vxlan": "the VXLAN devices of one namespace with the same port have different ids",
    "external-in-namespace": "what is there already is on the host or in a namespace that is there already",
    "ifb-source": "an ifb is for what comes in at an interface, the only one there, that is neither a bridge nor an ifb",
    "ipv6-disabled": "an interface with an IPv6 address has IPv6",
    "ipv6-mtu": "an interface with IPv6 has an MTU of 1280 or more",
    "macvlan-parent": "the parent of a macvlan is a veth end or an external interface, no port, and alone if passed through",
    "masquerade-without-forwarding": "a namespace that masquerades forwards",
    "mtu-mismatch": "both ends of a veth have the same MTU, and so have all who have addresses on one segment",
    "next-hop-is-own-address": "the next hop of a route is somebody else",
    "next-hop-unreachable": "the next hop of a route is in a network of an interface, or `onlink`",
    "overlapping-subnets": "the interfaces of one namespace are in different networks",
    "port-without-forwarding": "a namespace whose ports lead to others forwards",
    "port-without-target": "a published port leads to an address that there is a way to",
    "route-source": "the source that a route names is an address of its namespace",
    "small-burst": "a whole packet fits into the burst of a rate",
    "too-many-ports": "a bridge has at most 1023 ports",
    "unknown-bridge": "the bridge of a port is in the same namespace",
    "unknown-device": "an interface that a route, a sysctl or a macvlan names is in the namespace in question",
    "unknown-namespace": "the namespace of an interface is in the topology",
    "unusable-address": "an address is not in a reserved block",
    "vlan-without-filtering": "a bridge whose ports have VLANs filters them",
    "vxlan-endpoint": "the endpoints of a VXLAN device are of one family, its own an address of its namespace",
    # A cluster
    "bad-count": "a cluster has 1 to 65536 nodes with at most 1023 pods each, and 1,000,000 of both together",
    "bad-fabric": "a fabric is `host-gw`, `vxlan`, `router` or `none`",
    "bad-node-cidr": "the CIDR of a node is a part of the cluster's, at most 16 bits longer",
    "missing-family": "the underlay of a cluster has each family that its pods have",
    "network-exhausted": "a network has a part for everybody who needs one",
    # A CNI network configuration
    "address-conflict": "a bridge has one gateway of IPv4, and of IPv6 one in each network",
    "bad-cni-version": "a version is one of the CNI specification, 0.1.0 to 1.1.0, that has what is asked for",
    "bad-dns": "a domain is a domain name, and an option one of resolv.conf",
    "bad-ip-range": "a range lies in its subnet, which has four addresses or more, and overlaps no other range",
    "bad-path": "a file is named by an absolute path of plain characters, without `..`",
    "bad-plugin-option": "an option of a plugin has a value that the plugin takes",
    "missing-plugin": "what is to be done for a pod is done by a plugin of its network",
    "plugin-order": "the first plugin of a list makes the interface, the others change it",
    "unknown-plugin": "the type of a plugin is one that the reference has",
    "unsupported-option": "an option of a plugin is one that k8snet supports",
    "unsupported-plugin": "a plugin is one that k8snet supports",
}
"""Every rule there is, by the slug that stands at the end of a diagnostic."""

LIMIT = 50
"""How many findings are printed; the rest are counted."""

_WIDTH = 100  # characters of a source line that are shown
_LEAD = 40  # of those, the ones before the span, when a line has to be cut
_LENGTH = 500  # characters of a message or a help line that are shown


class Finding(NamedTuple):
    """One broken rule.

    `path` leads to what breaks it; `at` says whether its key or its value does, `part` which substring of the value.
    `see` is the path of another place worth a look, `see_note` the words before it ("it is defined at").  A finding
    about text that could not be parsed has no path to go by and carries its `position`.
    """

    slug: str
    path: Path
    message: str
    help: str = ""
    at: Literal["key", "value"] = "value"
    part: str = ""
    see: Path | None = None
    see_note: str = ""
    position: Position | None = None


class Report:
    """The findings of a run, in the order they were made, each of them once."""

    def __init__(self) -> None:
        self._findings: dict[Finding, None] = {}

    @property
    def findings(self) -> list[Finding]:
        """What was found so far."""
        return list(self._findings)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self._findings

    def error(
        self,
        slug: str,
        path: Path,
        message: str,
        *,
        help: str = "",
        at: Literal["key", "value"] = "value",
        part: str = "",
        see: Path | None = None,
        see_note: str = "",
        position: Position | None = None,
    ) -> None:
        """Append a finding, unless the same one is there.  Raises `KeyError` when `slug` is not one of `RULES`."""
        RULES[slug]
        self._findings[Finding(slug, path, message, help, at, part, see, see_note, position)] = None


class Located(Protocol):
    """What rendering needs of a source: its name, its text, and where in the text a path is."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...

    def locate(self, path: Path, at: Literal["key", "value"] = "value", part: str = "") -> Position: ...


def close_match(word: str, candidates: Iterable[str]) -> str:
    """A help text that proposes the candidate most like `word`, or nothing when none of the first 1000 is like it."""
    import difflib

    matches = difflib.get_close_matches(word, islice(candidates, 1000), n=1)
    return f"did you mean `{matches[0]}`?" if matches else ""


def render_findings(report: Report, source: Located) -> str:
    """All findings as plain text, sorted by position: what is wrong, the source line, a caret, and what helps.

    Whatever the source holds, the text is fit for a terminal: control characters and the like are shown as escapes.
    """
    lines = source.text.split("\n")
    placed = [(item.position or source.locate(item.path, item.at, item.part), item) for item in report.findings]
    placed.sort(key=lambda place: place[0])
    blocks = [_render(item, position, lines, source) for position, item in placed[:LIMIT]]
    if len(placed) > LIMIT:
        blocks.append(f"and {len(placed) - LIMIT} more\n")
    return "".join(blocks)


def _render(finding: Finding, position: Position, lines: list[str], source: Located) -> str:
    place = f"{visible(source.name)}:{position.line}:{position.column}"
    head = f"{place}: error: {_bounded(finding.message)} [{finding.slug}]\n"
    help_line = _help(finding, source)
    tail = f"help: {help_line}\n" if help_line else ""
    if not source.text:
        return head + tail
    excerpt, offset, length = _excerpt(lines[position.line - 1], position)
    return f"{head}{f'{position.line:5} | {excerpt}'.rstrip()}\n      | {' ' * offset}{'^' * length}\n{tail}"


def _help(finding: Finding, source: Located) -> str:
    """The help text, and after it the other place to look at."""
    text = _bounded(finding.help)
    if finding.see is None:
        return text
    place = min(source.locate(finding.see, "key"), source.locate(finding.see, "value"))
    see = f"{_bounded(finding.see_note)} {visible(source.name)}:{place.line}:{place.column}"
    return f"{text}{'' if text.endswith('?') else ';'} {see}" if text else see


def _excerpt(line: str, position: Position) -> tuple[str, int, int]:
    """A source line as shown, the cells before the caret, and the cells that are underlined (at least one).

    Of a line of more than `_WIDTH` characters a window of that size is shown, beginning a little before the span.
    """
    start = min(position.column - 1, len(line))
    first = max(0, min(start - _LEAD, len(line) - _WIDTH))
    last = min(first + _WIDTH, len(line))
    end = min(start + position.length, last)
    before, after = "…" if first else "", "…" if last < len(line) else ""
    shown = [_shown(character) for character in line[first:last]]
    offset = len(before) + sum(map(_cells, shown[: start - first]))
    return before + "".join(shown) + after, offset, max(1, sum(map(_cells, shown[start - first : end - first])))


def _shown(character: str) -> str:
    return "    " if character == "\t" else visible(character)


def visible(text: str) -> str:
    """The text with an escape for each character that a terminal would act on or not show, line ends included."""
    return text if text.isprintable() else "".join(map(_escape, text))


def _escape(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _bounded(text: str) -> str:
    """One line of at most `_LENGTH` visible characters: what a message quotes may be of any size and content."""
    text = visible(text)
    return text if len(text) <= _LENGTH else text[:_LENGTH] + "…"


def _cells(text: str) -> int:
    """How many terminal cells visible text takes: two for a wide character, none for one that combines."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.category(character) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )
