"""What the words of a command change of a link of the model of the kernel, and what they say of a route."""

from __future__ import annotations

from collections.abc import Iterable

from fake_namespace import BRIDGE_DEFAULTS, MAIN, PORT_DEFAULTS, FakeRoute, Link, Refusal, Space, UnknownCommand

from k8snet_scripts.addresses import WIDTH, Cidr, parse_cidr
from k8snet_scripts.topology import FLOODED

_SWITCH = {"on": "true", "off": "false"}


def split_words(words: list[str], at: str) -> tuple[list[str], list[str]]:
    if at not in words:
        raise UnknownCommand(f"no `{at}` in: {' '.join(words)}")
    place = words.index(at)
    return words[:place], words[place + 1 :]


def read_pairs(words: Iterable[str], keys: tuple[str, ...], flags: tuple[str, ...] = ()) -> dict[str, str]:
    """Words as pairs of a key and its value, and flags, whose value is empty."""
    found: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        value = "" if word in flags else next(rest, None)
        if word not in (*keys, *flags) or word in found or value is None:
            raise UnknownCommand(f"`{word}` in: {' '.join(words)}")
        found[word] = value
    return found


def change_link(space: Space, link: Link, change: list[str]) -> None:
    match change:
        case ["up"]:
            link.up = True
        case ["down"]:
            space.set_down(link)
        case ["mtu", value]:
            link.mtu = int(value)
            _refuse_mtu(space, link)
        case ["address", value]:
            link.lladdr = value
            link.neighbours.clear()
        case ["promisc" | "allmulticast" as key, "on" | "off" as value]:
            link.listening["allmulti" if key == "allmulticast" else key] = value
        case ["txqlen", value]:
            link.listening["txqlen"] = value
        case ["group", value]:
            link.group = value
        case ["master", bridge]:
            space.enslave(link, bridge)
        case ["nomaster"]:
            space.leave(link)
        case ["type", "macvlan", "mode", mode]:
            if "passthru" in (mode, link.options["mode"]):
                raise Refusal("RTNETLINK answers: Invalid argument")
            link.options["mode"] = mode
        case ["type", "vxlan", "learning" | "nolearning" as word]:
            link.options["learning"] = "true" if word == "learning" else "false"
        case ["type", "vxlan", "group", _] if link.kind == "vxlan":
            raise Refusal("vxlan: 'group' requires 'dev' to be specified")
        case ["type", "vxlan", "local" | "remote" | "group" | "dev" as key, value, *_]:
            if key in ("remote", "group"):
                old = (FLOODED, link.options.pop("group", None) or link.options.pop("remote", ""))
                link.fdb = [(FLOODED, value), *(entry for entry in link.fdb if entry not in (old, (FLOODED, value)))]
            link.options[key] = value
        case ["type", "bridge", key, value]:
            set_bridge_option(space, link, key, value)
        case ["type", "bridge_slave", key, value]:
            if key not in PORT_DEFAULTS or (value in _SWITCH) != (PORT_DEFAULTS[key] in _SWITCH.values()):
                raise UnknownCommand(" ".join(change))
            if not link.master:
                raise Refusal("RTNETLINK answers: Operation not supported")
            link.port[key] = _SWITCH.get(value, value)
        case _:
            raise UnknownCommand(f"link set dev {link.name} {' '.join(change)}")
    space.settle()


def set_bridge_option(space: Space, bridge: Link, key: str, value: str) -> None:
    if key not in BRIDGE_DEFAULTS or not value.isdecimal():
        raise UnknownCommand(f"type bridge {key} {value}")
    if bridge.kind != "bridge":
        raise Refusal("RTNETLINK answers: Operation not supported")
    if key == "vlan_default_pvid":
        space.set_default_pvid(bridge, int(value))
    bridge.options[key] = value


def refuse_vxlan(space: Space, link: Link) -> None:
    twins = (other for other in space.links.values() if other.kind == "vxlan")
    if any(_network(twin) == _network(link) for twin in twins):
        raise Refusal("Error: A VXLAN device with the specified VNI already exists.")
    _refuse_mtu(space, link)


def _network(vxlan: Link) -> tuple[str, str, bool]:
    """What no two VXLAN devices of a namespace have in common: id, port, and the family of the packets below."""
    return vxlan.options["id"], vxlan.options["dstport"], ":" in vxlan.options.get("local", "")


def _refuse_mtu(space: Space, link: Link) -> None:
    dev = link.options.get("dev") if link.kind == "vxlan" else None
    if dev and space.mtu(link) > space.mtu(space.link(dev)) - (70 if ":" in link.options.get("local", "") else 50):
        raise Refusal("RTNETLINK answers: Invalid argument")


def change_fdb(link: Link, verb: str, entry: tuple[str, str]) -> None:
    if verb == "delete":
        if entry not in link.fdb:
            raise Refusal("RTNETLINK answers: No such file or directory")
        link.fdb.remove(entry)
    elif (verb, entry[0] == FLOODED) not in (("append", True), ("replace", False)):
        raise UnknownCommand(f"fdb {verb} {entry}")
    else:
        link.fdb = [other for other in link.fdb if other != entry and (verb == "append" or other[0] != entry[0])]
        link.fdb.append(entry)


def change_vlan(space: Space, verb: str, words: list[str]) -> None:
    given = read_pairs(words, ("dev", "vid"), ("pvid", "untagged", "self"))
    link, vid = space.link(given["dev"]), int(given["vid"])
    if ("self" in given) != (link.kind == "bridge") or "self" not in given and not link.master:
        raise Refusal("RTNETLINK answers: Operation not supported")
    if verb == "add":
        link.join_vlan(vid, tuple(flag for flag in ("pvid", "untagged") if flag in given))
    elif vid not in link.vlans:
        raise Refusal("RTNETLINK answers: No such file or directory")
    else:
        del link.vlans[vid]


def read_route(words: list[str]) -> FakeRoute:
    kind, *rest = words if words[0] in ("blackhole", "unreachable", "prohibit") else ("unicast", *words)
    given = read_pairs(rest[1:], ("via", "dev", "src", "metric", "table", "scope"), ("onlink",))
    family = 6 if any(":" in text for text in (rest[0], given.get("via", ""), given.get("src", ""))) else 4
    if rest[0] == "default":
        to = Cidr(family, 0, 0)
    else:
        to = parse_cidr(rest[0] if "/" in rest[0] else f"{rest[0]}/{WIDTH[family]}")
    if to != to.network:
        raise Refusal("RTNETLINK answers: Invalid argument")
    if kind == "unicast" and not given.get("via") and not given.get("dev"):
        raise Refusal("RTNETLINK answers: No such device")
    metric = int(given.get("metric", 1024 if family == 6 else 0)) or (1024 if family == 6 else 0)
    values = (given.get("via"), given.get("dev"), given.get("src"))
    return FakeRoute(
        family, kind, to, *values, metric, given.get("table", MAIN), "onlink" in given, given.get("scope", "")
    )
