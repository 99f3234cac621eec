"""Addresses that are gone from an interface, or that it has too many of: the next run puts them right, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, at_once, extra, mend
from live.second_kernel import sampled

GONE = [
    Drift(
        "options",
        "ip -n node1 address delete 10.80.0.2/24 dev eth0",
        (
            "node1 eth0: inet 10.80.0.2/24",
            "node1: inet route default via 10.80.0.1 dev eth0",
            "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
            "node1: inet route 10.80.4.1 via 10.99.0.1 dev eth0 onlink",
        ),
    ),
    Drift("options", "ip -n node1 address delete fd00:80::2/64 dev eth0", ("node1 eth0: inet6 fd00:80::2/64",)),
    Drift("options", "ip address delete 10.80.0.1/24 dev br0", ("host br0: inet 10.80.0.1/24",)),
    Drift("options", "ip -n node3 address delete 10.81.0.2/31 dev cable", ("node3 cable: inet 10.81.0.2/31",)),
]
TOO_MANY = [
    Drift(
        "options",
        "ip -n node1 address delete 10.80.9.1/32 dev lo",
        (
            "node1 lo: inet 10.80.9.1/32",
            "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
        ),
    ),
    extra(
        "options",
        "ip -n node1 address add 10.80.0.99/24 dev eth0",
        "node1 eth0: inet 10.80.0.99/24",
        "ip -n node1 address delete 10.80.0.99/24 dev eth0",
    ),
    extra(
        "options",
        "ip address add 10.99.0.1/16 dev veth1",
        "host veth1: inet 10.99.0.1/16",
        "ip address delete 10.99.0.1/16 dev veth1",
    ),
    extra(
        "options",
        "ip -n node1 address add fd00:99::1/128 dev lo",
        "node1 lo: inet6 fd00:99::1/128",
        "ip -n node1 address delete fd00:99::1/128 dev lo",
    ),
    extra(
        "options",
        """ip address delete 10.80.0.1/24 dev br0
        ip address add 10.80.0.99/24 dev br0
        ip address add 10.80.0.1/24 dev br0""",
        "host br0: inet 10.80.0.99/24",
        "ip address delete 10.80.0.99/24 dev br0",
        "host br0: inet 10.80.0.1/24",
    ),
    extra(
        "options",
        """ip -n node2 address add 10.80.0.3/25 dev eth0
        ip -n node2 address delete 10.80.0.3/24 dev eth0""",
        "node2 eth0: inet 10.80.0.3/25",
        "ip -n node2 address delete 10.80.0.3/25 dev eth0",
        "node2 eth0: inet 10.80.0.3/24",
    ),
    extra(
        "options",
        "ip -n node4 address add 10.82.9.1 peer 10.82.9.7/24 dev eth0",
        "node4 eth0: inet 10.82.9.1 peer 10.82.9.7/24",
        "ip -n node4 address delete 10.82.9.1 peer 10.82.9.7/24 dev eth0",
    ),
]
IN_DISORDER = extra(
    "dual-stack",
    """ip -n node1 address delete 10.20.0.11/24 dev eth0
        ip -n node1 address add 10.20.0.99/24 dev eth0
        ip -n node1 address add 10.20.0.11/24 dev eth0
        ip -n node1 route add default via 10.20.0.1""",
    "node1 eth0: inet 10.20.0.99/24",
    "ip -n node1 address delete 10.20.0.99/24 dev eth0",
    "node1 eth0: inet 10.20.0.11/24",
    "node1: inet route default via 10.20.0.1 dev eth0",
)


@pytest.mark.parametrize(
    "drift", sampled([at_once(*GONE), at_once(*TOO_MANY), IN_DISORDER], 2), ids=["gone", "too many", "in disorder"]
)
def test_a_drift_of_addresses_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
