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
from k8snet_scripts.cni.attachment import Attachment, Grant, attach_bridge, attach_ptp, grant_host_local, grant_static
from k8snet_scripts.cni.configuration import NO_WISHES, BridgePlugin, LoopbackPlugin, Network, PtpPlugin, TuningPlugin
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.host_local import AllocationError, allocate_all
from k8snet_scripts.cni.names import name_host_end
from k8snet_scripts.cni.ptp import make_link
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.cni.settings import host_settings, pod_settings
from k8snet_scripts.cni.store import LOCK, Owner, Store, store_files
from k8snet_scripts.cni.tuning import refuse_tuning, tune_end, tune_sysctls
from k8snet_scripts.cni.wires import make_bridge, make_masquerade, make_veth
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.rules.names import check_topology_name
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.topology import HOST, Bridge, Namespace, Record, Topology, Veth

INTERFACE = "eth0"
"""What the interface of a pod is called."""

_IPAM = {"host-local": HostLocal, "static": StaticIpam}


_MainPlugin: TypeAlias = BridgePlugin | PtpPlugin


class _Pod(NamedTuple):
    name: str
    leases: tuple[Lease, ...]
    attachment: Attachment


def wire_node(network: Network, pods: Sequence[str], report: Report) -> Topology:
    """The node after ADD was called for each pod in turn; the pods' names are good and differ.

    What the scripts cannot do of it goes to the report, and so do ranges with fewer addresses than there are pods.
    """
    try:
        check_topology_name(network.name)
    except Refused as refused:
        report.error(refused.slug, ("name",), refused.message, help=refused.help)
    plugin = _main_plugin(network, report)
    tunings = [chained for chained in network.plugins if isinstance(chained, TuningPlugin)]
    for tuning in tunings:
        refuse_tuning(tuning, plugin.mtu, len(pods), report)
    store, wired = _attach(plugin, pods, report)
    bridges = (_bridge(network, plugin, wired, report),) if isinstance(plugin, BridgePlugin) else ()
    forwarding = any(pod.attachment.forwarding for pod in wired)
    host_ends = [name_host_end(network.name, pod.name, INTERFACE) for pod in wired]
    return Topology(
        name=network.name,
        host=Namespace(
            HOST,
            bridges=bridges,
            sysctls=host_settings(plugin, (*(bridge.name for bridge in bridges), *host_ends)),
            forwarding=True if forwarding else None,
            masquerade=tuple(chain.from_iterable(make_masquerade(pod.attachment) for pod in wired)),
        ),
        namespaces=tuple(_namespace(plugin, tunings, pod) for pod in wired),
        veths=tuple(_veth(plugin, tunings, pod, name) for pod, name in zip(wired, host_ends, strict=True)),
        records=_records(network, plugin, store),
        description=_description(network, plugin, len(pods)),
    )


def _description(network: Network, plugin: _MainPlugin, pods: int) -> str:
    main = "bridge" if isinstance(plugin, BridgePlugin) else "ptp"
    names = " and ".join([main, *(name for name, kind in _IPAM.items() if isinstance(plugin.ipam, kind))])
    return f"A node of Kubernetes with {pods} pod{'' if pods == 1 else 's'}, as the CNI plugins {names} wire them."


def _main_plugin(network: Network, report: Report) -> _MainPlugin:
    """The plugin that makes the interfaces; a finding for each one that the scripts cannot stand in for."""
    main: _MainPlugin | None = None
    for place, plugin in enumerate(network.plugins):
        if isinstance(plugin, BridgePlugin | PtpPlugin):
            main = plugin
            _refuse_options(plugin, report)
        elif place == 0 or not isinstance(plugin, LoopbackPlugin | TuningPlugin):
            report.error(
                "unsupported-plugin",
                (*plugin.path, "type"),
                "the scripts cannot do what this plugin does",
                help="they know `bridge` and `ptp` with `host-local` or `static`, after it `tuning` and `loopback`",
            )
    main = main or BridgePlugin()
    if network.runtime != NO_WISHES:
        message = "`runtimeConfig` and `args` are what a runtime asks for one pod: the scripts cannot do it"
        report.error("unsupported-option", main.path, message, help="take them out")
    return main


def _refuse_options(plugin: _MainPlugin, report: Report) -> None:
    options: dict[str, object] = {}
    if isinstance(plugin, BridgePlugin):
        options = {"vlan": plugin.vlan, "vlanTrunk": plugin.vlan_trunk, "macspoofchk": plugin.mac_spoof_check}
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
    return attach_bridge(plugin, grant) if isinstance(plugin, BridgePlugin) else attach_ptp(plugin, grant)


def _bridge(network: Network, plugin: BridgePlugin, pods: Sequence[_Pod], report: Report) -> Bridge:
    return make_bridge(network.name, plugin, _gateways(plugin, pods, report))


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
    settings = pod_settings(plugin, pod.attachment, INTERFACE) if isinstance(plugin, BridgePlugin) else ()
    for tuning in tunings:
        settings = tune_sysctls(tuning, settings, INTERFACE)
    what = "A pod, as ADD leaves it: others see the address that it has itself."
    return Namespace(pod.name, sysctls=settings, description=what)


def _veth(plugin: _MainPlugin, tunings: Iterable[TuningPlugin], pod: _Pod, host_end: str) -> Veth:
    if isinstance(plugin, BridgePlugin):
        veth = make_veth(plugin, pod.attachment, pod.name, INTERFACE, host_end)
    else:
        veth = make_link(plugin, pod.attachment, pod.name, INTERFACE, host_end)
    for tuning in tunings:
        veth = replace(veth, inner=tune_end(tuning, veth.inner))
    return veth


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
