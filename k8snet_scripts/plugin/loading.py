"""Loading: from the configuration of a call to the model of `cni`.

What is wrong with a configuration is a finding; the first one is the answer.  A DEL has use for what is left when the
rest is wrong.
"""

from __future__ import annotations

from k8snet_scripts.cni.load import load_delegation, load_network
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.plugin.call import Call, value_of, without
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, UNSUPPORTED_FIELD, CniError
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from k8snet_scripts.cni.configuration import Delegation, Network

IPAM_KINDS = ("host-local", "static")
"""The plugins of ours that other plugins call for addresses."""

_OURS = "k8snet"
_RUNTIME_KEYS = ("ips", "mac", "ipranges")
_OF_CHAINED = {"portmap": ("portmappings",), "tuning": ("mac",), "firewall": (), "bandwidth": ("bandwidth",)}
_UNSUPPORTED = ("unsupported-option", "unsupported-plugin")


def load_main(call: Call, kind: str) -> Network:
    """The network of a plugin that makes an interface or changes one.  Raises `CniError`."""
    report = Report()
    network = load_network(_prepare(call, kind), report, lenient=True)
    _refuse(report, call)
    return network


def load_ipam(call: Call, kind: str) -> Delegation:
    """What the plugin `kind` needs, which another plugin has called.  Raises `CniError`."""
    report = Report()
    delegation = load_delegation(_prepare(call, kind), report)
    _refuse(report, call)
    return delegation


def _prepare(call: Call, kind: str) -> dict[str, object]:
    """The configuration as `kind` reads it: what else a runtime asks for is the business of other plugins."""
    prepared = without(call.configuration, "type", "cniversions", "plugins")
    runtime, ipam = value_of(prepared, "runtimeConfig"), value_of(prepared, "ipam")
    if isinstance(runtime, dict):
        known = _OF_CHAINED.get(kind, _RUNTIME_KEYS)
        kept = {key: value for key, value in runtime.items() if key.lower() in known}
        prepared = {**without(prepared, "runtimeconfig"), "runtimeConfig": kept}
    if isinstance(ipam, dict) and (kind in IPAM_KINDS or value_of(ipam, "type") == _OURS):
        type = kind if kind in IPAM_KINDS else IPAM_KINDS[0]
        prepared = {**without(prepared, "ipam"), "ipam": {**without(ipam, "type"), "type": type}}
    return {**prepared, "type": kind}


def _refuse(report: Report, call: Call) -> None:
    if report.ok or call.command == "DEL":
        return
    finding = report.findings[0]
    code = UNSUPPORTED_FIELD if finding.slug in _UNSUPPORTED else BAD_CONFIGURATION
    where = ".".join(map(str, finding.path))
    others = [other.message for other in report.findings[1:]]
    details = "\n".join([*filter(None, (where and f"at {where}", finding.help)), *others])
    raise CniError(code, finding.message, details)
