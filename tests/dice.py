"""Decisions that random topologies are made by, and what these choose from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from k8snet_scripts.topology import Command

T = TypeVar("T")

NAMESPACE_NAMES = ("n1", "node2", "a.b", "x-y_z+", "_", "Router", "n7", "n" * 64)
END_NAMES = ("eth0", "vethA", "e.1", "_x", "lan+", "w-0", "abcdefghijklmno", "9p")
BRIDGE_NAMES = ("br0", "cni0", "br.2", "sw-3")

PORT_OPTIONS = (
    ("hairpin", "on"),
    ("isolated", "on"),
    ("learning", "off"),
    ("mcast_flood", "off"),
    ("neigh_suppress", "on"),
    ("cost", "4"),
    ("priority", "63"),
)
SETTLED_OPTIONS = (
    (),
    (("isolated", "on"),),
    (("learning", "off"),),
    (("hairpin", "on"), ("isolated", "on")),
)
"""Options of a port that leave no doubt about who reaches whom."""

BRIDGE_OPTIONS = (
    ("stp_state", "1"),
    ("mcast_snooping", "0"),
    ("forward_delay", "200"),
    ("ageing_time", "30000"),
    ("priority", "4096"),
    ("group_fwd_mask", "8"),
)
SYSCTLS = (
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.ip_local_port_range", "1024 2048"),
    ("net.ipv6.conf.default.accept_ra", "0"),
    ("net.core.somaxconn", "128"),
)
COMMANDS = tuple(
    Command(("do", *words), ("is", "done", *words), ("undo", *words))
    for words in (("it",), ("a  b", "#", "$(reboot)"), ("bash", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"))
)
"""What people have run: here they are programs of the fake kernel."""

DESCRIPTIONS = (
    "the uplink",
    "$(reboot) `id` \"'\\",
    "{{ 7 * 7 }} {% x %} {# y #}",
    "Büro → 東京",
    "# $HOME; rm -rf / |&",
    "%s %d",
)
"""What people write, and some that a shell or a template could take amiss."""


class Dice:
    """Decisions made by bytes drawn beforehand, which is much faster than drawing each.  Zero is the simple case."""

    def __init__(self, rolls: bytes) -> None:
        self.rolls = iter(rolls)

    def number(self, low: int, high: int) -> int:
        return low + next(self.rolls, 0) % (high - low + 1)

    def one(self, items: Sequence[T]) -> T:
        return items[self.number(0, len(items) - 1)]

    def chance(self, one_in: int = 2) -> bool:
        return self.number(1, one_in) == one_in

    def some(self, items: Sequence[T]) -> tuple[T, ...]:
        """Some of the items, in their order; often none."""
        chosen = self.number(0, 255) if self.chance() else 0
        return tuple(item for index, item in enumerate(items) if chosen >> index & 1)
