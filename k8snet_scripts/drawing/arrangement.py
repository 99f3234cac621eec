"""Who stands where in a diagram: the graph of a topology as a few trees, decided without a thought for columns.

A namespace is drawn once in full, at its *place*.  What hangs on its bridges is drawn inside it, what a plain veth
leads to beside it.  A further leg of a namespace that has its place elsewhere is a hanging without a place.  Long runs
of alike things are folded to the first, a gap and the last.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Generic, NamedTuple, TypeVar

from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Topology

_INSIDE = 8  # places inside one another; what is deeper becomes a tree of its own
_BESIDE = 32  # places in a row
_NO_DIGITS = str.maketrans("", "", "0123456789")

T = TypeVar("T")


class Link(NamedTuple):
    """A veth as seen from one of its namespaces; `number` is its position among the topology's veths."""

    number: int
    near: End
    far: End


@dataclass(slots=True)
class Hanging:
    """What one or two ports of a bridge lead to.  Without a `place` it is a namespace that is drawn elsewhere."""

    links: list[Link]
    place: Place | None = None

    @property
    def name(self) -> str:
        """The namespace at the far side."""
        return self.links[0].far.namespace


@dataclass(slots=True)
class Section:
    """A bridge with what hangs on it; `uplinks` are ports whose other side is not drawn."""

    bridge: Bridge
    hangings: list[Hanging]
    uplinks: list[Interface]


@dataclass(slots=True)
class Place:
    """A namespace drawn in full: its bridges, and its ends that no leg of these bridges shows."""

    space: Namespace
    sections: Sequence[Section]
    links: list[Link]
    beside: Mapping[int, Place]  # by the number of the link that leads there

    def below(self) -> int:
        """The number of namespaces inside and beside this one."""
        if not self.sections and not self.beside:
            return 0
        inside = [hanging.place for section in self.sections for hanging in section.hangings if hanging.place]
        return sum(1 + place.below() for place in chain(inside, self.beside.values()))

    def shape(self) -> Hashable:
        """What two places have in common that look alike: everything but numbers in names, and address values."""
        space = self.space
        return (
            (space.name.translate(_NO_DIGITS), space.external),
            (len(space.addresses), len(space.routes), len(space.masquerade), len(space.devices), space.forwarding),
            tuple([link_shape(link) for link in self.links]),
            tuple([section_shape(section) for section in self.sections]) if self.sections else (),
            tuple([place.shape() for place in self.beside.values()]) if self.beside else (),
        )


def link_shape(link: Link) -> Hashable:
    """What two ends have in common that look alike."""
    near, far = link.near, link.far
    vlans = far.port.vlans if far.port else None
    return near.name.translate(_NO_DIGITS), len(near.addresses), len(near.routes), near.port is None, vlans


def shows_more(end: End) -> bool:
    """Whether a port has something that the name below the bar of its bridge cannot say."""
    return bool(end.addresses or end.routes)


def hanging_shape(hanging: Hanging) -> Hashable:
    """What two hangings have in common that look alike."""
    inside = hanging.place.shape() if hanging.place else hanging.name.translate(_NO_DIGITS)
    return len(hanging.links), inside


def section_shape(section: Section) -> Hashable:
    """What two bridges have in common that look alike, with all that hangs on them."""
    bridge = section.bridge
    own = (bridge.name.translate(_NO_DIGITS), len(bridge.addresses), len(bridge.routes), len(section.uplinks))
    return own, tuple([hanging_shape(hanging) for hanging in section.hangings])


@dataclass(frozen=True, slots=True)
class Gap(Generic[T]):
    """The middle of a run of alike things, or of a list too long to be drawn."""

    hidden: Sequence[T]


def fold(items: Sequence[T], shape: Callable[[T], Hashable], alike: int, most: int) -> list[T | Gap[T]]:
    """`items` with every run of more than `alike` alike ones folded, and at most `most` left of the rest."""
    if len(items) <= min(alike, most):
        return list(items)
    kept: list[T | Gap[T]] = []
    for _, group in groupby(items, shape):
        run = list(group)
        kept.extend([run[0], Gap(run[1:-1]), run[-1]] if len(run) > alike else run)
    if len(kept) <= most:
        return kept
    hidden: list[T] = []
    for item in kept[most - 2 : -1]:
        hidden.extend(item.hidden if isinstance(item, Gap) else [item])
    return [*kept[: most - 2], Gap(hidden), kept[-1]]


