"""Node: what a node looks like after CNI has wired pods to a network, as a topology.

    network ──▶ host-local gives each pod its addresses ──▶ what each pod and the host get ──▶ topology

The pods are namespaces that the scripts make, and the container ID of a pod is its name.  What the reference leaves to
chance is settled here by the names of network and pod: the names of the host's ends and the MAC address of the bridge.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.addressing import HostLocal, StaticIpam
from k8snet_scripts.cni.attachment import Attachment, Grant, PodRoute, attach_bridge, grant_host_local, grant_static
from k8snet_scripts.cni.configuration import (
    NO_WISHES,
    BridgePlugin,
    FirewallPlugin,
    LoopbackPlugin,
    Network,
    PortmapPlugin,
)
from k8snet_scripts.cni.filters import NO_PORTS, Published, let_through, publish_for_pods
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.host_local import AllocationError, allocate_all
from k8snet_scripts.cni.ranges import Address, Lease
from k8snet_scripts.cni.store import LOCK, Owner, Store, store_files
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.rules.names import check_topology_name
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.topology import (
    HOST,
    LEAST_IPV6_MTU,
    Bridge,
    End,
    Masquerade,
    Namespace,
    Port,
    Publication,
    Record,
    Route,
    Topology,
    Veth,
)

INTERFACE = "eth0"
"""What the interface of a pod is called."""

_IPAM = {"host-local": HostLocal, "static": StaticIpam}
_CHAINED = {"portmap": PortmapPlugin, "firewall": FirewallPlugin}


class _Pod(NamedTuple):
    name: str
    leases: tuple[Lease, ...]
    attachment: Attachment

    @property
    def addresses(self) -> tuple[Cidr, ...]:
        return tuple([lease.address for lease in self.attachment.leases])


def wire_node(network: Network, pods: Sequence[str], report: Report, published: Published = NO_PORTS) -> Topology:
    """The node after ADD was called for each pod in turn; the pods' names are good and differ.

    `published` are the ports of the host that lead to single pods, beside those that the network has for all.

    What the scripts cannot do of it goes to the report, and so do ranges with fewer addresses than there are pods.
    """
    try:
        check_topology_name(network.name)
    except Refused as refused:
        report.error(refused.slug, ("name",), refused.message, help=refused.help)
    plugin = _main_plugin(network, report)
    store, wired = _attach(plugin, pods, report)
    gateways = _gateways(plugin, wired, report)
    forwarding = any(pod.attachment.forwarding for pod in wired)
    host_ends = [_host_end(network.name, pod.name) for pod in wired]
    leases = [pod.attachment.leases for pod in wired]
    admissions, isolations = let_through(network.plugins, plugin.bridge, leases, report)
    ports = publish_for_pods(network, pods, published, report)
    return Topology(
        name=network.name,
        host=Namespace(
            HOST,
            bridges=(_bridge(network, plugin, gateways),),
            sysctls=tuple(_without_routers(plugin, (plugin.bridge, *host_ends))),
            forwarding=True if forwarding else None,
            masquerade=tuple(_masquerade(wired)),
            admissions=admissions,
            isolations=isolations,
        ),
        namespaces=tuple(_namespace(plugin, pod) for pod in wired),
        veths=tuple(
            _veth(plugin, pod, name, ports.get(pod.name, ()), _lladdr(f"{network.name} {pod.name} {INTERFACE}"))
            for pod, name in zip(wired, host_ends, strict=True)
        ),
        records=_records(network, plugin, store),
        description=_description(network, plugin, len(pods)),
    )


def _description(network: Network, plugin: BridgePlugin, pods: int) -> str:
    names = ["bridge", *(name for name, kind in _IPAM.items() if isinstance(plugin.ipam, kind))]
    names += [name for name, kind in _CHAINED.items() if any(isinstance(other, kind) for other in network.plugins)]
    listed = " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
    return f"A node of Kubernetes with {pods} pod{'' if pods == 1 else 's'}, as the CNI plugins {listed} wire them."


def _main_plugin(network: Network, report: Report) -> BridgePlugin:
    """The plugin that makes the interfaces; a finding for each one that the scripts cannot stand in for."""
    main = None
    for place, plugin in enumerate(network.plugins):
        if isinstance(plugin, BridgePlugin):
            main = plugin
            _refuse_options(plugin, report)
        elif place == 0 or not isinstance(plugin, LoopbackPlugin | PortmapPlugin | FirewallPlugin):
            report.error(
                "unsupported-plugin",
                (*plugin.path, "type"),
                "the scripts cannot do what this plugin does",
                help="they know `bridge` with `host-local` or `static`, and after it `loopback`, `portmap` and `firewall`",
            )
    main = main or BridgePlugin()
    if network.runtime.with_(port_mappings=()) != NO_WISHES:
        message = "`runtimeConfig` and `args` are what a runtime asks for one pod: the scripts cannot do it"
        report.error("unsupported-option", main.path, message, help="take them out")
    return main


def _refuse_options(plugin: BridgePlugin, report: Report) -> None:
    options = {"vlan": plugin.vlan, "vlanTrunk": plugin.vlan_trunk}
    for key, value in options.items():
        if value:
            message = f"the scripts cannot do what `{key}` asks for"
            report.error("unsupported-option", (*plugin.path, key), message, at="key", help="take it out")
    if plugin.ipam is not None and not isinstance(plugin.ipam, HostLocal | StaticIpam):
        report.error(
            "unsupported-plugin",
            (*plugin.ipam.path, "type"),
            f"the scripts cannot know which addresses `{plugin.ipam.type}` would give",
            help="write `host-local` or `static`",
        )


def _attach(plugin: BridgePlugin, pods: Sequence[str], report: Report) -> tuple[Store, list[_Pod]]:
    """What each pod gets, and what host-local has on record then."""
    ipam = plugin.ipam
    if not isinstance(ipam, HostLocal):
        grant = grant_static(ipam) if isinstance(ipam, StaticIpam) else Grant()
        return Store(), [_Pod(name, grant.leases, attach_bridge(plugin, grant)) for name in pods]
    for route in ipam.routes:
        if route.gw is None and route.dst.family not in ipam.families:
            message = f"the route to `{route.dst}` has no gateway, and no range is of its family"
            help = "add a `gw`, or a range of that family; else take it out"
            report.error("next-hop-unreachable", route.path, message, help=help)
    try:
        leases, store = allocate_all(ipam.range_sets, Store(), [Owner(name, INTERFACE) for name in pods])
    except AllocationError as error:
        report.error("subnet-exhausted", ipam.path, str(error), help=f"there are {len(pods)} pods: widen the ranges")
        return Store(), []
    given = zip(pods, leases, strict=True)
    return store, [_Pod(name, own, attach_bridge(plugin, grant_host_local(ipam, own))) for name, own in given]


def _gateways(plugin: BridgePlugin, pods: Sequence[_Pod], report: Report) -> tuple[Cidr, ...]:
    """The addresses of the bridge after the pods came one by one."""
    gateways: tuple[Cidr, ...] = ()
    for pod in pods:
        try:
            gateways = place_gateways(gateways, pod.attachment.gateways, force=plugin.force_address)
        except AddressConflict as conflict:
            report.error(
                "address-conflict",
                (*plugin.path, "ipam"),
                f"the bridge `{plugin.bridge}` cannot have {conflict.wanted} beside {conflict.present}",
                help='add `"forceAddress": true`, or use one range set a family',
            )
            break
    return gateways


def _without_routers(plugin: BridgePlugin, interfaces: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Interfaces that do not listen to IPv6 routers; a dot in a name is written `/` there."""
    if _has_ipv6(plugin):
        yield from ((f"net.ipv6.conf.{name.replace('.', '/')}.accept_ra", "0") for name in interfaces)


