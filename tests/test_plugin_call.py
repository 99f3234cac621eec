"""What a runtime can say wrong, and what it is answered: codes of the specification, words of the reference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from calling import ENVIRONMENT, SPECIFIED, call, call_raw
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.plugin.main import answer

NETWORK: dict[str, Any] = {"cniVersion": "1.0.0", "name": "net", "type": "static", "ipam": {"addresses": []}}

RECORDED: list[tuple[dict[str, str], dict[str, Any], int, str, str]] = [
    ({"CNI_CONTAINERID": ""}, {}, 4, "required env variables [CNI_CONTAINERID] missing", ""),
    ({"CNI_IFNAME": ""}, {}, 4, "required env variables [CNI_IFNAME] missing", ""),
    ({"CNI_NETNS": ""}, {}, 4, "required env variables [CNI_NETNS] missing", ""),
    ({"CNI_PATH": ""}, {}, 4, "required env variables [CNI_PATH] missing", ""),
    ({"CNI_PATH": "", "CNI_NETNS": ""}, {}, 4, "required env variables [CNI_NETNS,CNI_PATH] missing", ""),
    ({"CNI_CONTAINERID": "-bad"}, {}, 4, "invalid characters in containerID", "-bad"),
    ({"CNI_CONTAINERID": "a/b"}, {}, 4, "invalid characters in containerID", "a/b"),
    (
        {"CNI_IFNAME": "abcdefghijklmnop"},
        {},
        4,
        "interface name is too long",
        "interface name should be less than 16 characters",
    ),
    ({"CNI_IFNAME": ".."}, {}, 4, "interface name is . or ..", ""),
    ({"CNI_IFNAME": "a/b"}, {}, 4, "interface name contains / or : or whitespace characters", ""),
    ({"CNI_IFNAME": "a:b"}, {}, 4, "interface name contains / or : or whitespace characters", ""),
    ({"CNI_IFNAME": "a b"}, {}, 4, "interface name contains / or : or whitespace characters", ""),
    ({}, {"name": None}, 7, "missing network name", ""),
    ({}, {"name": "a b"}, 7, "invalid characters found in network name", "a b"),
    ({}, {"name": "-a"}, 7, "invalid characters found in network name", "-a"),
    ({}, {"name": "a/b"}, 7, "invalid characters found in network name", "a/b"),
]
"""Changed variables and keys, and what the reference answered."""


@pytest.mark.parametrize(("variables", "keys", "code", "message", "details"), RECORDED)
@pytest.mark.parametrize("program", ["bridge", "host-local", "static", "k8snet"])
def test_the_answers_are_those_of_the_reference(
    program: str, variables: dict[str, str], keys: dict[str, Any], code: int, message: str, details: str
) -> None:
    environment = {**ENVIRONMENT, "CNI_COMMAND": "ADD", **variables}
    said = call_raw(program, environment, json.dumps({**NETWORK, **keys}).encode())
    version = "1.1.0" if message.startswith("required") else "1.0.0"
    expected: dict[str, Any] = {"cniVersion": version, "code": code, "msg": message}
    assert said == (1, {**expected, "details": details} if details else expected)


@pytest.mark.parametrize("command", ["FROB", "add", "VERSIONS", " ADD"])
def test_there_are_no_other_commands(command: str) -> None:
    said = call(command, NETWORK)
    assert (said.code, said.message) == (4, f"unknown CNI_COMMAND: {command}")


def test_an_unknown_version_is_refused() -> None:
    said = call("ADD", {**NETWORK, "cniVersion": "9.9.9"})
    assert (said.code, said.message) == (1, "incompatible CNI versions")
    supported = '"0.1.0" "0.2.0" "0.3.0" "0.3.1" "0.4.0" "1.0.0" "1.1.0"'
    assert said.output["details"] == f'config is "9.9.9", plugin supports [{supported}]'


@pytest.mark.parametrize(("command", "version"), [("CHECK", "0.3.1"), ("GC", "1.0.0"), ("STATUS", "1.0.0"), ("GC", "")])
def test_old_versions_do_not_have_all_commands(command: str, version: str) -> None:
    said = call(command, {**NETWORK, "cniVersion": version})
    assert (said.code, said.message) == (1, f"config version does not allow {command}")


@pytest.mark.parametrize(
    "raw",
    [b"", b"{]", b"[]", b'"a"', b"1", b"\xff{}", b'{"name": NaN}', b"[" * 100_000, b"1" * 5000, b'{"name": 7}']
    + [b'{"name": "net", "cniVersion": 1}', "\ufeff{}".encode(), b'{"a": 1} x'],
)
def test_what_cannot_be_decoded_is_refused(raw: bytes) -> None:
    assert call("ADD", raw).code == 6


def test_null_is_a_configuration_that_says_nothing() -> None:
    assert call("ADD", b"null").message == "missing network name"


@pytest.mark.parametrize("program", ["bridge", "k8snet-cni", "anything"])
def test_versions_are_told_to_everybody(program: str) -> None:
    def unread() -> bytes:
        raise AssertionError("nobody needs to say anything on standard input")

    status, output, errors = answer(program, {"CNI_COMMAND": "VERSION"}, unread)
    versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
    assert (status, json.loads(output), errors) == (0, {"cniVersion": "1.1.0", "supportedVersions": versions}, "")
    status, output, errors = answer(program, {}, unread)
    assert (status, output) == (0, "")
    assert errors.splitlines()[1] == f"CNI protocol versions supported: {', '.join(versions)}"


def test_keys_are_taken_in_any_case() -> None:
    said = call(
        "ADD",
        {"CNIVERSION": "0.3.1", "Name": "net", "TYPE": "static", "IPAM": {"Addresses": [{"address": "10.1.0.5/16"}]}},
    )
    assert said.result["ips"] == [{"version": "4", "address": "10.1.0.5/16"}]
    assert said.result["cniVersion"] == "0.3.1"


@pytest.mark.parametrize("type", ["macvlan", "", None, 7, "K8SNET", "host-device", "k8snet-cni"])
def test_under_our_own_name_the_type_counts(type: object) -> None:
    said = call("ADD", {**NETWORK, "type": type})
    assert (said.code, said.message) == (
        7,
        "`type` must be one of k8snet, bandwidth, bridge, firewall, host-local, loopback, portmap, ptp, static, tuning",
    )


def test_under_another_name_it_does_not() -> None:
    assert call(
        "ADD",
        {**NETWORK, "type": "macvlan", "ipam": {"type": "x", "addresses": [{"address": "10.1.0.5/16"}]}},
        "static",
    ).result


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    [
        "name",
        "type",
        "ipam",
        "cniVersion",
        "bridge",
        "mtu",
        "isGateway",
        "subnet",
        "ranges",
        "routes",
        "dst",
        "gw",
        "dns",
    ]
    + ["runtimeConfig", "args", "cni", "ips", "mac", "prevResult", "interfaces", "address", "addresses", "dataDir"]
    + ["cni.dev/valid-attachments", "containerID", "ifname", "resolvConf", "capabilities", "plugins", "cniVersions"]
)
LITERALS = st.sampled_from(
    ["net", "1.0.0", "1.1.0", "10.0.0.0/24", "10.0.0.1", "fd00::/64", "static", "k8snet", "\ud800", "0.0.0.0/0"]
)
SHAPED = st.recursive(
    JSON | LITERALS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)
COMMANDS = st.sampled_from(["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"])
VALUES = st.text(max_size=20) | st.sampled_from(
    ["", "ctr1", "eth0", "/proc/self/ns/net", "IP=10.0.0.9", "IgnoreUnknown=1;X=y"]
)
VARIABLES = st.dictionaries(
    st.sampled_from(["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH", "CNI_ARGS"]), VALUES, max_size=5
)


def is_an_answer(status: int, output: str) -> None:
    """Nothing on success but for results, else an error with a code that the specification has."""
    said: Any = json.loads(output) if output else None
    if status == 1:
        assert said["code"] in SPECIFIED
        assert not said["msg"].startswith("internal error"), said
    else:
        assert status == 0


@given(
    COMMANDS | st.text(max_size=5), VARIABLES, st.binary(max_size=60) | JSON.map(lambda data: json.dumps(data).encode())
)
def test_no_junk_is_too_much(command: str, variables: dict[str, str], raw: bytes) -> None:
    status, output, _ = answer("static", {**ENVIRONMENT, **variables, "CNI_COMMAND": command}, lambda: raw)
    is_an_answer(status, output)


@given(
    st.sampled_from(["k8snet", "loopback", "static"]),
    COMMANDS,
    VARIABLES,
    st.dictionaries(WORDS, SHAPED, max_size=6),
    st.sampled_from(["0.3.1", "1.0.0", "1.1.0"]),
)
def test_no_configuration_is_too_strange(
    program: str, command: str, variables: dict[str, str], data: dict[str, Any], version: str
) -> None:
    network = {**data, "cniVersion": version, "name": "net", "type": "static"}
    nobodys = {**ENVIRONMENT, "CNI_NETNS": "/nowhere", **variables, "CNI_COMMAND": command}
    if nobodys["CNI_NETNS"].startswith("/proc"):
        nobodys["CNI_NETNS"] = "/nowhere"  # `loopback` is not to touch the machine
    status, output, _ = answer(program, nobodys, lambda: json.dumps(network).encode())
    is_an_answer(status, output)
