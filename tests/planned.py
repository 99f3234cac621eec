"""The plan of a topology, and what a model of the kernel makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial

from fake_kernel import FakeKernel
from goldens import GOLDEN, find_cases
from hypothesis import settings
from reference import Record, fact, holds, set_up

from k8snet_scripts.addresses import Cidr, parse_cidr
from k8snet_scripts.groups import Group
from k8snet_scripts.inventory import Inventory
from k8snet_scripts.plan import Plan, Wave
from k8snet_scripts.steps import Step
from k8snet_scripts.topology import Topology

few = settings(max_examples=25, deadline=None)

CASES = [case / "topology.toml" for case in find_cases(GOLDEN, leave_out=["errors", "exports", "commands"])]
"""Golden cases, but for one with commands: the fake kernel has no `tc`."""

TITLES = (
    "Namespaces",
    "What new interfaces have",
    "Namespaces, bridges and veth pairs",
    "Bridges and veth pairs inside namespaces",
    "Macvlans: interfaces that share the wire of another one",
    "Devices that stand on other interfaces",
    "Addresses, routes and settings, several namespaces at a time",
    "Where the bridges are: they come up last",
    "Commands, when all else is there: `#:` tells whether one was carried out, `#<` takes it back",
)
"""Those of the waves, in their order."""


class KeptPlan(Plan):
    """A plan whose steps are made once, as a test goes through them again and again."""

    @cached_property
    def waves(self) -> tuple[Wave, ...]:
        return tuple([wave._replace(make=partial(_tell, tuple(wave.groups))) for wave in super().waves])


def _tell(groups: tuple[Group, ...], inventory: Inventory) -> Iterator[Group]:
    return iter(groups)


def fresh(topology: Topology) -> FakeKernel:
    """A system that has nothing but the namespaces and interfaces which the topology says are there already."""
    kernel = FakeKernel()
    for namespace in topology.namespaces:
        if namespace.external:
            kernel.run(("ip", "netns", "add", namespace.name))
            kernel.run(("ip", "-n", namespace.name, "link", "set", "dev", "lo", "up"))
    for namespace in topology.everywhere():
        for interface in namespace.interfaces:
            kernel.add_device(interface.name, namespace=namespace.name)
        for bridge in namespace.bridges:
            if bridge.external:
                kernel.add_device(bridge.name, "bridge", namespace.name)
    return kernel


def made(topology: Topology) -> tuple[Plan, FakeKernel, Record]:
    """The plan, and a system in which setup has run, with its record."""
    plan, kernel, record = KeptPlan(topology), fresh(topology), Record()
    set_up(plan, kernel, record)
    return plan, kernel, record


def parse(*addresses: str) -> tuple[Cidr, ...]:
    return tuple(map(parse_cidr, addresses))


def untrue(plan: Plan, kernel: FakeKernel) -> list[str]:
    """The facts of a plan that do not hold."""
    facts = kernel.facts()
    return [fact(step) for step in plan.steps() if not holds(step, facts, kernel)]


def network(plan: Plan, kernel: FakeKernel) -> set[str]:
    """All facts but the settings that the plan says nothing of: an interface that is made anew has them as they are."""
    settings = {fact(step) for step in plan.steps()}
    return {text for text in kernel.facts() if ": net." not in text or text in settings}


def steps_of(wave: Wave) -> Iterator[Step]:
    for group in wave.groups:
        yield from group.steps
