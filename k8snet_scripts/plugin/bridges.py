"""The bridge of a network: made when the first container comes, and never removed, as with the reference plugin.

One that somebody else has made is used: it gets what is missing, and is not changed otherwise.  As a rule all is as it
should be, which one look tells.
"""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.names import make_lladdr, name_gateway
from k8snet_scripts.cni.result import Interface
from k8snet_scripts.cni.settings import FORWARDING, host_settings
from k8snet_scripts.marks import link_group
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.errors import UNSUPPORTED_FIELD, CniError
from k8snet_scripts.plugin.names import name_bridge
from k8snet_scripts.plugin.netns import find_system_program, look_at_link
from k8snet_scripts.plugin.programs import run_program
from k8snet_scripts.plugin.running import WiringError, check_done, run_kept
from k8snet_scripts.plugin.sysctls import read_setting
from k8snet_scripts.plugin.texts import read_json
from k8snet_scripts.plugin.wish import Wish
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN_VLAN = ("PVID", "Egress Untagged")
"""The flags of a VLAN that a port is in as if there were no other."""


class Seen(NamedTuple):
    """What there is under the name of the bridge.

    With `vlan`, the addresses are those of the gateway of that VLAN, if it is there and up, and `takes_part` says whether
    what the gateway sends is in that VLAN, and what is in it gets there.
    """

    kind: str
    group: str
    lladdr: str
    mtu: int
    is_up: bool
    promisc: bool
    addresses: tuple[Cidr, ...]
    filtering: bool = False
    takes_part: bool = True


def provide_bridge(network: str, plugin: BridgePlugin, attachment: Attachment) -> tuple[Interface, ...]:
    """See to it that the bridge is as the network and a new attachment want it.

    The bridge with its MAC address, and where its VLAN has a gateway, that.  Raises `WiringError`, and `CniError` if the
    kernel does not know VLANs.
    """
    seen = _look_at(network, plugin)
    if seen and not any(_find_missing(plugin, seen, _make_wish(network, plugin, attachment, seen))):
        return _tell(plugin, seen)
    directory = shelf.place("networks", name_bridge(network, plugin.bridge))
    with shelf.TakingTurns(directory):
        seen = _look_at(network, plugin)
        _set_up(directory, network, plugin, seen, _make_wish(network, plugin, attachment, seen))
    seen = _look_at(network, plugin)
    if seen is None:
        raise WiringError(f"the bridge {plugin.bridge} has vanished")
    return _tell(plugin, seen)


def _tell(plugin: BridgePlugin, seen: Seen) -> tuple[Interface, ...]:
    gateway = look(_gateway(plugin)) if plugin.vlan and seen.addresses else None
    more = (Interface(_gateway(plugin), gateway.lladdr),) if gateway else ()
    return (Interface(plugin.bridge, seen.lladdr), *more)


def inspect_bridge(network: str, plugin: BridgePlugin, attachment: Attachment) -> Iterator[str]:
    """What about the bridge is not as it is wanted, a line each."""
    seen = _look_at(network, plugin)
    if seen is None:
        yield f"there is no bridge {plugin.bridge}"
        return
    try:
        yield from _find_missing(plugin, seen, _make_wish(network, plugin, attachment, seen))
    except WiringError as error:
        yield str(error)


def _look_at(network: str, plugin: BridgePlugin) -> Seen | None:
    seen = look(plugin.bridge)
    if seen is None or not plugin.vlan:
        return seen
    gateway = look(_gateway(plugin))
    if gateway is None or not gateway.is_up:
        return seen._replace(addresses=())
    takes_part = _is_member(name_gateway(network, plugin.bridge, plugin.vlan)[1], plugin.vlan)
    return seen._replace(addresses=gateway.addresses, takes_part=takes_part)


def _is_member(port: str, vlan: int) -> bool:
    """Whether a VLAN is the own one of a port, and leaves it untagged."""
    done = run_program([find_system_program("bridge", {}), "-json", "vlan", "show", "dev", port], {})
    found = [item for shown in read_json(done.output.decode() or "[]") for item in shown["vlans"]]
    return any(item["vlan"] == vlan and {*_OWN_VLAN} <= {*item.get("flags", ())} for item in found)


def look(name: str) -> Seen | None:
    """What there is on the host under a name."""
    done = look_at_link(name)
    found = [link for link in read_json(done.output.decode() or "[]") if link]
    if done.status != 0 or not found:
        return None
    (link,) = found
    addresses = [address for address in link["addr_info"] if address["scope"] == "global"]
    return Seen(
        link.get("linkinfo", {}).get("info_kind", ""),
        link["group"],
        link.get("address", ""),
        link["mtu"],
        "UP" in link["flags"],
        "PROMISC" in link["flags"],
        tuple([parse_cidr(f"{address['local']}/{address['prefixlen']}") for address in addresses]),
        bool(link.get("linkinfo", {}).get("info_data", {}).get("vlan_filtering")),
    )


