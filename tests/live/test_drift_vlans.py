"""Memberships in VLANs that are gone, altered or too many: the next run puts them right, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, extra, mend
from live.second_kernel import second_kernel

DRIFTS = [
    Drift(
        "vlans",
        """bridge vlan delete dev v1 vid 20
        bridge vlan delete dev v2 vid 10
        bridge vlan delete dev br0 vid 10 self""",
        ("host v1 port of br0: vlan 20", "host v2 port of br0: vlan 10 pvid untagged", "host br0: vlan 10"),
    ),
    Drift(
        "vlans",
        """bridge vlan add dev v1 vid 40 untagged
        bridge vlan add dev br0 vid 41 self""",
        removes=(
            ("host v1 port of br0: vlan 40 untagged", "bridge vlan delete dev v1 vid 40"),
            ("host br0: vlan 41", "bridge vlan delete dev br0 vid 41 self"),
        ),
    ),
    extra(
        "vlans",
        "bridge vlan add dev v1 vid 40 pvid untagged",
        "host v1 port of br0: vlan 40 pvid untagged",
        "bridge vlan delete dev v1 vid 40",
        "host v1 port of br0: vlan 10 pvid untagged",
    ),
    Drift("vlans", "ip link set dev br0 type bridge vlan_filtering 0", ("host br0: vlan_filtering 1",)),
    Drift("vlans", "ip link set dev v1 nomaster", ("host v1: master br0", "host v1 port of br0: *")),
]


@second_kernel
@pytest.mark.needs("vlan_filtering")
@pytest.mark.parametrize("drift", DRIFTS, ids=str)
def test_a_drift_of_vlans_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
