"""Routes that are gone, changed or too many: the next run puts them right, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, at_once, extra, mend

GONE = [
    Drift("options", "ip -n node1 -4 route delete default", ("node1: inet route default via 10.80.0.1 dev eth0",)),
    Drift(
        "options",
        """ip -n node1 -6 route delete default
        ip -n node1 route delete 10.80.5.0/24
        ip -n node1 route delete 10.80.4.1
        ip -n node1 route delete unreachable 10.80.3.0/24
        ip -n node1 route delete prohibit fd00:81::/64""",
        (
            "node1: inet6 route default via fd00:80::1 dev eth0 metric 50",
            "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
            "node1: inet route 10.80.4.1 via 10.99.0.1 dev eth0 onlink",
            "node1: inet route unreachable 10.80.3.0/24",
            "node1: inet6 route prohibit fd00:81::/64 metric 1024",
        ),
    ),
    Drift(
        "options",
        """ip route delete blackhole 10.80.8.0/24
        ip route delete 10.80.6.0/24 table 100
        ip route delete 10.80.9.0/24""",
        ("host: inet route *",),
    ),
]
CHANGED = [
    extra(
        "options",
        "ip -n node1 route change default via 10.80.0.3",
        "node1: inet route default via 10.80.0.3 dev eth0",
        "ip -n node1 route delete default via 10.80.0.3 dev eth0",
        "node1: inet route default via 10.80.0.1 dev eth0",
    ),
    extra(
        "options",
        """ip -n node1 -6 route delete default
        ip -n node1 -6 route add default via fd00:80::1 metric 51""",
        "node1: inet6 route default via fd00:80::1 dev eth0 metric 51",
        "ip -n node1 route delete ::/0 via fd00:80::1 dev eth0 metric 51",
        "node1: inet6 route default via fd00:80::1 dev eth0 metric 50",
    ),
    extra(
        "options",
        "ip -n node1 route change 10.80.5.0/24 via 10.80.0.3 metric 7",
        "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 metric 7",
        "ip -n node1 route delete 10.80.5.0/24 via 10.80.0.3 dev eth0 metric 7",
        "node1: inet route 10.80.5.0/24 via 10.80.0.3 dev eth0 src 10.80.9.1 metric 7",
    ),
    extra(
        "options",
        """ip -n node1 route delete unreachable 10.80.3.0/24
        ip -n node1 route add blackhole 10.80.3.0/24""",
        "node1: inet route blackhole 10.80.3.0/24",
        "ip -n node1 route delete blackhole 10.80.3.0/24",
        "node1: inet route unreachable 10.80.3.0/24",
    ),
]
TOO_MANY = [
    *(
        extra(
            "options",
            f"ip -n node1 route add {route}",
            f"node1: {fact or f'inet route {route}'}",
            f"ip -n node1 route delete {command or route}",
        )
        for route, fact, command in (
            ("10.99.0.0/16 via 10.80.0.3 dev eth0", "", ""),
            ("10.98.0.0/16 dev eth0 metric 5 table 200", "", ""),
            ("blackhole 10.97.0.0/16", "", ""),
            (
                "fd00:99::/64 via fd00:80::3 dev eth0",
                "inet6 route fd00:99::/64 via fd00:80::3 dev eth0 metric 1024",
                "fd00:99::/64 via fd00:80::3 dev eth0 metric 1024",
            ),
            (
                "10.96.0.0/16 nexthop via 10.80.0.3 nexthop via 10.80.0.4",
                "inet route 10.96.0.0/16",
                "10.96.0.0/16",
            ),
            (
                "10.95.0.0/16 via 10.80.0.3 proto static scope global",
                "inet route 10.95.0.0/16 via 10.80.0.3 dev eth0",
                "10.95.0.0/16 via 10.80.0.3 dev eth0",
            ),
        )
    ),
    extra(
        "options",
        "ip route add 10.99.0.0/16 via 10.80.0.2",
        "host: inet route 10.99.0.0/16 via 10.80.0.2 dev br0",
        "ip route delete 10.99.0.0/16 via 10.80.0.2 dev br0",
    ),
]


@pytest.mark.parametrize(
    "drift", [at_once(*GONE), at_once(*CHANGED), at_once(*TOO_MANY)], ids=["gone", "changed", "too many"]
)
def test_a_drift_of_routes_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
