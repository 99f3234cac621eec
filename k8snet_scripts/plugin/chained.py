"""Chained plugins: what comes after the plugin that made an interface, and changes it, or the way to it.

    prevResult, configuration ──▶ change ──▶ scripts ──▶ kept and run ──▶ prevResult

What a container already has from such a plugin of somebody else, which ours has replaced, the original takes back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from k8snet_scripts.cni.configuration import Network
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.cni.result import Json
from k8snet_scripts.plugin import pieces
from k8snet_scripts.plugin.blaming import BlamingTheScript
from k8snet_scripts.plugin.call import Call, value_of
from k8snet_scripts.plugin.collecting import remove_stale
from k8snet_scripts.plugin.delegate import delegate
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, OTHER, CniError, join_errors
from k8snet_scripts.plugin.kinds import ASIDE, Plugin
from k8snet_scripts.plugin.loading import load_main
from k8snet_scripts.plugin.names import name_attachment
from k8snet_scripts.plugin.netns import find_container
from k8snet_scripts.plugin.patterns import Particulars, Scripts, copy_scripts
from k8snet_scripts.plugin.pieces import Piece
from k8snet_scripts.plugin.places import check_scripts_run
from k8snet_scripts.plugin.programs import find_program
from k8snet_scripts.plugin.results import Told, read_previous
from k8snet_scripts.plugin.valid import read_valid
from k8snet_scripts.values import Value

P = TypeVar("P", bound=Value)


class Change(NamedTuple):
    """What a plugin does for a container that has `leases`.

    Changes with an equal `key` differ in names, addresses and `words` only, for any of which `compile` makes the scripts.
    `mac` is an address that the interface gets; `overruled` is as in a piece.  `through` is an interface of the host that is
    made for it, with the MAC address that the names of the piece have for the host.
    """

    key: object
    compile: Callable[[Particulars], Scripts]
    leases: tuple[Lease, ...] = ()
    words: tuple[str, ...] = ()
    mac: str | None = None
    overruled: tuple[str, ...] = ()
    through: str = ""


class Chained(Plugin):
    """What all of them have in common.  `programs` are those that the scripts need beside the usual ones."""

    kind = ""
    programs: tuple[str, ...] = ()

    @abstractmethod
    def find_change(self, call: Call, network: Network, told: Told) -> Change | None:
        """What is to be done; None for nothing.  Raises `CniError` where it cannot be."""

    def add(self, call: Call) -> Json:
        network = load_main(call, self.kind)
        told = _read_required(call)
        change = self.find_change(call, network, told)
        if change is None:
            return _retell(call)
        with BlamingTheScript():
            piece, scripts = self._compile(call, network, change)
            pieces.set_up(piece, scripts)
        made: list[Json] = [{"name": change.through, "mac": piece.names.host_lladdr}] if change.through else []
        return _retell(call, change.mac, made)

    def delete(self, call: Call) -> None:
        load_main(call, self.kind)
        with BlamingTheScript():
            is_done = pieces.tear_down(self.kind, call.name, find_container(call))
        original = f"{call.program}{ASIDE}"
        if not is_done and find_program(original, call.path):
            delegate(call, original, "DEL")

    def check(self, call: Call) -> None:
        network = load_main(call, self.kind)
        change = self.find_change(call, network, _read_required(call))
        if change is None:
            return
        with BlamingTheScript():
            piece, scripts = self._compile(call, network, change)
            if not pieces.is_on_record(piece):
                container = f"{call.ifname} of {call.container_id}"
                raise CniError(OTHER, f"it is not on record that {self.kind} has done anything for {container}")
            differing = pieces.differences(piece, scripts)
        if differing:
            raise CniError(OTHER, differing[0], "\n".join(differing[1:]))

    def collect(self, call: Call) -> None:
        load_main(call, self.kind)
        valid = read_valid(call.configuration)
        left = remove_stale(
            valid,
            pieces.on_record(self.kind, call.name),
            lambda container: pieces.tear_down(self.kind, call.name, container),
        )
        if left:
            raise join_errors(list(left.values()))

    def status(self, call: Call) -> None:
        load_main(call, self.kind)
        check_scripts_run(call.environment, *self.programs)

    def _compile(self, call: Call, network: Network, change: Change) -> tuple[Piece, Scripts]:
        container = find_container(call)
        names = name_attachment(network.name, container, change.mac, self.kind)
        own = Particulars(call.container_id, names, change.leases, change.words)
        key = (self.kind, network.name, call.ifname, [lease.address.network for lease in change.leases], change.key)
        piece = Piece(self.kind, network.name, container, names, change.overruled)
        return piece, copy_scripts(own, [], key, change.compile)


def find_settings(network: Network, kind: type[P]) -> P:
    """What a network says to a plugin; the defaults where DEL could not read it."""
    return next((plugin for plugin in network.plugins if isinstance(plugin, kind)), kind())


def _read_required(call: Call) -> Told:
    told = read_previous(call)
    if told is None:
        help = "it comes after the plugin that makes the interface, in the list `plugins`"
        raise CniError(BAD_CONFIGURATION, "must be called as chained plugin: `prevResult` is missing", help)
    return told


def _retell(call: Call, mac: str | None = None, made: Sequence[Json] = ()) -> Json:
    """What was told before, with the MAC address that the interface has now, and with what was made."""
    previous = value_of(call.configuration, "prevResult")
    assert isinstance(previous, dict)
    interfaces = previous.get("interfaces")
    if not interfaces or (mac is None and not made):
        return previous
    told = [{**item, "mac": mac} if mac and item.get("name") == call.ifname else item for item in interfaces]
    return {**previous, "interfaces": [*told, *made]}
