"""Random CNI networks of `bridge` and `host-local` with some pods: a hypothesis strategy.

`networks()` gives configurations that the reference plugins carry out.  They are made so, not filtered: what makes the
reference fail is never drawn, and each place where that is so says why.  What is small and plain comes first, so
failures shrink well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hypothesis import strategies as st

from k8snet_scripts.addresses import WIDTH, Cidr, format_address, parse_cidr

Json = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]

MOST_PODS = 4
PODS = ("nginx", "web", "db.0", "frontend-7d4b9c6f5-x2x9z", "Cache_1", "a")
NAMES = ("mynet", "rkt.kubernetes.io", "a", "Net_1-b")
BRIDGES = ("mybridge", None, "br.7", "br-0", "abcdefghijklmno")
DATA_DIRS = (None, "/var/lib/cni/elsewhere")
MTUS = (None, 0, 1460, 1280, 1500, 9000)
SMALLEST_FOR_IPV6 = 1280

VERSIONS = (None, "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0")
_OLD = VERSIONS[:3]  # their results have one address of each family, and have to have one

_SUBNETS = {
    4: ("10.1.0.0", "10.22.0.0", "172.16.0.0", "172.31.0.0"),
    6: ("fd00:1::", "fd00:22::", "fdaa:8::", "fdbb:77::"),
}
_PREFIXES = {4: (24, 16, 28, 29, 30), 6: (64, 112, 120, 125, 126)}
_FAMILIES = ((4,), (6,), (4, 6), (6, 4), (6, 6), (4, 6, 6), ())
_FAMILIES_WITHOUT_GATEWAY = (*_FAMILIES, (4, 4), (6, 4, 4))
_DEFAULTS = {4: "0.0.0.0/0", 6: "::/0"}
_DESTINATIONS = ("192.168.5.0/24", "10.96.0.0/12", "198.51.100.7/32", "fd05::/48", "2001:db8:5::1/128")


@dataclass(frozen=True)
class Network:
    """A configuration, as the JSON of a `.conf` or a `.conflist` file, and the pods in the order of their ADDs."""

    configuration: Json
    pods: tuple[str, ...]

    @property
    def text(self) -> str:
        """The file's text."""
        return json.dumps(self.configuration, indent=1)

    @property
    def plugin(self) -> Json:
        """The configuration of the plugin `bridge`."""
        plugin: Json = self.configuration.get("plugins", [self.configuration])[0]
        return plugin

    @property
    def is_gateway(self) -> bool:
        """Whether the bridge is to have the gateways' addresses; without IPAM there are none."""
        flags = self.plugin.get("isGateway"), self.plugin.get("isDefaultGateway")
        return "ipam" in self.plugin and any(flags)

    @property
    def range_sets(self) -> list[list[Json]]:
        """The sets of ranges, the one in `ipam` itself first."""
        ipam = self.plugin.get("ipam", {})
        return [*([[ipam]] if "subnet" in ipam else []), *ipam.get("ranges", [])]

    @property
    def families(self) -> list[int]:
        """The family of each set of ranges, so of each address of a pod."""
        return [parse_cidr(ranges[0]["subnet"]).family for ranges in self.range_sets]

    @property
    def bridge(self) -> str:
        """The bridge's name."""
        return str(self.plugin.get("bridge", "cni0"))


@dataclass(frozen=True)
class Range:
    """Addresses of a subnet, by their distance from its beginning; None leaves a choice to the plugin."""

    subnet: Cidr
    gateway: int | None = None
    first: int | None = None
    last: int | None = None

    @property
    def highest(self) -> int:
        """The last address that is handed out if nothing else is said."""
        return _highest(self.subnet)

    @property
    def is_gateway_inside(self) -> bool:
        """Whether the gateway is in the subnet, so that routes can lead over it."""
        return self.gateway is None or self.gateway <= self.highest

    @property
    def first_addresses(self) -> list[int]:
        """The addresses of the first pods."""
        end = self.highest if self.last is None else self.last
        inside = (offset for offset in range(1 if self.first is None else self.first, end + 1))
        return list(islice((offset for offset in inside if offset != (self.gateway or 1)), MOST_PODS))

    def address(self, offset: int) -> str:
        """The address at a distance from the subnet's beginning."""
        return format_address(self.subnet.family, self.subnet.value + offset)

    def json(self) -> Json:
        """The keys of the configuration."""
        offsets = {"rangeStart": self.first, "rangeEnd": self.last, "gateway": self.gateway}
        ends = {key: self.address(offset) for key, offset in offsets.items() if offset is not None}
        return {"subnet": str(self.subnet), **ends}


RangeSet = tuple[Range, ...]


@st.composite
def networks(draw: Draw) -> Network:
    """Networks with one to four pods."""
    default, gateway, masquerade = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    # A second IPv4 network makes the bridge's address conflict with the first one's, without `forceAddress`.
    families = draw(st.sampled_from(_FAMILIES if gateway or default else _FAMILIES_WITHOUT_GATEWAY))
    places = {family: iter(draw(st.permutations(_SUBNETS[family]))) for family in _SUBNETS}
    is_alone, is_inside = gateway or default, default or draw(st.sampled_from((True, True, True, False)))
    sets = [_draw_set(draw, family, places[family], is_alone=is_alone, is_inside=is_inside) for family in families]
    most = min([MOST_PODS, *(sum(len(item.first_addresses) for item in ranges) for ranges in sets)])
    pods = tuple(draw(st.permutations(PODS))[: draw(st.integers(1, most))])
    routes = _draw_routes(draw, sets, is_default=default)
    plugin = {
        "type": "bridge",
        **_unless_none("bridge", draw(st.sampled_from(BRIDGES))),
        **_unless_none("mtu", draw(st.sampled_from(_mtus(families, routes)))),
        **_draw_flag(draw, "isGateway", gateway),
        **_draw_flag(draw, "isDefaultGateway", default),
        **_draw_flag(draw, "ipMasq", masquerade),
        **draw(st.sampled_from(({}, {"hairpinMode": True}, {"promiscMode": True}))),  # which exclude each other
        **({"ipam": _draw_ipam(draw, sets, routes)} if sets else {}),
    }
    is_expressible = sets and len(set(families)) == len(families)
    version = draw(st.sampled_from(VERSIONS if is_expressible else VERSIONS[len(_OLD) :]))
    head = {**_unless_none("cniVersion", version), "name": draw(st.sampled_from(NAMES))}
    is_list = version is not None and draw(st.booleans())
    return Network({**head, "plugins": [plugin]} if is_list else {**head, **plugin}, pods)


