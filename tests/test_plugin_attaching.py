"""`bridge` and `ptp`: what they answer, and that no address is left behind, with a stand-in for the scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from calling import OWN_NETNS, FakeWiring, call, wiring
from test_cni_recorded import CASES

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.cni.result import Interface
from k8snet_scripts.plugin import attaching, forwarding, shelf
from k8snet_scripts.plugin import wiring as wiring_module
from k8snet_scripts.plugin.programs import Finished
from k8snet_scripts.plugin.wiring import Container, WiringError

__all__ = ["wiring"]


ANY = (Interface("b"), Interface("v"), Interface("e"))


def network(directory: Path, version: str = "1.0.0", **keys: object) -> dict[str, Any]:
    ipam = {"type": "host-local", "subnet": "10.1.0.0/24", "dataDir": str(directory), "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": version,
        "name": "net",
        "type": "bridge",
        "bridge": "br0",
        "isGateway": True,
        "ipam": ipam,
        **keys,
    }


def records(directory: Path) -> list[str]:
    place = directory / "net"
    return sorted(path.name for path in place.iterdir() if path.name[:1].isdigit()) if place.exists() else []


def attach(directory: Path, **keys: object) -> dict[str, Any]:
    """The configuration of a network with a pod on it, which holds what was told."""
    data = network(directory, "1.1.0", **keys)
    return {**data, "prevResult": call("ADD", data).result}


# Recorded cases

REPLAYED = [name for name in CASES if any(step["plugin"] == "bridge" for step in CASES[name])]
ELSEWHERE = ("veth name", "ARGS")
"""What the reference refuses for an interface that is there, and what is taken here."""


@pytest.mark.parametrize("name", REPLAYED)
def test_a_recorded_case_goes_as_it_went(
    name: str, tmp_path: Path, wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attaching, "check_netns", lambda netns, environment: None)
    configurations: dict[str, Any] = {}
    fresh = 0
    for step in [step for step in CASES[name] if step["plugin"] == "bridge"]:
        out = step.get("out") or {}
        message = out.get("msg", "")
        if any(words in message for words in ELSEWHERE):
            continue
        wiring.failure = WiringError(message) if "bridge addr" in message else None
        if name == "d06-bad-configs" and step["command"] == "ADD":
            fresh += 1
        data = step.get("stdin") or configurations.get(step["container"], configurations[""])
        configurations[step["container"]] = configurations[""] = data
        if data.get("ipam"):
            data = {**data, "ipam": {**data["ipam"], "dataDir": str(tmp_path / str(fresh))}}
        wiring.interfaces = interfaces(step)
        said = call(
            step["command"],
            data,
            "bridge",
            CONTAINERID=step["container"],
            IFNAME=step["ifname"],
            NETNS=step.get("netns", ""),
            ARGS=step.get("args", ""),
        )
        if "code" not in out:
            assert said.result == step.get("out")
        elif "failed to allocate" in message or wiring.failure:
            assert (said.code, said.message) == (out["code"], out["msg"])
        else:
            assert said.code == 7
        if "files" in step and data.get("ipam"):
            place = tmp_path / str(fresh) / data["name"]
            found = (
                {path.name: path.read_bytes().decode() for path in place.iterdir() if path.name != "lock"}
                if place.exists()
                else {}
            )
            assert found == step["files"]


def interfaces(step: dict[str, Any]) -> tuple[Interface, ...]:
    """The interfaces of a recorded result, whose names and addresses were the kernel's choice."""
    items = (step.get("out") or {}).get("interfaces", [])
    return tuple([Interface(item["name"], item["mac"], item.get("sandbox", "")) for item in items]) or ANY


# ADD


@pytest.mark.parametrize(
    ("program", "type"), [("k8snet", "k8snet"), ("k8snet", "bridge"), ("bridge", "x"), ("k8snet-cni", "k8snet")]
)
def test_it_has_several_names(tmp_path: Path, wiring: FakeWiring, program: str, type: str) -> None:
    told = call("ADD", network(tmp_path, type=type), program).result
    assert [interface["name"] for interface in told["interfaces"]] == ["br0", "veth1", "eth0"]
    assert told["ips"] == [{"interface": 2, "address": "10.1.0.2/24", "gateway": "10.1.0.1"}]
    assert wiring.containers["net", Container("ctr1", OWN_NETNS, "eth0")].gateways == (parse_cidr("10.1.0.1/24"),)


