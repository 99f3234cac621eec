"""The model: what a network of namespaces, bridges and veth pairs is, whatever notation described it.

Frozen dataclasses, built by a frontend or by hand, and checked by `check_topology`.  Order is that of scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from k8snet_scripts.addresses import VXLAN_OVERHEAD, Cidr
from k8snet_scripts.filtering import Admission, Forward, Isolation, Masquerade, Path, Publication
from k8snet_scripts.rates import Rate
from k8snet_scripts.records import Record

HOST = "host"
"""The name, everywhere, of the namespace that a script is started in.  No other namespace can be called that."""

DEFAULT_METRIC = {4: 0, 6: 1024}
"""The metric that the kernel gives a route which names none, by family."""

VXLAN_PORT = 4789
"""The UDP port of VXLAN where nothing is said; Linux by itself would take 8472."""

FLOODED = "00:00:00:00:00:00"
"""The link-layer address under which the kernel has FDB entries for frames that no other entry is for."""

MACVLAN_MODES = ("bridge", "private", "vepa", "passthru")
"""What becomes of frames between the macvlans of one parent; one that is passed through is alone there."""

ROLES = ("node", "pod")
"""What a namespace can stand for in a cluster of Kubernetes."""


@dataclass(frozen=True, slots=True)
class Route:
    """`ip route add TO via VIA [dev DEV]`; `to` is None for the default route of `family`.

    On an end or a bridge `dev` is that interface; on a namespace it may stay empty: the kernel takes the interface
    whose network holds `via`.
    """

    family: int
    to: Cidr | None
    via: str | None = None  # canonical address
    dev: str | None = None
    src: str | None = None
    metric: int | None = None
    table: int | None = None
    onlink: bool = False
    kind: str = "unicast"  # unicast, blackhole, unreachable or prohibit
    path: Path = ()
    scope: str | None = None  # host, where that is not left to the kernel; for IPv4 only
    prepend: bool = False  # before what others have for the same destination, instead of failing because of it


@dataclass(frozen=True, slots=True)
class Vlans:
    """The 802.1Q memberships of a bridge port (or of the bridge itself) on a bridge with `vlan_filtering`."""

    untagged: int | None = None  # the PVID: what arrives untagged belongs to it, and it leaves untagged
    tagged: tuple[int, ...] = ()
    leaving: tuple[int, ...] = ()  # leave untagged as well, though nothing that arrives untagged belongs to them


UNTAGGED = Vlans(untagged=1)
"""What a port of a filtering bridge belongs to where nothing is said, as in the kernel."""


@dataclass(frozen=True, slots=True)
class Port:
    """What makes an interface a port of `bridge`, in its own namespace.  Options in iproute2's words and values."""

    bridge: str
    options: tuple[tuple[str, str], ...] = ()  # ("hairpin", "on"), ("cost", "4")
    vlans: Vlans | None = None
    only_from: str | None = None  # the link-layer address that everything has to come from
    path: Path = ()  # where the bridge is named


@dataclass(frozen=True, slots=True)
class Interface:
    """What every kind of interface has.

    `external` is for one that exists already: used, never made or deleted.  Where it is `configured` its addresses are
    there already, too: needed, and neither added nor removed.
    """

    name: str
    addresses: tuple[Cidr, ...] = ()
    routes: tuple[Route, ...] = ()
    mtu: int | None = None
    lladdr: str | None = None
    port: Port | None = None
    description: str = ""
    external: bool = False
    configured: bool = False
    broadcast: bool = False  # its IPv4 addresses have a broadcast address (`brd +`)
    connected: bool = True  # the kernel makes routes to the networks of its addresses
    promisc: bool = False
    allmulti: bool | None = None  # None: as the kernel has it
    txqlen: int | None = None  # packets
    rate: Rate | None = None  # of what it sends
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Bridge(Interface):
    """A bridge.  `options` are `ip link set type bridge` words: ("stp_state", "1"), ("ageing_time", "30000")."""

    options: tuple[tuple[str, str], ...] = ()
    vlan_filtering: bool = False
    vlans: Vlans | None = None  # of the bridge itself (`bridge vlan … self`)
    subnets: tuple[Cidr, ...] = ()  # where its ports' automatic addresses come from


@dataclass(frozen=True, slots=True)
class End(Interface):
    """One side of a veth: an interface in `namespace` (which may be HOST)."""

    namespace: str = HOST
    publications: tuple[Publication, ...] = ()


