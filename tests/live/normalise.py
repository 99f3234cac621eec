"""What counts as the same state: raw listings of one namespace to plain text, with all that may differ by chance gone.

Replaced by a symbol, since two runs may draw other values:

- interface indexes and namespace ids, by names: a veth end says `node1/eth0` where its peer is;
- addresses that the kernel drew at random (`addr_assign_type` is not 3, "set"), by whose they are, `mac(node1/eth0)`;
- link-local addresses that the kernel made by itself (a bridge's may derive from a port that is gone).

Left out, since it changes by itself while nothing is configured:

- the carrier and all that follows it: LOWER_UP, NO-CARRIER, operstate, `linkdown`, `dead`, a port's forwarding state,
  spanning-tree elections and timers.  Administrative state (UP) is kept;
- `tentative` (wait with `settle` first), life times, counters, packets and bytes, nft handles, timestamps;
- what is learned: dynamic neighbours and forwarding entries, cached routes, multicast groups, a port's number (it
  tells the order of joining), an interface's own address in the forwarding table;
- `qdisc noop`, which an interface that was never up shows instead of what it will have;
- sysctls that follow something else that is compared already (`mtu`), or random (`stable_secret`).
"""

from __future__ import annotations

import json
import re
import socket
from typing import Any

SET_BY_USER = "3"
RANDOM_MAC = "(random)"
NO_MAC = "00:00:00:00:00:00"  # what a bridge is left with when its last port goes: real, and worth comparing
AUTOMATIC = "fe80::(kernel)"

_LINK_NOISE = {"ifindex", "link_index", "link_netnsid", "link", "ifname", "operstate", "addr_info", "stats", "stats64"}
_FLAG_NOISE = {"LOWER_UP", "NO-CARRIER", "M-DOWN"}
_BRIDGE_NOISE = {"hello_timer", "tcn_timer", "topology_change_timer", "gc_timer"}
_BRIDGE_NOISE |= {"bridge_id", "root_id", "root_port", "root_path_cost", "topology_change", "topology_change_detected"}
_PORT_NOISE = {"state", "id", "no", "designated_bridge", "designated_root", "designated_port", "designated_cost"}
_PORT_NOISE |= {
    "root_id",
    "bridge_id",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
    "topology_change_ack",
    "config_pending",
}
_ADDRESS_NOISE = {"valid_life_time", "preferred_life_time", "tentative", "dadfailed_count"}
_ROUTE_NOISE = {"expires", "cache", "error"}
_ROUTE_FLAG_NOISE = {"linkdown", "dead"}
_SYSCTL_NOISE = {"mtu", "stable_secret"}
_NFT_NOISE = {"handle", "metainfo", "packets", "bytes", "index"}

_SYSCTLS = "/proc/sys/"
_MAC = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b")
_PACKET_COUNTS = re.compile(r"\[\d+:\d+\]")

Parts = dict[str, str]


