"""Rates: how much an interface sends at most, in numbers and as the tools spell it.

What can be sent at once is a *burst*; what waits for longer than the *latency* is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from k8snet_scripts.addresses import DEFAULT_MTU

LATENCY = 25_000
"""Microseconds that may pass before what waits is dropped, if nothing is said: as the CNI plugin `bandwidth` has it."""

UNITS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
"""Bits a second, by the words of `tc`."""

_HEADER = 14  # bytes of Ethernet before what an MTU counts
_LEAST_BURST = 16 * 1024
_LONGEST_BURST = 274
"""Seconds: the kernel counts the time that a burst takes in ticks of 64 ns, and has 32 bits for their number."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Bits a second, whole bytes; a burst in bytes; a latency in microseconds."""

    bits: int
    burst: int
    latency: int = LATENCY

    @property
    def words(self) -> tuple[str, ...]:
        """The queueing discipline of `tc`: `tbf rate 10mbit burst 16384 latency 25ms`."""
        unit = next(unit for unit in reversed(UNITS) if self.bits % UNITS[unit] == 0)
        latency = f"{self.latency}us" if self.latency % 1000 else f"{self.latency // 1000}ms"
        return ("tbf", "rate", f"{self.bits // UNITS[unit]}{unit}", "burst", str(self.burst), "latency", latency)


def choose_burst(bits: int) -> int:
    """The burst of a rate that names none, in bytes: what passes in ten milliseconds, or some packets."""
    return max(bits // 800, _LEAST_BURST)


def smallest_burst(bits: int, mtu: int | None) -> int:
    """The smallest burst that a whole packet fits into, in bytes: the kernel counts bursts a little short."""
    return (mtu or DEFAULT_MTU) + _HEADER + bits // 8_000_000 + 1


def largest_burst(bits: int) -> int:
    """The largest burst that the kernel can count at a rate, in bytes."""
    return bits // 8 * _LONGEST_BURST
