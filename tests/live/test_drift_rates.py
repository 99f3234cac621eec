"""Rates and ifbs, altered or gone: the next run puts right what it must, and no more; and back where it fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from live.drift import RATES, Drift, Standing, at_once, mend, remade
from live.network import Network, compiled
from live.sandbox import Sandbox

OTHER = "tbf rate 4mbit burst 3000 latency 25ms"
LED = "u32 match u32 0 0 action mirred egress redirect dev"
RATE, REDIRECT = "host v1: tbf rate 8mbit burst 4000 latency 25ms", "host v3: redirect from-n3"
NO_FILTER = ("host v3: filter 1", "tc filter delete dev v3 ingress pref 1")

DRIFTS = [
    at_once(
        Drift(
            "rates",
            f"""tc qdisc delete dev v1 root
        tc qdisc replace dev v2 root {OTHER}
        tc -n n3 qdisc replace dev eth0 root pfifo limit 7
        tc qdisc replace dev v3 root {OTHER}""",
            (RATE, RATE.replace("v1", "v2"), "n3 eth0: tbf *"),
            ((f"host v3: {OTHER}", "tc qdisc delete dev v3 root"),),
        ),
        Drift("rates", "tc qdisc delete dev v3 ingress", ("host v3: ingress", REDIRECT)),
    ),
    Drift(
        "rates",
        """tc qdisc replace dev v1 root tbf rate 8mbit burst 4010 latency 25ms
        tc qdisc replace dev v2 root tbf rate 8mbit burst 4000 latency 26ms
        tc qdisc add dev v1 ingress
        tc filter delete dev v3 ingress""",
        (RATE, RATE.replace("v1", "v2"), REDIRECT),
        (("host v1: ingress", "tc qdisc delete dev v1 ingress"),),
    ),
    Drift(
        "rates",
        f"tc filter delete dev v3 ingress; tc filter add dev v3 ingress pref 1 protocol all {LED} v1",
        (REDIRECT,),
        (("host v3: redirect v1", NO_FILTER[1]),),
    ),
    Drift(
        "rates",
        f"tc filter delete dev v3 ingress; tc filter add dev v3 ingress pref 1 protocol ip {LED} from-n3",
        (REDIRECT,),
        (NO_FILTER,),
    ),
    Drift(
        "rates",
        "tc qdisc delete dev v3 ingress; tc qdisc add dev v3 clsact",
        ("host v3: ingress", REDIRECT),
        (("host v3: clsact", "tc qdisc delete dev v3 clsact"),),
    ),
    remade("rates", "ip link delete dev from-n3", "host/from-n3", "host from-n3: *", REDIRECT, removes=(NO_FILTER,)),
    remade("rates", "ip link delete dev v3", "host/v3 n3/eth0", "host v3: *", "n3 eth0: *"),
]


@pytest.mark.needs("ifb")
@pytest.mark.parametrize("drift", DRIFTS, ids=str)
def test_a_drift_of_rates_is_seen_foretold_and_mended(standing: Callable[[str], Standing], drift: Drift) -> None:
    mend(standing(drift.network), drift)


PLAIN = "\n".join(line for line in RATES.partition("[ifbs")[0].splitlines() if line[:4] not in ("rate", "late"))
VERSIONS = {
    "with": RATES,
    "without": PLAIN.replace(', rate = "8mbit", burst = "4000b"', ""),
    "slower": RATES.replace("16mbit", "800kbit").replace("32mbit", "3200kbit").replace("40000", "60000"),
    "others": RATES.replace("from-n3", "other").replace('"v3"', '"v3b"'),
}
SHAPING = "for ns in n1 n2 n3; do tc -n $ns qdisc; done; tc qdisc; tc filter show dev v3 ingress 2>&1"


@pytest.mark.needs("ifb")
def test_one_version_turns_into_another(sandbox: Sandbox) -> None:
    networks = {name: Network(sandbox, compiled(text)) for name, text in VERSIONS.items()}
    for name in ("with", "without", "others", "slower", "without"):
        network = networks[name]
        foreseen = network.foreseen()
        assert network.set_up() == foreseen
        assert (network.drift(), network.foreseen(), network.failures()) == ([], [], [])


@pytest.mark.needs("ifb")
@pytest.mark.parametrize("version", ["with", "slower"])
def test_a_run_that_fails_takes_rates_back(sandbox: Sandbox, version: str) -> None:
    Network(sandbox, compiled(VERSIONS["with"])).set_up()
    sandbox.bash(f"tc qdisc replace dev v2 root {OTHER}; tc qdisc add dev v1 ingress", check=True)
    before = shaping(sandbox)
    failing = '[namespaces.n4.sysctls]\n"net.ipv4.ip_local_port_range" = "9 1"\n[namespaces.n4.bridges.br0]\n'
    done = Network(sandbox, compiled(VERSIONS[version] + failing)).run("setup")
    assert (done.returncode, "taking back" in done.stderr) == (1, True)
    assert shaping(sandbox) == before


def shaping(sandbox: Sandbox) -> list[str]:
    """All queueing disciplines, without the numbers by which the kernel counts them."""
    lines = sandbox.bash(SHAPING).stdout.splitlines()
    return sorted(" ".join(word for word in line.split() if word[-1:] != ":") for line in lines if "index" not in line)
