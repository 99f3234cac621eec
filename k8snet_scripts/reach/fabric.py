"""Who reaches whom: a TCP connection followed through the model, there and back, by the rules of Linux.

A connection counts when its first segment arrives somewhere and the answer comes back to the sender, whatever the port.
A packet goes from namespace to namespace: local delivery, forwarding, route, masquerade, and then whoever on the
segment answers for the next hop (IPv4: any namespace that has the address; IPv6: an interface that has it).  Where the
model does not decide the outcome, such as the host's own routes, the verdict is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from k8snet_scripts.addresses import format_address
from k8snet_scripts.reach.neighbours import Neighbours
from k8snet_scripts.reach.routing import Choice, Hop, Routing, Routings
from k8snet_scripts.reach.switching import Station, Switching
from k8snet_scripts.reach.tunnels import Tunnels
from k8snet_scripts.rules.options import PROBED_PORT
from k8snet_scripts.topology import Topology, Vxlan

MOST_HOPS = 64
"""The hops after which a packet is dropped: the time to live that Linux gives it."""


_LOWEST = "the address is the lowest of a network that"


class Verdict(Enum):
    """What becomes of a connection."""

    REACHES = "reaches"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Cause(Enum):
    """The kinds of reasons for a verdict."""

    DELIVERED = "delivered"
    NO_ROUTE = "no route"
    REFUSING_ROUTE = "a route that refuses"
    BROADCAST = "a broadcast address"
    NO_FORWARDING = "no forwarding"
    NO_NEIGHBOUR = "nobody on the segment has the address"
    NO_PASSAGE = "ports or VLANs keep them apart"
    OWN_SOURCE = "the source address is taken for one's own"
    NO_SOURCE = "no source address"
    ASTRAY = "the answer goes to somebody else"
    LOOP = "a routing loop"
    UNDECIDED = "not decided by the model"


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of a connection, why, and which namespaces it touched.

    `landing` is where it arrived, `routers` the namespaces that passed it on; both are of the way there.  It was sent
    from the address `own` and arrived from `seen`, unless the sender may choose among several.
    """

    verdict: Verdict
    cause: Cause
    why: str
    landing: str | None = None
    routers: tuple[str, ...] = ()
    own: int | None = None
    seen: int | None = None


@dataclass(slots=True)
class _Packet:
    """A packet under way.

    `arrival` is the station it came in by, `stations` are those it left by; `passed_on` is false where it was made.
    `changed` says where its source was masqueraded, and from what; `doubt` what may yet stop it.
    """

    family: int
    source: int
    target: int
    namespace: str
    arrival: Station | None = None
    passed_on: bool = False
    routers: list[str] = field(default_factory=list)
    stations: list[Station] = field(default_factory=list)
    changed: list[tuple[str, int]] = field(default_factory=list)
    doubt: str | None = None


class _Dropped(Exception):
    """The packet ends here, or nobody can tell."""

    def __init__(self, cause: Cause, why: str) -> None:
        super().__init__(why)
        self.cause = cause
        self.why = why


def predict(topology: Topology) -> Fabric:
    """The answers for a topology that `check_topology` found nothing wrong with.  Indexes; follows no packet yet."""
    return Fabric(topology)


