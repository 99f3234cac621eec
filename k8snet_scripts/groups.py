"""Groups: steps that belong together, and why they are there; and groups of which there are thousands alike.

The namespaces and veths that a range stands for differ in nothing but some words: names, and addresses.  Where the
shapes of two are equal, so are their groups but for these words; whoever lays them out need only do so once for each
shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

from k8snet_scripts import filters, joining, shaping, steps
from k8snet_scripts.addresses import Cidr, format_address
from k8snet_scripts.furnishing import furnish
from k8snet_scripts.inventory import Inventory, made_from
from k8snet_scripts.reasons import whereabouts, why_namespace, why_veth
from k8snet_scripts.steps import Step
from k8snet_scripts.topology import HOST, Namespace, Veth

_OF_A_PAIR = attrgetter("port", "mtu", "lladdr", "description")
_OF_A_NAMESPACE = attrgetter("addresses", "sysctls", "forwarding", "description", "external")
_OF_AN_END = attrgetter("port", "routes", "broadcast", "connected", "promisc", "allmulti", "txqlen", "rate")
_UNREPEATED = attrgetter(
    *("routes", "bridges", "interfaces", "devices", "masquerade", "forwards", "admissions", "isolations")
)


class Group(NamedTuple):
    """Steps that belong together, and why they are there.

    Their companions have no facts of their own: they say how to look at, and take back, what only people know of.
    """

    why: str
    steps: tuple[Step, ...]
    companions: tuple[Step, ...] = ()


class Wiring:
    """A veth pair that is made."""

    __slots__ = ("_inventory", "_veth", "shape", "words")

    def __init__(self, veth: Veth, inventory: Inventory) -> None:
        inner, outer = veth.inner, veth.outer
        here, there = inner.namespace, outer.namespace
        self._veth, self._inventory = veth, inventory
        self.shape = (_OF_A_PAIR(inner), _OF_A_PAIR(outer), here == HOST, there == HOST, here == there)
        self.words = (inner.name, outer.name, here, there)

    def groups(self, words: Sequence[str] | None = None) -> Iterator[Group]:
        """Its group, as it were with other words if these are given."""
        veth = self._veth
        if words:
            name, peer, *places = words
            here, there = veth.inner.namespace, veth.outer.namespace
            new = {there: places[1], here: places[0], HOST: HOST}
            veth = Veth(
                replace(veth.inner, name=name, namespace=new[here]),
                replace(veth.outer, name=peer, namespace=new[there]),
            )
        maker, peer_end = made_from(veth)
        queues = steps.ONE_QUEUE if self._inventory.has_many_veths else ()
        made = steps.make_veth(maker, peer_end, self._inventory.mark, queues)
        yield Group(why_veth(veth, maker, peer_end), tuple(made))


class Furniture:
    """What a namespace gets that has nothing in it but ends of veths, which say where they lead to."""

    __slots__ = ("_ends", "_inventory", "_namespace", "shape", "words")

    def __init__(self, namespace: Namespace, inventory: Inventory) -> None:
        self._namespace, self._inventory = namespace, inventory
        self._ends = inventory.ends.get(namespace.name, ())
        words, shape = [namespace.name], [_OF_A_NAMESPACE(namespace)]
        for end in self._ends:
            words.append(end.name)
            shape.append((_OF_AN_END(end), inventory.is_maker(end)))
            for family, value, prefix in end.addresses:
                words.append(f"{format_address(family, value)}/{prefix}")
                shape.append((family, prefix))
        self.shape = tuple(shape)
        self.words = tuple(words)

    def groups(self, words: Sequence[str] | None = None) -> Iterator[Group]:
        """Its groups, as they were with other words if these are given."""
        if words is None:
            return configure(self._namespace, self._inventory)
        name, *rest = words
        left = iter(rest)
        ends = [
            replace(
                end,
                namespace=name,
                name=next(left),
                addresses=tuple([_Blank._make((family, next(left), prefix)) for family, _, prefix in end.addresses]),
            )
            for end in self._ends
        ]
        makers = [self._inventory.is_maker(end) for end in self._ends]
        return configure(replace(self._namespace, name=name), self._inventory.with_ends(name, ends, makers))


Alike = Wiring | Furniture
"""What there may be many of with one shape; `groups` gives its groups, with other words in their places if asked to."""


class _Blank(Cidr):
    """An address of which nothing is known but how it is spelt, which stands in place of its value."""

    def __str__(self) -> str:
        return str(self.value)


def configure(namespace: Namespace, inventory: Inventory) -> Iterator[Group]:
    """What a namespace gets once its links are made."""
    rows = furnish(inventory, namespace)
    if rows:
        yield Group(why_namespace(namespace), tuple(rows))
    limits = tuple(shaping.limit_rates(namespace.name, inventory.interfaces(namespace)))
    if limits:
        yield Group(f"What interfaces{whereabouts(namespace.name)} send and take in at most.", limits)
    tell = joining.join_table if inventory.topology.table else filters.filter_packets
    rules = tuple(tell(inventory, namespace))
    if rules:
        yield Group(filters.why(inventory, namespace), rules)


def is_repeatable(namespace: Namespace, inventory: Inventory) -> bool:
    """Whether what a namespace gets follows from its `Furniture` alone: no value of an address, and nobody else."""
    name = namespace.name
    if (
        name == HOST
        or any(_UNREPEATED(namespace))
        or name in inventory.forwards
        or name in inventory.guards
        or name in inventory.sources
    ):
        return False
    return not any(own[:2] in inventory.next_hops for end in inventory.ends.get(name, ()) for own in end.addresses)
