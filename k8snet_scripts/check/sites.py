"""Sites: each namespace with every interface in it, and what is wrong with who is where.

This comes first: later checks look interfaces up by name and may count on names being unique.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.filtering import Path
from k8snet_scripts.rules.refusal import show
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Topology


class Placed(NamedTuple):
    """An interface and the name of the namespace it is in."""

    namespace: str
    interface: Interface

    def __str__(self) -> str:
        return f"`{self.interface.name}` {whereabouts(self.namespace)}"


@dataclass(slots=True)
class Site:
    """A namespace, and its bridges, external interfaces, devices and veth ends by name."""

    namespace: Namespace
    interfaces: dict[str, Interface] = field(default_factory=dict)
    bridges: dict[str, Bridge] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.namespace.name

    @property
    def is_open(self) -> bool:
        """Whether it has interfaces of others, and so addresses and networks that the topology does not know."""
        namespace = self.namespace
        return namespace.external or bool(namespace.interfaces) or any(bridge.external for bridge in namespace.bridges)


def whereabouts(namespace: str) -> str:
    """Where something is, in words: "on the host", "in `node1`"."""
    return "on the host" if namespace == HOST else f"in `{namespace}`"


def find_close(name: str, names: Iterable[str]) -> str | None:
    """The one of some names that is most like a name, if any is."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1)), None)


def settle_sites(topology: Topology, report: FirstFindings) -> dict[str, Site]:
    """Every site by the name of its namespace, the host first.

    Of two namespaces or interfaces with one name the first stays; an end in a namespace that is not there stays out.
    """
    sites: dict[str, Site] = {}
    for namespace in topology.everywhere():
        if namespace.name in sites:
            _report_namespace(namespace, sites[namespace.name].namespace, report)
            continue
        site = sites[namespace.name] = Site(namespace)
        for bridge in namespace.bridges:
            if _settle(site, bridge, report):
                site.bridges[bridge.name] = bridge
        for interface in (*namespace.interfaces, *namespace.devices):
            _settle(site, interface, report)
        if site.is_open and namespace.is_made:
            _report_external(site, report)
    for veth in topology.veths:
        for end in (veth.inner, veth.outer):
            home = sites.get(end.namespace)
            if home is None:
                report_unknown(end.namespace, (*end.path, "namespace"), sites, report)
            else:
                _settle(home, end, report)
    return sites


def _settle(site: Site, interface: Interface, report: FirstFindings) -> bool:
    """Put an interface where it belongs; false when one of that name is there."""
    name = interface.name
    if name not in site.interfaces:
        site.interfaces[name] = interface
        return True
    report.error(
        "duplicate-interface",
        _name_path(interface),
        f"there are two interfaces `{name}` {whereabouts(site.name)}",
        help="rename one of them",
        at="value" if _is_peer(interface) else "key",
        see=_name_path(site.interfaces[name]),
        see_note="the other one is at",
    )
    return False


def _name_path(interface: Interface) -> Path:
    """Where the name of an interface is written: it is its key, but for the peer of a veth."""
    return (*interface.path, "name") if _is_peer(interface) else interface.path


def _is_peer(interface: Interface) -> bool:
    path = interface.path
    return isinstance(interface, End) and path[-1:] == ("peer",) and path[-3:-2] == ("veths",)


def _report_external(site: Site, report: FirstFindings) -> None:
    for interface in (*site.bridges.values(), *site.namespace.interfaces):
        if interface.external:
            report.error(
                "external-in-namespace",
                (*interface.path, "external"),
                f"`{interface.name}` cannot be {whereabouts(site.name)} already: the scripts make that namespace",
                help=f"leave out `external`, or add `external = true` to `{site.name}` if it is there already",
            )


def _report_namespace(second: Namespace, first: Namespace, report: FirstFindings) -> None:
    if second.name != HOST:  # which the check of names refuses
        report.error(
            "duplicate-namespace",
            second.path,
            f"there are two namespaces `{second.name}`",
            help="rename one of them",
            at="key",
            see=first.path,
            see_note="the other one is at",
        )


def report_unknown(name: str, place: Path, sites: Mapping[str, Site], report: FirstFindings) -> None:
    """Report a namespace that is not there."""
    if not report.told("unknown-namespace", place):
        close = find_close(name, sites)
        report.error(
            "unknown-namespace",
            place,
            f"unknown namespace {show(name)}",
            help=f"did you mean `{close}`?" if close else f"add `[namespaces.{name}]`",
            see=sites[close].namespace.path if close else None,
            see_note="it is defined at" if close else "",
        )
