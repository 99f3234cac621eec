"""Ranges: the addresses that `host-local` hands out, with the defaults that the reference gives them."""

from __future__ import annotations

from k8snet_scripts.addresses import WIDTH, Cidr, format_address
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple, Value

if TYPE_CHECKING:
    from typing import TypeAlias

    from k8snet_scripts.filtering import Path


class Address(NamedTuple):
    """An address without a prefix length; addresses of one family are ordered."""

    family: int
    value: int

    def within(self, prefix: int) -> Cidr:
        """The same address with a prefix length."""
        return Cidr(self.family, self.value, prefix)

    @property
    def host(self) -> Cidr:
        """The same address as a network of its own, /32 or /128."""
        return self.within(WIDTH[self.family])

    def __str__(self) -> str:
        return format_address(self.family, self.value)


class AddressRange(Value):
    """The addresses of `subnet` from `first` to `last`, both included; `gateway` may be one of them and is left out."""

    subnet: Cidr
    first: Address
    last: Address
    gateway: Address
    path: Path = ()

    @property
    def family(self) -> int:
        """4 or 6."""
        return self.subnet.family

    def contains(self, address: Address) -> bool:
        """Whether an address lies between the ends; so may the gateway."""
        return self.first <= address <= self.last

    def overlaps(self, other: AddressRange) -> bool:
        """Whether two ranges share an address."""
        return self.first <= other.last and other.first <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


RangeSet: TypeAlias = tuple[AddressRange, ...]
"""Ranges of one family that are used one after another; a pod gets one address from each set."""


class Lease(NamedTuple):
    """An address that a pod gets, with the prefix length of its subnet, and the gateway there."""

    address: Cidr
    gateway: Address | None


def show_range_set(ranges: RangeSet) -> str:
    """The ranges of a set, `10.1.0.1-10.1.0.254,10.2.0.1-10.2.0.254`."""
    return ",".join(map(str, ranges))


def make_range(
    subnet: Cidr,
    first: Address | None = None,
    last: Address | None = None,
    gateway: Address | None = None,
    path: Path = (),
) -> AddressRange:
    """A range with the reference's defaults for what is None.

    The gateway and the first address are the one after the network's own; the last one is that before the broadcast
    address, or in IPv6 the last of the subnet.  Raises `Refused`, whose `key` is that of the configuration: a subnet
    without room for two hosts, an end outside the subnet, ends the wrong way round, a gateway of the other family.
    """
    width = WIDTH[subnet.family]
    if subnet.prefix > width - 2:
        help = f"write a subnet of four addresses or more, `/{width - 2}` at the most"
        raise Refused("bad-ip-range", f"`{subnet}` is too small to hand out addresses from", help, key="subnet")
    for key, address in (("rangeStart", first), ("rangeEnd", last)):
        if address is not None and not subnet.contains(*address):
            raise Refused(
                "bad-ip-range", f"`{address}` is not in `{subnet}`", f"write an address of `{subnet}`", key=key
            )
    if gateway is not None and gateway.family != subnet.family:
        help = f"write an IPv{subnet.family} address"
        raise Refused("bad-address", f"the gateway `{gateway}` is not of the family of `{subnet}`", help, key="gateway")
    after = Address(subnet.family, subnet.value + 1)
    highest = subnet.value + (1 << width - subnet.prefix) - 1
    first, given = first or after, last
    last = last or Address(subnet.family, highest - 1 if subnet.family == 4 else highest)
    if last < first:
        message, help = (
            f"the range begins at `{first}` and ends before, at `{last}`",
            "let it end where it begins, or later",
        )
        raise Refused("bad-ip-range", message, help, key="rangeEnd" if given else "rangeStart")
    return AddressRange(subnet, first, last, gateway or after, path)
