"""Literals: addresses, networks, link-layer addresses, VLANs, sysctls and descriptions that a document has as text.

Each function takes the text as written and gives the value for the model, or raises `Refused`.
"""

from __future__ import annotations

from k8snet_scripts.addresses import WIDTH, Cidr, format_address, parse_address, parse_cidr
from k8snet_scripts.diagnostics import visible
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.wording import Pattern

LONGEST_DESCRIPTION = 200
LONGEST_ARGUMENT = 4000

_MULTICAST = {4: Cidr(4, 0xE0 << 24, 4), 6: Cidr(6, 0xFF << 120, 8)}
_LOOPBACK = {4: Cidr(4, 0x7F << 24, 8), 6: Cidr(6, 1, 128)}
_BROADCAST = (4, 0xFFFFFFFF)
LINK_LOCAL = Cidr(6, 0xFE80 << 112, 10)

_LLADDR = Pattern(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_VLANS = Pattern(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")
_SYSCTL = Pattern(r"net(\.[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)+")
_SETTING = Pattern(r"[A-Za-z0-9._:/-]+( [A-Za-z0-9._:/-]+)*")


def read_interface_address(text: str) -> Cidr:
    """An address that an interface other than `lo` can have, with its prefix length."""
    cidr = _read_host_part(text)
    if _LOOPBACK[cidr.family].contains(cidr.family, cidr.value):
        raise Refused("bad-address", f"`{text}` is a loopback address", "only `lo` has those")
    return cidr


def read_loopback_address(text: str) -> Cidr:
    """An address that `lo` can have beside 127.0.0.1/8 and ::1/128, which the kernel gives it."""
    cidr = _read_host_part(text)
    if cidr == Cidr(4, 0x7F000001, 8) or cidr == Cidr(6, 1, 128):
        raise Refused("bad-address", f"the kernel gives `{text}` to every `lo`", "leave it out")
    return cidr


def _read_host_part(text: str) -> Cidr:
    cidr = _read_cidr(text, "bad-address")
    _refuse_group(cidr.family, cidr.value, text, "bad-address")
    width = WIDTH[cidr.family]
    if cidr.prefix <= width - 2:
        hosts = (1 << width - cidr.prefix) - 1
        if cidr.value & hosts == 0:
            raise Refused(
                "bad-address",
                f"`{text}` is the network itself, not an address in it",
                f"write `{Cidr(cidr.family, cidr.value + 1, cidr.prefix)}`, say",
            )
        if cidr.family == 4 and cidr.value & hosts == hosts:
            raise Refused(
                "bad-address",
                f"`{text}` is the broadcast address of its network",
                f"write `{Cidr(cidr.family, cidr.value - 1, cidr.prefix)}`, say",
            )
    return cidr


def read_network(text: str) -> Cidr:
    """A network, `10.10.0.0/24`: its host bits are zero."""
    network = _read_cidr(text, "bad-address")
    if network != network.network:
        raise Refused("bad-address", f"`{text}` has host bits", f"write `{network.network}`")
    return network


def read_destination(text: str) -> Cidr:
    """What a route leads to: a network, or a single address with or without its prefix length."""
    if "/" in text:
        network = _read_cidr(text, "bad-route")
    else:
        family, value = _read_bare(text, "bad-route")
        network = Cidr(family, value, WIDTH[family])
    if network != network.network:
        host = Cidr(network.family, network.value, WIDTH[network.family])
        raise Refused(
            "bad-route",
            f"`{text}` has host bits",
            f"write `{network.network}` for the network or `{host}` for the address",
        )
    return network


def read_host_address(text: str) -> tuple[int, int]:
    """Family and value of an address that one machine can have: a next hop, or the source of what is sent."""
    family, value = _read_bare(text, "bad-route")
    _refuse_group(family, value, text, "bad-route")
    return family, value


def read_endpoint(text: str) -> str:
    """An address that one machine can have, canonical."""
    family, value = _read_bare(text, "bad-address")
    _refuse_group(family, value, text, "bad-address")
    return format_address(family, value)


def read_group(text: str) -> str:
    """A multicast address, canonical."""
    family, value = _read_bare(text, "bad-address")
    if not _MULTICAST[family].contains(family, value):
        raise Refused("bad-address", f"`{text}` is not a multicast address", "write `239.1.1.1` or `ff05::1`, say")
    return format_address(family, value)


def _read_cidr(text: str, slug: str) -> Cidr:
    try:
        return parse_cidr(text)
    except ValueError as wrong:
        family = 6 if ":" in text else 4
        example = f"{text}/{WIDTH[family] // 2 if family == 6 else 24}"
        help = (
            f"write `{example}`, say"
            if "/" not in text and _is_address(text)
            else "write `10.0.0.2/24` or `fd00::2/64`, say"
        )
        raise Refused(slug, _reason(text, wrong), help) from None


def _read_bare(text: str, slug: str) -> tuple[int, int]:
    try:
        return parse_address(text)
    except ValueError as wrong:
        address = text.partition("/")[0]
        help = f"write `{address}`" if address != text and _is_address(address) else ""
        raise Refused(slug, _reason(text, wrong), help) from None


def _is_address(text: str) -> bool:
    try:
        parse_address(text)
    except ValueError:
        return False
    return True


def _reason(text: str, wrong: ValueError) -> str:
    """The words of `wrong`, which repeat the text, when the text is fit to be repeated."""
    return str(wrong) if len(text) <= 60 and visible(text) == text else f"{show(text)} is not an address"


def _refuse_group(family: int, value: int, text: str, slug: str) -> None:
    if value == 0:
        raise Refused(slug, f"`{text}` is the unspecified address", "write the address of one interface")
    if _MULTICAST[family].contains(family, value) or (family, value) == _BROADCAST:
        raise Refused(slug, f"`{text}` is a multicast or broadcast address", "write the address of one interface")


def read_lladdr(text: str) -> str:
    """A link-layer address in lower case: six bytes, neither zero nor a multicast address."""
    if not _LLADDR.fullmatch(text):
        raise Refused("bad-lladdr", f"{show(text)} is not a link-layer address", "write `02:00:00:00:00:01`, say")
    if int(text[:2], 16) & 1:
        raise Refused(
            "bad-lladdr", f"`{text}` is a multicast address", f"write `{int(text[:2], 16) & ~1 | 2:02x}{text[2:]}`, say"
        )
    if not text.strip("0:"):
        raise Refused("bad-lladdr", f"`{text}` is the zero address", "write `02:00:00:00:00:01`, say")
    return text.lower()


def read_vlans(text: str) -> tuple[int, ...]:
    """The VLANs that an item of `tagged` names: `20` or `30-39`."""
    found = _VLANS.fullmatch(text)
    if found:
        first = int(found[1])
        last = int(found[2] or first)
        if 1 <= first <= last <= 4094:
            return tuple(range(first, last + 1))
    raise Refused("bad-vlan", f"{show(text)} is not a VLAN", "write a number from 1 to 4094, or a range as in `30-39`")


def read_vlan(text: str) -> int:
    """The one VLAN that `untagged` names."""
    vlans = read_vlans(text)
    if len(vlans) != 1:
        raise Refused(
            "bad-vlan", f"{show(text)} is more than one VLAN", "a port has one untagged VLAN; the rest is tagged"
        )
    return vlans[0]


def check_sysctl(text: str) -> str:
    """The key of a sysctl of a network namespace."""
    if not _SYSCTL.fullmatch(text):
        raise Refused(
            "bad-sysctl",
            f"{show(text)} is not a network sysctl",
            "write `net.ipv4.conf.all.rp_filter`, say; a dot inside an interface name is written `/`",
        )
    return text


def read_setting(text: str) -> str:
    """The value of a sysctl: words separated by single spaces."""
    if not _SETTING.fullmatch(text) or text[:1] == "-" and text[1:2].isalpha():
        raise Refused(
            "bad-sysctl",
            f"{show(text)} is not a value of a sysctl",
            "use words of A-Z a-z 0-9 . _ : / -, with one space between two of them",
        )
    return text


def check_program(text: str) -> str:
    """The program that a command runs, by its name or its path."""
    if not text or text.startswith("-"):
        raise Refused("bad-command", f"{show(text)} is no program", "write the program first, then its arguments")
    return check_argument(text)


def check_argument(text: str) -> str:
    """One word of a command, with whatever such a word can hold."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Refused("bad-command", f"{show(text)} is no Unicode text", "leave out what is half a character") from None
    if "\0" in text:
        raise Refused("bad-command", f"{show(text)} holds the character NUL", "leave it out: no argument can hold it")
    if size > LONGEST_ARGUMENT:
        message = f"an argument has {size} bytes, {LONGEST_ARGUMENT} is the most"
        raise Refused("bad-command", message, "put it into a file, and the name of that here")
    return text


def check_description(text: str) -> str:
    """One line that a terminal shows as it is."""
    if not text.isprintable():
        odd = next(character for character in text if not character.isprintable())
        raise Refused(
            "bad-text",
            f"the description holds {show(odd)}, which is not a printable character",
            "write one line of plain text",
        )
    if len(text) > LONGEST_DESCRIPTION:
        raise Refused(
            "bad-text",
            f"the description has {len(text)} characters, {LONGEST_DESCRIPTION} is the most",
            f"shorten it by {len(text) - LONGEST_DESCRIPTION}",
        )
    return text
