"""Rates as people write them, in the words of `tc`: `10mbit`, `32kb`, `25ms`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from k8snet_scripts.rates import LATENCY, UNITS, Rate, choose_burst, largest_burst
from k8snet_scripts.rules.refusal import Refused, show

_SIZES = {"": 1, "b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2}
_TIMES = {"us": 1, "ms": 1000, "s": 1_000_000}
_BYTES = ("bps", "kbps", "mbps", "gbps")
_QUANTITY = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?([a-z]*)")
_FASTEST = 10**12  # bits a second
_LARGEST = 2**32  # bytes that can wait, of which the kernel keeps the number in 32 bits


def read_bits(text: str) -> int:
    """A rate in bits a second."""
    if text.lower().lstrip("0123456789.") in _BYTES:
        message, help = f"{show(text)} would be bytes to `tc`, and is bits to others", "write `10mbit`, say"
        raise Refused("bad-rate", message, help)
    return _read(text, UNITS, "rate", "write `10mbit`, say: a number and bit, kbit, mbit or gbit")


def read_burst(text: str) -> int:
    """A size in bytes; a kilobyte has 1024 of them, as `tc` has it."""
    return _read(text, _SIZES, "size", "write `32kb`, say: a number and b, kb or mb")


def read_latency(text: str) -> int:
    """A time in microseconds."""
    return _read(text, _TIMES, "time", "write `25ms`, say: a number and us, ms or s")


def make_rate(bits: int, burst: int | None = None, latency: int | None = None) -> Rate:
    """A rate, with what goes without saying."""
    return check_rate(
        Rate(bits, choose_burst(bits) if burst is None else burst, LATENCY if latency is None else latency)
    )


def check_rate(rate: Rate) -> Rate:
    """A rate that the kernel has numbers for."""
    bits = rate.bits
    if not 8 <= bits <= _FASTEST or bits % 8:
        message, help = (
            f"{show(bits)} bits a second are out of range",
            "a rate is whole bytes a second, up to `1000gbit`",
        )
        raise Refused("bad-rate", message, help, key="rate")
    largest = largest_burst(bits)
    if not 1 <= rate.burst <= largest:
        message = f"a burst of {show(rate.burst)} bytes does not go with a rate of {rate.words[2]}"
        raise Refused("bad-rate", message, f"the kernel counts 1 to {largest} bytes there", key="burst")
    if not 1 <= rate.latency or bits // 8 * rate.latency // 1_000_000 + rate.burst >= _LARGEST:
        message = f"a latency of {show(rate.latency)} microseconds does not go with a rate of {rate.words[2]}"
        raise Refused("bad-rate", message, "what waits in that time has to be less than 4 gigabytes", key="latency")
    return rate


def _read(text: str, units: Mapping[str, int], what: str, help: str) -> int:
    """A whole number of the smallest unit."""
    found = _QUANTITY.fullmatch(text.lower())
    number = (
        Fraction(f"{found[1]}.{found[2] or 0}") * units[found[3]] if found and found[3] in units else Fraction(1, 2)
    )
    if number.denominator != 1 or not number:
        raise Refused("bad-rate", f"{show(text)} is not a {what}", help)
    return int(number)