class Names:
    """Who is who across all namespaces of a sandbox: far ends, and whose an address drawn by chance is."""

    def __init__(self, raw: dict[str, Parts]) -> None:
        self._links = {name: _json(parts, "link") for name, parts in raw.items()}
        self._ids = {
            name: {known["nsid"]: known.get("name") for known in _json(parts, "nsid")} for name, parts in raw.items()
        }
        self._drawn: dict[str, str] = {}
        for name, parts in raw.items():
            for link in _drawn_links(parts):
                self._drawn.setdefault(link["address"], f"mac({name}/{link['ifname']})")
        everything = (link for links in self._links.values() for link in links)
        addresses = (entry for link in everything for entry in link.get("addr_info", []))
        self._automatic = {
            entry["local"]
            for entry in addresses
            if entry.get("protocol") == "kernel_ll" or from_mac(entry.get("local", ""))
        }

    def peer(self, namespace: str, link: dict[str, Any]) -> str | None:
        """`NAMESPACE/NAME` of what a link is tied to (a veth's other end, a VLAN's parent), None if to nothing."""
        if link.get("link") is not None:
            return f"{namespace}/{link['link']}"
        if "link_index" not in link:
            return None
        far = self._ids[namespace].get(link.get("link_netnsid"))
        for other in [far] if far is not None else ["host"]:
            for candidate in self._links.get(other, []):
                if candidate["ifindex"] == link["link_index"]:
                    return f"{other}/{candidate['ifname']}"
        return "(a namespace without a name)"

    def symbols(self, value: Any) -> Any:
        """The same nested value with addresses that came about by chance replaced wherever they are mentioned."""
        if isinstance(value, dict):
            return {self.symbols(key): self.symbols(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.symbols(inner) for inner in value]
        text = _MAC.sub(lambda found: self._drawn.get(found[0], found[0]), value)
        return " ".join(AUTOMATIC if word in self._automatic else word for word in text.split(" "))


def from_mac(address: str) -> bool:
    """Whether the kernel made a link-local address of a MAC address; an iproute2 before 6.3 does not tell its protocol.

    Such an address has ff:fe in the middle of its interface identifier (RFC 4291, appendix A).
    """
    if not address.startswith("fe80::"):
        return False
    octets = socket.inet_pton(socket.AF_INET6, address)
    return octets[11:13] == b"\xff\xfe"


def normal_namespace(name: str, parts: Parts, names: Names, *, identity: bool) -> dict[str, Any]:
    """The state of one namespace.  One that has a file in /run/netns but cannot be entered is `{"broken": …}`."""
    if not parts.get("link"):
        return {"broken": "not a network namespace"}
    links = _json(parts, "link")
    drawn = {link["ifname"] for link in _drawn_links(parts)}
    state: dict[str, Any] = {
        "links": {
            link["ifname"]: _link(name, link, names, drawn=link["ifname"] in drawn, identity=identity) for link in links
        },
        "addresses": {link["ifname"]: _addresses(link) for link in links},
        "routes": _lines(
            _words(route, _ROUTE_NOISE, f"-{family}")
            for family in (4, 6)
            for route in _json(parts, f"route{family}")
            if not _is_multicast(route)
        ),
        "rules": _lines(
            _words(rule, set(), f"-{family}") for family in (4, 6) for rule in _json(parts, f"rule{family}")
        ),
        "neighbours": _lines(_words(entry, set()) for key in ("neighbour", "proxy") for entry in _json(parts, key)),
        "vlans": {
            port["ifname"]: _lines(_words(vlan, set()) for vlan in port["vlans"]) for port in _json(parts, "vlan")
        },
        "fdb": _lines(_words(entry, {"used", "updated"}) for entry in _static_fdb(parts, links)),
        "sysctls": _sysctls(parts),
        "nft": _lines(json.dumps(_without(entry, _NFT_NOISE), sort_keys=True) for entry in _nft(parts)),
        "iptables": {family: _iptables(parts[family]) for family in ("iptables4", "iptables6") if family in parts},
    }
    state = names.symbols(state)
    return state


def _json(parts: Parts, name: str) -> list[dict[str, Any]]:
    text = parts.get(name, "").strip()
    refused = text in ("", "[")  # a listing that the kernel refuses ends after its first bracket
    listing: list[dict[str, Any]] = [] if refused else json.loads(text)
    return [entry for entry in listing if entry]  # iproute2 prints `{}` for what its filter left out


def _link(namespace: str, link: dict[str, Any], names: Names, *, drawn: bool, identity: bool) -> dict[str, Any]:
    kept = {key: value for key, value in link.items() if key not in _LINK_NOISE}
    kept["flags"] = [flag for flag in link["flags"] if flag not in _FLAG_NOISE]
    if drawn:
        kept["address"] = RANDOM_MAC
    if kept.get("qdisc") == "noop":
        del kept["qdisc"]
    if identity:
        kept["ifindex"] = link["ifindex"]
    peer = names.peer(namespace, link)
    if peer is not None:
        kept["peer"] = peer
    info = kept.pop("linkinfo", {})
    kept["kind"] = info.get("info_kind", "")
    normal: dict[str, Any] = {key: _text(value) for key, value in kept.items()}
    for key, source, noise in (("options", "info_data", _BRIDGE_NOISE), ("port", "info_slave_data", _PORT_NOISE)):
        normal[key] = {name: _text(value) for name, value in info.get(source, {}).items() if name not in noise}
    return normal


def _addresses(link: dict[str, Any]) -> dict[str, str]:
    return _lines(
        _words({key: value for key, value in entry.items() if key not in _ADDRESS_NOISE}, set())
        for entry in link["addr_info"]
        if entry
    )


def _static_fdb(parts: Parts, links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    own = {link["address"] for link in links if "address" in link}
    return [
        entry
        for entry in _json(parts, "fdb")
        if entry.get("state") in ("permanent", "static", "noarp")
        and entry["mac"] not in own
        and not entry["mac"].startswith(("33:33:", "01:"))
    ]


def _is_multicast(route: dict[str, Any]) -> bool:
    return route.get("type") in ("multicast", "anycast") and route.get("protocol") == "kernel"


def _sysctls(parts: Parts) -> dict[str, dict[str, str]]:
    """By where they are: `{"net.ipv4.conf.eth0": {"rp_filter": "0", …}}`."""
    found: dict[str, dict[str, str]] = {}
    for line in sorted(parts.get("settings", "").splitlines()):
        path, _, value = line.partition(":")
        where, _, name = path.removeprefix(_SYSCTLS).rpartition("/")
        if path.startswith(_SYSCTLS) and name not in _SYSCTL_NOISE:
            found.setdefault(where.replace("/", "."), {})[name] = value
    return found


def _nft(parts: Parts) -> list[dict[str, Any]]:
    text = parts.get("nft", "").strip()
    entries: list[dict[str, Any]] = json.loads(text)["nftables"] if text else []
    return [entry for entry in entries if "metainfo" not in entry]


def _iptables(text: str) -> list[str]:
    return [_PACKET_COUNTS.sub("[0:0]", line) for line in text.splitlines() if not line.startswith("#")]


def _drawn_links(parts: Parts) -> list[dict[str, Any]]:
    """The interfaces whose address nobody chose."""
    chosen = {
        path.split("/")[4]
        for path, _, kind in (line.partition(":") for line in parts.get("settings", "").splitlines())
        if path.endswith("/addr_assign_type") and kind == SET_BY_USER
    }
    links = (link for link in _json(parts, "link") if link.get("link_type") == "ether" and link["address"] != NO_MAC)
    return [link for link in links if link["ifname"] not in chosen]


def _without(value: Any, noise: set[str]) -> Any:
    """The same JSON value with the named keys left out at every depth."""
    if isinstance(value, dict):
        return {key: _without(inner, noise) for key, inner in value.items() if key not in noise}
    return [_without(inner, noise) for inner in value] if isinstance(value, list) else value


def _words(entry: dict[str, Any], noise: set[str], *first: str) -> str:
    """A listing's entry as one line of words, `-4 dst 10.0.0.0/24 dev eth0 protocol kernel`: its own key."""
    words = list(first)
    for key, value in entry.items():
        if key in noise or value in ([], None):
            continue
        if key == "flags":
            value = [flag for flag in value if flag not in _ROUTE_FLAG_NOISE]
            words += value
        elif value is True:
            words.append(key)
        else:
            words += [key, _text(value)]
    return " ".join(words)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return " ".join(map(_text, value)) if isinstance(value, list) else str(value)


def _lines(lines: Any) -> dict[str, str]:
    """Lines as a set that compares and prints well: sorted, with how often each occurs."""
    found: dict[str, int] = {}
    for line in lines:
        found[line] = found.get(line, 0) + 1
    return {line: "present" if count == 1 else f"{count} times" for line, count in sorted(found.items())}
