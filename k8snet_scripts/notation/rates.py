"""Rates, as the document of a model says them."""

from __future__ import annotations

from k8snet_scripts.notation.toml import Value
from k8snet_scripts.rates import LATENCY, Rate, choose_burst


def describe_rate(rate: Rate | None) -> dict[str, Value]:
    """The keys of a rate, without what goes without saying."""
    if rate is None:
        return {}
    _, _, bits, _, burst, _, latency = rate.words
    table: dict[str, Value] = {"rate": bits}
    if rate.burst != choose_burst(rate.bits):
        table["burst"] = f"{burst}b"
    if rate.latency != LATENCY:
        table["latency"] = latency
    return table