def test_mac_addresses_are_asked_for_in_three_places(tmp_path: Path, wiring: FakeWiring) -> None:
    arguments = {"args": {"cni": {"mac": "02:00:00:00:00:0b"}}}
    runtime = {"runtimeConfig": {"mac": "02:00:00:00:00:0c", "portMappings": [{"hostPort": 0}], "bandwidth": 1}}
    wishes: list[dict[str, Any]] = [{}, {}, arguments, {**arguments, **runtime}]
    for number, keys in enumerate(wishes):
        asked = "K8S_POD_NAME=web;MAC=02:00:00:00:00:0A" if number else ""
        call("ADD", network(tmp_path, **keys), CONTAINERID=f"ctr{number}", ARGS=asked).result  # noqa: B018
    assert wiring.macs == [None, "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"]
    assert call("ADD", network(tmp_path), ARGS="MAC=1").code == 4
    assert len(records(tmp_path)) == 4


FAILURES = [WiringError("the script failed"), OSError(28, "No space left on device", "/run"), KeyError("x")]


@pytest.mark.parametrize("failure", FAILURES)
def test_an_address_is_given_back_when_wiring_fails(tmp_path: Path, wiring: FakeWiring, failure: Exception) -> None:
    wiring.failure = failure
    status, output = call("ADD", network(tmp_path))
    assert (status, records(tmp_path)) == (1, [])
    assert output["code"] == (5 if isinstance(failure, OSError) else 999)
    assert ("internal error" in output["msg"]) == isinstance(failure, KeyError)


def test_what_the_script_said_is_told(tmp_path: Path, wiring: FakeWiring) -> None:
    wiring.failure = WiringError("the bridge br0 is no bridge")
    wiring.failure.details, wiring.failure.script = "ip said no", "/run/k8snet/setup.sh"
    said = call("ADD", network(tmp_path))
    assert said.message == "the bridge br0 is no bridge"
    assert said.output["details"] == "ip said no\nthe script is kept as /run/k8snet/setup.sh"


def test_who_is_attached_already_keeps_the_address(
    tmp_path: Path, wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("ADD", network(tmp_path)).result  # noqa: B018
    said = call("ADD", network(tmp_path))
    duplicate = "10.1.0.2 has been allocated to ctr1, duplicate allocation is not allowed"
    assert said.message == f"failed to allocate for range 0: {duplicate}"
    monkeypatch.setattr(attaching, "has_interface", lambda netns, ifname, environment: True)
    said = call("ADD", network(tmp_path))
    assert (said.code, said.message) == (999, "container veth name provided (eth0) already exists")
    assert records(tmp_path) == ["10.1.0.2"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"NETNS": "/nowhere"}, 8),
        ({"NETNS": "/etc/passwd"}, 8),
        ({"NETNS": "/proc/self/ns/mnt"}, 8),
        ({"NETNS": "a\0b"}, 8),
    ]
    + [({"NETNS_OVERRIDE": ""}, 8), ({"IFNAME": "dev"}, 4), ({"IFNAME": "-x"}, 4), ({"ARGS": "X=1"}, 4)],
)
def test_what_cannot_be_attached_gets_no_address(
    tmp_path: Path, wiring: FakeWiring, changes: dict[str, str], code: int
) -> None:
    assert call("ADD", network(tmp_path), **changes).code == code
    assert not (tmp_path / "net").exists()
    assert wiring.containers == {}


