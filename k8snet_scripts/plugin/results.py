"""Results: those of other plugins, read from the JSON of any version of the specification, and our own, rendered.

Of a version that has `ips` each address says which interface it is of; before that there was one interface only.
"""

from __future__ import annotations

from k8snet_scripts.addresses import parse_address, parse_cidr
from k8snet_scripts.cni.addressing import Dns, IpamRoute
from k8snet_scripts.cni.attachment import Grant
from k8snet_scripts.cni.ranges import Address, Lease
from k8snet_scripts.cni.result import Inexpressible, Interface, Json, Result, render_result
from k8snet_scripts.plugin.call import Call, value_of
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, OTHER, CniError
from k8snet_scripts.values import NamedTuple


class NoResult(ValueError):
    """The JSON is not that of a result."""


class Told(NamedTuple):
    """A result.  `holders` are the indices of the interfaces that the addresses of `grant` are of, None if not said."""

    interfaces: tuple[Interface, ...]
    grant: Grant
    holders: tuple[int | None, ...]

    def of_interface(self, ifname: str, sandbox: str) -> Grant:
        """The grant with the addresses of one interface of a container only."""
        mine = {place for place, item in enumerate(self.interfaces) if item.name == ifname and item.sandbox == sandbox}
        held = zip(self.grant.leases, self.holders, strict=True)
        leases = tuple([lease for lease, holder in held if holder is None or holder in mine])
        return Grant(leases, self.grant.routes, self.grant.dns)


def render(result: Result, version: str) -> Json:
    """The JSON of a result.  Raises `CniError` where the version has no words for it."""
    try:
        return render_result(result, version)
    except Inexpressible as error:
        raise CniError(OTHER, str(error)) from error


def read_previous(call: Call) -> Told | None:
    """What an ADD has told before, if the runtime says it.  Raises `CniError`."""
    previous = value_of(call.configuration, "prevResult")
    if previous is None:
        return None
    try:
        return read_result(previous)
    except ValueError as error:
        raise CniError(BAD_CONFIGURATION, f"could not parse prevResult: {error}") from error


def read_result(data: object) -> Told:
    """A result from its JSON.  Raises `ValueError` with what is wrong with it."""
    result = _object(data, "the result")
    found = [_read_ip(item) for item in _objects(result, "ips")]
    routes = [_read_route(item) for item in _objects(result, "routes")]
    for key in ("ip4", "ip6"):
        if result.get(key) is not None:
            old = _object(result[key], key)
            found.append((_lease(old.get("ip"), old.get("gateway")), None))
            routes += [_read_route(item) for item in _objects(old, "routes")]
    return Told(
        tuple([_read_interface(item) for item in _objects(result, "interfaces")]),
        Grant(tuple([lease for lease, _ in found]), tuple(routes), _read_dns(result)),
        tuple([holder for _, holder in found]),
    )


def _read_interface(item: dict[str, object]) -> Interface:
    return Interface(*(_text(item.get(key), key) for key in ("name", "mac", "sandbox")))


def _read_ip(item: dict[str, object]) -> tuple[Lease, int | None]:
    holder = item.get("interface")
    return _lease(item.get("address"), item.get("gateway")), holder if isinstance(holder, int) else None


def _lease(address: object, gateway: object) -> Lease:
    return Lease(parse_cidr(_text(address, "address")), _address(gateway, "gateway"))


def _read_route(item: dict[str, object]) -> IpamRoute:
    destination = parse_cidr(_text(item.get("dst"), "dst"))
    priority, table = [number if isinstance(number := item.get(key), int) else None for key in ("priority", "table")]
    return IpamRoute(destination.network, _address(item.get("gw"), "gw"), priority, table)


def _read_dns(result: dict[str, object]) -> Dns:
    dns = _object(result.get("dns") or {}, "dns")
    return Dns(
        _words(dns, "nameservers"), _text(dns.get("domain"), "domain"), _words(dns, "search"), _words(dns, "options")
    )


def _words(parent: dict[str, object], key: str) -> tuple[str, ...]:
    return tuple([_text(item, key) for item in _list(parent, key)])


def _address(value: object, key: str) -> Address | None:
    text = _text(value, key)
    return Address(*parse_address(text)) if text else None


def _objects(parent: dict[str, object], key: str) -> list[dict[str, object]]:
    return [_object(item, f"an item of `{key}`") for item in _list(parent, key)]


def _list(parent: dict[str, object], key: str) -> list[object]:
    value = parent.get(key)
    if not isinstance(value, list | None):
        raise NoResult(f"`{key}` must be an array")
    return value or []


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise NoResult(f"{what} must be an object")
    return value


def _text(value: object, key: str) -> str:
    if not isinstance(value, str | None):
        raise NoResult(f"`{key}` must be a string")
    return value or ""
