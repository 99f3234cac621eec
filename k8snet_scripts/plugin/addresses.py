"""`host-local` and `static` by themselves: another plugin asks for the addresses of a container."""

from __future__ import annotations

from k8snet_scripts.cni.attachment import Grant, describe_grant
from k8snet_scripts.cni.result import Json
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.ipam import Ipam, choose_ipam
from k8snet_scripts.plugin.kinds import Plugin
from k8snet_scripts.plugin.loading import load_ipam
from k8snet_scripts.plugin.results import read_previous, render
from k8snet_scripts.plugin.valid import read_valid


class Addresses(Plugin):
    """The one called `kind`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def add(self, call: Call) -> Json:
        ipam = self._ipam(call)
        grant = ipam.add()
        try:
            return render(describe_grant(grant), call.version)
        except BaseException:
            ipam.delete()
            raise

    def delete(self, call: Call) -> None:
        self._ipam(call).delete()

    def check(self, call: Call) -> None:
        told = read_previous(call)
        self._ipam(call).check(told.of_interface(call.ifname, call.netns) if told else Grant())

    def collect(self, call: Call) -> None:
        self._ipam(call).collect(read_valid(call.configuration))

    def status(self, call: Call) -> None:
        self._ipam(call).status()

    def _ipam(self, call: Call) -> Ipam:
        delegation = load_ipam(call, self._kind)
        return choose_ipam(call, delegation.ipam, delegation.runtime)
