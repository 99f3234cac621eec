"""Chained plugins: what they answer, and what scripts they would run, with a stand-in for the part that runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import OWN_NETNS, call
from fake_kernel import FakeKernel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8snet_scripts.plugin import bandwidth, pieces, portmap, shelf
from k8snet_scripts.plugin.names import Container
from k8snet_scripts.plugin.pieces import Piece
from k8snet_scripts.plugin.running import WiringError

Json = dict[str, Any]

PREVIOUS: Json = {
    "cniVersion": "1.0.0",
    "interfaces": [
        {"name": "br0", "mac": "02:00:00:00:00:01"},
        {"name": "veth0", "mac": "02:00:00:00:00:02"},
        {"name": "eth0", "mac": "02:00:00:00:00:03", "sandbox": OWN_NETNS},
    ],
    "ips": [
        {"interface": 2, "address": "10.1.0.9/16", "gateway": "10.1.0.1"},
        {"interface": 2, "address": "fd00:1::9/64"},
        {"interface": 1, "address": "10.9.0.1/16"},
    ],
    "dns": {},
}
MAPPING = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}


class Pieces:
    """What is set up, by the name of its topology, with its scripts."""

    def __init__(self) -> None:
        self.there: dict[str, tuple[Piece, dict[str, str]]] = {}
        self.failure: WiringError | None = None
        self.differences: list[str] = []

    @property
    def script(self) -> str:
        """The only script that is there, its table of commands."""
        ((_, scripts),) = self.there.values()
        return scripts["setup.sh"].partition("\ntopology() {")[2].partition("\nEND\n")[0]

    def set_up(self, piece: Piece, scripts: dict[str, str]) -> None:
        if self.failure:
            raise self.failure
        self.there[piece.names.topology] = piece, scripts

    def tear_down(self, plugin: str, network: str, container: Container) -> bool:
        if self.failure:
            raise self.failure
        gone = [name for name, (piece, _) in self.there.items() if _is_for(piece, plugin, network, container)]
        for name in gone:
            del self.there[name]
        return bool(gone)

    def compare(self, piece: Piece, scripts: dict[str, str]) -> list[str]:
        return self.differences if scripts == self.there[piece.names.topology][1] else ["another script"]

    def is_on_record(self, piece: Piece) -> bool:
        return piece.names.topology in self.there

    def on_record(self, plugin: str, network: str) -> tuple[Container, ...]:
        return tuple(
            piece.container for piece, _ in self.there.values() if (piece.plugin, piece.network) == (plugin, network)
        )


def _is_for(piece: Piece, plugin: str, network: str, container: Container) -> bool:
    return (piece.plugin, piece.network, *piece.container[::2]) == (plugin, network, *container[::2])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Pieces]:
    fake = Pieces()
    monkeypatch.setattr(shelf, "STATE", str(tmp_path / "state"))
    for name in ("set_up", "tear_down", "is_on_record", "on_record"):
        monkeypatch.setattr(pieces, name, getattr(fake, name))
    monkeypatch.setattr(pieces, "differences", fake.compare)
    monkeypatch.setattr(portmap, "_way_to", lambda lease: "br0")
    monkeypatch.setattr(bandwidth, "_find_host_end", lambda call, told: ("veth0123abcd", 1400))
    yield fake


def plugin(type: str, **keys: object) -> Json:
    """The configuration of a plugin, with what was told before."""
    return {"cniVersion": "1.0.0", "name": "net", "type": type, "prevResult": PREVIOUS, **keys}


def publishing(*mappings: Json, **keys: object) -> Json:
    return plugin("portmap", runtimeConfig={"portMappings": list(mappings)}, **keys)


CHAINED = {
    "portmap": publishing(MAPPING),
    "tuning": plugin("tuning", mtu=1400, sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"}),
    "firewall": plugin("firewall"),
    "bandwidth": plugin("bandwidth", ingressRate=80_000, ingressBurst=80_000),
}


@pytest.mark.parametrize("type", CHAINED)
def test_what_was_told_goes_through_and_the_piece_comes_and_goes(fake: Pieces, type: str) -> None:
    network = CHAINED[type]
    assert call("ADD", network).result == PREVIOUS
    assert [piece.plugin for piece, _ in fake.there.values()] == [type]
    assert call("CHECK", network).status == 0
    fake.differences = ["host: something is missing", "and more"]
    said = call("CHECK", network)
    assert (said.code, said.message, said.output["details"]) == (999, "host: something is missing", "and more")
    assert [call("DEL", network).status for _ in range(2)] == [0, 0]
    assert fake.there == {}
    assert "not on record" in call("CHECK", network).message


@pytest.mark.parametrize("type", CHAINED)
def test_without_what_was_told_there_is_nothing_to_change(fake: Pieces, type: str) -> None:
    network = {key: value for key, value in CHAINED[type].items() if key != "prevResult"}
    for command in ("ADD", "CHECK"):
        said = call(command, network)
        assert (said.code, said.message.partition(":")[0]) == (7, "must be called as chained plugin")
    assert call("DEL", network).status == 0


@pytest.mark.parametrize("type", CHAINED)
def test_a_script_that_failed_is_the_answer(fake: Pieces, type: str) -> None:
    fake.failure = WiringError("no way", "nft said no", "/run/setup.sh")
    for command in ("ADD", "DEL"):
        said = call(command, CHAINED[type])
        assert (said.code, said.message) == (999, "no way")
        assert said.output["details"] == "nft said no\nthe script is kept as /run/setup.sh"


@pytest.mark.parametrize("type", CHAINED)
def test_what_is_for_nobody_who_is_valid_goes(fake: Pieces, type: str) -> None:
    for name in ("ctr1", "ctr2"):
        assert call("ADD", CHAINED[type], CONTAINERID=name).result
    assert call("ADD", {**CHAINED[type], "name": "other"}).result
    valid = {"cni.dev/valid-attachments": [{"containerID": "ctr2", "ifname": "eth0"}]}
    assert call("GC", {**CHAINED[type], "cniVersion": "1.1.0", **valid}).status == 0
    left = [(piece.network, piece.container.container_id) for piece, _ in fake.there.values()]
    assert left == [("net", "ctr2"), ("other", "ctr1")]
    assert call("GC", {**CHAINED[type], "cniVersion": "1.1.0"}).code == 7


@pytest.mark.parametrize("type", CHAINED)
def test_status_asks_for_programs(fake: Pieces, type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = {**CHAINED[type], "cniVersion": "1.1.0"}
    monkeypatch.setattr("k8snet_scripts.plugin.netns.DIRECTORIES", ())
    said = call("STATUS", network)
    assert (said.code, said.message) == (50, "the program `bash` is not installed")


def test_the_original_takes_back_what_it_has_done(fake: Pieces, tmp_path: Path) -> None:
    original = tmp_path / "portmap.before-k8snet"
    original.write_text(f'#!/bin/sh\necho "$CNI_COMMAND" >>{tmp_path}/said\ncat >>{tmp_path}/said\n')
    original.chmod(0o755)
    for known in (False, True):
        if known:
            assert call("ADD", CHAINED["portmap"], "portmap", PATH=str(tmp_path)).result
        assert call("DEL", CHAINED["portmap"], "portmap", PATH=str(tmp_path)).status == 0
    assert (tmp_path / "said").read_text().startswith('DEL\n{"cniVersion"')
    assert (tmp_path / "said").read_text().count("DEL\n") == 1


# Limits


def test_a_limit_of_what_is_sent_is_one_more_interface(fake: Pieces) -> None:
    limits = {"egressRate": 10**6, "egressBurst": 10**6}
    told = call("ADD", {**CHAINED["bandwidth"], **limits}).result
    more = told["interfaces"].pop()
    assert told == PREVIOUS
    assert f"ip link add name {more['name']} mtu 1400 address {more['mac']} " in fake.script
    assert f"redirect dev {more['name']}" in fake.script
    assert "tc qdisc replace dev veth0123abcd root tbf rate 80kbit burst 10000 latency 25ms" in fake.script
    assert call("DEL", CHAINED["bandwidth"]).status == 0
    asked = {"bandwidth": {"ingressRate": 160_000, "ingressBurst": 160_000}}
    assert (
        call("ADD", {**CHAINED["bandwidth"], **limits, "runtimeConfig": asked}, CONTAINERID="ctr2").result == PREVIOUS
    )
    assert "rate 160kbit burst 20000" in fake.script


@pytest.mark.parametrize("limits", [{}, {"ingressRate": 0, "ingressBurst": 0}, {"runtimeConfig": {"bandwidth": {}}}])
def test_no_limit_is_nothing_to_do(fake: Pieces, limits: Json) -> None:
    assert call("ADD", plugin("bandwidth", **limits)).result == PREVIOUS
    assert fake.there == {}


@pytest.mark.parametrize("limits", [{"ingressRate": 8}, {"ingressRate": 7, "ingressBurst": 8}, {"egressRate": "1M"}])
def test_a_limit_that_cannot_be_is_refused(fake: Pieces, limits: Json) -> None:
    assert call("ADD", plugin("bandwidth", **limits)).code == 7
    assert fake.there == {}


# Ports


def test_ports_lead_to_the_first_address_of_each_family(fake: Pieces) -> None:
    assert call(
        "ADD", publishing(MAPPING, {**MAPPING, "hostPort": 53, "protocol": "udp", "hostIP": "192.0.2.1"})
    ).result
    assert "tcp dport 8080 dnat ip to 10.1.0.9:80;" in fake.script
    assert "tcp dport 8080 dnat ip6 to [fd00:1::9]:80;" in fake.script
    assert "ip daddr 192.0.2.1 udp dport 53 dnat ip to 10.1.0.9:80;" in fake.script
    assert "10.9.0.1" not in fake.script
    assert "net.ipv4.conf.br0.route_localnet 1" in fake.script


def test_no_ports_are_nothing_to_do(fake: Pieces) -> None:
    assert call("ADD", plugin("portmap")).result == PREVIOUS
    assert call("ADD", publishing(MAPPING) | {"prevResult": {**PREVIOUS, "ips": []}}).status == 0
    assert call("CHECK", plugin("portmap")).status == 0
    assert fake.there == {}


@pytest.mark.parametrize(
    "mapping",
    [{"hostPort": 0}, {"containerPort": 70000}, {"protocol": "icmp"}, {"hostIP": "everywhere"}, {"hostPort": "80"}],
)
def test_a_port_that_cannot_be_is_refused(fake: Pieces, mapping: Json) -> None:
    assert call("ADD", publishing({**MAPPING, **mapping})).code == 7
    assert fake.there == {}


PORTS = st.one_of(st.integers(1, 65535), st.sampled_from([80, 999, 1000, 8080, 9741, 9742, 29741]))
MAPPINGS = st.lists(
    st.builds(
        lambda host, container, protocol: {"hostPort": host, "containerPort": container, "protocol": protocol},
        PORTS,
        PORTS,
        st.sampled_from(["tcp", "udp"]),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(MAPPINGS, st.integers(2, 250)), min_size=2, max_size=4))
def test_scripts_are_copied_from_patterns_as_the_compiler_would_write_them(
    fake: Pieces, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, containers: list[tuple[list[Json], int]]
) -> None:
    written: list[str] = []
    for state in ("one", "other"):
        for number, (mappings, host) in enumerate(containers):
            if state == "other":
                monkeypatch.setattr(shelf, "STATE", str(tmp_path / f"other-{number}-{len(written)}"))
            address = {"address": f"10.1.0.{host}/16", "interface": 2}
            fake.there.clear()
            told = {**PREVIOUS, "ips": [address]}
            assert call("ADD", {**publishing(*mappings), "prevResult": told}, CONTAINERID=f"container-{number}").result
            written.append(fake.script)
    assert written[: len(containers)] == written[len(containers) :]


# Attributes


def test_a_mac_address_is_told_and_that_of_the_runtime_counts(fake: Pieces) -> None:
    network = plugin("tuning", mac="02:00:00:00:00:0A")
    told = [
        call("ADD", network, CONTAINERID="ctr1").result,
        call("ADD", network, CONTAINERID="ctr2", ARGS="MAC=02:00:00:00:00:0b").result,
        call("ADD", {**network, "runtimeConfig": {"mac": "02:00:00:00:00:0c"}}, ARGS="MAC=02:00:00:00:00:0b").result,
    ]
    assert [item["interfaces"][2]["mac"][-2:] for item in told] == ["0a", "0b", "0c"]
    assert [item["interfaces"][:2] for item in told] == [PREVIOUS["interfaces"][:2]] * 3
    assert call("ADD", plugin("tuning", mac="nonsense")).code == 7


def test_attributes_of_an_interface_that_is_there_already(fake: Pieces) -> None:
    keys = {"mtu": 1400, "promisc": True, "allmulti": False, "txQLen": 20, "mac": "02:00:00:00:00:0a"}
    assert call("ADD", plugin("tuning", **keys, sysctl={"net.ipv4.conf.IFNAME.arp_filter": "1"})).result
    ((piece, _),) = fake.there.values()
    kernel = FakeKernel()
    kernel.run(("ip", "netns", "add", piece.names.namespace))
    kernel.add_device("eth0", namespace=piece.names.namespace)
    for line in fake.script.splitlines():
        if line.startswith("ip -n"):
            kernel.run(line.partition("   ")[0].split())
    where = f"{piece.names.namespace} eth0"
    wanted = {f"{where}: {fact}" for fact in ("mtu 1400", "address 02:00:00:00:00:0a", "promisc on", "txqlen 20")}
    assert wanted <= kernel.facts()
    assert "net.ipv4.conf.eth0.arp_filter 1" in fake.script
    assert piece.overruled == ("address", "mtu", "net.ipv4.conf.eth0.arp_filter")
    assert call("ADD", plugin("tuning"), CONTAINERID="ctr2").result == PREVIOUS
    assert len(fake.there) == 1


@pytest.mark.parametrize("keys", [{"sysctl": {"kernel.shmmax": "1"}}, {"mtu": 20}, {"txQLen": -1}, {"sysctl": []}])
def test_what_cannot_be_set_is_refused(fake: Pieces, keys: Json) -> None:
    assert call("ADD", plugin("tuning", **keys)).code == 7
    assert fake.there == {}


# What is let through


def test_a_container_is_let_through_and_its_bridge_kept_apart(fake: Pieces) -> None:
    assert call("ADD", plugin("firewall", ingressPolicy="same-bridge", iptablesAdminChainName="OURS")).result
    assert "iptables --wait -A CNI-FORWARD -s 10.1.0.9/32 -j ACCEPT" in fake.script
    assert "ip6tables --wait -A CNI-FORWARD -s fd00:1::9/128 -j ACCEPT" in fake.script
    assert "-o br0 " in fake.script and "-j OURS" in fake.script


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"ingressPolicy": "isolated"}, 2),
        ({"backend": "firewalld"}, 2),
        ({"ingressPolicy": "none"}, 7),
        ({"ingressPolicy": "same-bridge", "prevResult": {**PREVIOUS, "interfaces": []}}, 7),
        ({"ingressPolicy": "same-bridge", "prevResult": {**PREVIOUS, "interfaces": PREVIOUS["interfaces"][2:]}}, 7),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(fake: Pieces, keys: Json, code: int) -> None:
    assert call("ADD", plugin("firewall", **keys)).code == code
    assert fake.there == {}
