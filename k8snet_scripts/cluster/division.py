"""Division: a network in equal parts that are given out in order, as kube-controller-manager gives nodes theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8snet_scripts.addresses import WIDTH, Cidr


def divide(network: Cidr, prefix: int, taken: Iterable[Cidr] = ()) -> Iterator[Cidr]:
    """The parts of a network that have this prefix length, from the first on, but for those in which anything is taken.

    With a prefix as long as an address, the parts are the single addresses.
    """
    family, value, _ = network
    size, end = 1 << WIDTH[family] - prefix, last(network)
    for low, high in sorted((other.value, last(other)) for other in taken if other.overlaps(network)):
        while value + size <= low:
            yield Cidr(family, value, prefix)
            value += size
        value = max(value, high - high % size + size)
    while value <= end:
        yield Cidr(family, value, prefix)
        value += size


def widen(network: Cidr, prefix: int, parts: int) -> Cidr:
    """The smallest network that has this one, and that many parts with a prefix length, in it."""
    longest = max(0, prefix - (parts - 1).bit_length())
    return Cidr(network.family, network.value, min(network.prefix, longest)).network


def last(network: Cidr) -> int:
    """The value of the last address in a network."""
    return network.value | (1 << WIDTH[network.family] - network.prefix) - 1


def ordinary(network: Cidr) -> range:
    """The values that an interface in the network can have, the first for a gateway: neither network nor broadcast."""
    if network.prefix > WIDTH[network.family] - 2:
        return range(network.value, last(network) + 1)
    return range(network.value + 1, last(network) + (0 if network.family == 4 else 1))


def pick(network: Cidr, place: int) -> Cidr:
    """The ordinary address at a place, counted from 0, with the prefix length of its network."""
    return Cidr(network.family, ordinary(network)[place], network.prefix)
