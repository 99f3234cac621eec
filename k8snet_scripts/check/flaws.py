"""Flaws: what is wrong with the form of a route, whatever is around it."""

from __future__ import annotations

from functools import lru_cache

from k8snet_scripts.addresses import WIDTH, parse_address
from k8snet_scripts.rules.refusal import show
from k8snet_scripts.topology import Route

KINDS = ("unicast", "blackhole", "unreachable", "prohibit")

_NUMBERS = range(2**32)


def find_flaw(route: Route, owner: str | None) -> str:
    """What is wrong with the form of a route, or nothing."""
    if route.family not in WIDTH:
        return f"{route.family} is not an address family"
    if route.to and route.to.family != route.family:
        return f"`{route.to}` is not of the family of the route, IPv{route.family}"
    for text in (route.via, route.src):
        if text is not None and not _is_address(route.family, text):
            return f"{show(text)} is not an IPv{route.family} address"
    if route.scope not in (None, "host") or route.scope and route.family == 6:
        return f"{show(route.scope)} is not a scope of an IPv{route.family} route"
    if route.scope and route.via:
        return "a route of scope `host` has no next hop"
    if route.metric is not None and route.metric not in _NUMBERS:
        return f"{show(route.metric)} is not a metric"
    if route.table is not None and route.table not in _NUMBERS[1:]:
        return f"{show(route.table)} is not a table"
    if route.kind == "unicast":
        if owner is not None and route.dev not in (None, owner):
            return f"a route of `{owner}` cannot leave by {show(route.dev)}"
        if not (route.via or route.dev or owner):
            return "the route says neither where it goes nor that it is a dead end"
        if route.onlink and not (route.via and (route.dev or owner)):
            return "`onlink` needs `via` and an interface"
    elif route.kind not in KINDS:
        return f"{show(route.kind)} is not a type of route"
    elif route.via or route.dev or owner or route.onlink or route.scope:
        return f"a route of type `{route.kind}` has no next hop and no interface"
    return ""


@lru_cache(maxsize=1024)
def _is_address(family: int, text: str) -> bool:
    try:
        return parse_address(text)[0] == family
    except ValueError:
        return False
