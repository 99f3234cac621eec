"""Routes: from the tables of a list `routes` to the routes of an interface or of a namespace."""

from __future__ import annotations

from functools import partial
from typing import Any

from k8snet_scripts.addresses import Cidr, format_address
from k8snet_scripts.filtering import Path
from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.ranges import Each, combine, gather
from k8snet_scripts.rules.literals import LINK_LOCAL, read_destination, read_host_address
from k8snet_scripts.rules.names import check_interface_name
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.topology import Route

KINDS = ("unicast", "blackhole", "unreachable", "prohibit")

_MAIN_TABLE = 254
_MOST = 2**32 - 1
_DEFAULT = Cidr(0, 0, 0)  # the destination `default` while its family is open

_HINTS = {
    "gateway": "the next hop is called `via`",
    "gw": "the next hop is called `via`",
    "destination": "the destination is called `to`",
    "interface": "the interface is called `dev`",
}


def read_routes(table: Table) -> Each[tuple[Route, ...]]:
    """The routes of a namespace."""
    return gather([_read_route(route, {}) for route in table.tables("routes")])


def read_interface_routes(table: Table, interface: Each[str | None]) -> Each[tuple[Route, ...]]:
    """The routes of the interface of that name."""
    return gather([_read_route(route, {"interface": interface}) for route in table.tables("routes")])


def _read_route(table: Table, place: dict[str, Each[str | None]]) -> Each[Route | None]:
    """One route.  `place` holds the name of the interface whose route it is, or nothing."""
    given: dict[str, Any] = {**place}
    for key, read in _READERS.items():
        if table.has(key):
            given[key] = table.text(key, read)
    number = table.integer("table", 1, _MOST, "bad-route")
    make = partial(
        _make_route,
        family=table.integer("family", 4, 6, "bad-route"),
        metric=table.integer("metric", 0, _MOST, "bad-route") or None,
        table=None if number == _MAIN_TABLE else number,
        onlink=table.boolean("onlink") or False,
        prepend=table.boolean("prepend") or False,
        path=table.path,
    )
    table.close(_HINTS)
    if "to" not in given:
        table.missing("to", 'write `to = "default"` or `to = "10.20.0.0/16"`, say')
        return None

    if None in given.values():
        return None
    return combine(table.guard(table.path, make), **given)


def _make_route(
    *,
    to: Cidr,
    via: tuple[int, int] | None = None,
    src: tuple[int, int] | None = None,
    dev: str | None = None,
    scope: str | None = None,
    type: str = KINDS[0],
    interface: str | None = None,
    family: int | None,
    metric: int | None,
    table: int | None,
    onlink: bool,
    prepend: bool,
    path: Path,
) -> Route:
    """The route, once all its parts are known to be right by themselves."""
    if family == 5:
        raise Refused("bad-route", "`5` is not a family", "write `family = 4` or `family = 6`", key="family")
    own = to.family or (via or src or (family or 4,))[0]
    for key, other in (("via", via and via[0]), ("src", src and src[0]), ("family", family)):
        if other not in (None, own):
            raise Refused(
                "bad-route", f"`{key}` is not of the family of the route, IPv{own}", "IPv4 and IPv6 do not mix", key=key
            )
    if type != KINDS[0]:
        _check_dead_end(type, via, dev, interface)
    elif interface is not None:
        if dev not in (None, interface):
            help = f"leave `dev` out, or write the route at {show(dev)}"
            raise Refused("bad-route", f"a route of `{interface}` cannot leave by `{dev}`", help, key="dev")
        dev = interface
    elif via is None and dev is None:
        help = 'write `via = "10.10.0.1"` or `dev = "eth0"`, say, or `type = "blackhole"`'
        raise Refused("bad-route", "the route says neither where it goes nor that it is a dead end", help)
    if via and dev is None and LINK_LOCAL.contains(*via):
        help = 'write the interface: `dev = "eth0"`, say'
        raise Refused("bad-route", "a link-local next hop is on no interface in particular", help, key="via")
    if onlink and (via is None or dev is None):
        help = "`onlink` says that `via` is on the link of `dev`"
        raise Refused("bad-route", "`onlink` needs `via` and an interface", help, key="onlink")
    if scope and (via or type != KINDS[0] or own == 6):
        help = "leave `scope` out"
        message = "only an IPv4 route through an interface, without a next hop, can be of scope `host`"
        raise Refused("bad-route", message, help, key="scope")
    return Route(
        own,
        to if to.prefix else None,
        format_address(*via) if via else None,
        dev,
        format_address(*src) if src else None,
        metric,
        table,
        onlink,
        type,
        path,
        scope,
        prepend,
    )


def _check_dead_end(type: str, via: tuple[int, int] | None, dev: str | None, interface: str | None) -> None:
    for key, value in (("via", via), ("dev", dev)):
        if value is not None:
            help = f"leave out `{key}` or `type`"
            raise Refused(
                "conflicting-keys", f"a route of type `{type}` leads nowhere, so it has no `{key}`", help, key=key
            )
    if interface is not None:
        help = "write it in the `routes` of the namespace, or in `[host]`"
        raise Refused("bad-route", f"a route of type `{type}` belongs to no interface", help, key="type")


def _read_to(text: str) -> Cidr:
    return _DEFAULT if text == "default" else read_destination(text)


def _check_device(text: str) -> str:
    return text if text == "lo" else check_interface_name(text)


def _check_kind(text: str) -> str:
    if text not in KINDS:
        help = "write " + ", ".join(f"`{kind}`" for kind in KINDS[:-1]) + f" or `{KINDS[-1]}`"
        raise Refused("bad-route", f"{show(text)} is not a type of route that can be written here", help)
    return text


def _check_scope(text: str) -> str:
    if text != "host":
        help = "write `host`, or leave it out: the kernel derives all other scopes"
        raise Refused("bad-route", f"{show(text)} is not a scope that can be written here", help)
    return text


_READERS = {
    "to": _read_to,
    "via": read_host_address,
    "src": read_host_address,
    "dev": _check_device,
    "type": _check_kind,
    "scope": _check_scope,
}
