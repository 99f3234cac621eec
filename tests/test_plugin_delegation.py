"""Delegation: IPAM by other executables, whose answers are passed on, and which are told when an ADD has failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from calling import FakeWiring, call, wiring
from k8snet_scripts.plugin.wiring import WiringError

from k8snet_scripts.plugin.delegate import MARK

__all__ = ["wiring"]

GIVEN = {
    "cniVersion": "1.0.0",
    "ips": [{"address": "10.7.0.5/24", "gateway": "10.7.0.1"}],
    "routes": [{"dst": "0.0.0.0/0"}],
}
NETWORK: dict[str, Any] = {"cniVersion": "1.1.0", "name": "net", "type": "bridge", "ipam": {"type": "other", "x": "ü"}}


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A directory with a plugin, which answers with `answer` and ends with `status`, files beside it, and keeps a diary."""
    program = tmp_path / "other"
    program.write_text(
        '#!/bin/sh\ncd "${0%/*}"\necho "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME" >>diary\ncat >stdin\n'
        'cat answer 2>/dev/null\necho "oh dear" >&2\nexit "$(cat status 2>/dev/null || echo 0)"\n'
    )
    program.chmod(0o755)
    return tmp_path


def answers(directory: Path, answer: object, status: int = 0) -> None:
    (directory / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    (directory / "status").write_text(str(status))


def diary(directory: Path) -> list[str]:
    return (directory / "diary").read_text().splitlines() if (directory / "diary").exists() else []


def test_it_gets_what_we_got(other: Path, wiring: FakeWiring) -> None:
    answers(other, GIVEN)
    told = call("ADD", NETWORK, PATH=f"/nowhere:{other}").result
    assert told["ips"] == [{"interface": 2, "address": "10.7.0.5/24", "gateway": "10.7.0.1"}]
    assert told["routes"] == [{"dst": "0.0.0.0/0"}]
    assert json.loads((other / "stdin").read_text()) == NETWORK
    answers(other, "")
    for command in ("CHECK", "STATUS", "DEL"):
        assert call(command, {**NETWORK, "bridge": "lo0", "prevResult": told}, PATH=str(other)).status == (
            command == "STATUS"
        )
    assert call("GC", {**NETWORK, "cni.dev/valid-attachments": []}, PATH=str(other)) == (0, None)
    commands = ["ADD ctr1 eth0", "CHECK ctr1 eth0", "STATUS ctr1 eth0", "DEL ctr1 eth0", "GC ctr1 eth0"]
    assert diary(other) == commands


def test_its_errors_are_passed_on(other: Path, wiring: FakeWiring) -> None:
    answers(other, {"code": 123, "msg": "no more", "details": "none at all"}, 1)
    for command in ("ADD", "DEL"):
        status, output = call(command, NETWORK, PATH=str(other))
        expected = {"cniVersion": "1.1.0", "code": 123, "msg": "no more", "details": "none at all"}
        assert (status, output) == (1, expected)
    assert diary(other) == ["ADD ctr1 eth0", "DEL ctr1 eth0"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("", "netplugin failed: oh dear"),
        ("what?", 'netplugin failed but error parsing its diagnostic message "what?"'),
        ("[]", 'netplugin failed but error parsing its diagnostic message "[]"'),
    ],
)
def test_what_is_no_error_is_one(other: Path, wiring: FakeWiring, answer: str, message: str) -> None:
    answers(other, answer, 3)
    said = call("ADD", NETWORK, PATH=str(other))
    assert (said.code, said.message) == (999, message)


@pytest.mark.parametrize("answer", ["", "{}", "[]", "{", {"ips": []}, {"ips": [{"address": "10.7.0.5"}]}, {"ips": 7}])
def test_what_is_no_result_is_taken_back(other: Path, wiring: FakeWiring, answer: object) -> None:
    answers(other, answer)
    assert call("ADD", NETWORK, PATH=str(other)).code == 999
    assert wiring.containers == {}
    assert diary(other) == (["ADD ctr1 eth0"] if answer == "{" else ["ADD ctr1 eth0", "DEL ctr1 eth0"])


def test_it_is_told_when_the_rest_has_failed(other: Path, wiring: FakeWiring) -> None:
    answers(other, GIVEN)
    wiring.failure = WiringError("no bridge")
    assert call("ADD", NETWORK, PATH=str(other)).message == "no bridge"
    assert diary(other) == ["ADD ctr1 eth0", "DEL ctr1 eth0"]


def test_both_errors_are_said(other: Path, wiring: FakeWiring) -> None:
    answers(other, GIVEN)
    failing = (other / "other").read_text().replace('exit "', '[ "$CNI_COMMAND" = ADD ] || exit 1\nexit "')
    (other / "other").write_text(failing)
    wiring.failure = WiringError("no bridge")
    said = call("ADD", NETWORK, PATH=str(other))
    assert said.message.startswith("no bridge; netplugin failed but error parsing")


@pytest.mark.parametrize("type", ["nope", "../other", "", "a\0b"])
def test_it_has_to_be_there(other: Path, wiring: FakeWiring, type: str) -> None:
    answers(other, GIVEN)
    said = call("ADD", {**NETWORK, "ipam": {"type": type}}, PATH=f"{other}/x:{other}")
    if type:
        assert (said.code, said.message) == (999, f'failed to find plugin "{type}" in path [{other}/x {other}]')
    else:
        assert "ips" not in said.result


def test_what_is_no_program_cannot_run(other: Path, wiring: FakeWiring) -> None:
    (other / "other").write_text("\x7fELF nonsense")
    said = call("ADD", NETWORK, PATH=str(other))
    assert (said.code, said.message) == (999, f"cannot execute {other}/other: Exec format error")


@pytest.mark.parametrize("type", ["host-local", "static"])
def test_under_the_name_of_bridge_others_come_first(other: Path, wiring: FakeWiring, type: str) -> None:
    """Whoever has replaced `bridge` only has kept `host-local`; ours is done here, with no other process."""
    ipam = {"type": type, "subnet": "10.1.0.0/24", "dataDir": str(other), "addresses": [{"address": "10.1.0.2/24"}]}
    network = {**NETWORK, "ipam": ipam}
    (other / "other").rename(other / type)
    answers(other, GIVEN)

    def given(program: str) -> str:
        told = call("ADD", network, program, PATH=str(other), CONTAINERID=f"ctr-{program}-{len(wiring.containers)}")
        return str(told.result["ips"][0]["address"])

    assert given("bridge") == "10.7.0.5/24"
    assert given("k8snet").startswith("10.1.0.2/")
    (other / type).write_bytes(b"#!/usr/bin/python3 -IS\n" + MARK + b" stands in\n")
    assert given("bridge").startswith("10.1.0.")
    (other / type).unlink()
    assert given("bridge").startswith("10.1.0.")
