"""Node: what a node looks like after CNI has wired pods to a network, as a topology.

    network ──▶ host-local gives each pod its addresses ──▶ what each pod and the host get ──▶ topology

The pods are namespaces that the scripts make, and the container ID of a pod is its name.  What the reference leaves to
chance is settled here by the names of network and pod: the names of the host's ends and the MAC address of the bridge.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple, TypeAlias

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.addressing import HostLocal, StaticIpam
from k8snet_scripts.cni.attachment import (
    Attachment,
    Grant,
    attach_bridge,
    attach_macvlan,
    attach_ptp,
    grant_host_local,
    grant_static,
)
from k8snet_scripts.cni.bandwidth import find_bandwidth, limit_ingress, make_ifbs, refuse_bandwidth
from k8snet_scripts.cni.configuration import (
    Bandwidth,
    BandwidthPlugin,
    BridgePlugin,
    FirewallPlugin,
    LoopbackPlugin,
    MacvlanPlugin,
    Network,
    PortmapPlugin,
    PtpPlugin,
    TuningPlugin,
)
from k8snet_scripts.cni.filters import NO_PORTS, Published, let_through, publish_for_pods
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.host_local import AllocationError, allocate_all
from k8snet_scripts.cni.macvlan import make_macvlan, make_master, refuse_macvlan
from k8snet_scripts.cni.names import make_lladdr, name_host_end, name_topology
from k8snet_scripts.cni.ptp import make_link
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.cni.settings import host_settings, pod_settings, tune_sysctls
from k8snet_scripts.cni.store import LOCK, Owner, Store, store_files
from k8snet_scripts.cni.tuning import refuse_tuning, tune_interface
from k8snet_scripts.cni.wires import make_bridge, make_gateway, make_masquerade, make_veth
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.filtering import Publication
from k8snet_scripts.records import Record
from k8snet_scripts.topology import HOST, Bridge, Namespace, Topology, Veth

INTERFACE = "eth0"
"""What the interface of a pod is called."""

_IPAM = {"host-local": HostLocal, "static": StaticIpam}
_MAIN = {"bridge": BridgePlugin, "ptp": PtpPlugin, "macvlan": MacvlanPlugin}
_CHAINED = {
    "loopback": LoopbackPlugin,
    "portmap": PortmapPlugin,
    "firewall": FirewallPlugin,
    "tuning": TuningPlugin,
    "bandwidth": BandwidthPlugin,
}


_MainPlugin: TypeAlias = BridgePlugin | PtpPlugin | MacvlanPlugin


class _Pod(NamedTuple):
    name: str
    leases: tuple[Lease, ...]
    attachment: Attachment


def wire_node(network: Network, pods: Sequence[str], report: Report, published: Published = NO_PORTS) -> Topology:
    """The node after ADD was called for each pod in turn; the pods' names are good and differ.

    `published` are the ports of the host that lead to single pods, beside those that the network has for all.

    What the scripts cannot do of it goes to the report, and so do ranges with fewer addresses than there are pods.
    """
    plugin, tunings = _main_plugin(network, report), _tunings(network)
    _refuse(network, plugin, tunings, len(pods), report)
    limits = _limits(network, plugin, report)
    store, wired = _attach(plugin, pods, report)
    bridges, veths = _wire_bridge(network, plugin, wired, report)
    forwarding = any(pod.attachment.forwarding for pod in wired)
    host_ends: list[str] = []
    if not isinstance(plugin, MacvlanPlugin):
        host_ends = [name_host_end(network.name, pod.name, INTERFACE) for pod in wired]
    leases = [pod.attachment.leases for pod in wired]
    bridge = plugin.bridge if isinstance(plugin, BridgePlugin) else None
    admissions, isolations = let_through(network.plugins, bridge, leases, report)
    ports = publish_for_pods(network, pods, published, report)
    quiet = (*(bridge.name for bridge in bridges), *(veth.outer.name for veth in veths), *host_ends)
    if not isinstance(plugin, MacvlanPlugin):
        ends = zip(wired, host_ends, strict=True)
        veths += tuple([_veth(network, plugin, pod, name, ports.get(pod.name, ()), limits) for pod, name in ends])
    return Topology(
        name=name_topology(network.name),
        host=Namespace(
            HOST,
            bridges=bridges,
            interfaces=(make_master(plugin),) if isinstance(plugin, MacvlanPlugin) else (),
            devices=tuple(make_ifbs(network.name, limits, plugin.mtu, zip(pods, host_ends, strict=False))),
            sysctls=host_settings(plugin, quiet),
            forwarding=True if forwarding else None,
            masquerade=tuple(chain.from_iterable(make_masquerade(pod.attachment) for pod in wired)),
            admissions=admissions,
            isolations=isolations,
        ),
        namespaces=tuple(_namespace(plugin, tunings, pod) for pod in wired),
        veths=veths,
        records=_records(network, plugin, store),
        description=_description(network, plugin, len(pods)),
    )


def _refuse(network: Network, plugin: _MainPlugin, tunings: Sequence[TuningPlugin], pods: int, report: Report) -> None:
    """Report what the plugins ask for and no script could do for so many pods."""
    if isinstance(plugin, MacvlanPlugin):
        refuse_macvlan(network, plugin, pods, report)
    if isinstance(plugin, BridgePlugin) and plugin.vlan:
        _refuse_filters(network, plugin.vlan, report)
    for tuning in tunings:
        refuse_tuning(tuning, plugin.mtu, pods, report)


def _wire_bridge(
    network: Network, plugin: _MainPlugin, wired: Sequence[_Pod], report: Report
) -> tuple[tuple[Bridge, ...], tuple[Veth, ...]]:
    """The bridge that the pods are on, if they are on one, and in a VLAN the interface that is their gateway."""
    if not isinstance(plugin, BridgePlugin):
        return (), ()
    gateways = _gateways(plugin, wired, report)
    gateway = (make_gateway(network.name, plugin, gateways),) if gateways and plugin.vlan else ()
    return (make_bridge(network.name, plugin, gateways),), gateway


def _description(network: Network, plugin: _MainPlugin, pods: int) -> str:
    names = [name for name, kind in _MAIN.items() if isinstance(plugin, kind)]
    names += [name for name, kind in _IPAM.items() if isinstance(plugin.ipam, kind)]
    names += [name for name, kind in _CHAINED.items() if any(isinstance(other, kind) for other in network.plugins)]
    listed = " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
    return f"A node of Kubernetes with {pods} pod{'' if pods == 1 else 's'}, as the CNI plugins {listed} wire them."


def _main_plugin(network: Network, report: Report) -> _MainPlugin:
    """The plugin that makes the interfaces; a finding for each one that the scripts cannot stand in for."""
    main: _MainPlugin | None = None
    for place, plugin in enumerate(network.plugins):
        if isinstance(plugin, BridgePlugin | PtpPlugin | MacvlanPlugin):
            main = plugin
            _refuse_ipam(plugin, report)
        elif place == 0 or not isinstance(plugin, (LoopbackPlugin, *_CHAINED.values())):
            report.error(
                "unsupported-plugin",
                (*plugin.path, "type"),
                "the scripts cannot do what this plugin does",
                help="they know `bridge`, `ptp` and `macvlan` with `host-local` or `static`, and after it "
                "`loopback`, `portmap`, `firewall`, `tuning` and `bandwidth`",
            )
    main = main or BridgePlugin()
    for asked in network.runtime.places:
        message = f"`{asked[-1]}` is what a runtime asks for one pod: the scripts cannot do it"
        report.error("unsupported-option", asked, message, help="take it out", at="key")
    return main


def _refuse_ipam(plugin: _MainPlugin, report: Report) -> None:
    if plugin.ipam is not None and not isinstance(plugin.ipam, HostLocal | StaticIpam):
        report.error(
            "unsupported-plugin",
            (*plugin.ipam.path, "type"),
            f"the scripts cannot know which addresses `{plugin.ipam.type}` would give",
            help="write `host-local` or `static`",
        )


def _refuse_filters(network: Network, vlan: int, report: Report) -> None:
    """Report what the packet filter would do by the name of the bridge, where a VLAN has another way to the host."""
    for plugin in network.plugins:
        if isinstance(plugin, PortmapPlugin | FirewallPlugin):
            message = f"the scripts cannot do it for pods that are in VLAN {vlan} of their bridge"
            report.error("unsupported-plugin", (*plugin.path, "type"), message, help="take it out, or `vlan`")


def _attach(plugin: _MainPlugin, pods: Sequence[str], report: Report) -> tuple[Store, list[_Pod]]:
    """What each pod gets, and what host-local has on record then."""
    ipam = plugin.ipam
    if not isinstance(ipam, HostLocal):
        grant = grant_static(ipam) if isinstance(ipam, StaticIpam) else Grant()
        return Store(), [_Pod(name, grant.leases, _join(plugin, grant)) for name in pods]
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
    return store, [_Pod(name, own, _join(plugin, grant_host_local(ipam, own))) for name, own in given]


def _join(plugin: _MainPlugin, grant: Grant) -> Attachment:
    match plugin:
        case BridgePlugin():
            return attach_bridge(plugin, grant)
        case PtpPlugin():
            return attach_ptp(plugin, grant)
        case MacvlanPlugin():
            return attach_macvlan(plugin, grant)


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


def _namespace(plugin: _MainPlugin, tunings: Iterable[TuningPlugin], pod: _Pod) -> Namespace:
    settings = () if isinstance(plugin, PtpPlugin) else pod_settings(plugin, pod.attachment, INTERFACE)
    devices = [make_macvlan(plugin, pod.attachment, INTERFACE)] if isinstance(plugin, MacvlanPlugin) else []
    for tuning in tunings:
        settings = tune_sysctls(tuning, settings, INTERFACE)
        devices = [tune_interface(tuning, device) for device in devices]
    what = "A pod, as ADD leaves it: others see the address that it has itself."
    return Namespace(pod.name, devices=tuple(devices), sysctls=settings, description=what)


def _veth(
    network: Network,
    plugin: BridgePlugin | PtpPlugin,
    pod: _Pod,
    host_end: str,
    ports: tuple[Publication, ...],
    limits: BandwidthPlugin,
) -> Veth:
    """The veth of a pod.  Where frames with another MAC address are dropped, the pod's has to be known beforehand."""
    if isinstance(plugin, BridgePlugin):
        lladdr = make_lladdr(f"{network.name} {pod.name} {INTERFACE}") if plugin.mac_spoof_check else None
        veth = make_veth(plugin, pod.attachment, pod.name, INTERFACE, host_end, (lladdr, None))
    else:
        veth = make_link(plugin, pod.attachment, pod.name, INTERFACE, host_end)
    inner = replace(veth.inner, publications=ports)
    for tuning in _tunings(network):
        inner = tune_interface(tuning, inner)
    return replace(veth, inner=inner, outer=replace(veth.outer, rate=limit_ingress(limits.bandwidth or Bandwidth())))


def _limits(network: Network, plugin: _MainPlugin, report: Report) -> BandwidthPlugin:
    """The limits of each pod, none where they cannot be."""
    found = find_bandwidth(network.plugins)
    if found and isinstance(plugin, MacvlanPlugin):
        message, help = "a pod on a macvlan has no end on the host that could be limited", "take it out"
        report.error("unsupported-plugin", (*found.path, "type"), message, help=help)
    elif found and not refuse_bandwidth(found, plugin.mtu, report):
        return found
    return BandwidthPlugin()


def _tunings(network: Network) -> list[TuningPlugin]:
    return [plugin for plugin in network.plugins if isinstance(plugin, TuningPlugin)]


def _records(network: Network, plugin: _MainPlugin, store: Store) -> tuple[Record, ...]:
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
