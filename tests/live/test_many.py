"""A network of many veths: each has the one queue that the kernel uses, in a fresh network and in one that is mended."""

from __future__ import annotations

import json

import pytest

from live.kernel import diff
from live.network import Network, compiled
from live.sandbox import Sandbox

MOST_WITH_ALL_QUEUES = 32
RANGE = """
name = "many"
[bridges.br0]
subnet = "10.9.0.0/24"
addresses = ["10.9.0.1/24"]
[namespaces."node{{1..{veths}}}".veths.eth0]
peer = "v{{}}"
bridge = "br0"
addresses = ["auto"]
"""


def queues(sandbox: Sandbox, place: str) -> set[tuple[int, int]]:
    """How many queues the veths of a place have to send, and to receive; a kernel for one processor has but one of these."""
    shown = json.loads(sandbox.bash(f"ip {place} -json -details link show type veth", check=True).stdout)
    return {(link["num_tx_queues"], link.get("num_rx_queues", 1)) for link in shown}


@pytest.mark.parametrize("veths", [MOST_WITH_ALL_QUEUES, MOST_WITH_ALL_QUEUES + 1])
def test_where_there_are_many_veths_they_have_one_queue_each(sandbox: Sandbox, veths: int) -> None:
    network = Network(sandbox, compiled(RANGE.format(veths=veths)))
    before = network.state()
    sandbox.bash("ip link add name usual type veth", check=True)
    (usual,) = queues(sandbox, "")
    sandbox.bash("ip link delete dev usual", check=True)
    network.set_up()
    wanted = {(1, 1) if veths > MOST_WITH_ALL_QUEUES else usual}
    assert (queues(sandbox, ""), queues(sandbox, "-n node1")) == (wanted, wanted)
    sandbox.bash("ip link delete dev v7", check=True)
    assert network.set_up() != []
    assert (queues(sandbox, ""), queues(sandbox, "-n node7")) == (wanted, wanted)
    assert (network.set_up(), network.drift()) == ([], [])
    network.tear_down()
    assert diff(before, network.state()) == []
