"""What is altered behind the script's back, and what a run is held to: to put it right, and to do nothing else.

Each drift says what a run has to do about it, all of it: the facts of the table that `--check` misses and the run makes
true, and the facts that it finds too many, with the commands that end them.  In a pattern, `*` stands for any text; what
it matches are facts that a run makes true where they are not, not the attributes of a thing that is there.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from k8snet_scripts.render import shell_line
from k8snet_scripts.scripts import Scripts
from k8snet_scripts.steps import Sign
from live.features import Kernel
from live.kernel import State, diff
from live.network import GOLDEN, Network, compiled, golden
from live.sandbox import Sandbox

VLANS = """
name = "vlans"
[bridges.br0]
vlan_filtering = true
untagged = 10
tagged = [11]
[namespaces."n{1..2}".veths.eth0]
peer = "v{}"
bridge = "br0"
addresses = ["10.0.0.{}/24"]
untagged = 10
tagged = [20, "30-31"]
"""

TUNNELS = """
name = "tunnels"
[namespaces.left.veths.eth0]
peer = { namespace = "right", name = "eth0", addresses = ["fd00::2/64"] }
addresses = ["fd00::1/64"]
[namespaces.left.vxlans.vx0]
id = 7
remote = "fd00::2"
addresses = ["10.7.0.1/24"]
[namespaces.right.vxlans.vx0]
id = 7
local = "fd00::2"
remote = "fd00::1"
addresses = ["10.7.0.2/24"]
[namespaces.right.vxlans.vx1]
id = 8
group = "ff05::77"
dev = "eth0"
[bridges.br0]
[vxlans.vx0]
id = 9
bridge = "br0"
hairpin = true
fdb = [{ dst = "192.0.2.1" }, { dst = "192.0.2.2" }, { dst = "192.0.2.2", lladdr = "02:00:00:00:00:22" }]
"""

PASSED = """
name = "passed"
[namespaces.tap.veths.wire]
peer = "far"
[namespaces.tap.macvlans.passed]
parent = "wire"
mode = "passthru"
addresses = ["10.9.0.1/24"]
[namespaces.tap.veths.other]
peer = "beyond"
[namespaces.twin.macvlans.eth0]
parent = { namespace = "tap", name = "other" }
addresses = ["10.8.0.1/24"]
"""

RATES = """
name = "rates"
[bridges.br0]
[namespaces."n{1..2}".veths.eth0]
peer = { name = "v{}", rate = "8mbit", burst = "4000b" }
bridge = "br0"
addresses = ["10.0.0.{}/24"]
[namespaces.n3.veths.eth0]
peer = "v3"
bridge = "br0"
addresses = ["10.0.0.3/24"]
rate = "16mbit"
latency = "50ms"
[ifbs.from-n3]
source = "v3"
rate = "32mbit"
burst = "40000"
"""
NETWORKS = {"rates": RATES, "vlans": VLANS, "tunnels": TUNNELS, "passed": PASSED}


@dataclass(frozen=True)
class Drift:
    """What is done to a network, and what a run does about it."""

    network: str
    change: str
    mends: tuple[str, ...] = ()  # facts of the table, or patterns of facts
    removes: tuple[tuple[str, str], ...] = ()  # facts that are there and not wanted, and the commands that end them
    remade: tuple[str, ...] = ()  # what is made anew: "node1: links: eth0"
    tidy: str = ""  # takes back what is not the script's to mend

    def __str__(self) -> str:
        return f"{self.network}: {self.change}"


def extra(network: str, change: str, fact: str, command: str, *mends: str) -> Drift:
    """One fact too many, and perhaps something that the kernel takes along with it."""
    return Drift(network, change, mends, ((fact, command),))


def remade(
    network: str, change: str, links: str, *mends: str, removes: tuple[tuple[str, str], ...] = (), tidy: str = ""
) -> Drift:
    """Interfaces, NAMESPACE/NAME, that are gone or spoilt, and made anew."""
    made = tuple("{}: links: {}: ifindex: ".format(*link.split("/")) for link in links.split())
    return Drift(network, change, mends, removes, made, tidy)


def at_once(*drifts: Drift) -> Drift:
    """Several of one network that do not meet: one run has to do all that each of them asks for, and nothing else."""
    (network,) = {drift.network for drift in drifts}
    return Drift(
        network,
        "\n".join(drift.change for drift in drifts),
        tuple(fact for drift in drifts for fact in drift.mends),
        tuple(fact for drift in drifts for fact in drift.removes),
        tuple(link for drift in drifts for link in drift.remade),
        "\n".join(drift.tidy for drift in drifts if drift.tidy),
    )


def scripts(name: str) -> Scripts:
    """A golden, or one of the networks above.

    Options have no spanning tree here, each of whose changes would take seconds, and no masquerade where a kernel has none.
    """
    if name in NETWORKS:
        return compiled(NETWORKS[name])
    if name == "options":
        text = (GOLDEN / name / "topology.toml").read_text().replace("stp = true", "stp = false")
        return compiled(text if Kernel().has("nft_masquerade6") else re.sub(r"(?m)^masquerade = .*\n", "", text))
    return golden(name)


class Standing:
    """A network that is set up, and its state then."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.sandbox = sandbox
        self.scripts = scripts(name)
        self.network = Network(sandbox, self.scripts)
        self.network.set_up()
        self.state = self.network.state(identity=True)
        self.spoilt = False

    @functools.cached_property
    def steps(self) -> dict[str, tuple[Sign, str]]:
        """The table: each fact with its sign and command."""
        return {
            f"{step.owner}: {step.words}": (step.sign, shell_line(step.argv)) for step in self.scripts.body.plan.steps()
        }

    def facts(self, patterns: tuple[str, ...]) -> list[str]:
        """The facts that are meant, in the order of the table."""
        for pattern in patterns:
            assert any(fnmatchcase(fact, pattern) for fact in self.steps), f"no such fact: {pattern}"
        return [
            fact
            for fact, (sign, _) in self.steps.items()
            if fact in patterns or (sign is not Sign.MEND and any(fnmatchcase(fact, pattern) for pattern in patterns))
        ]

    def unexpected(self, state: State, remade: tuple[str, ...]) -> list[str]:
        """How a state differs from the one at first, but for the identity of what was made anew."""
        if any(": lo:" in link for link in remade):
            remade = (*remade, f"/run/k8snet: {self.scripts.name}/owned: ")  # where identities of namespaces are
        return [line for line in diff(self.state, state) if not line.startswith(remade)]


def mend(standing: Standing, drift: Drift) -> None:
    network, facts = standing.network, standing.facts(drift.mends)
    standing.spoilt = True
    network.do(drift.change)
    try:
        assert sorted(network.drift()) == sorted(
            [f"wanted, not there: {fact}" for fact in facts]
            + [f"there, not wanted: {fact}" for fact, _ in drift.removes]
        )
        foreseen = network.foreseen()
        assert sorted(foreseen) == sorted(
            [standing.steps[fact][1] for fact in facts] + [line for _, line in drift.removes]
        )
        assert network.set_up() == foreseen
    finally:
        if drift.tidy:
            network.do(drift.tidy)
    state = network.state(identity=True)
    assert standing.unexpected(state, drift.remade) == []
    standing.state, standing.spoilt = state, False