def arrange(topology: Topology) -> list[Place]:
    """The trees of a topology that passed `check_topology`; every namespace has exactly one place in them.

    The host comes first if anything is on it, or if there is nothing else.  It, and the namespaces with bridges that
    hang on nobody else's, are the best roots; then comes the end of a row of namespaces.
    """
    return _Arranger(topology).trees()


class _Arranger:
    def __init__(self, topology: Topology) -> None:
        self.host = topology.host
        self.spaces = {space.name: space for space in topology.everywhere()}
        self.links: dict[str, list[Link]] = {name: [] for name in self.spaces}
        for number, veth in enumerate(topology.veths):
            inner, outer = veth.inner, veth.outer
            self.links[inner.namespace].append(Link(number, inner, outer))
            self.links[outer.namespace].append(Link(number, outer, inner))
        self.claimed: set[str] = set()  # namespaces that have, or are about to get, their place
        self.drawn = bytearray(len(topology.veths))  # veths that are a leg of some bridge
        self.apart: dict[str, bool] = {}

    def trees(self) -> list[Place]:
        host = self.host
        used = self.links[HOST] or host.holders or host.addresses or host.routes or host.masquerade
        trees = []
        if used or host.forwarding is not None or len(self.spaces) == 1:
            self.claimed.add(HOST)
            trees.append(self.place(HOST, 0))
        self.claimed.add(HOST)
        rest = [name for name in self.spaces if name not in self.claimed]
        for name in sorted(rest, key=self.rank):
            if name not in self.claimed:
                self.claimed.add(name)
                trees.append(self.place(name, 0))
        return trees

    def rank(self, name: str) -> int:
        """How late a namespace is considered as the root of a tree."""
        links = self.links[name]
        if any(link.near.port for link in links):
            return 1 if any(link.far.port for link in links) else 0
        return {0: 4, 1: 2}.get(len(links), 3)

    def place(self, name: str, depth: int) -> Place:
        space, links = self.spaces[name], self.links[name]
        if len(links) == 1 and self.drawn[links[0].number] and not space.bridges:
            return Place(space, (), links, {})  # what most namespaces are: they hang on a bridge, and that is all
        sections = self.sections(space, links)
        hangings = [hanging for section in sections for hanging in section.hangings]
        legs = {id(end.near) for hanging in hangings for end in hanging.links if not shows_more(end.near)}
        links = [link for link in links if id(link.near) not in legs]
        below = [hanging for hanging in hangings if self.claim(hanging.name, depth < _INSIDE)]
        joined = [link for link in links if self.stands_apart(link) and self.claim(link.far.namespace, depth < _BESIDE)]
        for hanging in below:
            hanging.place = self.place(hanging.name, depth + 1)
        beside = {}
        for link in joined:
            other = self.place(link.far.namespace, depth + 1)
            other.links.sort(key=lambda end: end.number != link.number)  # level with this end
            beside[link.number] = other
        return Place(space, sections, links, beside)

    def sections(self, space: Namespace, links: list[Link]) -> list[Section]:
        ports: dict[str, list[Link]] = {}
        for link in links:
            if link.near.port and not self.drawn[link.number]:
                ports.setdefault(link.near.port.bridge, []).append(link)
        uplinks: dict[str, list[Interface]] = {}
        for interface in (*space.interfaces, *space.devices):
            if interface.port:
                uplinks.setdefault(interface.port.bridge, []).append(interface)
        sections = []
        for bridge in space.bridges:
            hangings: list[Hanging] = []
            latest: dict[str, Hanging] = {}
            for link in ports.get(bridge.name, []):
                if self.drawn[link.number]:
                    continue  # both ends of the veth are in this namespace
                self.drawn[link.number] = 1
                hanging = latest.get(link.far.namespace)
                if hanging and len(hanging.links) == 1:
                    hanging.links.append(link)
                else:
                    hangings.append(Hanging([link]))
                    latest[link.far.namespace] = hangings[-1]
            sections.append(Section(bridge, hangings, uplinks.get(bridge.name, [])))
        return sections

    def claim(self, name: str, may_grow: bool) -> bool:
        """Take a namespace that nobody has yet into the tree, if that may grow any deeper."""
        if not may_grow or name in self.claimed:
            return False
        self.claimed.add(name)
        return True

    def stands_apart(self, link: Link) -> bool:
        """Whether a plain veth leads to a namespace that neither has ports nor hangs on a bridge."""
        if link.near.port or link.far.port or link.far.namespace in self.claimed:
            return False
        name = link.far.namespace
        if name not in self.apart:
            self.apart[name] = not any(other.near.port or other.far.port for other in self.links[name])
        return self.apart[name]
