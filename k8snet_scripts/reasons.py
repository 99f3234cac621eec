"""Reasons: the sentences that say why steps are there, what it is that they make and what its author says of it."""

from __future__ import annotations

from k8snet_scripts.topology import HOST, End, Interface, Namespace, Veth


def why(interface: Interface, otherwise: str) -> str:
    """What the author of an interface says of it, or else the sentence given."""
    return interface.description or otherwise


def why_veth(veth: Veth, maker: End, peer: End) -> str:
    """Which cable it is and where its ends are; first what its author says of it."""
    said = " ".join([end.description for end in (veth.inner, veth.outer) if end.description])
    joined = f", a port of {maker.port.bridge}" if maker.port else ""
    what = f"{peer.name}{whereabouts(peer.namespace)}; its peer {maker.name}{whereabouts(maker.namespace)}{joined}."
    return f"{said} {what}" if said else what


def why_namespace(namespace: Namespace) -> str:
    """Which namespace it is, and what its author says of it."""
    what = "The host." if namespace.name == HOST else f"{namespace.name}."
    return f"{what} {namespace.description}" if namespace.description else what


def whereabouts(namespace: str) -> str:
    """Where something is, to be put behind its name: " on the host", " in node1"."""
    return " on the host" if namespace == HOST else f" in {namespace}"