def _unless_none(key: str, value: object) -> Json:
    return {} if value is None else {key: value}


def _draw_flag(draw: Draw, key: str, value: bool) -> Json:
    """A flag; one that is not set may be left out."""
    return {key: value} if value or draw(st.booleans()) else {}


def _mtus(families: Sequence[int], routes: Sequence[Json]) -> tuple[int | None, ...]:
    """An interface with a small MTU has no IPv6."""
    is_ipv6 = 6 in families or any(":" in route["dst"] for route in routes)
    return MTUS if is_ipv6 else (*MTUS, SMALLEST_FOR_IPV6 - 1, 576)


# Ranges


def _highest(subnet: Cidr) -> int:
    size: int = 1 << WIDTH[subnet.family] - subnet.prefix
    return size - 2 if subnet.family == 4 else size - 1


def _draw_set(draw: Draw, family: int, places: Iterator[str], *, is_alone: bool, is_inside: bool) -> RangeSet:
    """One range, or two: halves of one subnet, which share a gateway, or of two subnets.

    With `is_alone` there is one IPv4 subnet only, since the bridge has one IPv4 address only.  With `is_inside` every
    gateway is in its subnet.
    """
    shape = draw(st.sampled_from(("one", "one", "halves", "two")))
    subnets = [parse_cidr(f"{place}/{draw(st.sampled_from(_PREFIXES[family]))}") for place in islice(places, 2)]
    if shape == "halves" and _highest(subnets[0]) >= 5:
        cut = draw(st.integers(2, min(6, _highest(subnets[0]) - 2)))
        gateway = draw(st.sampled_from((None, 1, _highest(subnets[0]))))
        return Range(subnets[0], gateway, last=cut), Range(subnets[0], gateway, first=cut + 1)
    if shape == "two" and not (family == 4 and is_alone):
        return tuple(_draw_range(draw, subnet, is_inside) for subnet in subnets)
    return (_draw_range(draw, subnets[0], is_inside),)


def _draw_range(draw: Draw, subnet: Cidr, is_inside: bool) -> Range:
    """A range with at least one address."""
    highest = _highest(subnet)
    first = draw(st.sampled_from([None, *_until(highest, 1, 2, 4, 9, 0)]))
    end = highest + 1 if subnet.family == 4 else highest
    last = draw(st.sampled_from([None, *_until(end, *((first or 1) + more for more in (0, 1, 2, 5)), end)]))
    gateway = draw(st.sampled_from([None, *_until(highest, 1, 2, 4, highest), *([] if is_inside else [end + 7])]))
    drawn = Range(subnet, gateway, first, last)
    return drawn if drawn.first_addresses else Range(subnet, gateway)


def _until(end: int, *offsets: int) -> list[int]:
    return [offset for offset in offsets if offset <= end]


def _draw_ipam(draw: Draw, sets: Sequence[RangeSet], routes: list[Json]) -> Json:
    """The object `ipam`: a first set of one range may stand in it without a list."""
    first, *others = [[item.json() for item in ranges] for ranges in sets]
    is_flat = len(first) == 1 and draw(st.booleans())
    lists = others if is_flat else [first, *others]
    return {
        "type": "host-local",
        **(first[0] if is_flat else {}),
        **({"ranges": lists} if lists else {}),
        **({"routes": routes} if routes or draw(st.booleans()) else {}),
        **_unless_none("dataDir", draw(st.sampled_from(DATA_DIRS))),
    }


# Routes


def _draw_routes(draw: Draw, sets: Sequence[RangeSet], *, is_default: bool) -> list[Json]:
    """Routes to different places, for two to one place are one too many for the kernel."""
    chosen = draw(st.lists(st.sampled_from((*_DEFAULTS.values(), *_DESTINATIONS)), max_size=3, unique=True))
    routes = []
    for destination in chosen:
        family = parse_cidr(destination).family
        own = [ranges for ranges in sets if ranges[0].subnet.family == family]
        hops: list[str | None] = [hop for ranges in own for hop in _next_hops(ranges)]
        is_added = is_default and own and destination == _DEFAULTS[family]
        if not is_added and all(item.is_gateway_inside for ranges in own for item in ranges):
            hops.insert(0, None)  # over the gateway; not what `isDefaultGateway` adds if no other way is given
        if hops:
            routes.append({"dst": destination, **_unless_none("gw", draw(st.sampled_from(hops)))})
    return routes


def _next_hops(ranges: RangeSet) -> list[str]:
    """Addresses that every pod reaches and none has: the gateway, and the highest one if it is not handed out first."""
    if len({item.subnet for item in ranges}) > 1:
        return []
    taken = {offset for item in ranges for offset in item.first_addresses}
    item = ranges[0]
    hops = [item.gateway or 1] if item.is_gateway_inside else []
    return [item.address(offset) for offset in dict.fromkeys((*hops, item.highest)) if offset not in taken]
