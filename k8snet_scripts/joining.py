"""Joining: the steps for an nft table that several topologies have in common.

nft reads something of every table before it changes one, and the kernel calls every base chain at a hook.  Where there
are many small topologies, as of a node's containers, a table for each of them would make all slower.  So one has a base
chain that looks up in a map which topology a packet belongs to, and for each topology a chain, called like it.

What a topology says is one transaction, and the first one makes the table by it.  One chain, which those of all
topologies lead to, cannot be deleted while there is another one: so nobody removes a table that is in use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8snet_scripts.filtering import UNSPECIFIED, Forward, Masquerade
from k8snet_scripts.filters import OUTPUT_PRIORITY, publication_rule, way_back_rules, what_leaves
from k8snet_scripts.inventory import Guard, Inventory
from k8snet_scripts.steps import WANT, Step, inside
from k8snet_scripts.topology import Namespace

_MASQUERADING, _FORGED, _PASSING = "masquerading", "forged", "passing"
_WORD = {4: "ip", 6: "ip6"}
_SOURCES = {4: "sources4", 6: "sources6"}
_PORTS = "ports"
_PORTS_OF = {4: "ports4", 6: "ports6"}
_TARGETS = {4: "targets4", 6: "targets6"}


def join_table(inventory: Inventory, namespace: Namespace) -> Iterator[Step]:
    """What a namespace masquerades or publishes, and what its ports take in, in the tables that the topology has with others."""
    table, chain = inventory.table, inventory.topology.name
    if namespace.masquerade:
        yield from masquerade(namespace.name, table, chain, namespace.masquerade)
    if inventory.forwards.get(namespace.name):
        yield from publish(namespace.name, table, chain, inventory.forwards[namespace.name])
    if inventory.guards.get(namespace.name):
        yield from guard(namespace.name, table, chain, inventory.guards[namespace.name])


def masquerade(namespace: str, table: str, chain: str, sources: Iterable[Masquerade]) -> Iterator[Step]:
    """Packets from each source, a single address, lead to the chain, in a table of family inet."""
    sources, family = list(sources), f"inet {table}"
    maps = [f"add map {family} {_SOURCES[number]} {{ type ipv{number}_addr : verdict; }}" for number in _SOURCES]
    look = [f"{_WORD[number]} saddr vmap @{_SOURCES[number]}" for number in _SOURCES]
    yield _rules(namespace, family, _MASQUERADING, ["masquerade"], [f"add table {family}"])
    yield _rules(
        namespace, family, "postrouting", look, maps, "type nat hook postrouting priority srcnat; policy accept;"
    )
    yield _rules(namespace, family, chain, [f"{what_leaves(source)} goto {_MASQUERADING}" for source in sources])
    for source in sources:
        yield _element(namespace, family, _SOURCES[source.source.family], source.source.address, chain)


def publish(namespace: str, table: str, chain: str, forwards: Iterable[Forward]) -> Iterator[Step]:
    """Packets to each port lead to the chain, and those that it has sent on to one for the way back, in a table of family inet.

    A port that is open on one address is looked up before those that are open on all.
    """
    forwards, family, back = list(forwards), f"inet {table}", f"{chain}-back"
    maps = [f"add map {family} {_PORTS} {{ type nf_proto . inet_proto . inet_service : verdict; }}"]
    for number in _WORD:
        maps.append(
            f"add map {family} {_PORTS_OF[number]} {{ type ipv{number}_addr . inet_proto . inet_service : verdict; }}"
        )
    look = [f"{_WORD[number]} daddr . meta l4proto . th dport vmap @{_PORTS_OF[number]}" for number in _WORD]
    look = [
        f"fib daddr type local {rule}" for rule in (*look, f"meta nfproto . meta l4proto . th dport vmap @{_PORTS}")
    ]
    yield _rules(namespace, family, _PASSING, [], [f"add table {family}"])
    yield _rules(
        namespace, family, "prerouting", look, maps, "type nat hook prerouting priority dstnat; policy accept;"
    )
    hook = f"type nat hook output priority {OUTPUT_PRIORITY}; policy accept;"
    yield _rules(namespace, family, "output", look, (), hook)
    yield _rules(namespace, family, chain, [*map(publication_rule, forwards), f"goto {_PASSING}"])
    for map_, key in dict.fromkeys(map(_port_key, forwards)):
        yield _element(namespace, family, map_, key, chain)
    answers = [rule for forward in forwards for rule in way_back_rules(forward)]
    if answers:
        maps = [f"add map {family} {_TARGETS[number]} {{ type ipv{number}_addr : verdict; }}" for number in _TARGETS]
        look = [f"{_WORD[number]} daddr vmap @{_TARGETS[number]}" for number in _TARGETS]
        hook = "type nat hook postrouting priority srcnat; policy accept;"
        yield _rules(namespace, family, "postrouting", look, maps, hook)
        yield _rules(namespace, family, back, answers)
        for target in dict.fromkeys(forward.target for forward in forwards):
            yield _element(namespace, family, _TARGETS[target.family], target.address, back)


def _port_key(forward: Forward) -> tuple[str, str]:
    """The map that a published port is looked up in, and what leads to it there."""
    publication, number = forward.publication, forward.target.family
    port = f"{publication.protocol} . {publication.port}"
    if publication.address in (None, *UNSPECIFIED):
        return _PORTS, f"ipv{number} . {port}"
    return _PORTS_OF[number], f"{publication.address} . {port}"


def guard(namespace: str, table: str, chain: str, guards: Iterable[Guard]) -> Iterator[Step]:
    """Frames that each port takes in lead to the chain, in a table of family bridge."""
    guards, family = list(guards), f"bridge {table}"
    ports = f"add map {family} {_PORTS} {{ type ifname : verdict; }}"
    forged = [f'iifname "{port}" ether saddr != {lladdr} goto {_FORGED}' for port, lladdr in guards]
    hook = "type filter hook prerouting priority dstnat; policy accept;"
    yield _rules(namespace, family, _FORGED, ["drop"], [f"add table {family}"])
    yield _rules(namespace, family, "prerouting", [f"iifname vmap @{_PORTS}"], [ports], hook)
    yield _rules(namespace, family, chain, forged)
    for port, _ in guards:
        yield _element(namespace, family, _PORTS, f'"{port}"', chain)


def _rules(
    namespace: str, family: str, chain: str, rules: Iterable[str], before: Iterable[str] = (), hook: str = ""
) -> Step:
    """A chain with just these rules, after what it needs; a base chain where there is a hook."""
    name = f"chain {family} {chain}"
    added = [f"add rule {family} {chain} {rule}" for rule in dict.fromkeys(rules)]
    said = [*before, f"add {name} {{ {hook} }}" if hook else f"add {name}", f"flush {name}", *added]
    return Step(WANT, (*inside(namespace), "nft", "; ".join(said)), namespace, f"nft {name}")


def _element(namespace: str, family: str, map: str, key: str, chain: str) -> Step:
    """An element of a map, which leads to a chain; one that leads elsewhere is replaced."""
    text = f"add element {family} {map} {{ {key} : jump {chain} }}"
    shown = key.replace(" ", "").strip('"')
    return Step(WANT, (*inside(namespace), "nft", text), namespace, f"nft element {family} {map} {shown} jump {chain}")
