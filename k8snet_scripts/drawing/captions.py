"""The words inside a diagram: interfaces with their addresses and routes, shortened to what fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.drawing.arrangement import Gap, Hanging, Link, Place, Section
from k8snet_scripts.filtering import Masquerade
from k8snet_scripts.topology import MACVLAN_MODES, Ifb, Interface, Macvlan, Namespace, Route, Vlans, Vxlan

_ADDRESSES = 8  # shown of one interface
_ROUTES = 4  # shown of one interface
_TAGGED = 4  # VLANs shown of one port
_BOUNDLESS = 10_000  # columns
_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


class Row(NamedTuple):
    """An interface in a box: its name, its addresses and routes below one another, and a remark.

    `link` is the number of the veth it is an end of, or -1.
    """

    name: str
    values: Sequence[str] = ()
    mark: str = ""
    link: int = -1


def clean(name: str) -> str:
    """`name` with all but printable ASCII replaced, since a model built in Python may hold anything."""
    return name if name.isascii() and name.isprintable() else "".join(c if " " <= c <= "~" else "?" for c in name)


def clip(text: str, room: int) -> str:
    """`text`, cut to `room` columns if it is longer."""
    return text if len(text) <= room else text[: max(room - 2, 0)] + ".."[:room]


def between(first: str, last: str) -> str:
    """A range of names or addresses, written as in the ranged keys of a topology file."""
    return first if first == last else f"{first} .. {last}"


def interface_values(interface: Interface) -> list[str]:
    """The addresses of an interface, then the routes through it."""
    routes = [route_text(route, interface.name) for route in interface.routes[:_ROUTES]]
    return _addresses(interface.addresses) + _abridged(routes, len(interface.routes))


def route_text(route: Route, interface: str = "") -> str:
    """A route as `ip route` writes it, without the device if that is `interface`."""
    to = str(route.to) if route.to else "default"
    if to == _DEFAULT.get(route.family):
        to = "default"
    words = [to] if route.kind == "unicast" else [route.kind, to]
    if route.via:
        words += ["via", route.via]
    if route.dev and route.dev != interface:
        words += ["dev", route.dev]
    return clean(" ".join(words))


def section_row(section: Section | Gap[Section]) -> Row:
    """The words above the bar of a bridge, or in place of many bridges."""
    if isinstance(section, Gap):
        first, last = section.hidden[0].bridge, section.hidden[-1].bridge
        return Row(between(clean(first.name), clean(last.name)), [f"{len(section.hidden):,} bridges"])
    bridge = section.bridge
    return Row(clean(bridge.name), interface_values(bridge), "(external)" if bridge.external else "")


def link_row(link: Link, joined: bool) -> Row:
    """The end of a veth, with where it leads if no line of the drawing shows that."""
    near, far = link.near, link.far
    mark = ""
    if near.port:
        mark = f"(port of {clean(near.port.bridge)})"
    elif far.port and far.port.vlans:
        mark = f"({vlans_text(far.port.vlans)})"
    elif not joined and not far.port:
        mark = f"── {clean(far.namespace)} {clean(far.name)}"
    return Row(clean(near.name), interface_values(near), mark, link.number)


def vlans_text(vlans: Vlans) -> str:
    """The VLANs of a port, as `vlan 10, tagged 20 30`."""
    words = [f"vlan {vlans.untagged}"] if vlans.untagged is not None else []
    if vlans.tagged:
        more = [".."] if len(vlans.tagged) > _TAGGED else []
        words.append(" ".join(["tagged", *map(str, vlans.tagged[:_TAGGED]), *more]))
    return ", ".join(words) or "no vlan"


def gap_row(gap: Gap[Link]) -> Row:
    """The ends of several folded veths."""
    first, last = gap.hidden[0], gap.hidden[-1]
    to = between(clean(first.far.namespace), clean(last.far.namespace))
    return Row(between(clean(first.near.name), clean(last.near.name)), [f"{len(gap.hidden):,} interfaces, to {to}"])


def kind_text(interface: Interface) -> str:
    """What an interface is that no line leads to: `external`, `macvlan on host eth0`, `vxlan 1 to 192.0.2.1`."""
    if isinstance(interface, Macvlan):
        mode = "" if interface.mode == MACVLAN_MODES[0] else f", {clean(interface.mode)}"
        there = f"{clean(interface.parent_namespace)} " if interface.parent_namespace else ""
        return f"macvlan on {there}{clean(interface.parent)}{mode}"
    if isinstance(interface, Ifb):
        return f"ifb for what comes in at {clean(interface.source)}"
    if not isinstance(interface, Vxlan):
        return "external"
    others = list(dict.fromkeys([*interface.defaults, *(entry.dst for entry in interface.fdb)]))
    if not others:
        return f"vxlan {interface.id}"
    return f"vxlan {interface.id} to {clean(others[0]) if len(others) == 1 else f'{len(others):,} endpoints'}"


def own_rows(space: Namespace) -> list[Row]:
    """What a namespace has besides its bridges and veths."""
    rows = []
    if space.addresses:
        rows.append(Row("lo", _addresses(space.addresses)))
    bridges = {bridge.name for bridge in space.bridges}
    for interface in (*space.interfaces, *space.devices):
        if not interface.port or interface.port.bridge not in bridges:
            port = f", port of {clean(interface.port.bridge)}" if interface.port else ""
            mark = f"({kind_text(interface)}{port})"
            rows.append(Row(clean(interface.name), interface_values(interface), mark))
    return rows


def remarks(space: Namespace) -> list[str]:
    """The lines of a box that belong to no interface: whether others made it, routes, forwarding, masquerade."""
    lines = ["(external)"] if space.external else []
    lines += _abridged([route_text(route) for route in space.routes[:_ROUTES]], len(space.routes))
    if space.forwarding:
        lines.append("forwarding")
    elif space.forwarding is False and not space.is_made:
        lines.append("no forwarding")
    sources = list(dict.fromkeys(map(_masqueraded, space.masquerade)))
    return lines + _abridged([f"masquerade {network}" for network in sources[:_ROUTES]], len(sources))


def _masqueraded(rule: Masquerade) -> Cidr:
    """The source of a rule; of a single address, the network that it is kept within."""
    source = rule.source
    around = [kept for kept in rule.inside if kept.contains(source.family, source.value)]
    return around[0] if source.is_host and around else source


def gap_captions(gap: Gap[Hanging] | Gap[Place]) -> tuple[str, list[str], list[str]]:
    """Title, labels of the legs, and contents of the box that stands for many namespaces."""
    first, last = gap.hidden[0], gap.hidden[-1]
    places = [item.place if isinstance(item, Hanging) else item for item in gap.hidden]
    number, inside = len(places), sum(place.below() for place in places if place)
    count = f"{number:,} namespaces" + (f" with {inside:,} more" if inside else "")
    if isinstance(first, Place) or isinstance(last, Place):
        return between(*(clean(item.space.name) for item in (first, last) if isinstance(item, Place))), [], [count]
    low, high = first.links[0], last.links[0]
    addresses = [text for a, b in zip(low.far.addresses, high.far.addresses) for text in (str(a), f".. {b}")]
    end = Row(between(clean(low.far.name), clean(high.far.name)), addresses[:_ADDRESSES])
    label = between(clean(low.near.name), clean(high.near.name))
    return between(clean(first.name), clean(last.name)), [label], [*tabulate([end], _BOUNDLESS)[0], count]


def tabulate(rows: Sequence[Row], room: int) -> list[list[str]]:
    """The lines of every row, names and values in two columns, none wider than `room`."""
    margin = max((len(row.name) for row in rows if row.values), default=0)
    table = []
    for row in rows:
        values = list(row.values) or [""]
        if row.mark:
            joined = f"{values[0]} {row.mark}".lstrip()
            if margin + 2 + len(joined) <= room:
                values[0] = joined
            else:
                values.append(row.mark)
        name = row.name
        lines = []
        for value in values:
            lines.append(clip(f"{name:{margin}}  {value.strip()}".rstrip(), room))
            name = ""
        table.append(lines)
    return table


def _addresses(addresses: Sequence[Cidr]) -> list[str]:
    return _abridged([str(address) for address in addresses[:_ADDRESSES]], len(addresses))


def _abridged(shown: list[str], total: int) -> list[str]:
    """`shown`, the first of `total` lines, with the last of them replaced by a count if there are more."""
    return shown if len(shown) == total else [*shown[:-1], f".. {total - len(shown) + 1:,} more"]
