"""Rates, as a document gives them: what an interface sends at most."""

from __future__ import annotations

from k8snet_scripts.frontend.fields import Table
from k8snet_scripts.frontend.ranges import Each, combine
from k8snet_scripts.rates import Rate
from k8snet_scripts.rules.rates import make_rate, read_bits, read_burst, read_latency


def read_rate(table: Table) -> Each[Rate | None]:
    """The rate of an interface; None where it has none."""
    bits, burst, latency = (
        table.text("rate", read_bits),
        table.text("burst", read_burst),
        table.text("latency", read_latency),
    )
    for key in ("burst", "latency"):
        if table.has(key) and not table.has("rate"):
            table.missing("rate", f'`{key}` is that of a rate: write `rate = "10mbit"`, say')
    if bits is None:
        return None
    return combine(table.guard(table.path, make_rate), bits=bits, burst=burst, latency=latency)
