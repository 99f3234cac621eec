"""Options, as a document gives them: those of bridges, those of ports, and which port each is for."""

from __future__ import annotations

import math
from itertools import chain

from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.ranges import Each, combine, gather
from k8snet_scripts.rules.literals import read_lladdr, read_vlan, read_vlans
from k8snet_scripts.rules.names import check_interface_name
from k8snet_scripts.rules.options import (
    BRIDGE_NUMBERS,
    BRIDGE_SECONDS,
    BRIDGE_SWITCHES,
    GUARD_KEY,
    PORT_KEYS,
    PORT_NUMBERS,
    PORT_SWITCHES,
    VLAN_KEYS,
)
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.topology import Port, Vlans

Options = tuple[tuple[str, str], ...]

_RESTRICTED = 0b111
"""The bits of `group_fwd_mask` that the kernel refuses: spanning tree, pause frames and link aggregation."""


def read_bridge_options(table: Table) -> Options:
    """The options of a bridge, `vlan_filtering` and its VLANs aside."""
    options: list[tuple[str, str]] = []
    for key, word in BRIDGE_SWITCHES.items():
        switch = table.boolean(key)
        if switch is not None:
            options.append((word, str(int(switch))))
    for key, (low, high) in BRIDGE_SECONDS.items():
        if table.has(key):
            centiseconds = _read_centiseconds(table, key, low, high)
            if centiseconds is not None:
                options.append((key, str(centiseconds)))
    for key, (low, high) in BRIDGE_NUMBERS.items():
        number = table.integer(key, low, high, "bad-option")
        if number is not None:
            options.append((key, str(number)))
            if key == "group_fwd_mask" and number & _RESTRICTED:
                table.error(
                    "bad-option",
                    (*table.path, key),
                    f"`{number}` has one of the three lowest bits, which the kernel refuses",
                    f"write `{key} = {number & ~_RESTRICTED}`",
                )
    return tuple(options)


def _read_centiseconds(table: Table, key: str, low: int, high: int) -> int | None:
    """A time written in seconds, in hundredths.

    Tenths of a second are the finest steps: they are whole ticks of every kernel, so what is set is what is read back.
    """
    path, value = (*table.path, key), table.data[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        table.mistyped(path, "a number of seconds", value)
    elif not low <= value <= high:
        table.error("bad-option", path, f"{show(value)} is out of range", f"`{key}` is {low} to {high} seconds")
    elif not math.isclose(value * 10, round(value * 10), rel_tol=1e-9):
        table.error(
            "bad-option", path, f"{show(value)} is not a multiple of 0.1 seconds", f"write `{key} = {value:.1f}`"
        )
    else:
        return round(value * 10) * 10
    return None


def read_ports(table: Table, *keys: str, guarded: bool = False) -> dict[str, Each[Port | None]]:
    """The ports whose bridges are named by some of `keys`.

    What else a port has stands in the same table, which must leave no doubt about which port it is for.  Where a port
    can be `guarded`, that is the address that everything has to come from as well.
    """
    present = [key for key in keys if table.has(key)]
    options: Options = ()
    vlans: Each[Vlans | None] = None
    only_from: Each[str | None] = None
    if len(present) == 1:
        options, vlans = _read_port_options(table), read_membership(table)
        only_from = table.text(GUARD_KEY, read_lladdr) if guarded else None
    for key in (*PORT_KEYS, GUARD_KEY) if guarded else PORT_KEYS:
        if table.has(key) and len(present) > 1:
            help = "move `bridge` into the table `peer`, and with it what is for that port"
            table.error("conflicting-keys", (*table.path, key), f"`{key}` could be for either of two ports", help)
        elif table.has(key) and not present:
            help = "name the bridge in the same table: " + " or ".join(f"`{key}`" for key in keys)
            table.error("port-option-without-port", (*table.path, key), f"`{key}` is for a port of a bridge", help)
    ports: dict[str, Each[Port | None]] = {}
    for key in present:
        bridge = table.text(key, check_interface_name)
        path = (*table.path, key)
        made = {"bridge": bridge, "options": options, "vlans": vlans, "only_from": only_from, "path": path}
        ports[key] = None if bridge is None else combine(Port, **made)
    return ports


def _read_port_options(table: Table) -> Options:
    options: list[tuple[str, str]] = []
    for key in PORT_SWITCHES:
        switch = table.boolean(key)
        if switch is not None:
            options.append((key, "on" if switch else "off"))
    for key, (low, high) in PORT_NUMBERS.items():
        number = table.integer(key, low, high, "bad-option")
        if number is not None:
            options.append((key, str(number)))
    return tuple(options)


def read_membership(table: Table) -> Each[Vlans | None]:
    """The VLANs of the port or bridge that the table is about; None when it names none."""
    given = [table.has(key) for key in VLAN_KEYS]
    if not any(given):
        return None
    untagged: Each[int | None] = None
    if table.has("untagged"):
        untagged = table.read((*table.path, "untagged"), _as_text(table.data["untagged"]), read_vlan, expected="a VLAN")
    several = [
        gather(
            [
                table.read(path, _as_text(item), read_vlans, expected="a VLAN")
                for path, item in table.items(key, "VLANs")
            ]
        )
        for key in ("tagged", "leaving")
    ]
    if table.has("untagged") and untagged is None:
        return None
    return combine(table.guard(table.path, _make_vlans), untagged=untagged, tagged=several[0], leaving=several[1])


def _as_text(value: object) -> object:
    """A number as text, since a VLAN may be written as either."""
    return show(value).strip("`") if isinstance(value, int) and not isinstance(value, bool) else value


def _make_vlans(
    untagged: int | None, tagged: tuple[tuple[int, ...], ...], leaving: tuple[tuple[int, ...], ...]
) -> Vlans:
    vlans = {"tagged": tuple(chain(*tagged)), "leaving": tuple(chain(*leaving))}
    seen: set[int] = set()
    for key, members in vlans.items():
        for vlan in members:
            if vlan in seen:
                raise Refused("bad-vlan", f"VLAN {vlan} is named twice", "name it once", key=key)
            seen.add(vlan)
    if untagged in seen:
        help = "a frame leaves a port with the tag of its VLAN or without it: take it out of one of the two"
        key = next(key for key, members in vlans.items() if untagged in members)
        raise Refused("bad-vlan", f"VLAN {untagged} is both {key} and untagged", help, key=key)
    return Vlans(untagged, **vlans)