@pytest.mark.parametrize(
    ("keys", "code"),
    [({"mtu": "1500"}, 7), ({"isGateway": "true"}, 7), ({"bridge": "abcdefghijklmnopq"}, 7), ({"mtu": 10}, 7)]
    + [({"hairpinMode": True, "promiscMode": True}, 7)]
    + [({"disableContainerInterface": True}, 2), ({"ipam": 7}, 7), ({"ipam": {"type": "nope"}}, 999)]
    + [({"cniVersion": "0.2.0", "ipam": {}}, 999)],
)
def test_what_cannot_be_done_gets_no_address(
    tmp_path: Path, wiring: FakeWiring, keys: dict[str, Any], code: int
) -> None:
    assert call("ADD", {**network(tmp_path), **keys}).code == code
    assert not (tmp_path / "net").exists()
    assert wiring.containers == {}


def test_a_network_of_layer_2_has_no_addresses(tmp_path: Path, wiring: FakeWiring) -> None:
    told = attach(tmp_path, ipam={})
    assert "ips" not in told["prevResult"]
    assert call("CHECK", told) == (0, None)
    assert call("DEL", told) == (0, None)


# DEL


def test_del_gives_back_and_may_be_repeated(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    assert [call("DEL", data, NETNS=netns) for netns in ("/vanished", "", "/vanished")] == [(0, None)] * 3
    assert (records(tmp_path), wiring.containers) == ([], {})


def test_del_gives_back_with_a_broken_configuration(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    broken = {**data, "mtu": "x", "vlan": 5, "ipam": {**data["ipam"], "subnet": "10.1.0.1/24"}, "prevResult": 7}
    assert call("DEL", broken, ARGS="X") == (0, None)
    assert (records(tmp_path), wiring.containers) == ([], {})


def test_an_address_in_use_is_not_given_back(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    wiring.failure = WiringError("busy")
    assert call("DEL", data).message == "busy"
    assert records(tmp_path) == ["10.1.0.2"]


def test_del_does_not_look_into_the_hosts_own_namespace(
    tmp_path: Path, wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(wiring_module, "detach", lambda name, container: seen.append(container))
    assert call("DEL", network(tmp_path), NETNS_OVERRIDE="") == (0, None)
    assert seen == [Container("ctr1", "", "eth0")]


# CHECK


def test_check_holds_what_was_told_against_what_is_there(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    assert call("CHECK", data) == (0, None)
    wiring.differences = ("eth0 is down", "the masquerade is missing")
    said = call("CHECK", data)
    assert (said.code, said.message, said.output["details"]) == (999, "eth0 is down", "the masquerade is missing")


def test_check_sees_a_lost_record(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    (tmp_path / "net" / "10.1.0.2").unlink()
    assert call("CHECK", data).message == "host-local: Failed to find address added by container ctr1"


def test_check_needs_what_was_told(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    told = data.pop("prevResult")
    assert (call("CHECK", data).code, call("CHECK", data).message) == (7, "required prevResult missing")
    other = {**told, "interfaces": [{**item, "name": "x"} for item in told["interfaces"]]}
    assert call("CHECK", {**data, "prevResult": other}).message == f"prevResult has no interface eth0 in {OWN_NETNS}"


def test_check_looks_at_its_own_interface_only(tmp_path: Path, wiring: FakeWiring) -> None:
    data = attach(tmp_path)
    told = data["prevResult"]
    more = {"name": "net1", "mac": "02::9", "sandbox": OWN_NETNS}
    ips = [*told["ips"], {"interface": 3, "address": "10.9.0.2/24"}]
    longer = {**told, "interfaces": [*told["interfaces"], more], "ips": ips}
    assert call("CHECK", {**data, "prevResult": longer}) == (0, None)


# GC and STATUS


def test_gc_detaches_and_gives_back(tmp_path: Path, wiring: FakeWiring) -> None:
    data = network(tmp_path, "1.1.0")
    for number in range(4):
        call("ADD", data, CONTAINERID=f"ctr{number}").result  # noqa: B018
    call("ADD", {**data, "name": "other"}, CONTAINERID="ctr9").result  # noqa: B018
    del wiring.containers["net", Container("ctr3", OWN_NETNS, "eth0")]  # as if ADD had crashed
    valid = [{"containerID": "ctr1", "ifname": "eth0"}, {"containerID": "ctr2", "ifname": "net1"}]
    assert call("GC", {**data, "cni.dev/valid-attachments": valid}) == (0, None)
    assert {(name, item.container_id) for name, item in wiring.containers} == {("net", "ctr1"), ("other", "ctr9")}
    assert records(tmp_path) == ["10.1.0.3"]


def test_gc_goes_on_after_an_error(tmp_path: Path, wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch) -> None:
    data = network(tmp_path, "1.1.0")
    for number in range(3):
        call("ADD", data, CONTAINERID=f"ctr{number}").result  # noqa: B018
    detach = wiring.detach

    def refuse(name: str, container: Container) -> None:
        if container.container_id == "ctr1":
            raise WiringError("ctr1 is busy")
        detach(name, container)

    monkeypatch.setattr(wiring_module, "detach", refuse)
    assert call("GC", {**data, "cni.dev/valid-attachments": []}).message == "ctr1 is busy"
    assert records(tmp_path) == ["10.1.0.3"]  # that of ctr1, who may use it still


def test_status_says_what_is_missing(tmp_path: Path, wiring: FakeWiring, monkeypatch: pytest.MonkeyPatch) -> None:
    data = network(tmp_path, "1.1.0", ipMasq=True)
    assert call("STATUS", data) == (0, None)
    assert call("STATUS", {**data, "ipam": {"type": "nope"}}).code == 50
    assert call("STATUS", {**data, "ipam": {**data["ipam"], "subnet": "x"}}).code == 7
    call("ADD", data).result  # noqa: B018
    assert call("STATUS", data).code == 51
    assert call("STATUS", {**data, "bridge": "lo"}).code == 7
    monkeypatch.setattr(attaching, "_interfaces", lambda: {"br0"})
    assert call("STATUS", data) == (0, None)
    monkeypatch.setattr("k8snet_scripts.plugin.netns.DIRECTORIES", ())
    monkeypatch.setitem(call.__globals__["ENVIRONMENT"], "PATH", str(tmp_path))
    said = call("STATUS", data)
    assert (said.code, said.message) == (50, "the program `bash` is not installed")


# Without a bridge


def test_a_link_is_told_without_a_bridge(tmp_path: Path, wiring: FakeWiring) -> None:
    data = {**network(tmp_path), "type": "ptp"}
    told = call("ADD", data).result
    assert [item["name"] for item in told["interfaces"]] == ["veth1", "eth0"]
    assert told["ips"] == [{"interface": 1, "address": "10.1.0.2/24", "gateway": "10.1.0.1"}]
    (attachment,) = wiring.containers.values()
    assert list(map(str, attachment.host_routes)) == ["10.1.0.2/32"]
    assert call("CHECK", {**data, "prevResult": told}).status == 0
    assert call("DEL", data).status == 0
    assert (records(tmp_path), wiring.containers) == ([], {})


def test_a_link_needs_addresses(wiring: FakeWiring) -> None:
    assert call("ADD", {"cniVersion": "1.0.0", "name": "net", "type": "ptp"}).code == 7
    assert call("DEL", {"cniVersion": "1.0.0", "name": "net", "type": "ptp"}).status == 0


def test_the_host_is_made_a_router_only_where_it_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shelf, "STATE", str(tmp_path / "state"))
    ran: list[tuple[str, ...]] = []

    def run(directory: str, command: tuple[str, ...]) -> Finished:
        ran.append(command)
        return Finished(1, b"", b"setup.sh: no\n")

    values = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "0"}
    monkeypatch.setattr(forwarding, "read_setting", values.__getitem__)
    monkeypatch.setattr(forwarding, "run_kept", run)
    forwarding.provide_forwarding("net", (4,))
    assert ran == []
    assert list(forwarding.inspect_forwarding((4, 6))) == ["net.ipv6.conf.all.forwarding is not 1"]
    with pytest.raises(WiringError, match="failed to make the host a router: no"):
        forwarding.provide_forwarding("net", (4, 6))
    (kept,) = (tmp_path / "state" / "networks").glob("*/setup.sh")
    assert "net.ipv6.conf.all.forwarding 1" in kept.read_text()
