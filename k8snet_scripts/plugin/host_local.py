"""`host-local`: addresses from ranges, with the store on disk."""

from __future__ import annotations

import os

from k8snet_scripts.cni.addressing import NO_DNS, Dns, HostLocal
from k8snet_scripts.cni.attachment import Grant, grant_host_local
from k8snet_scripts.cni.host_local import AllocationError, allocate
from k8snet_scripts.cni.ranges import Address
from k8snet_scripts.cni.store import Owner, Store, parse_owner
from k8snet_scripts.plugin.call import Call
from k8snet_scripts.plugin.errors import OTHER, UNAVAILABLE, CniError
from k8snet_scripts.plugin.ipam import Ipam
from k8snet_scripts.plugin.places import check_place
from k8snet_scripts.plugin.reservations import Reservations
from k8snet_scripts.plugin.resolving import parse_resolv_conf
from k8snet_scripts.plugin.valid import Attached
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANYBODY = Owner("/", "")  # no container is called that, and no record says so, not even an empty one


class Local(Ipam):
    """Addresses from the ranges of a configuration; those `requested` are taken where they fit."""

    def __init__(self, call: Call, settings: HostLocal, requested: Sequence[Address]) -> None:
        self._owner = Owner(call.container_id, call.ifname)
        self._settings = settings
        self._requested = requested
        self._reservations = Reservations(settings.data_dir, call.name)

    def add(self) -> Grant:
        dns = self._read_dns()
        with self._reservations as reservations:
            store = reservations.read()
            try:
                leases, after = allocate(self._settings.range_sets, store, self._owner, self._requested)
            except AllocationError as error:
                reservations.write(store, error.store)
                raise CniError(OTHER, str(error)) from error
            reservations.write(store, after)
        return grant_host_local(self._settings, leases, dns)

    def delete(self) -> None:
        with self._reservations as reservations:
            reservations.release(self._owner)

    def check(self, told: Grant) -> None:
        with self._reservations as reservations:
            held = reservations.read().addresses_of(self._owner)
        if not held:
            container = self._owner.container_id
            raise CniError(OTHER, f"host-local: Failed to find address added by container {container}")
        for lease in told.leases:
            address = Address(lease.address.family, lease.address.value)
            if address not in held and self._hands_out(address):
                message = f"host-local: the address {address} is not recorded for {self._owner.container_id}"
                raise CniError(OTHER, message, f"recorded are {', '.join(map(str, held))}")

    def collect(self, valid: frozenset[Attached]) -> None:
        stays = valid | {Attached(item.container_id, None) for item in valid}

        def is_stale(content: str) -> bool:
            owner = parse_owner(content)
            return bool(owner.container_id) and Attached(*owner) not in stays

        with self._reservations as reservations:
            reservations.remove(is_stale)

    def status(self) -> None:
        check_place(self._reservations.path)
        if os.path.isdir(self._reservations.path):
            with self._reservations as reservations:
                self._try(reservations.read())
        else:
            self._try(Store())

    def _try(self, store: Store) -> None:
        """Find that there is no address for one more container."""
        try:
            allocate(self._settings.range_sets, store, _ANYBODY)
        except AllocationError as error:
            raise CniError(UNAVAILABLE, str(error)) from error

    def _hands_out(self, address: Address) -> bool:
        return any(item.contains(address) for ranges in self._settings.range_sets for item in ranges)

    def _read_dns(self) -> Dns:
        if not self._settings.resolv_conf:
            return NO_DNS
        with open(self._settings.resolv_conf, "rb") as file:
            return parse_resolv_conf(file.read().decode(errors="replace"))
