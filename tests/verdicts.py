"""Who reaches whom in a topology, asked in one line."""

from __future__ import annotations

from k8snet_scripts.addresses import parse_address
from k8snet_scripts.reach.fabric import Verdict, predict
from k8snet_scripts.topology import Topology

REACHES, BLOCKED, UNKNOWN = Verdict.REACHES, Verdict.BLOCKED, Verdict.UNKNOWN


def ask(topology: Topology, source: str, address: str) -> tuple[Verdict, str]:
    """The verdict on a packet from a namespace to an address, and its reason."""
    return predict(topology).verdict(source, *parse_address(address))
