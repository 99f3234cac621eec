"""Names: what a topology, a namespace and an interface may be called.

The rules keep a name safe and plain wherever it goes: the kernel, `ip` and `bridge` command lines, files below
/run/netns and /proc/sys/net, and the scripts.  Each `check_` function gives the name back or raises `Refused`.
"""

from __future__ import annotations

from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.wording import PLAIN, Pattern, is_made_of

INTERFACE_BYTES = 15
NAMESPACE_BYTES = 64

_HOST = "host"  # that of `topology`, which takes far longer to import than a plugin has
_TOPOLOGY = Pattern(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_CHAIN = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,27}")

_WORDS = """
    dev name type up down add del delete set show list help master nomaster vrf mtu index address addr broadcast brd
    alias altname group peer netns link link-netns link-netnsid parentdev txqueuelen txqlen numtxqueues numrxqueues
    arp dynamic multicast allmulticast promisc trailers carrier addrgenmode protodown mode state vf
    gso_max_size gso_max_segs gro_max_size xdp xdpgeneric xdpdrv xdpoffload
    local anycast label scope metric valid_lft preferred_lft permanent secondary primary home nodad mngtmpaddr
    noprefixroute autojoin temporary tentative deprecated dadfailed
    to via src from table proto protocol preference priority tos dsfield iif oif root match exact onlink pervasive
    nexthop nhid weight encap unicast throw unreachable prohibit blackhole nat any
    cost guard hairpin fastleave root_block learning flood mcast_flood bcast_flood neigh_suppress isolated self vid
    pvid untagged
    """
KEYWORDS = frozenset(_WORDS.split())
"""Words that `ip` or `bridge` may read as part of their own grammar where a person typed an interface name."""

_TAKEN = {
    "lo": "every namespace has a `lo` of its own",
    "all": "/proc/sys/net has a directory `all` beside those of the interfaces",
    "default": "/proc/sys/net has a directory `default` beside those of the interfaces",
    "bonding_masters": "/sys/class/net has a file of that name",
}

_CHAINS = (
    *("INPUT", "FORWARD", "OUTPUT", "ACCEPT", "DROP", "RETURN", "QUEUE"),
    *("CNI-FORWARD", "CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"),
)


def check_topology_name(name: str) -> str:
    """The name of a topology: it names a directory, a lock and a group of links."""
    if not _TOPOLOGY.fullmatch(name):
        raise Refused(
            "bad-name",
            f"{show(name)} cannot name a topology",
            "1 to 64 of the characters A-Z a-z 0-9 _ . -, the first a letter or a digit",
        )
    return name


def check_namespace_name(name: str) -> str:
    """The name of a namespace that the scripts make.  `host` is the one that they start in."""
    _check_plain(name, "a namespace", NAMESPACE_BYTES)
    if name == _HOST:
        raise Refused(
            "reserved-name",
            f"`{_HOST}` is the namespace that the scripts start in",
            f"call the namespace something else; what the host itself gets stands in `[{_HOST}]`",
        )
    return name


def check_interface_name(name: str) -> str:
    """The name of a bridge, of an end of a veth or of an external interface."""
    _check_plain(name, "an interface", INTERFACE_BYTES)
    if name in _TAKEN:
        raise Refused("reserved-name", f"`{name}` cannot name an interface: {_TAKEN[name]}", "choose another name")
    if name in KEYWORDS:
        raise Refused("reserved-name", f"`{name}` is a keyword of `ip` or `bridge`", f"write `{name}0`, say")
    return name


def check_chain_name(name: str) -> str:
    """The name of a chain of iptables that anybody may have."""
    if not _CHAIN.fullmatch(name):
        help = "use 1 to 28 of the characters A-Z a-z 0-9 _ -, the first not `-`"
        raise Refused("bad-name", f"{show(name)} cannot name a chain", help)
    if name in _CHAINS:
        raise Refused("reserved-name", f"`{name}` has a meaning to iptables or to the scripts", "choose another name")
    return name


def _check_plain(name: str, what: str, longest: int) -> None:
    if not is_made_of(name, f"{PLAIN}_", ".+-"):
        if not name:
            raise Refused("bad-name", f"the name of {what} is missing")
        raise Refused(
            "bad-name",
            f"{show(name)} cannot name {what}",
            "use the characters A-Z a-z 0-9 _ . + - only, and begin with a letter, a digit or _",
        )
    if len(name) > longest:
        raise Refused(
            "name-too-long",
            f"{show(name)} has {len(name)} bytes, {what} takes at most {longest}",
            f"shorten it by {len(name) - longest}",
        )
