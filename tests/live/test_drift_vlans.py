"""Memberships in VLANs that are gone, altered or too many: the next run puts them right, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, mend
from live.second_kernel import second_kernel

LOST = Drift(
    "vlans",
    """ip link set dev br0 type bridge vlan_filtering 0
    bridge vlan delete dev br0 vid 11 self
    bridge vlan delete dev v1 vid 20
    ip link set dev v2 nomaster""",
    (
        "host br0: vlan_filtering 1",
        "host br0: vlan 11",
        "host v1 port of br0: vlan 20",
        "host v2: master br0",
        "host v2 port of br0: *",
    ),
)
FOUND = Drift(
    "vlans",
    """bridge vlan add dev br0 vid 41 self
    bridge vlan add dev v1 vid 40 pvid untagged  # takes from another one that it is that
    bridge vlan add dev v2 vid 42 untagged""",
    ("host v1 port of br0: vlan 10 pvid untagged",),
    (
        ("host br0: vlan 41", "bridge vlan delete dev br0 vid 41 self"),
        ("host v1 port of br0: vlan 40 pvid untagged", "bridge vlan delete dev v1 vid 40"),
        ("host v2 port of br0: vlan 42 untagged", "bridge vlan delete dev v2 vid 42"),
    ),
)


@second_kernel
@pytest.mark.needs("vlan_filtering")
@pytest.mark.parametrize("drift", [LOST, FOUND], ids=["lost", "found"])
def test_a_drift_of_vlans_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    network = standing(drift.network)
    mend(network, drift)
    assert network.network.set_up() == []
