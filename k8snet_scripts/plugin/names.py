"""Names of an attachment: what its topology, its namespace and its interfaces are called."""

from __future__ import annotations

import os

from k8snet_scripts.cni.names import digest, make_lladdr, name_host_end
from k8snet_scripts.rules.names import check_namespace_name
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.values import NamedTuple

_NAMED_NAMESPACES = ("/run/netns", "/var/run/netns")
_OF_NETWORK = 40  # characters of the name of a network that a topology is called after


class Container(NamedTuple):
    """An interface of a container: `netns` is the path of its namespace, which may be empty or lead nowhere by now."""

    container_id: str
    netns: str
    ifname: str


class Names(NamedTuple):
    """`is_given` says whether the namespace has its name only where the scripts of the attachment run."""

    topology: str
    namespace: str
    is_given: bool
    host_end: str
    host_lladdr: str
    pod_lladdr: str


def name_attachment(network: str, container: Container, mac: str | None = None, plugin: str = "") -> Names:
    """The names of an attachment; `mac` is the MAC address that the container's interface is to have, if one is asked for.

    What a chained `plugin` does for it is a topology by itself.
    """
    key = " ".join(filter(None, (network, container.container_id, container.ifname, plugin)))
    digits = digest(key)[:16]
    namespace = _find_name(container.netns)
    return Names(
        f"cni-{network[:_OF_NETWORK]}-{digits}",
        namespace or f"cni-{digits}",
        namespace is None,
        name_host_end(network, container.container_id, container.ifname),
        make_lladdr(f"{key} host"),
        mac or make_lladdr(key),
    )


def name_bridge(network: str, bridge: str) -> str:
    """What the topology of a network's bridge is called."""
    return f"cni-{network[:_OF_NETWORK]}-{digest(f'{network} {bridge}')[:16]}"


def name_table(network: str, plugin: str = "") -> str:
    """What the nft table is called after that all attachments to a network have in common, or what a chained plugin does."""
    key = " ".join(filter(None, (network, plugin, "table")))
    return f"cni-{network[:_OF_NETWORK]}-{digest(key)[:16]}"


def _find_name(netns: str) -> str | None:
    """The name by which `ip` knows a namespace; None for one that has only a path, or a name that scripts cannot have."""
    directory, base = os.path.split(netns)
    try:
        if directory in _NAMED_NAMESPACES and os.path.samefile(directory, _NAMED_NAMESPACES[0]):
            return check_namespace_name(base)
    except (OSError, Refused):
        return None
    return None
