"""The result: what a plugin says it has made, in the JSON of every version of the specification."""

from __future__ import annotations

from k8snet_scripts.cni.addressing import NO_DNS, Dns, IpamRoute
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.values import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from typing import TypeAlias

Json: TypeAlias = dict[str, object]

_OLD = SPEC_VERSIONS[:2]  # one address of each family, and no interfaces
_WITH_FAMILY = SPEC_VERSIONS[2:5]  # each address says its family
_NEWEST = SPEC_VERSIONS[-1]


class Interface(Value):
    """An interface; one in a pod has the path of the pod's namespace for a sandbox, one on the host has none."""

    name: str
    mac: str = ""
    sandbox: str = ""


class Result(Value):
    """What was made.  All addresses are those of the interface whose index is `holder`, if interfaces are listed."""

    interfaces: tuple[Interface, ...] = ()
    ips: tuple[Lease, ...] = ()
    routes: tuple[IpamRoute, ...] = ()
    dns: Dns = NO_DNS
    holder: int | None = None


class Inexpressible(ValueError):
    """A result that the version has no words for: without an address, before 0.3.0."""


def render_result(result: Result, version: str) -> Json:
    """The JSON of a result.  Raises `Inexpressible`."""
    return {
        "cniVersion": version,
        **(_render_old(result) if version in _OLD else _render_new(result, version)),
        **({"dns": _render_dns(result.dns)} if result.dns.given or version != _NEWEST else {}),
    }


def _render_old(result: Result) -> Json:
    """The first address of each family, each with the routes of its family."""
    made: Json = {}
    for lease in result.ips:
        key = f"ip{lease.address.family}"
        if key not in made:
            made[key] = {
                "ip": str(lease.address),
                **_render_gateway(lease),
                **_unless_empty(
                    "routes", [_render_route(r) for r in result.routes if r.dst.family == lease.address.family]
                ),
            }
    if not made:
        raise Inexpressible(f"a result of a version before {_WITH_FAMILY[0]} has an address, this one has none")
    return dict(sorted(made.items()))


def _render_new(result: Result, version: str) -> Json:
    return {
        **_unless_empty("interfaces", [_render_interface(interface) for interface in result.interfaces]),
        **_unless_empty("ips", [_render_ip(result, lease, version) for lease in result.ips]),
        **_unless_empty("routes", [_render_route(route, version) for route in result.routes]),
    }


def _render_interface(interface: Interface) -> Json:
    parts = {"name": interface.name, "mac": interface.mac, "sandbox": interface.sandbox}
    return {key: value for key, value in parts.items() if value}


def _render_ip(result: Result, lease: Lease, version: str) -> Json:
    return {
        **({"version": str(lease.address.family)} if version in _WITH_FAMILY else {}),
        **({} if result.holder is None else {"interface": result.holder}),
        "address": str(lease.address),
        **_render_gateway(lease),
    }


def _render_gateway(lease: Lease) -> Json:
    return {} if lease.gateway is None else {"gateway": str(lease.gateway)}


def _render_route(route: IpamRoute, version: str = "") -> Json:
    """A route; its metric and its table are said by the newest version only."""
    made: Json = {"dst": str(route.dst)}
    if route.gw:
        made["gw"] = str(route.gw)
    if version == _NEWEST:
        made.update({key: value for key, value in (("priority", route.priority), ("table", route.table)) if value})
    return made


def _render_dns(dns: Dns) -> Json:
    parts = {
        "nameservers": list(dns.nameservers),
        "domain": dns.domain,
        "search": list(dns.search),
        "options": list(dns.options),
    }
    return {key: value for key, value in parts.items() if value}


def _unless_empty(key: str, items: list[Json]) -> Json:
    return {key: items} if items else {}
