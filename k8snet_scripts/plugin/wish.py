"""The wish of a network and a new attachment: how the bridge is to be."""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.settings import Settings
from k8snet_scripts.values import NamedTuple


class Wish(NamedTuple):
    """`name` is that of the bridge's topology; None is for what is as it comes.

    A foreign bridge was made by somebody else.  It gets the addresses, and keeps its MTU and its MAC address.
    """

    name: str
    is_foreign: bool
    addresses: tuple[Cidr, ...]
    mtu: int | None
    lladdr: str | None
    promisc: bool
    settings: Settings