def _has_ipv6(plugin: BridgePlugin) -> bool:
    """Whether interfaces of this MTU can speak IPv6 at all: else the kernel gives them no settings for it."""
    return plugin.mtu is None or plugin.mtu >= LEAST_IPV6_MTU


def _bridge(network: Network, plugin: BridgePlugin, gateways: tuple[Cidr, ...]) -> Bridge:
    role = ", which is their gateway (isGateway)" if gateways else ""
    what = f"The bridge that joins the pods of the node{role}. Its MAC address is set, and stays when pods come and go."
    return Bridge(
        plugin.bridge,
        addresses=gateways,
        mtu=plugin.mtu,
        lladdr=_lladdr(f"{network.name} {plugin.bridge}"),
        broadcast=True,
        promisc=plugin.promisc_mode,
        description=what,
        path=plugin.path,
    )


def _namespace(plugin: BridgePlugin, pod: _Pod) -> Namespace:
    sysctls = [(f"net.ipv4.conf.{INTERFACE}.arp_notify", "1")] if pod.addresses else []
    if pod.addresses and not plugin.enable_dad and _has_ipv6(plugin):
        sysctls.append((f"net.ipv6.conf.{INTERFACE}.accept_dad", "0"))
    return Namespace(
        pod.name,
        sysctls=tuple(sysctls),
        description="A pod, as ADD leaves it: others see the address that it has itself.",
    )


