"""Wiring: one attachment of a container to a network, compiled to scripts by the same templates as everything, and run.

    bridge ──▶ made or mended if it is not as wanted ──▶ scripts of the attachment ──▶ kept ──▶ setup.sh

Each attachment is a topology of its own: a veth from the host into a namespace that is there already.  Nothing in it is
borrowed from the host, so attachments do not wait for each other, and one costs the same among a thousand.
"""

from __future__ import annotations

from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin, LinkPlugin, Network
from k8snet_scripts.cni.result import Interface
from k8snet_scripts.plugin import pieces, shelf
from k8snet_scripts.plugin.bridges import inspect_bridge, provide_bridge
from k8snet_scripts.plugin.forwarding import inspect_forwarding, provide_forwarding
from k8snet_scripts.plugin.names import Container, Names, name_attachment
from k8snet_scripts.plugin.netns import has_interface, is_netns
from k8snet_scripts.plugin.patterns import scripts_of
from k8snet_scripts.plugin.pieces import Piece
from k8snet_scripts.plugin.running import WiringError
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

__all__ = ["Container", "WiringError", "attach", "attached", "detach", "inspect"]


def attach(
    network: Network, plugin: LinkPlugin, container: Container, attachment: Attachment, mac: str | None = None
) -> tuple[Interface, ...]:
    """Attach a container: its bridge if it has one, the host's end and its own interface, with MAC addresses.

    If anything fails, nothing is left of it but the kept script.  Raises `WiringError`.
    """
    names = name_attachment(network.name, container, mac)
    if not is_netns(container.netns):
        raise WiringError(f'failed to open netns "{container.netns}": it is no network namespace')
    if shelf.read_record(names.topology) and has_interface(container.netns, container.ifname, {}):
        raise WiringError(_exists(container))
    common = _provide(network.name, plugin, attachment)
    scripts = scripts_of(network.name, plugin, container.container_id, container.ifname, attachment, names)
    try:
        pieces.set_up(Piece("", network.name, container, names), scripts)
    except WiringError as error:
        if _is_taken(error, container, names):
            raise WiringError(_exists(container), error.details, error.script) from error
        raise
    return (
        *common[:1],
        Interface(names.host_end, names.host_lladdr),
        Interface(container.ifname, names.pod_lladdr, container.netns),
        *common[1:],
    )


def detach(network_name: str, container: Container) -> None:
    """Detach a container, whether or not it, or its namespace, is still there.  Raises `WiringError`."""
    if not pieces.tear_down("", network_name, container):
        from k8snet_scripts.plugin.strangers import detach_stranger

        detach_stranger(network_name, container.container_id, container.netns, container.ifname)


def inspect(network: Network, plugin: LinkPlugin, container: Container, attachment: Attachment) -> tuple[str, ...]:
    """What of an attachment is not as it was made, a line each.  Raises `WiringError`."""
    names = name_attachment(network.name, container)
    record = shelf.read_record(names.topology)
    if record is None:
        return (f"{container.ifname} of {container.container_id} is not on record as attached to {network.name}",)
    names = name_attachment(network.name, container, record["mac"])
    scripts = scripts_of(network.name, plugin, container.container_id, container.ifname, attachment, names)
    found = pieces.differences(Piece("", network.name, container, names), scripts)
    overruled = _overruled(network.name, container, names)
    return (*_inspect(network.name, plugin, attachment), *(line for line in found if not overruled.search(line)))


def _provide(network: str, plugin: LinkPlugin, attachment: Attachment) -> tuple[Interface, ...]:
    """What all attachments of a network have in common: its bridge, perhaps with a gateway, or a host that is a router."""
    if isinstance(plugin, BridgePlugin):
        return provide_bridge(network, plugin, attachment)
    provide_forwarding(network, attachment.forwarding)
    return ()


def _inspect(network: str, plugin: LinkPlugin, attachment: Attachment) -> Iterator[str]:
    """What of that is not as it should be, a line each."""
    if isinstance(plugin, BridgePlugin):
        return inspect_bridge(network, plugin, attachment)
    return inspect_forwarding(attachment.forwarding)


def _overruled(network: str, container: Container, names: Names) -> re.Pattern[str]:
    """The lines about what `tuning` has changed since, ours or the reference's, which is its business."""
    import re

    from k8snet_scripts.plugin.strangers import find_tuned

    changed = (*pieces.overruled("tuning", network, container), *find_tuned(container.container_id, container.ifname))
    keys = "|".join(map(re.escape, changed)) or r"(?!)"
    return re.compile(rf": {re.escape(names.namespace)}( {re.escape(container.ifname)})?: ({keys}) ")


def attached(network_name: str) -> tuple[Container, ...]:
    """The attachments to a network that are on record."""
    return pieces.on_record("", network_name)


def _exists(container: Container) -> str:
    return f"container veth name provided ({container.ifname}) already exists"


def _is_taken(error: WiringError, container: Container, names: Names) -> bool:
    """Whether a setup has failed because the container has an interface of that name."""
    taken = f"refused: interface {container.ifname} ({names.namespace}) exists"
    return any(line.startswith(taken) for line in error.details.splitlines())
