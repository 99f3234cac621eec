"""What becomes of a CNI configuration, a network or findings, and configurations to begin with."""

from __future__ import annotations

from typing import Any

from k8snet_scripts.addresses import parse_address, parse_cidr
from k8snet_scripts.cni.configuration import Network
from k8snet_scripts.cni.load import load_network
from k8snet_scripts.cni.ranges import Address, AddressRange
from k8snet_scripts.diagnostics import Report

Keys = tuple[str | int, ...]

SUBNET = {"type": "host-local", "subnet": "10.1.0.0/16"}
KUBENET = """{
  "name": "rkt.kubernetes.io",
  "type": "bridge",
  "bridge": "mybridge",
  "mtu": 1460,
  "addIf": "true",
  "isGateway": true,
  "ipMasq": true,
  "ipam": {
    "type": "host-local",
    "subnet": "10.1.0.0/16",
    "gateway": "10.1.0.1",
    "routes": [
      { "dst": "0.0.0.0/0" }
    ]
  }
}"""


def load(data: object, lenient: bool = False) -> Network:
    """The network of a configuration that is right."""
    report = Report()
    network = load_network(data, report, lenient=lenient)
    assert not report.findings
    return network


def refuse(data: object, lenient: bool = False) -> list[tuple[str, Keys]]:
    """The slug and path of each finding, in order."""
    report = Report()
    load_network(data, report, lenient=lenient)
    return [(finding.slug, finding.path) for finding in report.findings]


def plugin(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "type": "bridge", "ipam": SUBNET, **keys}


def host_local(**keys: Any) -> dict[str, Any]:
    return {"name": "net", "type": "bridge", "cniVersion": "1.0.0", "ipam": {"type": "host-local", **keys}}


def chain(*plugins: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"name": "net", "cniVersion": "1.0.0", "plugins": [{"type": "bridge", "ipam": SUBNET}, *plugins], **keys}


def address(text: str) -> Address:
    return Address(*parse_address(text))


def span(subnet: str, first: str, last: str, gateway: str, path: Keys = ("ipam",)) -> AddressRange:
    return AddressRange(parse_cidr(subnet), address(first), address(last), address(gateway), path)
