"""Settings: the sysctls of one namespace, those that were asked for and those that follow from what it does."""

from __future__ import annotations

from collections.abc import Iterator

from k8snet_scripts.filtering import Forward
from k8snet_scripts.inventory import Inventory, find_presets
from k8snet_scripts.topology import Namespace

FORWARDING = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}
"""The sysctl that makes a namespace a router, by address family."""

_SAME_AS_IP_FORWARD = "net.ipv4.conf.all.forwarding"


def choose_settings(inventory: Inventory, namespace: Namespace) -> Iterator[tuple[str, str]]:
    """Forwarding, then what was asked for but for those defaults, then what 127.0.0.1 takes to reach published ports.

    A new namespace inherits IPv4 forwarding from the machine, so one that could route without being asked to is told
    not to.  The host, and a namespace of others, stays as it is unless the topology says otherwise.
    """
    forwarding, forwards = namespace.forwarding, inventory.forwards.get(namespace.name)
    if forwarding is None and namespace.is_made and _could_route(inventory, namespace):
        forwarding = False
    if forwarding is not None:
        value = "1" if forwarding else "0"
        told = {"net.ipv4.ip_forward" if key == _SAME_AS_IP_FORWARD else key for key, _ in namespace.sysctls}
        yield from ((key, value) for key in (FORWARDING[family] for family in inventory.families) if key not in told)
    if namespace.sysctls:
        early = dict(find_presets(namespace))
        yield from ((key, value) for key, value in namespace.sysctls if key not in early)
    if forwards:
        told = {key for key, _ in namespace.sysctls}
        local = (forward.dev for forward in forwards if _is_local(forward))
        localnet = dict.fromkeys(f"net.ipv4.conf.{dev.replace('.', '/')}.route_localnet" for dev in local)
        yield from ((key, "1") for key in localnet if key not in told)


def _is_local(forward: Forward) -> bool:
    """Whether a port can be reached through an address of `lo`, from where packets do not leave otherwise."""
    return forward.target.family == 4 and forward.publication.masquerade != "none"


def _could_route(inventory: Inventory, namespace: Namespace) -> bool:
    addresses = [end.addresses for end in inventory.ends.get(namespace.name, ()) if end.addresses]
    addresses += [holder.addresses for holder in (*namespace.bridges, *namespace.devices) if holder.addresses]
    if len(addresses) != 1:
        return len(addresses) > 1
    return any(address[:2] in inventory.next_hops for address in addresses[0])
