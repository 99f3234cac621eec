"""Filters: the steps that tell the kernel's packet filter what to translate, to let through and to drop.

What belongs to one topology alone stands in a table of its own, which nft loads in one transaction and whose text is
compared as a whole.  What has to overrule the rules of others stands where they are: an `accept` of nft ends one table
only, so packets are let through by rules of iptables, in chains that all who do this have in common.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from k8snet_scripts.addresses import WIDTH, Cidr
from k8snet_scripts.filtering import UNSPECIFIED, Admission, Forward, Isolation, Masquerade
from k8snet_scripts.inventory import Guard, Inventory
from k8snet_scripts.steps import WANT, Argv, Step, inside
from k8snet_scripts.topology import HOST, Namespace

FORWARD_CHAIN = "CNI-FORWARD"
STAGES = ("CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2")

_COMMENT = "CNI firewall plugin rules"
_ADMIN_COMMENT = "CNI firewall plugin admin overrides"
_ISOLATION_COMMENT = f"{_COMMENT} (ingressPolicy: same-bridge)"
_WORD = {4: "ip", 6: "ip6"}
_TOOL = {4: "iptables", 6: "ip6tables"}
_MULTICAST = {4: "224.0.0.0/4", 6: "ff00::/8"}
OUTPUT_PRIORITY = -80  # after the port publishing of others, and a number that every version of nft prints as it is


def filter_packets(inventory: Inventory, namespace: Namespace) -> Iterator[Step]:
    """All that the packet filter of a namespace is told."""
    name = namespace.name
    forwards, guards = inventory.forwards.get(name, ()), inventory.guards.get(name, ())
    if namespace.masquerade or forwards:
        yield translate(name, inventory.table, namespace.masquerade, forwards)
    if guards:
        yield guard(name, inventory.table, guards)
    if namespace.admissions:
        yield from dict.fromkeys(admit(name, namespace.admissions, forwards))
    if namespace.isolations:
        yield from dict.fromkeys(isolate(name, namespace.isolations))


def why(inventory: Inventory, namespace: Namespace) -> str:
    """What the packet filter of a namespace is for, in a sentence."""
    name = namespace.name
    purposes = {
        "ports that lead to others": bool(inventory.forwards.get(name)),
        "sources that are masqueraded": bool(namespace.masquerade),
        "forged link-layer addresses that are dropped": bool(inventory.guards.get(name)),
        "what is let through, whatever iptables does with the rest": bool(namespace.admissions),
        "bridges that are kept apart": bool(namespace.isolations),
    }
    whose = "of the host" if name == HOST else f"of {name}"
    return f"The packet filter {whose}: {', '.join(purpose for purpose, given in purposes.items() if given)}."


# By nft


def translate(namespace: str, table: str, sources: Iterable[Masquerade], forwards: Iterable[Forward]) -> Step:
    """One nft table of family inet that publishes ports, and masquerades what leaves each source network."""
    forwards = list(forwards)
    chains = []
    if forwards:
        jump = "policy accept; fib daddr type local jump published;"
        chains.append(f"chain prerouting {{ type nat hook prerouting priority dstnat; {jump} }};")
        chains.append(f"chain output {{ type nat hook output priority {OUTPUT_PRIORITY}; {jump} }};")
        chains.append(f"chain published {{ {_joined(map(publication_rule, forwards))} }};")
    rules = [*(rule for forward in forwards for rule in way_back_rules(forward)), *map(_masquerade_rule, sources)]
    if rules:
        hook = "type nat hook postrouting priority srcnat; policy accept;"
        chains.append(f"chain postrouting {{ {hook} {_joined(rules)} }};")
    return _table(namespace, "inet", table, chains)


def guard(namespace: str, table: str, guards: Iterable[Guard]) -> Step:
    """One nft table of family bridge that drops what a port takes in from another link-layer address than its own."""
    rules = _joined(f'iifname "{name}" ether saddr != {lladdr} drop' for name, lladdr in guards)
    hook = "type filter hook prerouting priority dstnat; policy accept;"
    return _table(namespace, "bridge", table, [f"chain prerouting {{ {hook} {rules} }};"])


def _table(namespace: str, family: str, table: str, chains: Iterable[str]) -> Step:
    """A table with these chains, made anew in one transaction whenever it differs."""
    name = f"table {family} {table}"
    ruleset = f"add {name}; delete {name}; {name} {{ {' '.join(chains)} }}"
    return Step(WANT, (*inside(namespace), "nft", ruleset), namespace, f"nft {name}")


def _joined(rules: Iterable[str]) -> str:
    """The rules in order, each once."""
    return " ".join(f"{rule};" for rule in dict.fromkeys(rules))


def publication_rule(forward: Forward) -> str:
    """What is sent to the port leads to the target, as nft is told."""
    publication, target = forward.publication, forward.target
    word = _WORD[target.family]
    words = []
    for field, network, negated in ((item.field, item.network, item.negated) for item in publication.conditions):
        if network.family == target.family:
            words.append(f"{word} {field} {'!= ' if negated else ''}{_destination(network)}")
    if publication.address not in (None, *UNSPECIFIED):
        words.append(f"{word} daddr {publication.address}")
    to = target.address if target.family == 4 else f"[{target.address}]"
    words.append(f"{publication.protocol} dport {publication.port} dnat {word} to {to}:{publication.to_port}")
    return " ".join(words)


def way_back_rules(forward: Forward) -> Iterator[str]:
    """Whose answers would not come back here, or could not: from then on they talk to this namespace."""
    publication, target = forward.publication, forward.target
    word = _WORD[target.family]
    sources: tuple[str, ...] = ()
    if publication.masquerade == "all":
        sources = ("",)
    elif publication.masquerade == "local":
        local = ("ip saddr 127.0.0.1 ",) if target.family == 4 else ()
        sources = (f"{word} saddr {_destination(target.network)} ", *local)
    ports = f"{publication.protocol} dport {publication.to_port} ct original proto-dst {publication.port}"
    for source in sources:
        yield f"{source}{word} daddr {target.address} {ports} ct status dnat masquerade"


def _masquerade_rule(rule: Masquerade) -> str:
    return f"{what_leaves(rule)} masquerade"


def what_leaves(rule: Masquerade) -> str:
    """Which packets are masqueraded, as nft is told."""
    word = _WORD[rule.source.family]
    kept = (*map(_destination, rule.inside), _MULTICAST[rule.source.family])
    outside = (f"{word} daddr != {network}" for network in kept)
    return f"{word} saddr {_destination(rule.source)} {' '.join(outside)}"


def _destination(network: Cidr) -> str:
    return network.address if network.is_host else str(network)


# By iptables


def admit(namespace: str, admissions: Iterable[Admission], forwards: Iterable[Forward] = ()) -> Iterator[Step]:
    """Rules of the chain CNI-FORWARD, which is gone through first, after what the administrator has to say.

    The steps that make the chains come once for each admission.
    """
    ways = [(forward.publication, forward.target) for forward in forwards]
    for admission in admissions:
        family, network = admission.network.family, str(admission.network)
        yield from _make_chains(namespace, family, FORWARD_CHAIN, admission.admin)
        yield _insert(namespace, family, "FORWARD", *_say(_COMMENT), "-j", FORWARD_CHAIN)
        yield _insert(namespace, family, FORWARD_CHAIN, *_say(_ADMIN_COMMENT), "-j", admission.admin)
        answers = ("-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
        yield _append(namespace, family, FORWARD_CHAIN, "-d", network, *answers, "-j", "ACCEPT")
        yield _append(namespace, family, FORWARD_CHAIN, "-s", network, "-j", "ACCEPT")
        for publication, target in ways if admission.published else ():
            if admission.network.contains(target.family, target.value):
                protocol, port = publication.protocol, str(publication.to_port)
                words = ("-p", protocol, "-m", protocol, "--dport", port, "-m", "conntrack", "--ctstate", "DNAT")
                to = f"{target.address}/{WIDTH[target.family]}"
                yield _append(namespace, family, FORWARD_CHAIN, "-d", to, *words, "-j", "ACCEPT")


def isolate(namespace: str, isolations: Iterable[Isolation]) -> Iterator[Step]:
    """Rules in two stages: what comes from an isolated bridge and leaves it, and of that what goes to another one."""
    say = _say(_ISOLATION_COMMENT)
    first, second = STAGES
    for bridge, family in ((isolation.bridge, isolation.family) for isolation in isolations):
        yield from _make_chains(namespace, family, first, second)
        yield _insert(namespace, family, "FORWARD", *say, "-j", first)
        yield _insert(namespace, family, first, "-i", bridge, "!", "-o", bridge, *say, "-j", second)
        yield _append(namespace, family, first, *say, "-j", "RETURN")
        yield _insert(namespace, family, second, "-o", bridge, *say, "-j", "DROP")
        yield _append(namespace, family, second, *say, "-j", "RETURN")


def _make_chains(namespace: str, family: int, *chains: str) -> Iterator[Step]:
    for chain in chains:
        yield _rule(namespace, family, ("-N", chain), ("-N", chain))


def _append(namespace: str, family: int, chain: str, *words: str) -> Step:
    return _rule(namespace, family, ("-A", chain, *words), ("-A", chain, *words))


def _insert(namespace: str, family: int, chain: str, *words: str) -> Step:
    """A rule that is put first; wherever it is later on is good."""
    return _rule(namespace, family, ("-I", chain, "1", *words), ("-A", chain, *words))


def _rule(namespace: str, family: int, change: Argv, shown: Argv) -> Step:
    """A rule or a chain; the fact is spelt as `iptables -S` prints it."""
    tool = _TOOL[family]
    words = (f'"{word}"' if shlex.quote(word) != word and word != "!" else word for word in shown)
    return Step(WANT, (*inside(namespace), tool, "--wait", *change), namespace, " ".join((tool, *words)))


def _say(comment: str) -> Argv:
    return ("-m", "comment", "--comment", comment)
