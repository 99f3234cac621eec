"""Steps of devices that stand on other interfaces: VXLAN tunnels, with the entries that say who is behind which.

They are made when all veths are there, and configured with the rest of their namespace.
"""

from __future__ import annotations

from collections.abc import Iterator

from k8snet_scripts import steps
from k8snet_scripts.steps import MAKE, MEND, WANT, Argv, Step, ip
from k8snet_scripts.topology import FLOODED, HOST, Vxlan


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
