"""The bridge of a network: made when the first container comes, and never removed, as with the reference plugin.

One that somebody else has made is used: it gets what is missing, and is not changed otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin, Network
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.wires import digest, host_sysctls, make_bridge
from k8snet_scripts.inventory import link_group
from k8snet_scripts.plan import FORWARDING
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.netns import find_system_program
from k8snet_scripts.plugin.programs import run_program
from k8snet_scripts.plugin.running import WiringError, compile_scripts, messages, run_kept
from k8snet_scripts.topology import HOST, Bridge, Namespace, Topology


class Seen(NamedTuple):
    """What there is under the name of the bridge."""

    kind: str
    group: str
    lladdr: str
    mtu: int
    up: bool
    promisc: bool
    addresses: tuple[Cidr, ...]


def provide_bridge(network: Network, plugin: BridgePlugin, attachment: Attachment) -> str:
    """See to it that the bridge is as the network and a new attachment want it; its MAC address.  Raises `WiringError`."""
    directory = shelf.place("networks", _name(network, plugin))
    seen = look(plugin.bridge)
    topology = _topology(network, plugin, attachment, seen)
    if seen is None or any(_missing(topology, seen)):
        with shelf.taking_turns(directory):
            seen = look(plugin.bridge)
            topology = _topology(network, plugin, attachment, seen)
            _set_up(directory, topology, seen)
        seen = look(plugin.bridge)
    if seen is None:
        raise WiringError(f"the bridge {plugin.bridge} has vanished")
    return seen.lladdr


def inspect_bridge(network: Network, plugin: BridgePlugin, attachment: Attachment) -> Iterator[str]:
    """What about the bridge is not as it is wanted, a line each."""
    seen = look(plugin.bridge)
    if seen is None:
        yield f"there is no bridge {plugin.bridge}"
        return
    try:
        yield from _missing(_topology(network, plugin, attachment, seen), seen)
    except WiringError as error:
        yield str(error)


def look(name: str) -> Seen | None:
    """What there is on the host under a name."""
    ip = find_system_program("ip", {})
    done = run_program([ip, "-json", "-details", "address", "show", "dev", name], {})
    found = [item for item in json.loads(done.output or b"[]") if item]
    if done.status != 0 or not found:
        return None
    link = found[0]
    return Seen(
        link.get("linkinfo", {}).get("info_kind", ""),
        link["group"],
        link.get("address", ""),
        link["mtu"],
        "UP" in link["flags"],
        "PROMISC" in link["flags"],
        tuple([parse_cidr(f"{a['local']}/{a['prefixlen']}") for a in link["addr_info"] if a["scope"] == "global"]),
    )


def _name(network: Network, plugin: BridgePlugin) -> str:
    return f"cni-{network.name[:40]}-{digest(f'{network.name} {plugin.bridge}')[:16]}"


def _topology(network: Network, plugin: BridgePlugin, attachment: Attachment, seen: Seen | None) -> Topology:
    """The bridge with the addresses that it has and those that it is to have.  Raises `WiringError`."""
    name = _name(network, plugin)
    if seen and seen.kind != "bridge":
        message = f'failed to create bridge "{plugin.bridge}": "{plugin.bridge}" already exists but is not a bridge'
        raise WiringError(message)
    present = seen.addresses if seen else ()
    try:
        addresses = place_gateways(present, attachment.gateways, force=plugin.force_address)
    except AddressConflict as conflict:
        raise WiringError(f'failed to set bridge addr: "{plugin.bridge}" {conflict}') from conflict
    bridge = make_bridge(network.name, plugin, addresses)
    if seen and seen.group != str(link_group(name)):
        what = f"The bridge {plugin.bridge}, which somebody else has made."
        bridge = Bridge(
            plugin.bridge,
            addresses=addresses,
            broadcast=True,
            external=True,
            promisc=plugin.promisc_mode,
            description=what,
        )
    families = sorted({address.family for address in addresses}) if plugin.is_gateway else ()
    sysctls = (*((FORWARDING[family], "1") for family in families), *host_sysctls(plugin, (plugin.bridge,)))
    host = Namespace(HOST, bridges=(bridge,), sysctls=sysctls)
    description = f"The bridge of the CNI network {network.name}. It stays when its containers go."
    return Topology(name, host, description=description)


def _missing(topology: Topology, seen: Seen) -> Iterator[str]:
    """What has to be done so that the bridge is as wanted, a line each."""
    (bridge,) = topology.host.bridges
    for address in bridge.addresses:
        if address not in seen.addresses:
            yield f"{bridge.name} lacks the address {address}"
    if not seen.up:
        yield f"{bridge.name} is down"
    if bridge.promisc and not seen.promisc:
        yield f"{bridge.name} is not promiscuous"
    if bridge.mtu and seen.mtu != bridge.mtu:
        yield f"{bridge.name} has an MTU of {seen.mtu}, not {bridge.mtu}"
    if bridge.lladdr and seen.lladdr != bridge.lladdr:
        yield f"{bridge.name} has the MAC address {seen.lladdr}, not {bridge.lladdr}"
    for key, value in topology.host.sysctls:
        if _read_sysctl(key) != value:
            yield f"{key} is not {value}"


def _read_sysctl(key: str) -> str:
    text = shelf.find("/proc/sys/" + "/".join(part.replace("/", ".") for part in key.split(".")))
    return (text or "").strip()


def _set_up(directory: str, topology: Topology, seen: Seen | None) -> None:
    (bridge,) = topology.host.bridges
    shelf.keep(directory, compile_scripts(topology, f"for the bridge {bridge.name}", ("setup", "teardown")))
    done = run_kept(directory, ("setup.sh",), None)
    if done.status != 0:
        said = messages(done)
        script = f"{directory}/setup.sh"
        raise WiringError(
            f"failed to set up the bridge {bridge.name}: {said[0] if said else done.status}", "\n".join(said), script
        )
    if bridge.external and seen:
        _force(bridge, seen)


def _force(bridge: Bridge, seen: Seen) -> None:
    """What the scripts leave to those who have made a bridge, and the reference does: bring it up, `forceAddress`."""
    ip = find_system_program("ip", {})
    for address in seen.addresses:
        if address not in bridge.addresses:
            run_program([ip, "address", "delete", str(address), "dev", bridge.name], {})
    if not seen.up:
        run_program([ip, "link", "set", "dev", bridge.name, "up"], {})