def _veth(plugin: BridgePlugin, pod: _Pod, host_end: str, ports: tuple[Publication, ...], lladdr: str) -> Veth:
    """The veth of a pod.  Where frames with another MAC address are dropped, the pod's has to be known beforehand."""
    only_from = lladdr if plugin.mac_spoof_check else None
    wishes = (("hairpin", plugin.hairpin_mode), ("isolated", plugin.port_isolation))
    options = tuple((option, "on") for option, wish in wishes if wish)
    path = plugin.ipam.path if plugin.ipam else plugin.path
    inner = End(
        INTERFACE,
        namespace=pod.name,
        addresses=pod.addresses,
        routes=tuple(_route(route) for route in pod.attachment.routes),
        mtu=plugin.mtu,
        lladdr=only_from,
        broadcast=True,
        publications=ports,
        path=path,
    )
    port = Port(plugin.bridge, options, only_from=only_from)
    return Veth(inner, End(host_end, mtu=plugin.mtu, port=port, path=path), path)


def _route(route: PodRoute) -> Route:
    return Route(
        family=route.dst.family,
        to=route.dst if route.dst.prefix else None,
        via=str(route.via) if route.via else None,
        dev=INTERFACE,
        src=str(route.src) if route.src else None,
        metric=route.priority,
        table=route.table,
    )


def _masquerade(pods: Sequence[_Pod]) -> Iterator[Masquerade]:
    """Each pod's own addresses, kept within all networks of their family that the pod is on."""
    for pod in pods:
        addresses = pod.attachment.masquerade
        for address in addresses:
            within = dict.fromkeys(other.network for other in addresses if other.family == address.family)
            yield Masquerade(Address(address.family, address.value).host, tuple(within))


def _records(network: Network, plugin: BridgePlugin, store: Store) -> tuple[Record, ...]:
    """The files of host-local: the lock, who has which address, and which one was handed out last in each range set."""
    if not isinstance(plugin.ipam, HostLocal):
        return ()
    directory = posixpath.normpath(f"{plugin.ipam.data_dir}/{network.name}")
    taken = {str(address) for address in store.owners}
    return (
        Record(f"{directory}/{LOCK}", mode=0o750, initial=True),
        *(
            Record(f"{directory}/{name}", tuple(content.split("\r\n")), initial=name not in taken)
            for name, content in store_files(store).items()
        ),
    )


def _host_end(network: str, pod: str) -> str:
    """The name of the host's end of a pod's veth: `veth` and eight hexadecimal digits, as the reference draws them."""
    return f"veth{_digest(f'{network} {pod} {INTERFACE}')[:8]}"


def _lladdr(text: str) -> str:
    """A unicast address, marked as locally administered."""
    digits = _digest(text)
    return ":".join(("0a", *(digits[at : at + 2] for at in range(0, 10, 2))))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