@dataclass(frozen=True, slots=True)
class Veth:
    """A pair of ends.  `inner` is the end the pair was declared for, `outer` its peer."""

    inner: End
    outer: End
    path: Path = ()


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """Frames for `lladdr` are sent to the VXLAN endpoint `dst`; without it, those for which there is no other entry."""

    dst: str  # canonical address
    lladdr: str | None = None
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An address whose link-layer address is known beforehand: nobody is asked for it."""

    address: str  # canonical
    lladdr: str
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Vxlan(Interface):
    """A VXLAN device: an Ethernet interface whose frames travel in UDP packets, between endpoints of network `id`.

    `local` is its own endpoint, `remote` (or the multicast `group`) the one for frames without an FDB entry.
    """

    id: int = 0
    local: str | None = None  # canonical addresses, all of one family
    remote: str | None = None
    group: str | None = None
    dev: str | None = None  # the interface that the packets leave by, in the same namespace
    dstport: int = VXLAN_PORT
    learning: bool = True
    fdb: tuple[FdbEntry, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def defaults(self) -> tuple[str, ...]:
        """The endpoints that get the frames for which there is no FDB entry."""
        more = [entry.dst for entry in self.fdb if entry.lladdr is None]
        return tuple(dict.fromkeys([*filter(None, (self.remote or self.group,)), *more]))

    @property
    def endpoints(self) -> Iterator[str]:
        """Every address of an endpoint that it names."""
        yield from filter(None, (self.local, self.remote, self.group, *(entry.dst for entry in self.fdb)))

    @property
    def family(self) -> int:
        """The family of its packets on the network below."""
        return 6 if any(":" in endpoint for endpoint in self.endpoints) else 4

    @property
    def overhead(self) -> int:
        """The bytes that VXLAN takes of each packet of the network below."""
        return VXLAN_OVERHEAD[self.family]


@dataclass(frozen=True, slots=True)
class Macvlan(Interface):
    """A second interface on the wire of `parent`, with a link-layer address of its own.

    It may be in another namespace than its parent, as that of a pod is; `parent_namespace` is None where it is not.
    """

    parent: str = ""
    parent_namespace: str | None = None
    mode: str = "bridge"  # one of MACVLAN_MODES


@dataclass(frozen=True, slots=True)
class Ifb(Interface):
    """What comes in at `source`, an interface of the same namespace, goes through this one, so that it has its rate."""

    source: str = ""


Device = Vxlan | Macvlan | Ifb
"""An interface that is made on top of others."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program that is run in a namespace, with its arguments, when all else in it is as it is to be.

    It is run where `check`, another one that changes nothing, does not end with status 0; `undo` takes it back.
    """

    run: tuple[str, ...]
    check: tuple[str, ...]
    undo: tuple[str, ...] = ()  # empty: what it did goes with the namespace
    description: str = ""
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace, or the host.  `addresses` and `routes` here are on `lo`, or on no interface in particular.

    `external` is for one that exists already, a container's say: it is used, and never made or deleted.
    """

    name: str
    addresses: tuple[Cidr, ...] = ()
    routes: tuple[Route, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    interfaces: tuple[Interface, ...] = ()  # external ones: they were there before
    devices: tuple[Device, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()  # ("net.ipv4.conf.all.rp_filter", "0")
    forwarding: bool | None = None  # None: what is there already is left as it is, a new namespace does not forward
    masquerade: tuple[Masquerade, ...] = ()
    forwards: tuple[Forward, ...] = ()
    admissions: tuple[Admission, ...] = ()
    isolations: tuple[Isolation, ...] = ()
    commands: tuple[Command, ...] = ()
    role: str = ""  # what it is to Kubernetes: one of ROLES, or nothing
    description: str = ""
    path: Path = ()
    external: bool = False

    @property
    def is_made(self) -> bool:
        """Whether the scripts make it, so that nothing is in it but what they put there."""
        return not self.external and self.name != HOST

    @property
    def vxlans(self) -> tuple[Vxlan, ...]:
        """Its VXLAN devices."""
        return tuple([device for device in self.devices if isinstance(device, Vxlan)]) if self.devices else ()

    @property
    def macvlans(self) -> tuple[Macvlan, ...]:
        """Its macvlans."""
        return tuple([device for device in self.devices if isinstance(device, Macvlan)]) if self.devices else ()

    @property
    def ifbs(self) -> tuple[Ifb, ...]:
        """Its ifbs."""
        return tuple([device for device in self.devices if isinstance(device, Ifb)]) if self.devices else ()

    @property
    def holders(self) -> tuple[Interface, ...]:
        """Every interface in it that may have addresses and routes, but for the ends of veths."""
        return (*self.bridges, *self.interfaces, *self.devices)


@dataclass(frozen=True, slots=True)
class Topology:
    """A whole network.  `host` is the namespace the scripts run in; `namespaces` are the others, made or external."""

    name: str
    host: Namespace = field(default_factory=lambda: Namespace(HOST))
    namespaces: tuple[Namespace, ...] = ()
    veths: tuple[Veth, ...] = ()
    description: str = ""
    records: tuple[Record, ...] = ()
    table: str = ""  # what an nft table is called after that others have as well; it masquerades, or publishes ports

    def everywhere(self) -> Iterator[Namespace]:
        """The host, then every namespace."""
        yield self.host
        yield from self.namespaces

    def ends(self) -> Iterator[End]:
        """Both ends of every veth, in order."""
        for veth in self.veths:
            yield veth.inner
            yield veth.outer
