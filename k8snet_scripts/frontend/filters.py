"""Filters: from the lists of what is masqueraded, let through and published to the model.

Each item is a text, or a table that says more.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.filtering import DEFAULT_ADMIN_CHAIN, Admission, Condition, Masquerade, Path, Publication
from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.ranges import Each, combine, gather
from k8snet_scripts.rules.literals import read_network
from k8snet_scripts.rules.names import check_chain_name
from k8snet_scripts.rules.ports import check_masquerade, read_condition, read_publication
from k8snet_scripts.rules.refusal import Refused


def read_masquerade(table: Table) -> Each[tuple[Masquerade, ...]]:
    """What a namespace masquerades, apart from that of its bridges."""
    return gather([_read_source(table, path, value) for path, value in table.items("masquerade", "networks")])


def read_admissions(table: Table) -> Each[tuple[Admission, ...]]:
    """What a namespace lets through, apart from that of its bridges."""
    return gather([_read_admission(table, path, value) for path, value in table.items("admit", "networks")])


def read_publications(table: Table) -> Each[tuple[Publication, ...]]:
    """The ports that lead to an end of a veth."""
    return gather([_read_publication(table, path, value) for path, value in table.items("publish", "ports")])


def _read_source(table: Table, path: Path, value: object) -> Each[Masquerade | None]:
    """A network, or a table that also says within which networks its addresses are kept."""
    if not isinstance(value, dict):
        source = table.read(path, value, read_network, expected="a network or a table")
        return None if source is None else combine(Masquerade, source=source, path=path)
    rule = Table(value, path, table.document, table.ranged)
    if not rule.has("source"):
        rule.missing("source", 'write `source = "10.10.0.0/24"`, say')
    source = rule.text("source", read_network)
    within = rule.texts("within", read_network)
    rule.close()
    return (
        None if source is None else combine(rule.guard(path, _make_masquerade), source=source, within=within, path=path)
    )


def _make_masquerade(source: Cidr, within: tuple[Cidr, ...], path: Path) -> Masquerade:
    for network in within:
        if network.family != source.family:
            message = f"`{network}` and `{source}` are not of one family"
            raise Refused("bad-address", message, "write a rule for each family", key="within")
    return Masquerade(source, within, path)


def _read_admission(table: Table, path: Path, value: object) -> Each[Admission | None]:
    """A network, or a table that also says who may forbid it, and whether published ports are let through as well."""
    if not isinstance(value, dict):
        network = table.read(path, value, read_network, expected="a network or a table")
        return None if network is None else combine(Admission, network=network, published=True, path=path)
    rule = Table(value, path, table.document, table.ranged)
    if not rule.has("network"):
        rule.missing("network", 'write `network = "10.10.0.0/24"`, say')
    network = rule.text("network", read_network)
    published = rule.boolean("published")
    admin = rule.text("admin_chain", check_chain_name) if rule.has("admin_chain") else DEFAULT_ADMIN_CHAIN
    rule.close()
    if network is None or admin is None:
        return None
    return combine(Admission, network=network, admin=admin, published=published is not False, path=path)


def _read_publication(table: Table, path: Path, value: object) -> Each[Publication | None]:
    """A port, or a table that also says which connections it is for and how they come."""
    read = partial(read_publication, path=path)
    if not isinstance(value, dict):
        return table.read(path, value, read, expected="a port or a table")
    given = Table(value, path, table.document, table.ranged)
    if not given.has("port"):
        given.missing("port", 'write `port = "8080:80"`, say')
    port = given.text("port", read)
    masquerade = given.text("masquerade", check_masquerade) if given.has("masquerade") else "local"
    conditions = given.texts("conditions", read_condition)
    given.close()
    if port is None or masquerade is None:
        return None
    return combine(_make_publication, port=port, masquerade=masquerade, conditions=conditions)


def _make_publication(port: Publication, masquerade: str, conditions: tuple[Condition, ...]) -> Publication:
    return replace(port, masquerade=masquerade, conditions=conditions)
