"""IPv4 and IPv6 addresses with a prefix length, on the C library's own parser.

`socket.inet_pton` decides what an address is and `socket.inet_ntop` how it is written, so what this module accepts is
what the kernel accepts, and two spellings of one address compare equal.  An address is an integer of 32 or 128 bits,
a prefix length a small integer; the family is 4 or 6.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton  # `socket` itself takes longer to import

from k8snet_scripts.values import NamedTuple
from k8snet_scripts.wording import is_number

WIDTH = {4: 32, 6: 128}
LEAST_IPV6_MTU = 1280
"""What an interface needs to speak IPv6, in bytes; below it the kernel gives it no IPv6 settings."""

DEFAULT_MTU = 1500
"""What the kernel gives to an end of a veth that is not told otherwise, in bytes."""

VXLAN_OVERHEAD = {4: 50, 6: 70}
"""The bytes that VXLAN takes of each packet of the network below, by the family of that."""

_SOCKET_FAMILY = {4: AF_INET, 6: AF_INET6}


class Cidr(NamedTuple):
    """An address and its prefix length, as in `10.10.0.2/24`; also a network, when its host bits are zero."""

    family: int
    value: int
    prefix: int

    @property
    def address(self) -> str:
        """The address alone, in the C library's canonical spelling."""
        return format_address(self.family, self.value)

    @property
    def network(self) -> Cidr:
        """The same prefix with all host bits zero."""
        return Cidr(self.family, self.value & mask(self.family, self.prefix), self.prefix)

    @property
    def is_host(self) -> bool:
        """Whether the prefix is as long as the address (/32 or /128)."""
        return self.prefix == WIDTH[self.family]

    def contains(self, family: int, value: int) -> bool:
        """Whether an address lies in this network."""
        return family == self.family and (value ^ self.value) & mask(family, self.prefix) == 0

    def overlaps(self, other: Cidr) -> bool:
        """Whether two networks share an address."""
        shorter = min(self.prefix, other.prefix)
        return self.family == other.family and (self.value ^ other.value) & mask(self.family, shorter) == 0

    def __str__(self) -> str:
        return f"{self.address}/{self.prefix}"


def mask(family: int, prefix: int) -> int:
    """The integer whose first `prefix` bits are one."""
    width = WIDTH[family]
    return ((1 << prefix) - 1) << (width - prefix)


def parse_address(text: str) -> tuple[int, int]:
    """Family and value of a bare address.

    Raises `ValueError` with a message fit for a user: no prefix length, no zone, no leading zeros.
    """
    family = 6 if ":" in text else 4
    try:
        packed = inet_pton(_SOCKET_FAMILY[family], text)
    except (OSError, ValueError):  # ValueError: an embedded NUL or a lone surrogate
        raise ValueError(f"`{text}` is not an IPv{family} address" if text else "an address is missing") from None
    return family, int.from_bytes(packed, "big")


def parse_cidr(text: str) -> Cidr:
    """An address with its prefix length, `10.10.0.2/24`.

    Raises `ValueError` when the address is wrong, or the prefix length missing, malformed or too long.
    """
    address, slash, prefix = text.partition("/")
    family, value = parse_address(address)
    if not slash:
        raise ValueError(f"`{text}` has no prefix length")
    if not is_number(prefix, 3) or int(prefix) > WIDTH[family]:
        raise ValueError(f"`/{prefix}` is not a prefix length from 0 to {WIDTH[family]}")
    return Cidr(family, value, int(prefix))


def format_address(family: int, value: int) -> str:
    """The canonical spelling of an address."""
    return inet_ntop(_SOCKET_FAMILY[family], value.to_bytes(WIDTH[family] // 8, "big"))


def is_link_local(family: int, value: int) -> bool:
    """Whether an address, in fe80::/10, means something on its link only."""
    return family == 6 and value >> 118 == 0xFE80 >> 6
