"""Filters as a topology file says them: what is masqueraded, let through, kept apart and published."""

from __future__ import annotations

from collections.abc import Iterable

from k8snet_scripts.filtering import DEFAULT_ADMIN_CHAIN, Admission, Isolation, Masquerade, Publication
from k8snet_scripts.notation.toml import Value


def describe_masquerade(rule: Masquerade) -> Value:
    """An item of `masquerade`."""
    if not rule.within:
        return str(rule.source)
    return {"source": str(rule.source), "within": [str(network) for network in rule.within]}


def describe_admission(rule: Admission) -> Value:
    """An item of `admit`."""
    table: dict[str, Value] = {} if rule.admin == DEFAULT_ADMIN_CHAIN else {"admin_chain": rule.admin}
    if not rule.published:
        table["published"] = False
    network = str(rule.network)
    return {"network": network, **table} if table else network


def describe_isolations(isolations: Iterable[Isolation], bridge: str) -> dict[str, Value]:
    """`isolate` of a bridge, if it is."""
    families = [isolation.family for isolation in isolations if isolation.bridge == bridge]
    return {"isolate": families} if families else {}


def describe_publication(publication: Publication) -> Value:
    """An item of `publish`."""
    port = write_port(publication)
    table: dict[str, Value] = {}
    if publication.masquerade != "local":
        table["masquerade"] = publication.masquerade
    if publication.conditions:
        table["conditions"] = [
            f"{item.field} {'!= ' if item.negated else ''}{item.network}" for item in publication.conditions
        ]
    return {"port": port, **table} if table else port


def write_port(publication: Publication) -> str:
    """A port in the words of `docker run -p`."""
    before, protocol = "", "" if publication.protocol == "tcp" else f"/{publication.protocol}"
    if publication.address is not None:
        before = f"[{publication.address}]:" if ":" in publication.address else f"{publication.address}:"
    return f"{before}{publication.port}:{publication.to_port}{protocol}"
