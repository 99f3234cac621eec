"""Forwarding: the host as a router of a network that has no bridge, for as long as the host is up.

As a rule it is one already, which one look tells.
"""

from __future__ import annotations

from k8snet_scripts.cni.settings import FORWARDING
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.names import name_bridge
from k8snet_scripts.plugin.running import check_done, run_kept
from k8snet_scripts.plugin.sysctls import read_setting
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def provide_forwarding(network: str, families: Sequence[int]) -> None:
    """See to it that the host forwards packets of some families.  Raises `WiringError`."""
    if not any(inspect_forwarding(families)):
        return
    from k8snet_scripts.plugin.compiling import compile_forwarding

    name = name_bridge(network, "")
    directory = shelf.place("networks", name)
    with shelf.TakingTurns(directory):
        settings = tuple([(key, "1") for family, key in FORWARDING.items() if family in families])
        shelf.keep(directory, compile_forwarding(network, name, settings))
        done = run_kept(directory, ("setup.sh",))
    check_done(done, "make the host a router", f"{directory}/setup.sh")


def inspect_forwarding(families: Sequence[int]) -> Iterator[str]:
    """Where the host does not forward, a line each."""
    for family in families:
        if read_setting(FORWARDING[family]) != "1":
            yield f"{FORWARDING[family]} is not 1"