class Fabric:
    """A topology that can be asked who reaches whom."""

    def __init__(self, topology: Topology) -> None:
        self.switching = Switching(topology)
        self.routings = Routings(topology, self.switching)
        self.neighbours = Neighbours(topology, self.switching, self.routings)
        self.tunnels = Tunnels(topology, self.switching, self.routings)
        self._redirecting = set(_find_redirecting(topology))

    def verdict(self, source: str, family: int, value: int) -> tuple[Verdict, str]:
        """What becomes of a connection from a namespace to an address, and why in a few words."""
        answer = self.follow(source, family, value)
        return answer.verdict, answer.why

    def follow(self, source: str, family: int, value: int) -> Answer:
        """What becomes of a connection from a namespace to an address, in full."""
        routing = self.routings[source]
        if routing.is_local(family, value):
            return Answer(Verdict.REACHES, Cause.DELIVERED, f"an address of {source} itself", source)
        try:
            hop = self._choose(routing, family, value).hop
            candidates = routing.sources(family, hop, value)
        except _Dropped as dropped:
            return _answer(dropped)
        if not candidates:
            return Answer(Verdict.UNKNOWN, Cause.NO_SOURCE, f"{source} has no IPv{family} address to send from")
        answers = [self._round_trip(source, family, own, value) for own in candidates]
        if len({answer.verdict for answer in answers}) > 1:
            return Answer(Verdict.UNKNOWN, Cause.UNDECIDED, f"{source} may choose one source address or another")
        return answers[0] if len(answers) == 1 else replace(answers[0], own=None, seen=None)

    def _round_trip(self, source: str, family: int, own: int, value: int) -> Answer:
        there = _Packet(family, own, value, source)
        if self.routings[source].is_lowest(family, value):
            return Answer(Verdict.UNKNOWN, Cause.UNDECIDED, f"{_LOWEST} {source} is on")
        try:
            self._carry(there)
            if there.namespace in self._redirecting:
                raise _Dropped(Cause.UNDECIDED, f"{there.namespace} has published port {PROBED_PORT}")
        except _Dropped as dropped:
            return _answer(dropped, there)
        if self.routings[there.namespace].is_lowest(family, value):
            return Answer(Verdict.UNKNOWN, Cause.UNDECIDED, f"{_LOWEST} {there.namespace} is on", there.namespace)
        landing, seen = there.namespace, there.source
        try:
            doubt = self._answer_back(there, source, own)
        except _Dropped as dropped:
            dropped.why = f"no answer comes back: {dropped.why}"
            return _answer(dropped, there)
        if doubt:
            return Answer(Verdict.UNKNOWN, Cause.UNDECIDED, doubt, landing, tuple(there.routers))
        why = self._describe(there, masqueraded=seen != own)
        return Answer(Verdict.REACHES, Cause.DELIVERED, why, landing, tuple(there.routers), own, seen)

    def _land(self, namespace: str, family: int, own: int | None, target: int) -> str | None:
        """Where a packet surely lands, if anywhere: from the address `own` of a namespace, or one Linux chooses."""
        if own is None:
            answer = self.follow(namespace, family, target)
        elif self.routings[namespace].has(family, own):
            answer = self._round_trip(namespace, family, own, target)
        else:
            return None
        return answer.landing if answer.verdict is Verdict.REACHES else None

    def _answer_back(self, there: _Packet, source: str, own: int) -> str | None:
        """Carry the answer to where the packet came from; what leaves its arrival in doubt, if anything does."""
        doubt = there.doubt
        back = _Packet(there.family, there.target, there.source, there.namespace)
        for namespace, original in reversed([(source, own), *there.changed]):
            self._carry(back)
            doubt = doubt or back.doubt
            if back.namespace != namespace:
                address = format_address(back.family, back.target)
                raise _Dropped(Cause.ASTRAY, f"{back.namespace} takes what is sent to {address}")
            back = _Packet(back.family, back.source, original, namespace, passed_on=True)
        return doubt

    def _carry(self, packet: _Packet) -> None:
        """Move a packet to the namespace that takes it.  Raises `_Dropped` when none does."""
        family, target = packet.family, packet.target
        for _ in range(MOST_HOPS):
            routing = self.routings[packet.namespace]
            if routing.is_unsettled(family):
                raise _Dropped(Cause.UNDECIDED, f"sysctls of {packet.namespace} change the rules")
            if packet.arrival:
                self._accept(packet, routing)
            if routing.is_local(family, target):
                return
            if packet.passed_on:
                self._may_forward(packet, routing)
            packet.passed_on = True
            choice = self._choose(routing, family, target)
            self._masquerade(packet, routing, choice.hop)
            self._cross(packet, choice)
        raise _Dropped(Cause.LOOP, f"the routes to {format_address(family, target)} go in circles")

    def _accept(self, packet: _Packet, routing: Routing) -> None:
        """IPv4 refuses a packet from an address of its own, and perhaps one whose sender it has no way back to."""
        if packet.family == 6:
            return
        if routing.has(4, packet.source) or routing.is_broadcast(4, packet.source):
            why = f"{packet.namespace} takes {format_address(4, packet.source)} for an address of its own"
            raise _Dropped(Cause.OWN_SOURCE, why)
        back = routing.choose(4, packet.source)
        if back is None or back.hop.kind != "unicast":
            packet.doubt = f"{packet.namespace} has no route to the sender, which its reverse path filter may mind"
        elif routing.is_strict and back.hop.station is not packet.arrival:
            packet.doubt = f"the reverse path filter of {packet.namespace} is strict"

    def _may_forward(self, packet: _Packet, routing: Routing) -> None:
        forwards = routing.forwards(packet.family)
        if forwards is None:
            raise _Dropped(Cause.UNDECIDED, f"whether {packet.namespace} forwards is not said")
        if not forwards:
            raise _Dropped(Cause.NO_FORWARDING, f"{packet.namespace} does not forward")
        packet.routers.append(packet.namespace)

    def _choose(self, routing: Routing, family: int, target: int) -> Choice:
        """The route out of a namespace.  Raises `_Dropped` when there is none, or none that the model knows."""
        name, address = routing.namespace.name, format_address(family, target)
        if routing.is_broadcast(family, target):
            raise _Dropped(Cause.BROADCAST, f"{address} is a broadcast address in {name}")
        if routing.is_first(family, target):
            raise _Dropped(Cause.UNDECIDED, f"before Linux 5.14, {address} is a broadcast address in {name}")
        choice = routing.choose(family, target)
        if choice is None:
            raise _Dropped(Cause.UNDECIDED if routing.is_open else Cause.NO_ROUTE, f"no route to {address} in {name}")
        if choice.tied:
            raise _Dropped(Cause.UNDECIDED, f"{name} has two equal routes to {address}")
        if choice.hop.kind != "unicast":
            raise _Dropped(Cause.REFUSING_ROUTE, f"{name} has a route of type {choice.hop.kind} to {address}")
        station = choice.hop.station
        if station is None or station.attachment is None and not isinstance(station.interface, Vxlan):
            raise _Dropped(Cause.UNDECIDED, f"{name} sends to {address} by a wire that the topology does not know")
        return choice

    def _masquerade(self, packet: _Packet, routing: Routing, hop: Hop) -> None:
        if not routing.masquerades(packet.family, packet.source, packet.target):
            return
        candidates = routing.masquerade_sources(packet.family, hop, packet.target)
        if len(candidates) != 1:
            raise _Dropped(Cause.UNDECIDED, f"{packet.namespace} masquerades with an address that cannot be foretold")
        if candidates[0] != packet.source:
            packet.changed.append((packet.namespace, packet.source))
            packet.source = candidates[0]

    def _cross(self, packet: _Packet, choice: Choice) -> None:
        """Hand a packet to whoever answers for the next hop.  Raises `_Dropped` when nobody does."""
        family, leaving = packet.family, choice.hop.station
        assert leaving is not None
        next_hop = packet.target if choice.hop.via is None else choice.hop.via
        where, address = self.switching.describe(leaving), format_address(family, next_hop)
        if isinstance(leaving.interface, Vxlan):
            found = self.tunnels.find(leaving, family, next_hop, self._land)
        else:
            found = self.neighbours.find(leaving, family, next_hop)
        if found.is_uncertain:
            raise _Dropped(Cause.UNDECIDED, f"who answers for {address} on {where} cannot be foretold")
        if found.station is None:
            if family == 6 and choice.fallback and choice.hop.via is not None:
                raise _Dropped(Cause.UNDECIDED, f"another route may be taken when {address} does not answer")
            if found.is_kept_apart:
                raise _Dropped(Cause.NO_PASSAGE, f"on {where} no frames pass to {address}")
            raise _Dropped(Cause.NO_NEIGHBOUR, f"nobody on {where} answers for {address}")
        for home in self.switching.bystanders(leaving, found.station):
            if self.routings[home].masquerades(family, packet.source, packet.target):
                why = f"{home} masquerades what its bridges pass on, if the kernel shows it to nft"
                raise _Dropped(Cause.UNDECIDED, why)
        if packet.arrival is leaving and not self.switching.connects(packet.stations[-1], found.station, family):
            why = f"{packet.namespace} redirects the sender to {address}, to where its frames may not pass"
            raise _Dropped(Cause.UNDECIDED, why)
        packet.stations.append(leaving)
        packet.namespace, packet.arrival = found.station.namespace, found.station

    def _describe(self, packet: _Packet, masqueraded: bool) -> str:
        words = f"same {self.switching.describe(packet.stations[0])}"
        if packet.routers:
            words = f"through router{'s' if len(packet.routers) > 1 else ''} {', '.join(packet.routers)}"
        return f"{words}, masqueraded" if masqueraded else words


def _find_redirecting(topology: Topology) -> Iterator[str]:
    """The namespaces that hand on what is sent to that port: who it reaches says nothing about its way to others."""
    ports = [(item.name, forward.publication) for item in topology.everywhere() for forward in item.forwards]
    for veth in topology.veths:
        if veth.inner.publications or veth.outer.publications:
            ports += [(veth.outer.namespace, publication) for publication in veth.inner.publications]
            ports += [(veth.inner.namespace, publication) for publication in veth.outer.publications]
    return (name for name, port in ports if (port.protocol, port.port) == ("tcp", PROBED_PORT))


def _answer(dropped: _Dropped, packet: _Packet | None = None) -> Answer:
    verdict = Verdict.UNKNOWN if dropped.cause is Cause.UNDECIDED else Verdict.BLOCKED
    return Answer(verdict, dropped.cause, dropped.why, None, tuple(packet.routers) if packet else ())
