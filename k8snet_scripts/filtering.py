"""The packet filter: what a namespace does with packets that pass it, beside routing them, as a part of the model.

Frozen dataclasses like those of `topology`, which they are a part of, and unchecked like them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from k8snet_scripts.addresses import Cidr, parse_address

Path = tuple[str | int, ...]
"""Where in the source something was said: the keys and indices that lead there, `("namespaces", "node1", "veths")`."""

UNSPECIFIED = ("0.0.0.0", "::")
"""The addresses that stand for all of a family."""

MASQUERADED = ("local", "all", "none")
"""Which of the connections to a published port get another source."""

DEFAULT_ADMIN_CHAIN = "CNI-ADMIN"
"""The chain of iptables in which somebody may forbid what is admitted."""


@dataclass(frozen=True, slots=True)
class Masquerade:
    """Traffic from `source` to anywhere outside `within` leaves with the address of the interface it leaves by.

    `within` is empty for `source` itself.
    """

    source: Cidr
    within: tuple[Cidr, ...] = ()
    path: Path = ()

    @property
    def inside(self) -> tuple[Cidr, ...]:
        """The networks within which the source is kept."""
        return self.within or (self.source,)


@dataclass(frozen=True, slots=True)
class Condition:
    """Only what comes from a network, or is sent to one (`daddr`), or with `negated` what does not and is not."""

    field: str  # saddr or daddr
    network: Cidr
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Publication:
    """A port of the namespace at the other end of a veth, which leads to a port of this end.

    That is to the first address of each family that the end has.  `masquerade` says of which connections the source
    becomes that of the namespace: those from the end's own network and from 127.0.0.1 (`local`), `all` or `none`.
    """

    port: int
    to_port: int
    protocol: str = "tcp"  # tcp, udp or sctp
    address: str | None = None  # canonical, where the port is open; 0.0.0.0 and :: are all of a family, None is all
    masquerade: str = "local"
    conditions: tuple[Condition, ...] = ()
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of a namespace that leads to `target`, behind its interface `dev`, on the network that `target` has there.

    What an end has published is known without it; this is for ends that the topology does not have.
    """

    publication: Publication
    target: Cidr
    dev: str


@dataclass(frozen=True, slots=True)
class Admission:
    """What comes from `network`, and the answers to it, is forwarded whatever iptables does with the rest.

    So is what comes in by a published port, with `published`.  What an administrator writes into the chain `admin`
    comes first.
    """

    network: Cidr
    admin: str = DEFAULT_ADMIN_CHAIN
    published: bool = False
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Isolation:
    """Packets of a family are not forwarded from this bridge to another one that is isolated, nor the other way."""

    bridge: str
    family: int


def find_forwards(publications: Iterable[Publication], addresses: Iterable[Cidr], dev: str) -> Iterator[Forward]:
    """Where ports lead that an end with these addresses has published, behind the interface `dev`.

    That is to its first address of each family; a port that is open on one address is of the family of that address.
    """
    targets: dict[int, Cidr] = {}
    for address in addresses:
        targets.setdefault(address.family, address)
    for publication in publications:
        family = parse_address(publication.address)[0] if publication.address else None
        for target in targets.values():
            if family in (None, target.family):
                yield Forward(publication, target, dev)
