"""`host-local` and `static` as executables that other plugins delegate to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from calling import Said, call
from test_cni_recorded import CASES

STEPS = [step for step in CASES["d09-direct-hostlocal"]]


def network(directory: Path, version: str = "1.1.0", **ipam: object) -> dict[str, Any]:
    """The configuration of another plugin, which has an IPAM with records in a directory."""
    given = {"type": "host-local", "subnet": "10.1.0.0/29", "dataDir": str(directory), **ipam}
    return {"cniVersion": version, "name": "net", "type": "macvlan", "master": "eth1", "ipam": given}


def records(directory: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in (directory / "net").iterdir() if path.name != "lock"}


def test_a_recorded_case_goes_as_it_went(tmp_path: Path) -> None:
    for step in STEPS:
        network = step.get("stdin") or STEPS[0]["stdin"]
        network = {**network, "ipam": {**network["ipam"], "dataDir": str(tmp_path)}}
        said = call(
            step["command"],
            network,
            "host-local",
            CONTAINERID=step["container"],
            IFNAME=step["ifname"],
            ARGS=step.get("args", ""),
        )
        if "code" in step.get("out", {}):
            assert (said.code, said.message) == (step["out"]["code"], step["out"]["msg"])
        else:
            assert said.result == step.get("out")


@pytest.mark.parametrize("program", ["host-local", "k8snet"])
def test_the_whole_life_of_an_address(tmp_path: Path, program: str) -> None:
    data = network(tmp_path, type="host-local" if program == "host-local" else "k8snet")
    given = call("ADD", data, program).result
    assert given == {"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.2/29", "gateway": "10.1.0.1"}]}
    assert records(tmp_path) == {"10.1.0.2": "ctr1\r\neth0", "last_reserved_ip.0": "10.1.0.2"}
    assert call("CHECK", {**data, "prevResult": given}, program) == (0, None)
    assert call("CHECK", data, program) == (0, None)
    wrong = {**given, "ips": [{"address": "10.1.0.4/29"}]}
    assert call("CHECK", {**data, "prevResult": wrong}, program).message.startswith("host-local: the address 10.1.0.4")
    elsewhere = {**given, "ips": [*given["ips"], {"address": "192.0.2.1/24"}]}
    assert call("CHECK", {**data, "prevResult": elsewhere}, program) == (0, None)
    assert [call("DEL", data, program) for _ in range(2)] == [(0, None)] * 2
    assert records(tmp_path) == {"last_reserved_ip.0": "10.1.0.2"}
    lost = "host-local: Failed to find address added by container ctr1"
    assert call("CHECK", {**data, "prevResult": given}, program).message == lost


def test_requested_addresses(tmp_path: Path) -> None:
    data = network(tmp_path, subnet="10.1.0.0/24", ranges=[[{"subnet": "fd00::/64"}]])
    asked = {
        **data,
        "args": {"cni": {"ips": ["10.1.0.9"]}},
        "runtimeConfig": {"ips": ["fd00::9/64"], "portMappings": 7},
    }
    assert [ip["address"] for ip in call("ADD", asked, "host-local").result["ips"]] == ["10.1.0.9/24", "fd00::9/64"]
    said = call("ADD", data, CONTAINERID="ctr2", ARGS="IP=10.1.0.77;K8S_POD_NAME=web")
    assert said.code == 7  # `k8snet` is not the IPAM of a macvlan that says `host-local`
    said = call("ADD", data, "host-local", CONTAINERID="ctr2", ARGS="IP=10.1.0.77;K8S_POD_NAME=web")
    assert [ip["address"] for ip in said.result["ips"]] == ["10.1.0.77/24", "fd00::a/64"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("IP=10.1.0.300", "ARGS: `10.1.0.300` is not an address"),
        ("IP", 'ARGS: invalid pair "IP"'),
        ("A=1;B=2", 'ARGS: unknown args ["A=1" "B=2"]'),
        ("IgnoreUnknown=maybe;IP=10.1.0.3", 'ARGS: error parsing value of pair "IgnoreUnknown=maybe"'),
    ],
)
def test_arguments_that_make_no_sense(tmp_path: Path, arguments: str, message: str) -> None:
    said = call("ADD", network(tmp_path), "host-local", ARGS=arguments)
    assert (said.code, said.message) == (4, message)
    assert call("DEL", network(tmp_path), "host-local", ARGS=arguments) == (0, None)


def test_a_release_needs_no_good_configuration(tmp_path: Path) -> None:
    call("ADD", network(tmp_path), "host-local")
    broken = network(tmp_path, subnet="10.1.0.9/29", routes=7, ranges="x", gateway=[])
    assert call("ADD", broken, "host-local", IFNAME="eth1").code == 7
    assert call("DEL", broken, "host-local") == (0, None)
    assert records(tmp_path) == {"last_reserved_ip.0": "10.1.0.2"}


def test_records_of_an_old_version_are_released(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "10.1.0.5").write_text("ctr1")
    call("ADD", network(tmp_path), "host-local", CONTAINERID="ctr2")
    assert call("CHECK", network(tmp_path), "host-local") == (0, None)
    call("DEL", network(tmp_path), "host-local")
    assert sorted(records(tmp_path)) == ["10.1.0.2", "last_reserved_ip.0"]


def test_gc_takes_back_what_nobody_has(tmp_path: Path) -> None:
    data = network(tmp_path)
    for number in range(1, 5):
        call("ADD", data, "host-local", CONTAINERID=f"ctr{number}")
    (tmp_path / "net" / "10.1.0.6").write_text("")  # somebody keeps it for himself
    (tmp_path / "net" / "10.1.0.5").write_text("ctr4")
    valid = [{"containerID": "ctr1", "ifname": "eth0"}, {"containerID": "ctr2", "ifname": "eth1"}]
    valid.append({"containerID": "ctr4", "ifname": "eth0"})
    assert call("GC", {**data, "cni.dev/valid-attachments": valid}, "host-local") == (0, None)
    assert sorted(records(tmp_path)) == ["10.1.0.2", "10.1.0.5", "10.1.0.6", "last_reserved_ip.0"]
    assert call("GC", {**data, "cni.dev/attachments": []}, "host-local") == (0, None)
    assert sorted(records(tmp_path)) == ["10.1.0.6", "last_reserved_ip.0"]


@pytest.mark.parametrize(
    "valid", [None, {}, "x", [1], [{}], [{"containerID": "a"}], [{"containerID": 1, "ifname": "a"}]]
)
def test_gc_does_nothing_if_nobody_says_what_stays(tmp_path: Path, valid: object) -> None:
    call("ADD", network(tmp_path), "host-local")
    assert call("GC", {**network(tmp_path), "cni.dev/valid-attachments": valid}, "host-local").code == 7
    assert "10.1.0.2" in records(tmp_path)


def test_status_says_whether_there_is_an_address(tmp_path: Path) -> None:
    data = network(tmp_path / "new" / "directory")
    assert call("STATUS", data, "host-local") == (0, None)
    assert not (tmp_path / "new").exists()
    for number in range(5):
        assert call("STATUS", data, "host-local") == (0, None)
        call("ADD", data, "host-local", CONTAINERID=f"ctr{number}").result  # noqa: B018
    said = call("STATUS", data, "host-local")
    assert said.code == 50 and "no IP addresses available in range set: 10.1.0.1-10.1.0.6" in said.message
    (tmp_path / "file").write_text("")
    assert call("STATUS", network(tmp_path / "file"), "host-local").code == 50


def test_a_record_that_a_crash_left_empty_does_not_make_a_node_unfit(tmp_path: Path) -> None:
    data = network(tmp_path)
    call("ADD", data, "host-local").result  # noqa: B018
    for content in ("", "\n", "\r\n"):
        (tmp_path / "net" / "10.1.0.3").write_text(content)
        assert call("STATUS", data, "host-local") == (0, None)


def test_dns_comes_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "# a comment\nnameserver 10.0.0.53 more\nnameserver\ndomain a.b\ndomain c.d\nsearch x y\noptions ndots:5 rotate\n"
    )
    data = network(tmp_path, resolvConf=str(file))
    dns = {"nameservers": ["10.0.0.53"], "domain": "c.d", "search": ["x", "y"], "options": ["ndots:5", "rotate"]}
    assert call("ADD", data, "host-local").result["dns"] == dns
    file.unlink()
    said = call("ADD", data, "host-local", CONTAINERID="ctr2")
    assert (said.code, said.message, said.output["details"]) == (5, "No such file or directory", str(file))
    assert sorted(records(tmp_path)) == ["10.1.0.2", "last_reserved_ip.0"]


def test_a_version_without_words_for_the_result_leaves_no_record(tmp_path: Path) -> None:
    said = call("ADD", network(tmp_path, "0.1.0", ranges=[[{"subnet": "10.2.0.0/24"}]]), "host-local")
    assert said.code == 7
    assert not (tmp_path / "net").exists()


def static(**ipam: object) -> dict[str, Any]:
    return {"cniVersion": "1.0.0", "name": "net", "type": "static", "ipam": {"type": "static", **ipam}}


def addresses(said: Said) -> list[tuple[str, str | None]]:
    return [(ip["address"], ip.get("gateway")) for ip in said.result["ips"]]


def test_static_gives_what_is_written_or_asked_for() -> None:
    data = static(addresses=[{"address": "10.1.0.5/16", "gateway": "10.1.0.1"}], routes=[{"dst": "0.0.0.0/0"}])
    assert addresses(call("ADD", data)) == [("10.1.0.5/16", "10.1.0.1")]
    beside = call("ADD", data, ARGS="IP=10.2.0.5/16, fd00::5/64;GATEWAY=fd00::1")
    assert addresses(beside) == [("10.1.0.5/16", "10.1.0.1"), ("10.2.0.5/16", None), ("fd00::5/64", "fd00::1")]
    instead = {**data, "runtimeConfig": {"ips": ["10.3.0.5/16"]}}
    assert addresses(call("ADD", instead)) == [("10.3.0.5/16", None)]
    assert call("ADD", {**data, "runtimeConfig": {"ips": ["10.3.0.5"]}}).message.endswith("has no prefix length")
    assert call("ADD", data, ARGS="IP=10.2.0.5").code == 4
    assert call("DEL", data, ARGS="IP=10.2.0.5") == (0, None)


def test_static_checks_what_was_told() -> None:
    data = static(addresses=[{"address": "10.1.0.5/16", "gateway": "10.1.0.1"}])
    told = call("ADD", data).result
    assert call("CHECK", {**data, "prevResult": told}) == (0, None)
    told["ips"][0]["gateway"] = "10.1.0.2"
    said = call("CHECK", {**data, "prevResult": told})
    assert said.message == "static: Failed to find address 10.1.0.5/16 on CheckPoint"


@pytest.mark.parametrize("told", [7, {"ips": 7}, {"ips": [{"address": "x"}]}, {"routes": [{}]}, {"ip4": []}])
def test_what_was_told_must_be_a_result(tmp_path: Path, told: object) -> None:
    call("ADD", network(tmp_path), "host-local")
    said = call("CHECK", {**network(tmp_path), "prevResult": told}, "host-local")
    assert said.code == 7 and said.message.startswith("could not parse prevResult: ")


def test_a_result_can_be_read_again(tmp_path: Path) -> None:
    for number, version in enumerate(("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")):
        data = network(tmp_path, version, routes=[{"dst": "0.0.0.0/0"}], subnet="10.1.0.0/16")
        told = call("ADD", data, "host-local", CONTAINERID=f"ctr{number}").result
        assert told["cniVersion"] == version
        later = {**data, "cniVersion": "1.1.0", "prevResult": json.loads(json.dumps(told))}
        assert call("CHECK", later, "host-local", CONTAINERID=f"ctr{number}") == (0, None)
