"""Who answers on a segment when an address is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from cables import bridge, cable, cidrs, network, plug

from k8snet_scripts.addresses import parse_address
from k8snet_scripts.reach.fabric import predict
from k8snet_scripts.reach.neighbours import Found
from k8snet_scripts.topology import Interface, Port, Topology


def find(topology: Topology, asking: str, address: str) -> Found:
    """What the first station of a namespace finds."""
    fabric = predict(topology)
    return fabric.neighbours.find(next(fabric.switching.stations(asking)), *parse_address(address))


def lab(**of_b: Any) -> Topology:
    return network(cable("a", "10.0.0.1/24 fd00::1/64", "b", "10.0.0.2/24 fd00::2/64"), b=of_b)


@pytest.mark.parametrize("address", ["10.0.0.2", "fd00::2"])
def test_the_interface_that_has_the_address_answers(address: str) -> None:
    found = find(lab(), "a", address)
    assert found.station and (found.station.namespace, found.is_uncertain) == ("b", False)


def test_nobody_answers_for_an_address_that_nobody_has() -> None:
    assert find(lab(), "a", "10.0.0.77") == Found(None)


def test_addresses_and_networks_of_lo_are_answered_for_in_ipv4_only() -> None:
    owning = lab(addresses=cidrs("10.8.0.1/32 10.9.0.1/24 fd08::1/128"))
    answered = {address: find(owning, "a", address).station for address in ("10.8.0.1", "10.9.0.1", "10.9.0.99")}
    assert all(station and station.namespace == "b" for station in answered.values())
    assert find(owning, "a", "10.8.0.2") == find(owning, "a", "fd08::1") == Found(None)


def test_somebody_behind_an_isolated_port_is_kept_apart() -> None:
    apart = network(
        plug("a", "10.0.0.1/24", "br0", isolated=True),
        plug("b", "10.0.0.2/24", "br0", isolated=True),
        bridges=[bridge("br0")],
    )
    assert find(apart, "a", "10.0.0.2") == Found(None, is_kept_apart=True)


def test_two_with_the_address_are_uncertain() -> None:
    both = network(
        plug("a", "10.0.0.1/24", "br0"),
        plug("b", "10.0.0.2/24", "br0"),
        plug("c", "10.0.0.2/24", "br0"),
        bridges=[bridge("br0")],
    )
    assert find(both, "a", "10.0.0.2").is_uncertain


def test_strangers_proxies_and_link_local_addresses_are_uncertain() -> None:
    external = Interface("eth1", port=Port("br0"), external=True)
    opened = network(plug("a", "10.0.0.1/24", "br0"), bridges=[bridge("br0")], host={"interfaces": (external,)})
    proxy = lab(sysctls=(("net.ipv4.conf.all.proxy_arp", "1"),))
    assert find(opened, "a", "10.0.0.77").is_uncertain
    assert find(proxy, "a", "10.0.0.77").is_uncertain
    assert find(lab(), "a", "fe80::77").is_uncertain
