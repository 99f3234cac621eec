"""The probes of verify.sh: which connections are tried, and whether each must succeed or must not.

Where they are few it is every namespace to every address of every other.  Otherwise it is a sample: candidates are
drawn in turn from each segment, across segments, through each router, to and from the host, and around a ring of all
namespaces; of those the ones that show something new come first.  What the model does not decide is not tried.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd
from typing import NamedTuple

from k8snet_scripts.addresses import WIDTH, Cidr, format_address, is_link_local, mask
from k8snet_scripts.reach.fabric import Answer, Cause, Fabric, Verdict, predict
from k8snet_scripts.topology import HOST, End, Interface, Topology

_POOL = 4
"""How many candidates are followed for each that may be chosen."""

_FEW = 4
"""How many members of a segment, and segments of a router, candidates are drawn from."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A TCP connection from a namespace (or HOST) to an address of `target`, and why it must succeed or must not.

    Addresses are canonical, without a prefix length; `family` is 4 or 6.  `seen` is the address by which the target
    sees the source, if that is settled, and `is_altered` says that it is not the source's own.
    """

    source: str
    target: str
    address: str
    family: int
    expected: bool
    why: str
    seen: str | None = None
    is_altered: bool = False


@dataclass(frozen=True, slots=True)
class _Pair:
    """A source, and an address of another namespace."""

    source: str
    target: str
    family: int
    value: int


class _Member(NamedTuple):
    """Who is on a segment, with which addresses."""

    namespace: str
    addresses: tuple[Cidr, ...]


@dataclass(slots=True)
class _Sites:
    """What candidates are drawn from: the namespaces with their addresses, and a few first members of each segment."""

    addresses: dict[str, list[Cidr]]
    segments: list[list[_Member]] = field(default_factory=list)
    segments_of: dict[str, list[list[_Member]]] = field(default_factory=dict)


def choose_probes(topology: Topology, limit: int = 240, few: int = 360) -> tuple[tuple[Probe, ...], str]:
    """The probes, ordered by source and target as declared, and a sentence that says what they cover.

    They are all that can be made if these are `few`, else at most `limit`.
    """
    fabric = predict(topology)
    sites = _find_sites(topology)
    count = sum(len(own) for own in sites.addresses.values())
    total = sum(count - len(own) for own in sites.addresses.values())
    if total <= max(limit, few):
        followed = list(_follow(fabric, _every_pair(sites)))
        return _probes(sites, followed), _describe_all(total, len(followed))
    pool = _take(_follow(fabric, _draw(sites)), _POOL * limit)
    chosen = _most_telling(pool, limit)
    return _probes(sites, chosen), _describe_sample(sites, chosen, total)


def _find_sites(topology: Topology) -> _Sites:
    """Every address, and who is on which segment; one pass over the topology."""
    sites = _Sites({namespace.name: list(namespace.addresses) for namespace in topology.everywhere()})
    segments: dict[Hashable, list[_Member]] = {}

    def add(key: Hashable, namespace: str, interface: Interface) -> None:
        sites.addresses[namespace] += interface.addresses
        segment = segments.setdefault(key, [])
        if len(segment) < _FEW:
            segment.append(_Member(namespace, interface.addresses))
        mine = sites.segments_of.setdefault(namespace, [])
        if len(mine) < _FEW and not any(known is segment for known in mine):
            mine.append(segment)

    for namespace in topology.everywhere():
        for bridge in namespace.bridges:
            add((namespace.name, bridge.name, bridge.vlans and bridge.vlans.untagged, False), namespace.name, bridge)
        for interface in (*namespace.interfaces, *namespace.vxlans):
            add((namespace.name, interface.name), namespace.name, interface)
        for macvlan in namespace.macvlans:
            add((macvlan.parent_namespace or namespace.name, macvlan.parent), namespace.name, macvlan)
    for number, veth in enumerate(topology.veths):
        for end, peer in ((veth.inner, veth.outer), (veth.outer, veth.inner)):
            if end.port is None:
                add(_segment_key(peer, number), end.namespace, end)
    sites.addresses = {name: list(dict.fromkeys(own)) if len(own) > 1 else own for name, own in sites.addresses.items()}
    sites.segments = list(segments.values())
    return sites


def _segment_key(peer: End, number: int) -> Hashable:
    """What the stations behind ports of one bridge have in common if they are treated alike."""
    port = peer.port
    if port is None:
        return number
    return peer.namespace, port.bridge, port.vlans and port.vlans.untagged, ("isolated", "on") in port.options


def _every_pair(sites: _Sites) -> Iterator[_Pair]:
    for source in sites.addresses:
        for target, addresses in sites.addresses.items():
            if source != target:
                yield from _pairs(source, target, addresses)


def _pairs(source: str, target: str, addresses: Iterable[Cidr]) -> Iterator[_Pair]:
    for own in addresses:
        if _is_probed(own):
            yield _Pair(source, target, own.family, own.value)


def _is_probed(own: Cidr) -> bool:
    """Whether anybody may try an address: it is not one of a link, of `lo` itself, or of a network as a whole."""
    if is_link_local(own.family, own.value) or Cidr(4, 127 << 24, 8).contains(own.family, own.value):
        return False
    return own.prefix > WIDTH[own.family] - 2 or own.value & ~mask(own.family, own.prefix) != 0


def _draw(sites: _Sites) -> Iterator[_Pair]:
    """Candidates of every sort in turn, each once."""
    sorts = [_within(sites), _across(sites), _through_routers(sites), _with_host(sites), _around(sites)]
    drawn: set[_Pair] = set()
    while sorts:
        for sort in list(sorts):
            pair = next(sort, None)
            if pair is None:
                sorts.remove(sort)
            elif pair not in drawn:
                drawn.add(pair)
                yield pair


def _within(sites: _Sites) -> Iterator[_Pair]:
    """Neighbours on one segment."""
    for index in _spread(len(sites.segments)):
        for one, other in pairwise(sites.segments[index]):
            yield from _both_ways(one, other)


def _across(sites: _Sites) -> Iterator[_Pair]:
    """From each segment to the next, and to one far away."""
    segments = sites.segments
    for distance in dict.fromkeys((1, len(segments) // 2)):
        for index in _spread(len(segments)):
            yield from _both_ways(segments[index][-1], segments[(index + distance) % len(segments)][0])


def _through_routers(sites: _Sites) -> Iterator[_Pair]:
    """Between the neighbours that a namespace has on two of its segments, whether or not it forwards."""
    routers = [name for name, segments in sites.segments_of.items() if len(segments) > 1]
    for index in _spread(len(routers)):
        name = routers[index]
        for one, other in pairwise(sites.segments_of[name]):
            here = next((member for member in one if member.namespace != name), None)
            there = next((member for member in other if member.namespace != name), None)
            if here and there:
                yield from _both_ways(here, there)


def _with_host(sites: _Sites) -> Iterator[_Pair]:
    names = list(sites.addresses)
    for index in _spread(len(names)):
        if names[index] != HOST:
            yield from _pairs(HOST, names[index], sites.addresses[names[index]][:1])
            yield from _pairs(names[index], HOST, sites.addresses[HOST][:_FEW])


def _around(sites: _Sites) -> Iterator[_Pair]:
    """From each namespace to another one that has addresses: to one of the next, or one far away, in turn."""
    names = list(sites.addresses)
    targets = [name for name in names if sites.addresses[name]]
    places = {name: place for place, name in enumerate(targets)}
    place = 0
    following = []
    for name in names:
        place = places.get(name, place - 1) + 1
        following.append(place)
    far = [sign * (len(targets) // part) for part in (2, 3, 5, 7) for sign in (1, -1)]
    distances = [0, *far[::2], 1, *far[1::2], 2, 3]
    for turn in range(len(distances)):
        for number, index in enumerate(_spread(len(names))):
            distance = distances[(number + turn) % len(distances)]
            target = targets[(following[index] + distance) % len(targets)] if targets else names[index]
            if target != names[index]:
                yield from _pairs(names[index], target, sites.addresses[target])


def _both_ways(one: _Member, other: _Member) -> Iterator[_Pair]:
    if one.namespace != other.namespace:
        yield from _pairs(one.namespace, other.namespace, other.addresses)
        yield from _pairs(other.namespace, one.namespace, one.addresses)


def _spread(count: int) -> Iterator[int]:
    """All indices below `count`, so ordered that the first few are far apart."""
    stride = max(1, round(count * 0.618))
    while gcd(stride, count) > 1:
        stride += 1
    return (index * stride % count for index in range(count))


def _take(followed: Iterable[tuple[_Pair, Answer]], most: int) -> list[tuple[_Pair, Answer]]:
    return [found for found, _ in zip(followed, range(most))]


def _follow(fabric: Fabric, pairs: Iterable[_Pair]) -> Iterator[tuple[_Pair, Answer]]:
    """The pairs whose outcome is known, with it; one that ends up somewhere else proves nothing and is left out."""
    for pair in pairs:
        answer = fabric.follow(pair.source, pair.family, pair.value)
        if answer.verdict is Verdict.BLOCKED or (answer.verdict is Verdict.REACHES and answer.landing == pair.target):
            yield pair, answer


def _most_telling(pool: list[tuple[_Pair, Answer]], limit: int) -> list[tuple[_Pair, Answer]]:
    """At most `limit` of the pool: first those with a new kind of outcome, then those with most that is new."""
    chosen: dict[int, None] = {}
    seen: set[Hashable] = {None}
    for news in (0, 3, 2, 1):
        for index, (pair, answer) in enumerate(pool):
            if len(chosen) == limit:
                break
            sights = {_place(pair, answer), ("source", pair.source), ("target", pair.target)}
            outcome = (pair.family, answer.cause)
            if len(sights - seen) >= news if news else outcome not in seen:
                chosen[index] = None
                seen |= sights | {outcome}
    rest = (index for index in range(len(pool)) if index not in chosen)
    return [pool[index] for index in [*chosen, *rest][:limit]]


def _place(pair: _Pair, answer: Answer) -> Hashable:
    """The segment or the routers in question: the words of the answer name them."""
    return (pair.family, answer.why) if answer.cause in (Cause.DELIVERED, Cause.NO_FORWARDING) else None


def _probes(sites: _Sites, followed: Iterable[tuple[_Pair, Answer]]) -> tuple[Probe, ...]:
    order = {name: place for place, name in enumerate(sites.addresses)}
    return tuple(
        Probe(
            pair.source,
            pair.target,
            format_address(pair.family, pair.value),
            pair.family,
            answer.verdict is Verdict.REACHES,
            answer.why,
            None if answer.seen is None else format_address(pair.family, answer.seen),
            answer.seen != answer.own,
        )
        for pair, answer in sorted(followed, key=lambda found: (order[found[0].source], order[found[0].target]))
    )


def _describe_all(total: int, tried: int) -> str:
    if not total:
        return "no namespace has an address that another one could try"
    words = f"every namespace to every address of every other one: {tried} of {total} pairs"
    return words if tried == total else f"{words}, the others being decided outside the topology"


def _describe_sample(sites: _Sites, chosen: list[tuple[_Pair, Answer]], total: int) -> str:
    sources = len({pair.source for pair, _ in chosen})
    targets = len({pair.target for pair, _ in chosen})
    ways = len({_place(*found) for found in chosen if found[1].verdict is Verdict.REACHES})
    kinds = len({answer.cause for _, answer in chosen if answer.verdict is Verdict.BLOCKED})
    with_address = sum(1 for own in sites.addresses.values() if own)
    return (
        f"a sample of {len(chosen)} of {total} pairs: {sources} of {len(sites.addresses)} namespaces as source, "
        f"{targets} of {with_address} as target, over {ways} segments and routes, with {kinds} kinds of unreachability"
    )
