"""Addressing: who hands out the addresses of a network, and what comes with them.

As in `configuration`, everything is a frozen dataclass with the reference's defaults filled in, and `path` is where in
the file a thing was said.
"""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.ranges import Address, RangeSet
from k8snet_scripts.values import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from typing import TypeAlias

    from k8snet_scripts.filtering import Path

DEFAULT_DATA_DIR = "/var/lib/cni/networks"


class Dns(Value):
    """What a result says about name resolution; runtimes write it into the pod's resolv.conf."""

    nameservers: tuple[str, ...] = ()
    domain: str = ""
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return self != NO_DNS


NO_DNS = Dns()


class IpamRoute(Value):
    """A route for each pod.  Without `gw` it leads to the first gateway of its family."""

    dst: Cidr
    gw: Address | None = None
    priority: int | None = None  # the metric
    table: int | None = None
    path: Path = ()


class HostLocal(Value):
    """IPAM from ranges, one address from each set; what is handed out is recorded in files below `data_dir`."""

    range_sets: tuple[RangeSet, ...]
    routes: tuple[IpamRoute, ...] = ()
    data_dir: str = DEFAULT_DATA_DIR
    resolv_conf: str = ""  # a file whose content becomes the DNS settings of the result
    path: Path = ()

    @property
    def families(self) -> frozenset[int]:
        """The families that a pod gets addresses of."""
        return frozenset(ranges[0].family for ranges in self.range_sets)


class StaticAddress(Value):
    """An address with its prefix length, and the gateway of its network."""

    address: Cidr
    gateway: Address | None = None
    path: Path = ()


class StaticIpam(Value):
    """IPAM that gives every pod the same addresses."""

    addresses: tuple[StaticAddress, ...] = ()
    routes: tuple[IpamRoute, ...] = ()
    dns: Dns = NO_DNS
    path: Path = ()

    @property
    def families(self) -> frozenset[int]:
        """The families that a pod gets addresses of."""
        return frozenset(item.address.family for item in self.addresses)


class DelegatedIpam(Value):
    """IPAM by another plugin's executable, of which no more than the name is known."""

    type: str
    path: Path = ()


Ipam: TypeAlias = HostLocal | StaticIpam | DelegatedIpam
