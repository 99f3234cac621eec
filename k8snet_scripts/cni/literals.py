"""Literals: what the texts of a CNI configuration may be.

Each function takes the text as written and gives the value, or raises `Refused`.  Names and paths are kept as plain
as those of a topology file, for they come to stand in scripts and in the file system.
"""

from __future__ import annotations

from k8snet_scripts.addresses import Cidr, parse_address, parse_cidr
from k8snet_scripts.cni.configuration import RequestedIp
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.diagnostics import close_match
from k8snet_scripts.rules.literals import read_network
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.wording import PLAIN, Pattern, is_made_of

_LONGEST_NAME = 255
_WORD = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_:-]*(\.[A-Za-z0-9_:-]+)*\.?")
_LONGEST_WORD = 253
_IN_IPV6 = (Cidr(6, 0xFFFF << 32, 96), Cidr(6, 0, 96))  # where IPv4 addresses have IPv6 spellings
_NO_HOSTS = (Cidr(4, 0xE0 << 24, 3), Cidr(6, 0xFF << 120, 8))  # multicast, and what is above it in IPv4
_ADDRESS_HELP = "write an address, `10.1.0.1` or `fd00::1`, say"


def read_network_name(text: str) -> str:
    """The name of a network: it names a directory."""
    if not is_made_of(text, PLAIN, "_.-") or len(text) > _LONGEST_NAME:
        help = "use 1 to 255 of the characters A-Z a-z 0-9 _ . -, the first a letter or a digit"
        raise Refused("bad-name", f"{show(text)} cannot name a network", help)
    return text


def read_version(text: str) -> str:
    """A version of the specification; an empty text is the first one."""
    if text and text not in SPEC_VERSIONS:
        help = close_match(text, SPEC_VERSIONS) or f"write `{SPEC_VERSIONS[-1]}`, say"
        raise Refused("bad-cni-version", f"{show(text)} is not a version of the CNI specification", help)
    return text or SPEC_VERSIONS[0]


def read_address(text: str) -> Address:
    """An address, not a multicast one, nor an IPv4 address spelled as an IPv6 one."""
    try:
        address = Address(*parse_address(text))
    except ValueError:
        help = "leave out what follows the `/`" if "/" in text else _ADDRESS_HELP
        raise Refused("bad-address", f"{show(text)} is not an address", help) from None
    if any(network.contains(*address) for network in _IN_IPV6):
        raise Refused("bad-address", f"`{text}` is in a reserved block", "write IPv4 addresses in dots: `10.1.0.1`")
    if address.value == 0 or any(network.contains(*address) for network in _NO_HOSTS):
        raise Refused("bad-address", f"`{text}` is not the address of one machine", _ADDRESS_HELP)
    return address


def read_requested_ip(text: str) -> RequestedIp:
    """An address that a runtime asks for, with or without a prefix length."""
    if "/" not in text:
        return RequestedIp(read_address(text))
    cidr = read_cidr(text)
    return RequestedIp(Address(cidr.family, cidr.value), cidr.prefix)


def read_cidr(text: str) -> Cidr:
    """An address with its prefix length."""
    address = read_address(text.partition("/")[0])
    try:
        return parse_cidr(text)
    except ValueError:
        example = address.within(24 if address.family == 4 else 64)
        raise Refused("bad-address", f"{show(text)} is no address with a prefix length", f"write `{example}`") from None


def read_subnet(text: str) -> Cidr:
    """A network of a range: its host bits are zero, and its addresses are in no reserved block."""
    network = read_network(text)
    if any(network.overlaps(reserved) for reserved in (*_IN_IPV6, *_NO_HOSTS)):
        help = "write `10.1.0.0/16`, say" if network.family == 4 else "write `fd00::/64`, say"
        raise Refused("bad-address", f"`{text}` overlaps a reserved block", help)
    return network


def read_path(text: str) -> str:
    """The absolute path of a file or directory, without `..` in it."""
    if text == "/" or not is_made_of(text, "/", f"{PLAIN}_@+.-") or "//" in text or ".." in text.split("/"):
        help = "write an absolute path of A-Z a-z 0-9 _ @ + . - and `/`, without `..`"
        raise Refused("bad-path", f"{show(text)} is not a plain path", help)
    return text


def read_dns_word(text: str) -> str:
    """A domain name or an option of resolv.conf."""
    if not text:
        raise Refused("bad-dns", "the text is empty", "write a domain name or an option, or take it out")
    if not _WORD.fullmatch(text) or len(text) > _LONGEST_WORD:
        help = f"use 1 to {_LONGEST_WORD} of the characters A-Z a-z 0-9 _ . : -, the first a letter, a digit or _"
        raise Refused("bad-dns", f"{show(text)} is neither a domain name nor an option", help)
    return text


def read_nameserver(text: str) -> str:
    """The address of a name server, in its canonical spelling."""
    return str(read_address(text))
