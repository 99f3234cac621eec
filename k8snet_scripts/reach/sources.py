"""Which of its addresses a namespace sends from: the rules of RFC 6724 that tell the addresses of a topology apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from k8snet_scripts.addresses import WIDTH, Cidr, is_link_local, parse_address

_LABELS = tuple(
    (Cidr(*parse_address(network), prefix), label)
    for network, prefix, label in (
        ("::1", 128, 0),
        ("2001:10::", 28, 7),
        ("2001::", 32, 6),
        ("2002::", 16, 2),
        ("fc00::", 7, 5),
        ("::", 0, 1),
    )
)
"""The labels of RFC 6724, the longest prefix first: a source is preferred that has the label of its target."""


def global_addresses(addresses: Iterable[Cidr], family: int) -> list[Cidr]:
    """Those of one family that are good beyond their segment."""
    return [own for own in addresses if own.family == family and not is_link_local(family, own.value)]


def best_sources6(candidates: Iterable[Cidr], target: int) -> Sequence[int]:
    """RFC 6724 as Linux has it, from the sixth rule on: the label of the target, then the longest common prefix."""
    best: tuple[bool, int] = (False, -1)
    found: list[int] = []
    label = _label(target)
    for own in candidates:
        common = min(WIDTH[6] - (own.value ^ target).bit_length(), own.prefix)
        rank = (_label(own.value) == label, common)
        if rank > best:
            best, found = rank, []
        if rank == best:
            found.append(own.value)
    return found


def _label(value: int) -> int:
    return next(label for network, label in _LABELS if network.contains(6, value))
