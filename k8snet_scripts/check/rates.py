"""Rates: that whole packets fit into bursts, and that ifbs take in what there is, each something of its own."""

from __future__ import annotations

from k8snet_scripts.addresses import DEFAULT_MTU
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.routes import report_device
from k8snet_scripts.check.sites import Site, whereabouts
from k8snet_scripts.rates import Rate, smallest_burst
from k8snet_scripts.topology import Bridge, Ifb, Interface


def check_rates(site: Site, report: FirstFindings) -> None:
    """Check the rates and the ifbs of one namespace."""
    for interface in site.interfaces.values():
        if interface.rate is not None:
            _check_burst(interface, interface.rate, site, report)
            _check_queue(interface, report)
    taken: dict[str, Ifb] = {}
    for ifb in site.namespace.ifbs:
        _check_ifb(ifb, site, report)
        first = taken.setdefault(ifb.source, ifb)
        if first is not ifb:
            report.error(
                "ifb-source",
                (*ifb.path, "source"),
                f"what comes in at `{ifb.source}` {whereabouts(site.name)} goes to `{first.name}` already",
                help="remove one of the two",
                see=(*first.path, "source"),
                see_note="that is said at",
            )


def _check_burst(interface: Interface, rate: Rate, site: Site, report: FirstFindings) -> None:
    """The kernel drops what is larger than a burst, and counts that a little short."""
    mtu, source = interface.mtu, None
    if isinstance(interface, Ifb) and mtu is None:
        source = site.interfaces.get(interface.source)
        mtu = source.mtu if source else None
    least = smallest_burst(rate.bits, mtu)
    if rate.burst < least:
        report.error(
            "small-burst",
            (*interface.path, "burst"),
            f"no packet of {mtu or DEFAULT_MTU} bytes fits into the burst of `{interface.name}`, {rate.burst} bytes",
            help=f'write `burst = "{least}b"` or more, or leave it out',
        )


def _check_queue(interface: Interface, report: FirstFindings) -> None:
    """What gets a rate gets a queue: the kernel makes 1000 packets of none."""
    if interface.txqlen != 0:
        return
    message = f"`{interface.name}` has a rate, so packets have to wait, and a queue of no packets"
    help = "leave `txqueuelen` out, or write another number"
    report.error("conflicting-keys", (*interface.path, "txqueuelen"), message, help=help, at="key")


def _check_ifb(ifb: Ifb, site: Site, report: FirstFindings) -> None:
    source = site.interfaces.get(ifb.source)
    if source is None or source is ifb:
        report_device(ifb.source, (*ifb.path, "source"), site, report)
    elif isinstance(source, Ifb | Bridge):
        what = "an ifb itself" if isinstance(source, Ifb) else "a bridge"
        help = "name the interface at which packets arrive, the end of a veth for example"
        message = f"`{ifb.source}` {whereabouts(site.name)} is {what}"
        report.error(
            "ifb-source", (*ifb.path, "source"), message, help=help, see=source.path, see_note="it is defined at"
        )
    if ifb.port or ifb.addresses or ifb.routes:
        message = f"`{ifb.name}` is an ifb, which has no addresses, no routes and no bridge"
        report.error("conflicting-keys", ifb.path, message, help="give them to the interface that it is for")
    if ifb.rate is None:
        message, help = f"`{ifb.name}` has no rate, which is what an ifb is for", 'write `rate = "10mbit"`, say'
        report.error("missing-key", ifb.path, message, help=help)
