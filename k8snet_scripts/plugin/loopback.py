"""`loopback`: the `lo` of a container, brought up by ADD and down by DEL."""

from __future__ import annotations

from k8snet_scripts.cni.attachment import describe_loopback
from k8snet_scripts.cni.result import Json
from k8snet_scripts.plugin.call import Call, value_of
from k8snet_scripts.plugin.errors import OTHER, CniError
from k8snet_scripts.plugin.kinds import Plugin
from k8snet_scripts.plugin.netns import check_netns, is_netns, is_own, run_inside
from k8snet_scripts.plugin.results import render

_NAME = "lo"  # whatever interface the runtime asks for


class Loopback(Plugin):
    """The kernel gives `lo` its addresses.  The result of a plugin before this one is that of both."""

    def add(self, call: Call) -> Json:
        check_netns(call.netns, call.environment)
        _link(call, "set", "up")
        previous = value_of(call.configuration, "prevResult")
        if isinstance(previous, dict):
            return previous
        return render(describe_loopback(_NAME, call.netns), call.version)

    def delete(self, call: Call) -> None:
        if is_netns(call.netns) and not is_own(call.netns, call.environment):
            _link(call, "set", "down")

    def check(self, call: Call) -> None:
        check_netns(call.netns, call.environment)
        if not _link(call, "show", "up"):
            raise CniError(OTHER, f"loopback interface {_NAME} is down")


def _link(call: Call, verb: str, state: str) -> bytes:
    """What `ip link` says of `lo`."""
    done = run_inside(call.netns, call.environment, "ip", "link", verb, "dev", _NAME, state)
    if done.status != 0:
        said = done.errors.decode(errors="replace").strip()
        raise CniError(OTHER, f"cannot {verb} {_NAME} {state}", said)
    return done.output
