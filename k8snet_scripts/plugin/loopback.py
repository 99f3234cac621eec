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
    """The result of a plugin before this one is that of both."""

    def add(self, call: Call) -> Json:
        check_netns(call.netns, call.environment)
        shown = _ip(call, f"link set dev {_NAME} up", f"address show dev {_NAME}").split()
        previous = value_of(call.configuration, "prevResult")
        if isinstance(previous, dict):
            return previous
        result = describe_loopback(_NAME, call.netns)
        there = tuple([lease for lease in result.ips if str(lease.address) in shown])
        return render(result.with_(ips=there), call.version)

    def delete(self, call: Call) -> None:
        if is_netns(call.netns) and not is_own(call.netns, call.environment):
            _ip(call, f"link set dev {_NAME} down")

    def check(self, call: Call) -> None:
        check_netns(call.netns, call.environment)
        if not _ip(call, f"link show dev {_NAME} up"):
            raise CniError(OTHER, f"loopback interface {_NAME} is down")

    def collect(self, call: Call) -> None:
        """Nothing is left of a container that is gone."""

    def status(self, call: Call) -> None:
        """Wherever a container can be, it can have a `lo`."""


def _ip(call: Call, *commands: str) -> str:
    """What `ip` says of some commands inside the container."""
    done = run_inside(call.netns, call.environment, "ip", "-batch", "-", given="\n".join(commands).encode())
    if done.status != 0:
        said = done.errors.decode(errors="replace").strip()
        raise CniError(OTHER, f"ip {commands[0]}: exit status {done.status}", said)
    return done.output.decode(errors="replace")
