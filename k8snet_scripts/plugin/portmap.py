"""`portmap`: ports of the host that lead to a container, those that the runtime asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from k8snet_scripts.cni.configuration import Network, PortMapping, PortmapPlugin
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.chained import Chained, Change, find_settings
from k8snet_scripts.plugin.errors import OTHER, CniError
from k8snet_scripts.plugin.netns import find_system_program
from k8snet_scripts.plugin.patterns import Particulars, Scripts
from k8snet_scripts.plugin.programs import run_program
from k8snet_scripts.plugin.results import Told

_LARGE = 1000
"""The smallest port that another one can stand in for in a pattern: numbers of so many digits are nothing else."""

_END = "veth"  # what the host's end of a link of a single container is called, with digits of its own


class Portmap(Chained):
    """Ports lead to the first address of each family.  Without any port there is nothing to do."""

    kind = "portmap"
    programs = ("nft",)

    def find_change(self, call: Call, network: Network, told: Told) -> Change | None:
        plugin = find_settings(network, PortmapPlugin)
        mappings = tuple([item.with_(path=()) for item in network.runtime.port_mappings])
        leases = _first_leases(told.of_interface(call.ifname, call.netns).leases)
        if not mappings or not leases:
            return None
        ways = [(_way_to(lease), (lease,)) for lease in leases]
        ports = dict.fromkeys(port for item in mappings for port in (item.host_port, item.container_port))
        large = [port for port in ports if port >= _LARGE]
        ends = dict.fromkeys(dev for dev, _ in ways if dev.startswith(_END))

        def compile(own: Particulars) -> Scripts:
            from k8snet_scripts.plugin.changing import compile_ports

            instead = dict(zip(large, map(int, own.words), strict=False))
            asked = [_exchange(item, instead) for item in mappings]
            return compile_ports(network.name, plugin, asked, ways, own.container_id, own.names)

        numbers = {port: f"port {number}" for number, port in enumerate(large)}
        key = (
            plugin,
            [_exchange(item, numbers) for item in mappings],
            [_END if dev in ends else dev for dev, _ in ways],
        )
        return Change(key, compile, leases, (*map(str, large), *ends))


def _exchange(mapping: PortMapping, instead: Mapping[int, object]) -> PortMapping:
    """A mapping with other ports, or what they are called, in the place of some."""
    ports = (mapping.host_port, mapping.container_port)
    host, container = (instead.get(port, port) for port in ports)
    return mapping.with_(host_port=host, container_port=container)


def _first_leases(leases: tuple[Lease, ...]) -> tuple[Lease, ...]:
    """The first one of each family."""
    firsts: dict[int, Lease] = {}
    for lease in leases:
        firsts.setdefault(lease.address.family, lease)
    return tuple(firsts.values())


def _way_to(lease: Lease) -> str:
    """The interface of the host that an address is behind.  Raises `CniError`."""
    address = lease.address.address
    done = run_program([find_system_program("ip", {}), "-json", "route", "get", address], {})
    found = json.loads(done.output or b"[]")
    if done.status != 0 or not found:
        said = done.errors.decode(errors="replace").strip()
        raise CniError(OTHER, f"the host has no route to {address}, the address of the container", said)
    return str(found[0]["dev"])
