"""Sysctls and the nft table, altered: the next run sets them again, and no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from live.drift import Drift, Standing, at_once, mend

SYSCTLS = [
    Drift(
        "options",
        """cd /proc/sys/net
        echo 0 >ipv4/ip_forward
        echo 0 >ipv6/conf/all/forwarding
        echo 2 >ipv4/conf/all/arp_announce""",
        (
            "host: net.ipv4.ip_forward 1",
            "host: net.ipv6.conf.all.forwarding 1",
            "host: net.ipv4.conf.all.arp_announce 1",
        ),
    ),
    Drift(
        "options",
        """ip netns exec node1 bash -e <<'END'
            cd /proc/sys/net
            echo 0 >ipv4/ip_forward
            echo 0 >ipv6/conf/all/forwarding
            echo 0 >ipv4/conf/eth0/arp_notify
            echo 20000 30001 >ipv4/ip_local_port_range
END""",
        ("node1: net.*",),
    ),
    Drift(
        "options",
        """ip netns exec node2 bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
        ip netns exec node2 bash -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'""",
        ("node2: net.*",),
    ),
]

TABLE = "inet k8snet-options"
FACT = f"host: nft table {TABLE}"
SPOILT = [
    f"delete table {TABLE}",
    f"flush table {TABLE}",
    f"delete chain {TABLE} postrouting",
    f"add rule {TABLE} postrouting ip saddr 10.99.0.0/16 masquerade",
    f"insert rule {TABLE} postrouting accept",
    f"add chain {TABLE} more",
    f"'add chain {TABLE} postrouting {{ policy drop; }}'",
]
"""What makes the nft table another one."""

NODE = "kubernetes-ports"


def rules(change: str, *facts: str) -> Drift:
    """What a node with published ports has of rules, altered."""
    return Drift(NODE, change, tuple(f"host: {fact}" for fact in facts))


RULES = [
    [
        rules(
            f"nft flush table bridge k8snet-{NODE}; nft delete table inet k8snet-{NODE}",
            f"nft table inet k8snet-{NODE}",
            f"nft table bridge k8snet-{NODE}",
        ),
        rules(
            "echo 0 >/proc/sys/net/ipv4/conf/cni-podman0/route_localnet", "net.ipv4.conf.cni-podman0.route_localnet 1"
        ),
        rules("iptables -D CNI-FORWARD -s 10.88.0.3/32 -j ACCEPT", "iptables -A CNI-FORWARD -s 10.88.0.3/32 -j ACCEPT"),
        rules("ip6tables -F; ip6tables -X", "ip6tables *"),
    ],
    [
        rules(f"nft insert rule inet k8snet-{NODE} published accept", f"nft table inet k8snet-{NODE}"),
        rules("iptables -F CNI-FORWARD", "iptables -A CNI-FORWARD *"),
    ],
]


@pytest.mark.needs("nft_masquerade", "nft_masquerade6", "nft_bridge", "iptables_filter")
@pytest.mark.parametrize("drifts", RULES, ids=["gone", "altered"])
def test_a_drift_of_rules_is_seen_foretold_and_mended(
    standing: Callable[[str], Standing], drifts: Sequence[Drift]
) -> None:
    mend(standing(NODE), at_once(*drifts))


def test_a_drift_of_sysctls_is_seen_foretold_and_mended(standing: Callable[[str], Standing]) -> None:
    mend(standing("options"), at_once(*SYSCTLS))


@pytest.mark.needs("nft_masquerade", "nft_masquerade6")
def test_a_drift_of_the_nft_table_is_seen_foretold_and_mended(standing: Callable[[str], Standing]) -> None:
    """Each way is seen, and mended by one command; the last look at everything is for all of them."""
    stands = standing("options")
    stands.spoilt = True
    for change in SPOILT[1:]:
        stands.network.do(f"nft {change}")
        assert stands.network.drift() == [f"wanted, not there: {FACT}"]
        assert stands.network.set_up() == [stands.steps[FACT][1]]
    mend(stands, Drift("options", f"nft {SPOILT[0]}", (FACT,)))
