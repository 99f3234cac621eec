"""Sysctls and the nft table, altered: the next run sets them again, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import Drift, Standing, mend

SETTINGS = [
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
    *(
        pytest.param(
            Drift("options", f"nft {change}", ("host: nft table inet k8snet-options",)),
            marks=pytest.mark.needs("nft_masquerade", "nft_masquerade6"),
        )
        for change in (
            "delete table inet k8snet-options",
            "flush table inet k8snet-options",
            "delete chain inet k8snet-options postrouting",
            "add rule inet k8snet-options postrouting ip saddr 10.99.0.0/16 masquerade",
            "insert rule inet k8snet-options postrouting accept",
            "add chain inet k8snet-options more",
            "'add chain inet k8snet-options postrouting { policy drop; }'",
        )
    ),
]

NODE = "kubernetes-ports"
RULES = [
    *(
        Drift(NODE, change, tuple(f"host: {fact}" for fact in facts))
        for change, *facts in (
            (
                f"nft flush table bridge k8snet-{NODE}; nft delete table inet k8snet-{NODE}",
                f"nft table inet k8snet-{NODE}",
                f"nft table bridge k8snet-{NODE}",
            ),
            (f"nft insert rule inet k8snet-{NODE} published accept", f"nft table inet k8snet-{NODE}"),
            (
                "echo 0 >/proc/sys/net/ipv4/conf/cni-podman0/route_localnet",
                "net.ipv4.conf.cni-podman0.route_localnet 1",
            ),
            ("iptables -D CNI-FORWARD -s 10.88.0.3/32 -j ACCEPT", "iptables -A CNI-FORWARD -s 10.88.0.3/32 -j ACCEPT"),
            ("iptables -F CNI-FORWARD", "iptables -A CNI-FORWARD *"),
            ("ip6tables -F; ip6tables -X", "ip6tables *"),
        )
    ),
]


@pytest.mark.needs("nft_masquerade", "nft_masquerade6", "nft_bridge", "iptables_filter")
@pytest.mark.parametrize("drift", RULES, ids=str)
def test_a_drift_of_rules_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)


@pytest.mark.parametrize("drift", SETTINGS, ids=str)
def test_a_drift_of_settings_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)
