"""The check: everything about a topology that takes the whole model to see.

What the kernel would refuse later is refused here, and what it would take but nobody means.  The checks know nothing
of notations; they name places by the paths that the model carries.
"""

from __future__ import annotations

from k8snet_scripts.check.addresses import check_addresses
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.joined import check_segments
from k8snet_scripts.check.macvlans import check_macvlans
from k8snet_scripts.check.ports import check_ports
from k8snet_scripts.check.publications import check_publications
from k8snet_scripts.check.rates import check_rates
from k8snet_scripts.check.routes import check_routes
from k8snet_scripts.check.settings import check_settings
from k8snet_scripts.check.sites import settle_sites
from k8snet_scripts.check.values import check_values
from k8snet_scripts.check.vxlans import check_vxlans
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.topology import Topology


def check_topology(topology: Topology, report: Report, *, values: bool = True) -> None:
    """Append what is wrong with a topology to a report.

    `values` is false where a frontend has looked at every value by itself already.  If it has reported something, the
    model lacks what it refused, and what may only follow from that lack is not said.
    """
    findings = FirstFindings(report)
    if values and report.ok:
        check_values(topology, findings)
        if not report.ok:
            return
    sites = settle_sites(topology, findings)
    for site in sites.values():
        check_ports(site, sites, findings)
        owned = check_addresses(site, findings)
        check_routes(site, owned, findings)
        check_settings(site, owned, findings)
        if site.namespace.devices:
            check_vxlans(site, owned, findings)
        check_rates(site, findings)
    check_macvlans(sites, findings)
    check_segments(topology, sites, findings)
    check_publications(topology, sites, findings)
