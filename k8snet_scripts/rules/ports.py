"""Ports: what may be written for a port that is published, in the words of `docker run -p` and of nft."""

from __future__ import annotations

import re

from k8snet_scripts.addresses import WIDTH, Cidr, format_address, parse_address
from k8snet_scripts.filtering import MASQUERADED, Condition, Path, Publication
from k8snet_scripts.rules.literals import read_network
from k8snet_scripts.rules.options import PORTS, PROTOCOLS
from k8snet_scripts.rules.refusal import Refused, show

_FORM = re.compile(
    r"(?:(?P<address>[0-9.]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]):)?(?P<port>[0-9]+):(?P<to>[0-9]+)(?:/(?P<protocol>\w+))?"
)
_CONDITION = re.compile(r"(?P<field>saddr|daddr) (?P<negated>!= )?(?P<network>\S+)")
_HELP = "write `8080:80`, `127.0.0.1:8080:80` or `[::1]:5353:53/udp`, say"
_NOT_OURS = (Cidr(4, 0xE0 << 24, 3), Cidr(6, 0xFF << 120, 8))


def read_publication(text: str, path: Path = ()) -> Publication:
    """A published port, `[ADDRESS:]PORT:TO_PORT[/PROTOCOL]`; it was written at `path`."""
    found = _FORM.fullmatch(text)
    if not found:
        raise Refused("bad-port", f"{show(text)} does not say which port leads to which", _HELP)
    port, to_port, protocol = int(found["port"]), int(found["to"]), found["protocol"] or PROTOCOLS[0]
    for number in (port, to_port):
        if number not in PORTS:
            raise Refused("bad-port", f"{show(number)} is not a port", "a port is a number from 1 to 65535")
    if protocol not in PROTOCOLS:
        raise Refused("bad-port", f"{show(protocol)} is not a protocol", "write `tcp`, `udp` or `sctp`")
    address = found["address"] and read_port_address(found["address"].strip("[]"))
    return Publication(port, to_port, protocol, address, path=path)


def read_condition(text: str) -> Condition:
    """Which packets a port is for: `saddr NETWORK` or `daddr NETWORK`, with `!=` before the network for all others."""
    found = _CONDITION.fullmatch(text)
    if not found:
        help = "write `saddr 192.0.2.0/24` or `daddr != 192.0.2.1`, say"
        raise Refused("bad-port", f"{show(text)} is not a condition of addresses", help)
    network = found["network"]
    if "/" not in network:
        network = f"{network}/{WIDTH[6 if ':' in network else 4]}"
    return Condition(found["field"], read_network(network), found["negated"] is not None)


def check_masquerade(text: str) -> str:
    """Of which connections to a port the source is changed."""
    if text not in MASQUERADED:
        help = "write `local`, `all` or `none`"
        raise Refused("bad-port", f"{show(text)} are no connections to masquerade", help)
    return text


def read_port_address(text: str) -> str:
    """The address that a port is open on, in its canonical spelling; the unspecified one is all of its family."""
    try:
        family, value = parse_address(text)
    except ValueError as wrong:
        raise Refused("bad-port", str(wrong), _HELP) from None
    if any(network.contains(family, value) for network in _NOT_OURS):
        raise Refused("bad-port", f"`{text}` is not the address of one machine", _HELP)
    return format_address(family, value)