def _make_wish(network: str, plugin: BridgePlugin, attachment: Attachment, seen: Seen | None) -> Wish:
    """The bridge with the addresses that it has and those that it is to have.  Raises `WiringError`."""
    if seen and seen.kind != "bridge":
        message = f'failed to create bridge "{plugin.bridge}": "{plugin.bridge}" already exists but is not a bridge'
        raise WiringError(message)
    try:
        present = seen.addresses if seen else ()
        addresses = place_gateways(present, attachment.gateways, force=plugin.force_address)
    except AddressConflict as conflict:
        raise WiringError(f'failed to set bridge addr: "{plugin.bridge}" {conflict}') from conflict
    name = name_bridge(network, plugin.bridge)
    is_foreign = seen is not None and seen.group != str(link_group(name))
    if is_foreign and seen and _has_vlans(plugin) and not seen.filtering:
        help = f"ip link set dev {plugin.bridge} type bridge vlan_filtering 1"
        raise WiringError(f"the bridge {plugin.bridge}, which somebody else has made, does not filter VLANs", help)
    families = sorted(_forwarded(addresses, attachment, is_foreign=is_foreign)) if plugin.is_gateway else ()
    return Wish(
        name,
        is_foreign,
        addresses,
        None if is_foreign else plugin.mtu,
        None if is_foreign else make_lladdr(f"{network} {plugin.bridge}"),
        plugin.promisc_mode,
        (
            *((FORWARDING[family], "1") for family in families),
            *host_settings(plugin, _quiet(network, plugin, addresses)),
        ),
    )


def _forwarded(addresses: tuple[Cidr, ...], attachment: Attachment, *, is_foreign: bool) -> set[int]:
    """The families that are forwarded for a bridge with some addresses; those of somebody else's only if they are already."""
    known = {address.family for address in addresses}
    if is_foreign:
        known = {family for family in known if read_setting(FORWARDING[family]) == "1"}
    return known | {gateway.family for gateway in attachment.gateways}


def _gateway(plugin: BridgePlugin) -> str:
    """What has the addresses of the gateway: the bridge, or its interface in a VLAN."""
    return name_gateway("", plugin.bridge, plugin.vlan)[0] if plugin.vlan else plugin.bridge


def _has_vlans(plugin: BridgePlugin) -> bool:
    return bool(plugin.vlan or plugin.vlan_trunk)


def _quiet(network: str, plugin: BridgePlugin, addresses: tuple[Cidr, ...]) -> tuple[str, ...]:
    """The interfaces of the host that do not listen to routers: the bridge, and the port of its gateway."""
    if not plugin.vlan or not addresses:
        return (plugin.bridge,)
    return plugin.bridge, name_gateway(network, plugin.bridge, plugin.vlan)[1]


def _find_missing(plugin: BridgePlugin, seen: Seen, wish: Wish) -> Iterator[str]:
    """What has to be done so that the bridge is as wished, a line each."""
    if not seen.is_up:
        yield f"{plugin.bridge} is down"
    for address in wish.addresses:
        if address not in seen.addresses:
            yield f"{plugin.bridge} lacks the address {address}"
    for address in seen.addresses:
        if address not in wish.addresses:
            yield f"{plugin.bridge} has the address {address}"
    if _has_vlans(plugin) and not seen.filtering:
        yield f"{plugin.bridge} does not filter VLANs"
    if plugin.vlan and wish.addresses and not seen.takes_part:
        yield f"{_gateway(plugin)} is not in vlan {plugin.vlan} of {plugin.bridge}"
    if wish.promisc and not seen.promisc:
        yield f"{plugin.bridge} is not promiscuous"
    if wish.mtu and seen.mtu != wish.mtu:
        yield f"{plugin.bridge} has an MTU of {seen.mtu}, not {wish.mtu}"
    if wish.lladdr and seen.lladdr != wish.lladdr:
        yield f"{plugin.bridge} has the MAC address {seen.lladdr}, not {wish.lladdr}"
    for key, value in wish.settings:
        if read_setting(key) != value:
            yield f"{key} is not {value}"


def _set_up(directory: str, network: str, plugin: BridgePlugin, seen: Seen | None, wish: Wish) -> None:
    from k8snet_scripts.plugin.compiling import compile_bridge

    shelf.keep(directory, compile_bridge(network, plugin, wish))
    done = run_kept(directory, ("setup.sh",))
    try:
        check_done(done, f"set up the bridge {plugin.bridge}", f"{directory}/setup.sh")
    except WiringError as error:
        command = error.details.partition("\n")[0]
        if _has_vlans(plugin) and "vlan" in command and "Operation not supported" in error.details:
            key, value = ("vlan", plugin.vlan) if plugin.vlan else ("vlanTrunk", list(plugin.vlan_trunk))
            message = f"`{key}` {value} is not supported: the bridges of this kernel do not filter VLANs"
            raise CniError(UNSUPPORTED_FIELD, message, error.details) from error
        raise
    if seen and wish.is_foreign:
        _force(plugin, seen, wish)


def _force(plugin: BridgePlugin, seen: Seen, wish: Wish) -> None:
    """What scripts leave to those who have made a bridge, and the reference does: bring it up, and `forceAddress`."""
    ip = find_system_program("ip", {})
    for address in seen.addresses:
        if address not in wish.addresses:
            run_program([ip, "address", "delete", str(address), "dev", _gateway(plugin)], {})
    if not seen.is_up:
        run_program([ip, "link", "set", "dev", plugin.bridge, "up"], {})
