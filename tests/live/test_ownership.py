"""What the scripts did not make they neither change nor remove, whatever it is called."""

from __future__ import annotations

import pytest

from live.kernel import diff
from live.network import Network, compiled, golden
from live.sandbox import Sandbox

KINDS = {
    "bridge": "ip link add name {name} type bridge",
    "veth": "ip link add name {name} type veth peer name {name}-far",
    "tap": "ip tuntap add dev {name} mode tap",
    "vxlan": "ip link add name {name} type vxlan id 7 dstport {port}",
    "macvlan": "ip link add name {name}-under type bridge; ip link add link {name}-under name {name} type macvlan",
}
"""Ways to make an interface, as others might have done."""

NAMES = ("br0", "vethB", "vethY")
FOREIGN = [
    pytest.param(
        "; ".join(KINDS[kind].format(name=name, port=4789 + number) for number, name in enumerate(NAMES)),
        [f"interface {name} (host) exists" for name in NAMES],
        marks=pytest.mark.needs(kind) if kind in ("vxlan", "macvlan") else (),
        id=kind,
    )
    for kind in KINDS
]
FOREIGN += [
    pytest.param(KINDS["bridge"].format(name="vethB"), ["interface vethB (host) exists"], id="one bridge"),
    pytest.param(
        "ip netns add node2; touch /run/netns/node1",
        ["namespace node2 exists", "namespace node1 exists"],
        id="namespace and file",
    ),
]
"""What others made, and what a run says of it."""

BESIDE = """
name = "beside"
[host]
forwarding = true
[bridges.br7]
addresses = ["10.7.0.1/24"]
[namespaces."box{1..2}".veths.vethA]
peer = "box{}"
bridge = "br7"
addresses = ["10.7.0.1{}/24"]
routes = [{ to = "default", via = "10.7.0.1" }]
"""

OTHERS = """
ip netns add others
ip link add name other type bridge
ip link add name vethC master other type veth peer name vethD netns others
ip address add 10.10.0.1/24 dev other
ip route add blackhole 10.66.0.0/16
ip -n others address add 10.10.0.2/24 dev vethD
mkdir -p /run/k8snet/others && echo mine >/run/k8snet/others/file
"""


@pytest.fixture
def docker(sandbox: Sandbox) -> Network:
    return Network(sandbox, golden("docker"))


def refuses(network: Network, *messages: str) -> None:
    """No run changes anything, and each says that it will not, and why."""
    before = network.state(identity=True)
    for option in ((), ("--dry-run",), ("--check",)):
        done = network.run("setup", *option)
        assert (done.returncode, done.stdout) == (1, "")
        lines = done.stderr.splitlines()
        assert all(line.startswith("setup.sh: refused: ") for line in lines), done.stderr
        assert [message for message in messages if message not in done.stderr] == []
    assert diff(before, network.state(identity=True)) == []


@pytest.mark.parametrize(("make", "messages"), FOREIGN)
def test_a_foreign_thing_of_a_wanted_name_is_refused(docker: Network, make: str, messages: list[str]) -> None:
    docker.do(make)
    before = docker.state(identity=True)
    refuses(docker, *messages)
    assert docker.tear_down() == []
    assert diff(before, docker.state(identity=True)) == []


def test_a_foreign_interface_inside_a_namespace_is_refused(docker: Network) -> None:
    docker.set_up()
    docker.do("ip -n node1 link delete dev vethA")
    for kind in ("bridge", "veth", "tap"):
        docker.do(f"nsenter --net=/run/netns/node1 bash -ec '{KINDS[kind].format(name='vethA')}'")
        refuses(docker, "interface vethA (node1) exists")
        docker.do("ip -n node1 link delete dev vethA")


def test_all_that_is_foreign_is_named_at_once(docker: Network) -> None:
    docker.do("ip netns add node1", "ip link add name br0 type bridge", "ip tuntap add dev vethY mode tap")
    done = docker.run("setup")
    assert done.stderr.splitlines() == [
        "setup.sh: refused: namespace node1 exists, and this topology did not make it (--adopt takes it over)",
        "setup.sh: refused: interface br0 (host) exists, and this topology did not make it (--adopt takes it over)",
        (
            "setup.sh: refused: interface vethY (host) exists, is not what is wanted (host vethY: veth, peer node2 vethX),"
            " and this topology did not make it"
        ),
    ]


