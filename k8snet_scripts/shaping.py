"""Steps of rates: queueing disciplines, and ifbs, through which comes in what has a rate of its own.

Each namespace has them together, after everything that `ip` does there: another tool, another process.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from k8snet_scripts import steps
from k8snet_scripts.steps import MAKE, MEND, WANT, Argv, Step, ip
from k8snet_scripts.topology import HOST, Ifb, Interface

_ALL = ("pref", "1", "protocol", "all", "u32", "match", "u32", "0", "0")  # a filter that everything passes


def make_ifb(namespace: str, ifb: Ifb, mark: str) -> Iterator[Step]:
    """An ifb, still down, then each attribute by itself."""
    own = steps.attributes(ifb)
    flat = tuple(word for pair in own for word in pair)
    make = (*ip(namespace), "link", "add", "name", ifb.name, *flat, "group", mark, "type", "ifb")
    yield Step(MAKE, make, f"{namespace} {ifb.name}", "ifb")
    for key, value in own:
        yield steps.attribute(MEND, namespace, ifb.name, key, value)


def limit_rates(namespace: str, interfaces: Iterable[Interface]) -> Iterator[Step]:
    """What interfaces of a namespace send at most; then, what comes in is led to the ifb for it, if there is any."""
    prefix: Argv = ("tc",) if namespace == HOST else ("tc", "-n", namespace)
    found = [interface for interface in interfaces if interface.rate or isinstance(interface, Ifb)]
    for interface in found:
        if interface.rate:
            words = interface.rate.words
            command = (*prefix, "qdisc", "replace", "dev", interface.name, "root", *words)
            yield Step(WANT, command, f"{namespace} {interface.name}", " ".join(words))
    for ifb in found:
        if isinstance(ifb, Ifb):
            owner, at = f"{namespace} {ifb.source}", ("dev", ifb.source, "ingress")
            redirect = (*at, *_ALL, "action", "mirred", "egress", "redirect", "dev", ifb.name)
            yield Step(WANT, (*prefix, "qdisc", "add", *at), owner, "ingress")
            yield Step(WANT, (*prefix, "filter", "add", *redirect), owner, f"redirect {ifb.name}")
