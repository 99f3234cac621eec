"""Calls of the plugin in this process, and a stand-in for the part of it that runs scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import LinkPlugin, Network
from k8snet_scripts.cni.result import Interface
from k8snet_scripts.plugin import attaching
from k8snet_scripts.plugin import wiring as module
from k8snet_scripts.plugin.main import answer
from k8snet_scripts.plugin.wiring import Container

OWN_NETNS = "/proc/self/ns/net"

ENVIRONMENT = {
    "CNI_CONTAINERID": "ctr1",
    "CNI_NETNS": OWN_NETNS,
    "CNI_NETNS_OVERRIDE": "1",
    "CNI_IFNAME": "eth0",
    "CNI_PATH": "/nowhere",
}
"""What a runtime says, with the test's own namespace for that of a container."""

SPECIFIED = {1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51, 999}
"""The codes of errors that the specification or the reference has."""


class Said(NamedTuple):
    """What came of a call: exit status, and what is decoded from standard output, None if there is nothing."""

    status: int
    output: Any

    @property
    def result(self) -> Any:
        """The result of a call that must have succeeded."""
        assert self.status == 0, self.output
        return self.output

    @property
    def code(self) -> int:
        """The code of a call that must have failed in a way that was foreseen."""
        assert self.status == 1 and isinstance(self.output["code"], int)
        assert self.output["code"] in SPECIFIED
        assert not self.output["msg"].startswith("internal error"), self.output
        return int(self.output["code"])

    @property
    def message(self) -> str:
        """Its message."""
        assert self.code
        return str(self.output["msg"])


def call(command: str, configuration: object, program: str = "k8snet", **changes: str) -> Said:
    """Call a plugin by its name; `changes` are variables without `CNI_`."""
    environment = {**ENVIRONMENT, "CNI_COMMAND": command}
    environment.update({f"CNI_{name}": value for name, value in changes.items()})
    raw = configuration if isinstance(configuration, bytes) else json.dumps(configuration).encode()
    return call_raw(program, environment, raw)


def call_raw(program: str, environment: Mapping[str, str], raw: bytes) -> Said:
    """The same, with everything said."""
    status, output, _ = answer(f"/opt/cni/bin/{program}", environment, lambda: raw)
    return Said(status, json.loads(output) if output else None)


class FakeWiring:
    """Remembers who is attached, and fails when it is told to."""

    def __init__(self) -> None:
        self.containers: dict[tuple[str, Container], Attachment] = {}
        self.macs: list[str | None] = []
        self.failure: Exception | None = None
        self.differences: tuple[str, ...] = ()
        self.interfaces: tuple[Interface, ...] = (
            Interface("br0", "02::1"),
            Interface("veth1", "02::2"),
            Interface("eth0", "02::3", OWN_NETNS),
        )

    def attach(
        self,
        network: Network,
        plugin: LinkPlugin,
        container: Container,
        attachment: Attachment,
        mac: str | None = None,
    ) -> tuple[Interface, ...]:
        if self.failure:
            raise self.failure
        self.containers[network.name, container] = attachment
        self.macs.append(mac)
        return self.interfaces

    def detach(self, network_name: str, container: Container) -> None:
        if self.failure:
            raise self.failure
        gone = [key for key in self.containers if (key[0], *key[1][::2]) == (network_name, *container[::2])]
        for key in gone:
            del self.containers[key]

    def inspect(
        self, network: Network, plugin: LinkPlugin, container: Container, attachment: Attachment
    ) -> tuple[str, ...]:
        if self.containers[network.name, container].leases != attachment.leases:
            return ("the addresses differ",)
        return self.differences

    def attached(self, network_name: str) -> tuple[Container, ...]:
        return tuple([container for name, container in self.containers if name == network_name])


@pytest.fixture
def wiring(monkeypatch: pytest.MonkeyPatch) -> FakeWiring:
    """No script runs; no interface is there."""
    fake = FakeWiring()
    for name in ("attach", "detach", "inspect", "attached"):
        monkeypatch.setattr(module, name, getattr(fake, name))
    monkeypatch.setattr(attaching, "has_interface", lambda netns, ifname, environment: False)
    return fake
