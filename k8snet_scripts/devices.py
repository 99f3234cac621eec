"""Steps of devices that stand on other interfaces: macvlans, and VXLAN tunnels with the entries of who is behind them.

They are made when all veths are there, and configured with the rest of their namespace.
"""

from __future__ import annotations

from collections.abc import Iterator

from k8snet_scripts import steps
from k8snet_scripts.steps import MAKE, MEND, WANT, Argv, Step, ip
from k8snet_scripts.topology import FLOODED, HOST, Macvlan, Vxlan


def make_macvlan(namespace: str, macvlan: Macvlan, mtu: int | None, mark: str) -> Iterator[Step]:
    """A macvlan, still down, made from the namespace of its parent, then each attribute that the kernel can change.

    It can change neither the parent, nor whether that is passed through: such a macvlan is made anew.  `mtu` is that
    of the parent, which it follows downwards.
    """
    home, owner = macvlan.parent_namespace or namespace, f"{namespace} {macvlan.name}"
    own = steps.attributes(macvlan, mtu)
    netns = ("netns", namespace) if home != namespace else ()
    make = (
        *(*ip(home), "link", "add", "name", macvlan.name, "link", macvlan.parent, *_flat(own), "group", mark, *netns),
        *("type", "macvlan", "mode", macvlan.mode),
    )
    passed = macvlan.mode == "passthru"
    yield Step(MAKE, make, owner, f"macvlan{' passthru' if passed else ''}, parent {home} {macvlan.parent}")
    if not passed:
        change = (*ip(namespace), "link", "set", "dev", macvlan.name, "type", "macvlan", "mode", macvlan.mode)
        yield Step(MEND, change, owner, f"mode {macvlan.mode}")
    for key, value in own:
        yield steps.attribute(MEND, namespace, macvlan.name, key, value)


def make_vxlan(namespace: str, vxlan: Vxlan, mtu: int | None, mark: str) -> Iterator[Step]:
    """A VXLAN device, still down, then each attribute by itself that the kernel can change.

    It can change neither the id nor the port: a device with another one is made anew.  What MTU it allows depends on
    the interface that the packets leave by.
    """
    prefix, owner = ip(namespace), f"{namespace} {vxlan.name}"
    own = steps.attributes(vxlan, mtu)
    master = ("master", vxlan.port.bridge) if vxlan.port else ()
    given = [(key, value) for key, value in _endpoints(vxlan) if value is not None]
    identity = f"vxlan id {vxlan.id} dstport {vxlan.dstport}"
    make = (
        *(*prefix, "link", "add", "name", vxlan.name, *_flat(own), *master, "group", mark, "type"),
        *("vxlan", "id", str(vxlan.id), *_flat(given), "dstport", str(vxlan.dstport)),
        *(() if vxlan.learning else ("nolearning",)),
    )
    yield Step(MAKE, make, owner, identity)
    if vxlan.port:
        yield steps.enslave(namespace, vxlan, vxlan.port, MEND)
    change = (*prefix, "link", "set", "dev", vxlan.name, "type", "vxlan")
    for key, value in given:
        with_dev = ("dev", vxlan.dev) if key == "group" and vxlan.dev else ()  # ip wants it beside a group
        yield Step(MEND, (*change, key, value, *with_dev), owner, f"{key} {value}")
    word, state = ("learning", "true") if vxlan.learning else ("nolearning", "false")
    yield Step(MEND, (*change, word), owner, f"learning {state}")
    for key, value in own:
        yield steps.attribute(MEND, namespace, vxlan.name, key, value)
    told = vxlan.remote or vxlan.group
    if told:
        yield _add_fdb(MEND, namespace, vxlan, FLOODED, told)


def know_neighbours(namespace: str, vxlan: Vxlan) -> Iterator[Step]:
    """The addresses behind a VXLAN device, each with its link-layer address."""
    for neighbour in vxlan.neighbours:
        words = (neighbour.address, "lladdr", neighbour.lladdr)
        command = (*ip(namespace), "neigh", "replace", *words, "dev", vxlan.name, "nud", "permanent")
        yield Step(WANT, command, f"{namespace} {vxlan.name}", f"neigh {' '.join(words)}")


def know_endpoints(namespace: str, vxlan: Vxlan) -> Iterator[Step]:
    """The endpoints behind which link-layer addresses are."""
    for entry in vxlan.fdb:
        yield _add_fdb(WANT, namespace, vxlan, entry.lladdr or FLOODED, entry.dst)


def _add_fdb(sign: steps.Sign, namespace: str, vxlan: Vxlan, lladdr: str, dst: str) -> Step:
    """An entry of the FDB.  For frames that no other entry is for there may be several, else there is one."""
    prefix = ("bridge",) if namespace == HOST else ("bridge", "-n", namespace)
    verb = "append" if lladdr == FLOODED else "replace"
    command = (*prefix, "fdb", verb, lladdr, "dev", vxlan.name, "dst", dst)
    return Step(sign, command, f"{namespace} {vxlan.name}", f"fdb {lladdr} dst {dst}")


def _endpoints(vxlan: Vxlan) -> tuple[tuple[str, str | None], ...]:
    return ("local", vxlan.local), ("remote", vxlan.remote), ("group", vxlan.group), ("dev", vxlan.dev)


def _flat(pairs: list[tuple[str, str]]) -> Argv:
    return tuple(word for pair in pairs for word in pair)
