"""Configuration: a CNI network configuration as the reference plugins understand it.

A network is a chain of plugins.  The first one makes the interface of a pod, with addresses from its IPAM plugin; the
others change something about it.  Everything is a frozen dataclass in which the reference's defaults are filled in.
`path` is where in the file a thing was said.
"""

from __future__ import annotations

from k8snet_scripts.cni.addressing import NO_DNS, Dns, Ipam
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple, Value

if TYPE_CHECKING:
    from typing import TypeAlias

    from k8snet_scripts.addresses import Cidr
    from k8snet_scripts.filtering import Path

DEFAULT_BRIDGE = "cni0"
DEFAULT_MARK_BIT = 13
BACKENDS = ("iptables", "nftables")
DEFAULT_ADMIN_CHAIN = "CNI-ADMIN"


class BridgePlugin(Value):
    """A veth to a bridge of the host.  `is_gateway` is true as well where `is_default_gateway` is."""

    type: str = "bridge"  # or k8snet
    bridge: str = DEFAULT_BRIDGE
    is_gateway: bool = False
    is_default_gateway: bool = False
    force_address: bool = False
    ip_masq: bool = False
    ip_masq_backend: str = ""  # "", iptables or nftables
    mtu: int | None = None
    hairpin_mode: bool = False
    promisc_mode: bool = False
    vlan: int | None = None
    vlan_trunk: tuple[int, ...] = ()
    preserve_default_vlan: bool = True
    mac_spoof_check: bool = False
    enable_dad: bool = False
    port_isolation: bool = False
    ipam: Ipam | None = None
    dns: Dns = NO_DNS
    path: Path = ()


class PtpPlugin(Value):
    """A veth whose far end, on the host, is the gateway; all traffic of the pod is routed."""

    ipam: Ipam
    ip_masq: bool = False
    ip_masq_backend: str = ""
    mtu: int | None = None
    dns: Dns = NO_DNS
    path: Path = ()


class MacvlanPlugin(Value):
    """A macvlan on an interface of the host; `master` is None for the one that the default route leaves by."""

    master: str | None = None
    mode: str = "bridge"  # bridge, private, vepa or passthru
    mtu: int | None = None
    mac: str | None = None
    ipam: Ipam | None = None
    dns: Dns = NO_DNS
    path: Path = ()


class LoopbackPlugin(Value):
    """`lo` of the pod, brought up."""

    path: Path = ()


class AddressMatch(NamedTuple):
    """Only packets from a network (`saddr`) or to it (`daddr`); with `negated`, only those that are not."""

    field: str
    network: Cidr
    negated: bool = False


class PortmapPlugin(Value):
    """Ports of the host that lead to ports of the pod; which ones, the runtime says."""

    snat: bool = True
    masq_all: bool = False
    mark_masq_bit: int = DEFAULT_MARK_BIT
    set_mark_chain: str = ""  # the chain of iptables that marks what is to be masqueraded; "" for the plugin's own
    backend: str = ""  # "", iptables or nftables
    conditions: tuple[AddressMatch, ...] = ()
    path: Path = ()


class TuningPlugin(Value):
    """Settings of the pod's interface and its namespace; IFNAME in a sysctl stands for the interface."""

    sysctls: tuple[tuple[str, str], ...] = ()
    mac: str | None = None
    mtu: int | None = None
    promisc: bool = False
    allmulti: bool | None = None
    tx_queue_length: int | None = None
    data_dir: str = ""
    path: Path = ()


class Bandwidth(Value):
    """Limits seen from the pod: rates in bits a second, bursts in bits; 0 is no limit."""

    ingress_rate: int = 0
    ingress_burst: int = 0
    egress_rate: int = 0
    egress_burst: int = 0


class BandwidthPlugin(Value):
    """A limit on what the pod sends and receives; None where the runtime is to say it."""

    bandwidth: Bandwidth | None = None
    path: Path = ()


class FirewallPlugin(Value):
    """Forwarding to and from the pod let through."""

    backend: str = ""  # "", iptables or nftables
    admin_chain: str = DEFAULT_ADMIN_CHAIN
    ingress_policy: str = "open"  # open, same-bridge or isolated
    path: Path = ()


LinkPlugin: TypeAlias = BridgePlugin | PtpPlugin
"""The plugins that join a pod to its host by a veth."""

MainPlugin: TypeAlias = BridgePlugin | PtpPlugin | MacvlanPlugin | LoopbackPlugin
ChainedPlugin: TypeAlias = PortmapPlugin | TuningPlugin | BandwidthPlugin | FirewallPlugin | LoopbackPlugin
CHAINED = (PortmapPlugin, TuningPlugin, BandwidthPlugin, FirewallPlugin)
"""The plugins that change an interface which another one has made."""

Plugin: TypeAlias = MainPlugin | ChainedPlugin


class PortMapping(Value):
    """A port of the host that leads to one of the pod.

    It is open on `host_ip`, or on every address of its family if that is the unspecified one, or on every address.
    """

    host_port: int
    container_port: int
    protocol: str = "tcp"  # tcp, udp or sctp
    host_ip: Address | None = None
    path: Path = ()


class RequestedIp(NamedTuple):
    """An address that a runtime asks for; only `static` looks at the prefix length."""

    address: Address
    prefix: int | None = None


class Runtime(Value):
    """What a container runtime asks for one pod, in `runtimeConfig` and in `args`: never said by a network itself.

    `places` are those where something other than a port is asked for.
    """

    ips: tuple[RequestedIp, ...] = ()
    mac: str | None = None
    port_mappings: tuple[PortMapping, ...] = ()
    bandwidth: Bandwidth | None = None
    places: tuple[Path, ...] = ()


NO_WISHES = Runtime()


class Network(Value):
    """A whole network configuration, of a `.conf` file (one plugin) or of a `.conflist` (a list of them)."""

    name: str
    version: str = SPEC_VERSIONS[0]
    plugins: tuple[Plugin, ...] = ()
    runtime: Runtime = NO_WISHES


class Delegation(Value):
    """What an IPAM plugin needs of the configuration of the plugin that calls it, whatever plugin that is."""

    name: str
    version: str = SPEC_VERSIONS[0]
    ipam: Ipam | None = None
    runtime: Runtime = NO_WISHES
