"""`bridge` and `ptp`: an interface of a container, on a bridge of the host or on a link of its own to the host.

Its addresses are from whoever does the IPAM.
"""

from __future__ import annotations

from k8snet_scripts.cni.attachment import (
    Attachment,
    Grant,
    attach_bridge,
    attach_ptp,
    describe_bridge,
    describe_ptp,
)
from k8snet_scripts.cni.configuration import BridgePlugin, LinkPlugin, Network, PtpPlugin
from k8snet_scripts.cni.result import Interface, Json, Result
from k8snet_scripts.plugin import wiring
from k8snet_scripts.plugin.arguments import read_mac
from k8snet_scripts.plugin.blaming import BlamingTheScript
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.errors import (
    BAD_CONFIGURATION,
    BAD_ENVIRONMENT,
    LIMITED,
    OTHER,
    CniError,
    join_errors,
)
from k8snet_scripts.plugin.ipam import Ipam, choose_ipam
from k8snet_scripts.plugin.kinds import Plugin
from k8snet_scripts.plugin.loading import load_main
from k8snet_scripts.plugin.netns import check_netns, find_container, has_interface
from k8snet_scripts.plugin.results import read_previous, render
from k8snet_scripts.rules.names import check_interface_name
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTERFACES = "/proc/self/net/dev"
_BEFORE_IPAM = (Interface("", ""),) * 3  # stand for the real ones where a result is tried


class Attaching(Plugin):
    """The plugin called `kind`.

    Addresses are given back as soon as a later step fails, and taken back only when nobody uses them any more.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def add(self, call: Call) -> Json:
        network, plugin = self._load(call)
        ipam = _ipam(call, network, plugin)
        mac = network.runtime.mac or read_mac(call.arguments)
        _check_can(call)
        check_netns(call.netns, call.environment)
        if has_interface(call.netns, call.ifname, call.environment):
            raise CniError(OTHER, f"container veth name provided ({call.ifname}) already exists")
        grant = ipam.add()
        with _GivingBack(ipam):
            attachment = _attach(plugin, grant)
            render(_describe(plugin, attachment, _BEFORE_IPAM), call.version)
            with BlamingTheScript():
                interfaces = wiring.attach(network, plugin, find_container(call), attachment, mac)
        return render(_describe(plugin, attachment, interfaces), call.version)

    def delete(self, call: Call) -> None:
        network, plugin = self._load(call)
        with BlamingTheScript():
            wiring.detach(call.name, find_container(call))
        _ipam(call, network, plugin).delete()

    def check(self, call: Call) -> None:
        network, plugin = self._load(call)
        told = read_previous(call)
        if told is None:
            raise CniError(BAD_CONFIGURATION, "required prevResult missing")
        check_netns(call.netns, call.environment)
        grant = told.of_interface(call.ifname, call.netns)
        if all((item.name, item.sandbox) != (call.ifname, call.netns) for item in told.interfaces):
            raise CniError(OTHER, f"prevResult has no interface {call.ifname} in {call.netns}")
        _ipam(call, network, plugin).check(grant)
        with BlamingTheScript():
            differing = wiring.inspect(network, plugin, find_container(call), _attach(plugin, grant))
        if differing:
            raise CniError(OTHER, differing[0], "\n".join(differing[1:]))

    def collect(self, call: Call) -> None:
        from k8snet_scripts.plugin.collecting import remove_stale
        from k8snet_scripts.plugin.valid import read_valid

        network, plugin = self._load(call)
        valid = read_valid(call.configuration)
        left = remove_stale(valid, wiring.attached(call.name), lambda container: wiring.detach(call.name, container))
        errors = list(left.values())
        try:
            _ipam(call, network, plugin).collect(valid | left.keys())  # what is left may use its addresses still
        except CniError as error:
            errors.append(error)
        if errors:
            raise join_errors(errors)

    def status(self, call: Call) -> None:
        from k8snet_scripts.plugin.places import check_scripts_run

        network, plugin = self._load(call)
        _check_can(call)
        filters = plugin.ip_masq or (isinstance(plugin, BridgePlugin) and plugin.mac_spoof_check)
        check_scripts_run(call.environment, *(("nft",) if filters else ()))
        _ipam(call, network, plugin).status()
        if isinstance(plugin, BridgePlugin) and wiring.attached(call.name) and plugin.bridge not in _interfaces():
            message = f"the bridge {plugin.bridge} is gone, and with it the network of the containers that are on it"
            raise CniError(LIMITED, message, "the next ADD makes it anew; they have to be started again")

    def _load(self, call: Call) -> tuple[Network, LinkPlugin]:
        network = load_main(call, self._kind)
        found = (plugin for plugin in network.plugins if isinstance(plugin, BridgePlugin | PtpPlugin))
        return network, next(found, BridgePlugin())


def _attach(plugin: LinkPlugin, grant: Grant) -> Attachment:
    return attach_bridge(plugin, grant) if isinstance(plugin, BridgePlugin) else attach_ptp(plugin, grant)


def _describe(plugin: LinkPlugin, attachment: Attachment, interfaces: Sequence[Interface]) -> Result:
    """The result; the last of the interfaces is the container's."""
    if isinstance(plugin, BridgePlugin):
        return describe_bridge(attachment, *interfaces)
    return describe_ptp(attachment, *interfaces[-2:])


def _ipam(call: Call, network: Network, plugin: LinkPlugin) -> Ipam:
    return choose_ipam(call, plugin.ipam, network.runtime)


def _check_can(call: Call) -> None:
    """Find what no script can do."""
    if call.command == "ADD":
        try:
            check_interface_name(call.ifname)
        except Refused as refused:
            raise CniError(BAD_ENVIRONMENT, refused.message, refused.help) from refused


class _GivingBack:
    """If anything goes wrong, nobody keeps an address for it."""

    def __init__(self, ipam: Ipam) -> None:
        self._ipam = ipam

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        try:
            self._ipam.delete()
        except CniError as second:
            said = error if isinstance(error, CniError) else CniError(OTHER, str(error))
            raise join_errors([said, second]) from error


def _interfaces() -> set[str]:
    """The names of all interfaces of the host."""
    with open(_INTERFACES, encoding="utf-8", errors="replace") as file:
        return {line.partition(":")[0].strip() for line in file}
