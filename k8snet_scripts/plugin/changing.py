"""Changing: compiling what chained plugins do, a topology for each container that they do it for.

As everything that takes the compiler, this is loaded only where there is no pattern to go by.
"""

from __future__ import annotations

from collections.abc import Sequence

from k8snet_scripts.cni.bandwidth import limit_egress, limit_ingress
from k8snet_scripts.cni.configuration import Bandwidth, FirewallPlugin, PortMapping, PortmapPlugin, TuningPlugin
from k8snet_scripts.cni.filters import admit_pod, forward_ports, isolate_bridge, publish_ports, read_mappings
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.cni.settings import tune_sysctls
from k8snet_scripts.cni.tuning import tune_interface
from k8snet_scripts.plugin.compiling import Scripts, compile_scripts
from k8snet_scripts.plugin.names import Names, name_table
from k8snet_scripts.render import Kind
from k8snet_scripts.topology import HOST, End, Interface, Namespace, Topology

_KINDS: tuple[Kind, ...] = ("setup", "teardown")


def compile_ports(
    network: str,
    plugin: PortmapPlugin,
    mappings: Sequence[PortMapping],
    ways: Sequence[tuple[str, tuple[Lease, ...]]],
    container_id: str,
    names: Names,
) -> Scripts:
    """Ports of the host that lead to a container.

    `ways` are interfaces of the host, each with the addresses of the container that are behind it.
    """
    ports = publish_ports(plugin, read_mappings(mappings))
    forwards = [forward for dev, leases in ways for forward in forward_ports(ports, leases, dev)]
    devs = dict.fromkeys(dev for dev, _ in ways)
    interfaces = [Interface(dev, external=True, description="The way to the container.") for dev in devs]
    return _compile_host(
        names,
        Namespace(HOST, interfaces=tuple(interfaces), forwards=tuple(forwards)),
        f"Ports that lead to a container on the CNI network {network}, as the plugin portmap does it.",
        f"for the ports of the container {container_id} on the network {network}",
        name_table(network, "portmap"),
    )


def compile_admission(
    network: str, plugin: FirewallPlugin, bridge: str, leases: tuple[Lease, ...], container_id: str, names: Names
) -> Scripts:
    """What is let through to a container and from it, and the bridge that is kept apart."""
    return _compile_host(
        names,
        Namespace(HOST, admissions=admit_pod(plugin, leases), isolations=isolate_bridge(plugin, bridge, leases)),
        f"A container on the CNI network {network} that is let through, as the plugin firewall does it.",
        f"for the container {container_id} on the network {network}",
    )


def compile_tuning(network: str, plugin: TuningPlugin, ifname: str, container_id: str, names: Names) -> Scripts:
    """Attributes of an interface of a container, and settings of its namespace."""
    tuned = tune_interface(plugin, End(ifname))
    interface = Interface(
        ifname,
        mtu=plugin.mtu,
        lladdr=tuned.lladdr,
        promisc=tuned.promisc,
        allmulti=tuned.allmulti,
        txqlen=tuned.txqlen,
        external=True,
        description="The interface that another plugin has made.",
    )
    topology = Topology(
        names.topology,
        namespaces=(
            Namespace(
                names.namespace,
                interfaces=(interface,),
                sysctls=tune_sysctls(plugin, (), ifname),
                description="The container.",
                external=True,
            ),
        ),
        description=f"An interface on the CNI network {network}, changed as the plugin tuning does it.",
    )
    return compile_scripts(topology, f"for {ifname} of the container {container_id} on the network {network}", _KINDS)


def compile_limits(
    network: str, limits: Bandwidth, mtu: int, words: tuple[str, ...], container_id: str, names: Names
) -> Scripts:
    """Limits at an end of a veth; `words` are the name of that, and of the ifb that what comes in goes through."""
    end, through = words
    ifb = limit_egress(limits, through, end, mtu, names.host_lladdr)
    what = "The host's end of the container's veth."
    return _compile_host(
        names,
        Namespace(
            HOST,
            interfaces=(Interface(end, rate=limit_ingress(limits), external=True, description=what),),
            devices=(ifb,) if ifb else (),
        ),
        f"A container on the CNI network {network} with limits, as the plugin bandwidth sets them.",
        f"for the limits of the container {container_id} on the network {network}",
    )


def _compile_host(names: Names, host: Namespace, description: str, cause: str, table: str = "") -> Scripts:
    return compile_scripts(Topology(names.topology, host, description=description, table=table), cause, _KINDS)
