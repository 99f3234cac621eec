"""Names: what is left to chance by the reference, settled by the names of network, container and interface."""

from __future__ import annotations

from k8snet_scripts import digests

_HOST = "host"
_LONGEST = 64  # characters of the name of a topology


def name_topology(network: str) -> str:
    """The name of the topology that a network makes: its own, or where that is too long, its beginning and a digest."""
    return network if len(network) <= _LONGEST else f"{network[: _LONGEST - 9]}-{digest(network)[:8]}"


def name_host_end(network: str, container: str, ifname: str) -> str:
    """The name of the host's end of a veth: `veth` and eight hexadecimal digits, as the reference draws them."""
    return f"veth{digest(f'{network} {container} {ifname}')[:8]}"


def name_gateway(network: str, bridge: str, vlan: int) -> tuple[str, str]:
    """The name of the gateway of a VLAN, BRIDGE.VLAN, and of its peer on the bridge."""
    name = f"{bridge}.{vlan}"
    return name, name_host_end(network, _HOST, name)


def name_ifb(network: str, container: str) -> str:
    """The name of the ifb for what a container sends: `bwp` and twelve hexadecimal digits, as the reference has it."""
    return f"bwp{digests.long_digest(f'{network}{container}').hex()[:12]}"


def make_lladdr(text: str) -> str:
    """A unicast address, marked as locally administered."""
    digits = digest(text)
    return ":".join(("0a", *(digits[at : at + 2] for at in range(0, 10, 2))))


def digest(text: str) -> str:
    """Hexadecimal digits that stand for a text."""
    return digests.digest(text).hex()