def test_what_fits_is_adopted_and_then_removed(docker: Network) -> None:
    before = docker.state()
    docker.set_up()
    wanted = docker.state()
    docker.tear_down()
    docker.do(
        "ip netns add node1",
        "ip link add name br0 type bridge",
        "ip link set dev br0 up",
        "ip link add name vethB type veth peer name vethA netns node1",
        "ip -n node1 address add 10.10.0.2/24 dev vethA",
    )
    refuses(docker, "namespace node1 exists")
    kept = docker.state(identity=True)
    assert "not ours yet: host br0" in docker.run("setup", "--adopt", "--check").stdout.splitlines()
    commands = docker.set_up("--adopt")
    assert f"ip link set dev br0 group {docker.mark}" in commands
    assert "ip netns add node1" not in commands
    assert not [line for line in commands if "10.10.0.2" in line or "name br0" in line]
    state = docker.state(identity=True)
    assert not [line for line in diff(kept, state) if "ifindex" in line and "new, " not in line]
    assert [line for line in diff(wanted, docker.state()) if not line.startswith("/run/k8snet")] == []
    assert docker.set_up() == []
    docker.tear_down()
    assert diff(before, docker.state()) == []


def test_what_does_not_fit_is_not_adopted(docker: Network) -> None:
    docker.do("ip link add name br0 type veth peer name other")
    before = docker.state(identity=True)
    done = docker.run("setup", "--adopt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "interface br0 (host) exists, is not what is wanted (host br0: bridge)" in done.stderr
    assert diff(before, docker.state(identity=True)) == []


def test_what_others_have_is_not_touched(docker: Network) -> None:
    docker.do(OTHERS)
    before = docker.state(identity=True)
    docker.set_up()
    docker.do("ip -n node1 link delete dev vethA", "ip link delete dev br0")
    docker.set_up()
    docker.tear_down()
    assert diff(before, docker.state(identity=True)) == []


def test_a_namespace_that_others_made_anew_is_theirs(docker: Network) -> None:
    docker.set_up()
    docker.do("ip netns delete node1", "ip netns add node1", "while ip link show dev vethB; do sleep 0.01; done")
    refuses(docker, "namespace node1 exists")
    docker.tear_down()
    assert list(docker.state()["namespaces"]) == ["host", "node1"]


def test_a_link_that_lost_its_mark_is_theirs(docker: Network) -> None:
    docker.set_up()
    docker.do("ip link set dev br0 group 0")
    refuses(docker, "interface br0 (host) exists")
    docker.tear_down()
    assert sorted(docker.state()["namespaces"]["host"]["links"]) == ["br0", "lo"]


def test_an_interface_that_others_put_into_our_namespace_stays_there(docker: Network) -> None:
    docker.set_up()
    docker.do("ip -n node1 link add name theirs type bridge", "ip -n node1 address add 10.66.0.1/24 dev theirs")
    docker.do("ip link add name port type veth peer name port2", "ip link set dev port master br0")
    before = docker.state(identity=True)
    assert docker.set_up() == []
    assert diff(before, docker.state(identity=True)) == []


def test_two_networks_stand_side_by_side(docker: Network) -> None:
    beside = Network(docker.sandbox, compiled(BESIDE))
    empty = docker.state()
    docker.set_up()
    alone = docker.state(identity=True)
    beside.set_up()
    assert (docker.set_up(), beside.set_up()) == ([], [])
    assert (docker.failures(), beside.failures()) == ([], [])
    beside.tear_down()
    assert diff(alone, docker.state(identity=True)) == []
    beside.set_up()
    docker.tear_down()
    assert (beside.drift(), beside.failures()) == ([], [])
    beside.tear_down()
    assert diff(empty, docker.state()) == []


@pytest.mark.parametrize("first_to_go", [0, 1])
def test_what_two_networks_need_of_the_host_stays_until_the_second_goes(sandbox: Sandbox, first_to_go: int) -> None:
    text = BESIDE.replace("beside", "gateway").replace("br7", "br8").replace("box", "pod").replace("10.7.", "10.8.")
    networks = [Network(sandbox, compiled(BESIDE)), Network(sandbox, compiled(text))]
    before = networks[0].state()
    for network in networks:
        network.set_up()
    gone, left = networks[first_to_go], networks[1 - first_to_go]
    gone.tear_down()
    assert left.drift() == []
    left.tear_down()
    assert diff(before, left.state()) == []
