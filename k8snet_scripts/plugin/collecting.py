"""Collecting: attachments that the runtime knows no more are removed, as many as can be."""

from __future__ import annotations

from k8snet_scripts.plugin.blaming import BlamingTheScript
from k8snet_scripts.plugin.errors import CniError
from k8snet_scripts.plugin.valid import Attached
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from k8snet_scripts.plugin.names import Container


def remove_stale(
    valid: frozenset[Attached], containers: Iterable[Container], remove: Callable[[Container], object]
) -> dict[Attached, CniError]:
    """Remove all attachments but the valid ones; those that could not be removed, each with the reason."""
    left: dict[Attached, CniError] = {}
    for container in containers:
        attached = Attached(container.container_id, container.ifname)
        if attached not in valid:
            try:
                with BlamingTheScript():
                    remove(container)
            except CniError as error:
                left[attached] = error
    return left
