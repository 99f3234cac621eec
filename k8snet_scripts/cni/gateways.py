"""Gateways: the addresses that a bridge has after a pod was attached."""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class AddressConflict(Exception):
    """The bridge has an address that excludes the gateway's."""

    def __init__(self, present: Cidr, wanted: Cidr) -> None:
        super().__init__(f"already has an IP address different from {wanted}")
        self.present = present
        self.wanted = wanted


def place_gateways(present: Iterable[Cidr], wanted: Iterable[Cidr], *, force: bool) -> tuple[Cidr, ...]:
    """The addresses of a bridge, which has some already, after the gateways were added one by one.

    A second IPv4 address, or an IPv6 one in a network that overlaps, takes the place of the other one by `force`.
    Raises `AddressConflict` else.
    """
    addresses = list(present)
    for gateway in wanted:
        if gateway in addresses:
            continue
        for other in list(addresses):
            if other.family == gateway.family and (gateway.family == 4 or other.network.overlaps(gateway.network)):
                if not force:
                    raise AddressConflict(other, gateway)
                addresses.remove(other)
        addresses.append(gateway)
    return tuple(addresses)
