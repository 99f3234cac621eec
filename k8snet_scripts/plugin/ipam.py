"""IPAM: who gives a pod its addresses, be it ourselves or another plugin's executable, behind one interface."""

from __future__ import annotations

from k8snet_scripts.cni.addressing import DelegatedIpam, StaticAddress, StaticIpam
from k8snet_scripts.cni.addressing import Ipam as Settings
from k8snet_scripts.cni.attachment import Grant, MissingPrefix, grant_static
from k8snet_scripts.cni.configuration import RequestedIp, Runtime
from k8snet_scripts.cni.literals import read_address, read_cidr, read_requested_ip
from k8snet_scripts.plugin.arguments import Arguments, read_arguments
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.delegate import delegate, find_plugin, is_ours
from k8snet_scripts.plugin.errors import BAD_ENVIRONMENT, OTHER, UNAVAILABLE, CniError
from k8snet_scripts.plugin.programs import find_program
from k8snet_scripts.plugin.results import read_result
from k8snet_scripts.plugin.valid import Attached
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

MAIN = "k8snet"
"""The name under which nobody expects that another plugin is called."""


class Ipam:
    """Nobody: a network of layer 2 only.  Every method may raise `CniError`."""

    def add(self) -> Grant:
        """Give the container its addresses."""
        return Grant()

    def delete(self) -> None:
        """Take back what the container has, if it has anything."""

    def check(self, told: Grant) -> None:
        """Find that the container does not have what it was told."""

    def collect(self, valid: frozenset[Attached]) -> None:
        """Take back what anybody has who is not valid."""

    def status(self) -> None:
        """Find that nobody could be given an address."""


class Delegated(Ipam):
    """Another plugin's executable."""

    def __init__(self, call: Call, type: str) -> None:
        self._call = call
        self._type = type

    def add(self) -> Grant:
        answer = delegate(self._call, self._type, "ADD")
        try:
            grant = read_result(answer).grant
        except ValueError as error:
            self.delete()
            raise CniError(OTHER, f'the plugin "{self._type}" has answered no result: {error}') from error
        if not grant.leases:
            self.delete()
            raise CniError(OTHER, "IPAM plugin returned missing IP config")
        return grant

    def delete(self) -> None:
        delegate(self._call, self._type, "DEL")

    def check(self, told: Grant) -> None:
        delegate(self._call, self._type, "CHECK")

    def collect(self, valid: frozenset[Attached]) -> None:
        delegate(self._call, self._type, "GC")

    def status(self) -> None:
        try:
            find_plugin(self._call, self._type)
        except CniError as error:
            raise CniError(UNAVAILABLE, error.message) from error
        delegate(self._call, self._type, "STATUS")


class Static(Ipam):
    """The same addresses for everybody, or those that the runtime asks for."""

    def __init__(self, settings: StaticIpam, requested: Sequence[RequestedIp]) -> None:
        self._settings = settings
        self._requested = requested

    def add(self) -> Grant:
        try:
            grant = grant_static(self._settings, self._requested)
        except MissingPrefix as error:
            raise CniError(OTHER, str(error)) from error
        return grant

    def check(self, told: Grant) -> None:
        for lease in self.add().leases:
            if lease not in told.leases:
                raise CniError(OTHER, f"static: Failed to find address {lease.address} on CheckPoint")


def choose_ipam(call: Call, settings: Settings | None, runtime: Runtime) -> Ipam:
    """Who does the IPAM that a configuration asks for.  Raises `CniError`."""
    if settings is None:
        return Ipam()
    if isinstance(settings, DelegatedIpam):
        return Delegated(call, settings.type)
    type = "static" if isinstance(settings, StaticIpam) else "host-local"
    if call.program != MAIN and type != call.program:
        other = find_program(type, call.path)
        if other and not is_ours(other):
            return Delegated(call, type)
    arguments = Arguments() if call.command == "DEL" else read_arguments(call.arguments)
    if isinstance(settings, StaticIpam):
        return Static(_with_arguments(settings, arguments), runtime.ips)
    from k8snet_scripts.plugin.host_local import Local

    requested = [*map(_read(read_requested_ip), arguments.ips), *runtime.ips]
    return Local(call, settings, [item.address for item in requested])


def _with_arguments(settings: StaticIpam, arguments: Arguments) -> StaticIpam:
    """The settings with the addresses of the arguments beside its own, each with the gateway that is in its network."""
    gateways = list(map(_read(read_address), arguments.gateways))
    added = []
    for address in map(_read(read_cidr), arguments.ips):
        gateway = next((gateway for gateway in gateways if address.contains(*gateway)), None)
        added.append(StaticAddress(address, gateway))
    return StaticIpam((*settings.addresses, *added), settings.routes, settings.dns, settings.path)


def _read(read: Callable[[str], T]) -> Callable[[str], T]:
    """The same function, for a text of the environment."""

    def read_argument(text: str) -> T:
        try:
            return read(text)
        except Refused as refused:
            raise CniError(BAD_ENVIRONMENT, f"ARGS: {refused.message}", refused.help) from refused

    return read_argument
