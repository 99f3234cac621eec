"""What the reference plugins did, recorded on a real kernel: replayed, they and this package say the same.

`test_cni_recorded.json` holds for each case the calls in their order: plugin, environment, standard input, what came
out, and after some of them the files of `host-local`.  Names of host ends and MAC addresses are the kernel's choice.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.addressing import HostLocal
from k8snet_scripts.cni.attachment import (
    Attachment,
    Grant,
    attach_bridge,
    attach_ptp,
    describe_bridge,
    describe_grant,
    describe_loopback,
    describe_ptp,
    grant_host_local,
)
from k8snet_scripts.cni.configuration import BridgePlugin, LoopbackPlugin, Network, PtpPlugin
from k8snet_scripts.cni.gateways import AddressConflict, place_gateways
from k8snet_scripts.cni.host_local import AllocationError, allocate, release
from k8snet_scripts.cni.load import load_delegation, load_network
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.cni.result import Interface, Result, render_result
from k8snet_scripts.cni.store import Owner, Store, parse_store, store_files
from k8snet_scripts.diagnostics import Report

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "test_cni_recorded.json").read_text(encoding="utf-8")
)
FRESH = ("d06-bad-configs",)
"""Cases each call of which began with nothing recorded."""

ENVIRONMENT = ("netns", "veth name", "ARGS")
"""What the reference refuses for another reason than the configuration and the addresses in use."""


def load(call: dict[str, Any]) -> tuple[Network, Report]:
    report = Report()
    return load_network(call["stdin"], report, lenient=True), report


def requested(call: dict[str, Any], network: Any) -> list[Address]:
    """The addresses that the runtime asks for, those in the environment first."""
    pairs = dict(pair.split("=") for pair in call.get("args", "").split(";") if pair)
    report = Report()
    asked = (
        load_delegation({**call["stdin"], "args": {"cni": {"ips": [pairs["IP"]]}}}, report) if "IP" in pairs else None
    )
    assert report.ok
    return [item.address for source in (asked, network) if source for item in source.runtime.ips]


class Node:
    """What the calls of a case leave behind on a host."""

    def __init__(self) -> None:
        self.store = Store()
        self.bridges: dict[str, tuple[Cidr, ...]] = {}

    def grant(self, call: dict[str, Any], ipam: HostLocal, network: Any) -> Grant:
        try:
            leases, self.store = allocate(ipam.range_sets, self.store, owner(call), requested(call, network))
        except AllocationError as error:
            self.store = error.store
            raise
        return grant_host_local(ipam, leases)

    def add(self, call: dict[str, Any]) -> Result:
        """The result of an ADD, with the names and MAC addresses of the recorded one."""
        if call["plugin"] == "host-local":
            delegation = load_delegation(call["stdin"], Report())
            assert isinstance(delegation.ipam, HostLocal)
            return describe_grant(self.grant(call, delegation.ipam, delegation))
        network, report = load(call)
        assert not report.findings
        (plugin,) = network.plugins
        interfaces = recorded_interfaces(call)
        if isinstance(plugin, LoopbackPlugin):
            return describe_loopback(call["ifname"], call["netns"])
        assert isinstance(plugin, BridgePlugin | PtpPlugin)
        grant = self.grant(call, plugin.ipam, network) if isinstance(plugin.ipam, HostLocal) else Grant()
        if isinstance(plugin, PtpPlugin):
            return describe_ptp(attach_ptp(plugin, grant), *interfaces)
        attachment = attach_bridge(plugin, grant)
        self.place(call, plugin, attachment)
        return describe_bridge(attachment, *interfaces)

    def place(self, call: dict[str, Any], plugin: BridgePlugin, attachment: Attachment) -> None:
        present = self.bridges.get(plugin.bridge, ())
        try:
            self.bridges[plugin.bridge] = place_gateways(present, attachment.gateways, force=plugin.force_address)
        except AddressConflict as conflict:
            self.store = release(self.store, owner(call))
            raise AddressConflict(conflict.present, conflict.wanted) from None


def owner(call: dict[str, Any]) -> Owner:
    return Owner(call["container"], call["ifname"])


def recorded_interfaces(call: dict[str, Any]) -> list[Interface]:
    """The interfaces of a recorded result; where it has none, as before version 0.3.0, any others will do."""
    names = [(item["name"], item["mac"], item.get("sandbox", "")) for item in call["out"].get("interfaces", [])]
    return [Interface(*name) for name in names or [("b", "", ""), ("v", "", ""), (call["ifname"], "", call["netns"])]]


def calls() -> list[Any]:
    return [
        pytest.param(call, id=f"{name}-{call['step']}-{call['plugin']}")
        for name, steps in CASES.items()
        for call in steps
        if call["command"] == "ADD"
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_case_goes_as_it_went(name: str) -> None:
    node = Node()
    for call in CASES[name]:
        if call["command"] == "DEL":
            node.store = release(node.store, owner(call))
        elif "out" not in call or is_refused_for(call, *ENVIRONMENT):
            continue
        else:
            node = Node() if name in FRESH else node
            if name == "b5-two-v4-subnets":
                node.bridges.clear()  # the bridge was deleted between the calls
            compare(node, call)
        if "files" in call:
            assert store_files(node.store) == dict(sorted(call["files"].items(), key=file_order))
            assert parse_store(call["files"]) == node.store


def file_order(file: tuple[str, str]) -> tuple[bool, bool, str]:
    """Addresses first, IPv4 before IPv6; the recorded ones have equally many digits."""
    return file[0].startswith("last"), ":" in file[0], file[0]


def compare(node: Node, call: dict[str, Any]) -> None:
    """One ADD here and as it was recorded."""
    out = call["out"]
    if "code" not in out:
        result = render_result(node.add(call), out["cniVersion"])
        assert result == out
        assert list(result) == list(out)
        return
    if not load(call)[1].ok and call["plugin"] != "host-local":
        return  # refused before anything was done; how, is tested below
    with pytest.raises((AllocationError, AddressConflict)) as error:
        node.add(call)
    assert str(error.value) == out["msg"].removeprefix('failed to set bridge addr: "br-t" ')


@pytest.mark.parametrize("call", calls())
def test_what_was_refused_is_refused(call: dict[str, Any]) -> None:
    """And what was not refused is not, whichever plugin it is for."""
    if call["plugin"] == "host-local":
        report = Report()
        load_delegation(call["stdin"], report)
    else:
        _, report = load(call)
    out = call.get("out", {})
    slugs = [finding.slug for finding in report.findings]
    if "code" not in out or is_refused_for(call, "failed to allocate", "bridge addr", *ENVIRONMENT):
        assert slugs == []
    else:
        assert slugs != []


def is_refused_for(call: dict[str, Any], *words: str) -> bool:
    return any(word in call.get("out", {}).get("msg", "") for word in words)
