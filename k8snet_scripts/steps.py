"""Steps: one wanted fact of the live system, and the literal command that makes it true.

The functions here say, for one part of the model at a time (an interface, a route, a bridge port, a sysctl …), which
facts are wanted and which command makes each true.  In what order they are carried out is `plan.py`'s business.

A fact is an owner and words.  The owner is a namespace (`node1`), an interface in it (`node1 vethA`), or a port as its
bridge sees it (`host vethB port of br0`); the words are those of iproute2 (`mtu 1460`, `inet 10.10.0.2/24`).
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator
from itertools import chain
from typing import NamedTuple

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.records import Record
from k8snet_scripts.topology import (
    DEFAULT_METRIC,
    HOST,
    Bridge,
    End,
    Interface,
    Port,
    Route,
    Vlans,
)

Argv = tuple[str, ...]


class Sign(enum.StrEnum):
    """How a step takes part in a run; it is the character printed before its fact."""

    MAKE = "+"  # makes a thing, with all the attributes that its command names
    MEND = "="  # one of those attributes: needed only where the thing was there before, with another value
    WANT = " "  # to be made true wherever it is not
    NEED = "?"  # has to be true beforehand; the command only shows it
    ASK = ":"  # no fact of its own: the command tells by its status whether the fact above is true
    UNDO = "<"  # no fact of its own: the command takes back the fact above


MAKE, MEND, WANT, NEED, ASK, UNDO = Sign  # looking a member up in an enumeration is slow


class Step(NamedTuple):
    """One fact, its owner and its words, beside the command that makes it true."""

    sign: Sign
    argv: Argv
    owner: str
    words: str


def ip(namespace: str) -> Argv:
    """The words that every `ip` command in a namespace starts with."""
    return ("ip",) if namespace == HOST else ("ip", "-n", namespace)


def inside(namespace: str) -> Argv:
    """The words that every other command in a namespace starts with."""
    return () if namespace == HOST else ("ip", "netns", "exec", namespace)


def make_namespace(name: str) -> Step:
    """A named network namespace."""
    return Step(MAKE, ("ip", "netns", "add", name), name, "namespace")


def need_namespace(name: str) -> Step:
    """A namespace that others made."""
    return Step(NEED, (*ip(name), "link", "show", "dev", "lo"), name, "namespace")


def make_bridge(namespace: str, bridge: Bridge, mark: str) -> Iterator[Step]:
    """A bridge with all options, still down, then each option by itself."""
    prefix, owner = ip(namespace), f"{namespace} {bridge.name}"
    if bridge.external:
        yield Step(NEED, (*prefix, "link", "show", "dev", bridge.name, "type", "bridge"), owner, "bridge")
        return
    options = _bridge_options(bridge)
    lladdr = ("address", bridge.lladdr) if bridge.lladdr else ()
    flat = tuple(word for option in options for word in option)
    make = (*prefix, "link", "add", "name", bridge.name, *lladdr, "group", mark, "type", "bridge", *flat)
    yield Step(MAKE, make, owner, "bridge")
    if bridge.lladdr is not None:
        yield attribute(MEND, namespace, bridge.name, "address", bridge.lladdr)
    for key, value in options:
        command = (*prefix, "link", "set", "dev", bridge.name, "type", "bridge", key, value)
        yield Step(MEND, command, owner, f"{key} {_hexadecimal(value) if key == 'group_fwd_mask' else value}")


ONE_QUEUE = ("numtxqueues", "1", "numrxqueues", "1")
"""Words for an end of a veth.  Without them the kernel makes a queue for each processor, and waits while it takes all but
one out of use again: two thirds of the time that a veth takes.  `ethtool --set-channels` could bring them back."""


def make_veth(maker: End, peer: End, mark: str, queues: tuple[str, ...] = ()) -> Iterator[Step]:
    """A veth pair with both ends in place, made from the namespace of `maker`, then each attribute by itself.

    `queues` are more words for both ends.

    The maker's end comes up, and is a port of its bridge, at once.  The kernel can give the peer neither a master nor
    bring it up from outside; both are done in the peer's own namespace.
    """
    prefix, owner = ip(maker.namespace), f"{maker.namespace} {maker.name}"
    here, there = attributes(maker), attributes(peer)
    master = ("master", maker.port.bridge) if maker.port else ()
    netns = () if peer.namespace == maker.namespace else ("netns", peer.namespace)
    make = (
        *(*prefix, "link", "add", "name", maker.name, "up", *chain(*here), *master, "group", mark, *queues),
        *("type", "veth", "peer", "name", peer.name, *chain(*there), "group", mark, *queues, *netns),
    )
    yield Step(MAKE, make, owner, f"veth, peer {peer.namespace} {peer.name}")
    if maker.port:
        yield enslave(maker.namespace, maker, maker.port, MEND)
    for key, value in here:
        yield attribute(MEND, maker.namespace, maker.name, key, value)
    yield Step(MEND, (*prefix, "link", "set", "dev", maker.name, "up"), owner, "up")
    for key, value in there:
        yield attribute(MEND, peer.namespace, peer.name, key, value)


def need_interface(namespace: str, interface: Interface) -> Iterator[Step]:
    """An interface that others made and, if they have configured it, its addresses."""
    owner, dev = f"{namespace} {interface.name}", ("dev", interface.name)
    yield Step(NEED, (*ip(namespace), "link", "show", *dev), owner, "exists")
    for address in interface.addresses if interface.configured else ():
        command = (*ip(namespace), "address", "show", *dev, "to", address.address)
        yield Step(NEED, command, owner, f"{'inet' if address.family == 4 else 'inet6'} {address}")


def bring_up(namespace: str, name: str) -> Step:
    """An interface that is administratively up."""
    return Step(WANT, (*ip(namespace), "link", "set", "dev", name, "up"), f"{namespace} {name}", "up")


def listen(namespace: str, interface: Interface) -> list[Step]:
    """What an interface takes in that is not addressed to it, and how much it lets wait."""
    rows = []
    if interface.promisc:
        rows.append(attribute(WANT, namespace, interface.name, "promisc", "on"))
    if interface.allmulti is not None:
        state = "on" if interface.allmulti else "off"
        command = (*ip(namespace), "link", "set", "dev", interface.name, "allmulticast", state)
        rows.append(Step(WANT, command, f"{namespace} {interface.name}", f"allmulti {state}"))
    if interface.txqlen is not None:
        rows.append(attribute(WANT, namespace, interface.name, "txqlen", str(interface.txqlen)))
    return rows


def bridge_mtu(namespace: str, bridge: Bridge) -> Iterator[Step]:
    """The MTU of a bridge.

    Not given when the bridge is made: it would then follow that of its ports.
    """
    if bridge.mtu is not None:
        yield attribute(WANT, namespace, bridge.name, "mtu", str(bridge.mtu))


def add_address(
    namespace: str,
    name: str,
    address: Cidr,
    sources: Collection[str] = (),
    *,
    broadcast: bool = False,
    connected: bool = True,
) -> Step:
    """An address of an interface.  One that is among `sources` is not checked for duplicates.

    The kernel would refuse a route from an address which it is still checking.
    """
    text = str(address)
    unchecked = ("nodad",) if sources and address.address in sources else ()
    brd = ("brd", "+") if broadcast and address.family == 4 else ()
    alone = () if connected or address.is_host else ("noprefixroute",)
    command = (*ip(namespace), "address", "add", text, *brd, "dev", name, *unchecked, *alone)
    words = " ".join(("inet" if address.family == 4 else "inet6", text, *alone))
    return Step(WANT, command, f"{namespace} {name}", words)


def add_route(namespace: str, route: Route, dev: str | None) -> Step:
    """A route; `dev` is the interface it leaves by, None for one that drops what it matches.

    The fact is spelt as the scripts spell what they read: `inet6 route default via fd00::1 dev eth0 metric 1024`.
    """
    metric = route.metric or DEFAULT_METRIC[route.family]
    family = "inet6" if route.family == 6 else "inet"
    to = _destination(route.to) if route.to and route.to.prefix else "default"
    tail = (
        *(("via", route.via) if route.via else ()),
        *(("dev", dev) if dev else ()),
        *(("src", route.src) if route.src else ()),
    )
    table = ("table", str(route.table)) if route.table not in (None, _MAIN_TABLE) else ()
    onlink = ("onlink",) if route.onlink else ()
    scope = ("scope", route.scope) if route.scope else ()
    kind = () if route.kind == "unicast" else (route.kind,)
    given = ("metric", str(route.metric)) if route.metric is not None else ()
    shown = ("metric", str(metric)) if metric else ()
    target = "::/0" if to == "default" and family == "inet6" and not route.via else to
    verb = "prepend" if route.prepend else "add"
    command = (*ip(namespace), "route", verb, *kind, target, *tail, *given, *table, *onlink, *scope)
    return Step(
        WANT, command, namespace, " ".join((family, "route", *kind, to, *tail, *shown, *table, *onlink, *scope))
    )


def join_bridge(namespace: str, interface: Interface, port: Port) -> Step:
    """An interface that becomes a port of a bridge after it was made."""
    return enslave(namespace, interface, port, WANT)


def port_options(namespace: str, name: str, port: Port) -> Iterator[Step]:
    """The options of a bridge port, which the kernel forgets whenever the port leaves its bridge."""
    owner = f"{namespace} {name} port of {port.bridge}"
    for key, value in port.options:
        command = (*ip(namespace), "link", "set", "dev", name, "type", "bridge_slave", key, value)
        yield Step(WANT, command, owner, f"{key} {_BOOLEAN.get(value, value)}")


def vlan_memberships(namespace: str, name: str, owner: str, vlans: Vlans, own: bool = False) -> Iterator[Step]:
    """The VLANs of a bridge port, or (`own`) of the bridge itself."""
    prefix = ("bridge",) if namespace == HOST else ("bridge", "-n", namespace)
    members: list[tuple[int, Argv]] = [(vid, ()) for vid in vlans.tagged]
    if vlans.untagged is not None:
        members.insert(0, (vlans.untagged, ("pvid", "untagged")))
    members += [(vid, ("untagged",)) for vid in vlans.leaving]
    for vid, flags in members:
        command = (*prefix, "vlan", "add", "dev", name, "vid", str(vid), *flags, *(("self",) if own else ()))
        yield Step(WANT, command, owner, " ".join(("vlan", str(vid), *flags)))


def set_sysctl(namespace: str, key: str, value: str) -> Step:
    """A sysctl of a namespace, written as the file it is: the `sysctl` program is not everywhere."""
    path = "/proc/sys/" + key.translate(_SYSCTL_PATH)
    write = f"echo {value} >{path}"
    argv = (*inside(namespace), "bash", "-c", write)
    return Step(WANT, argv, namespace, f"{key} {value}")


def make_directory(path: str) -> Step:
    """A directory of the host, for records."""
    return Step(WANT, ("mkdir", path), HOST, f"directory {path}")


def make_record(record: Record) -> Step:
    """A file that is on record.  Where it is to say just this, the command fails if somebody else was faster."""
    if not record.lines:
        return Step(WANT, ("install", f"--mode={record.mode:o}", "/dev/null", record.path), HOST, f"file {record.path}")
    text = "\\r\\n".join(record.lines)
    if record.initial:
        return Step(WANT, ("bash", "-c", f'printf "{text}" >{record.path}'), HOST, f"file {record.path}")
    write = f'set -o noclobber; printf "{text}" >{record.path}'
    return Step(WANT, ("bash", "-c", write), HOST, " ".join(("file", record.path, *record.lines)))


_MAIN_TABLE = 254
_BOOLEAN = {"on": "true", "off": "false"}
_SYSCTL_PATH = str.maketrans("./", "/.")


def attribute(sign: Sign, namespace: str, name: str, key: str, value: str) -> Step:
    """One attribute of an interface, by itself."""
    return Step(sign, (*ip(namespace), "link", "set", "dev", name, key, value), f"{namespace} {name}", f"{key} {value}")


def attributes(interface: Interface, mtu: int | None = None) -> list[tuple[str, str]]:
    """What is set on an interface when it is made, as keys and values of `ip link`; `mtu` is for one without one."""
    given: list[tuple[str, str]] = []
    if interface.mtu is not None or mtu is not None:
        given.append(("mtu", str(interface.mtu or mtu)))
    if interface.lladdr is not None:
        given.append(("address", interface.lladdr))
    return given


def enslave(namespace: str, interface: Interface, port: Port, sign: Sign) -> Step:
    """An interface as a port of a bridge."""
    return attribute(sign, namespace, interface.name, "master", port.bridge)


def _bridge_options(bridge: Bridge) -> tuple[tuple[str, str], ...]:
    """A filtering bridge gives its ports no VLAN by itself: the script lists all there are."""
    if bridge.vlan_filtering:
        return (*bridge.options, ("vlan_filtering", "1"), ("vlan_default_pvid", "0"))
    return bridge.options


def _hexadecimal(value: str) -> str:
    return hex(int(value)) if int(value) else "0"


def _destination(to: Cidr) -> str:
    return to.address if to.is_host else str(to)
