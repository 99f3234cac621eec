"""What the scripts do, said in Python: read the state, compare it with the plan, carry out the difference, take it back.

It is a second, independent account of `templates/shell`, for the fake kernel.  What a removal takes along is found by
trying it out on a copy of the kernel, where the scripts have to know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from fake_kernel import FakeKernel

from k8snet_scripts.commands import COMMAND
from k8snet_scripts.plan import Plan
from k8snet_scripts.steps import Argv, Sign, Step
from k8snet_scripts.topology import FLOODED, HOST

Order = Callable[[dict[str, list[Argv]]], Iterable[Argv]]
"""In what order the commands of one wave are carried out, given them by the namespace that they are carried out in."""


class Foreign(Exception):
    """Something of a wanted name is there that this topology did not make, or something that it needs is not."""


@dataclass
class Record:
    """What is known as ours from one run to the next."""

    namespaces: dict[str, int] = field(default_factory=dict)  # the identity that each had when it was made
    used: dict[str, int] = field(default_factory=dict)  # the same of namespaces of others, when they were used
    undo: dict[str, Argv] = field(default_factory=dict)  # what takes back a fact made true on something of others

    def forget_strangers(self, kernel: FakeKernel) -> None:
        """What was borrowed in a namespace that is gone is no more, whatever has its name now."""
        for name, serial in self.used.items():
            if name not in kernel.spaces or kernel.spaces[name].serial != serial:
                self.undo = {key: argv for key, argv in self.undo.items() if key.replace(":", " ").split()[0] != name}


@dataclass
class Difference:
    """The commands of a run, by wave and place: what removes, what deletes namespaces, then the waves of the plan.

    `undo` has what takes back the borrowed facts.
    """

    waves: list[dict[str, list[Argv]]]
    undo: dict[str, Argv] = field(default_factory=dict)

    def add(self, wave: int, argv: Argv) -> None:
        self.waves[wave].setdefault(place(argv), []).append(argv)


def place(argv: Argv) -> str:
    """The namespace whose batch a command is in."""
    if argv[:3] == ("ip", "netns", "exec"):
        return argv[3]
    return argv[2] if argv[0] in ("ip", "bridge", "tc") and argv[1] == "-n" else HOST


def in_turn(wave: dict[str, list[Argv]]) -> Iterator[Argv]:
    """The host's commands first, then those of each namespace."""
    yield from wave.get(HOST, ())
    for where, commands in wave.items():
        if where != HOST:
            yield from commands


def fact(step: Step) -> str:
    return f"{step.owner}: {step.words}"


def holds(step: Step, facts: set[str], kernel: FakeKernel) -> bool:
    """Whether a fact is true; of what nft is told also whether it is just what the command would load."""
    if fact(step) not in facts:
        return False
    if step.words.startswith(("nft chain ", "nft element ")):
        return kernel.joined.would_stay(step.argv[-1])
    return not step.words.startswith("nft ") or step.argv[-1] in kernel.spaces[step.owner].tables.values()


def set_up(plan: Plan, kernel: FakeKernel, record: Record, order: Order = in_turn) -> list[Argv]:
    """What setup.sh does; the commands that it carried out."""
    difference = compare(plan, kernel, record)
    executed = [argv for wave in difference.waves for argv in order(wave)]
    for argv in executed:
        if not has_gone(argv, kernel):
            kernel.run(argv)
    wanted = {fact(step) for step in plan.steps()}
    record.namespaces = {name: kernel.spaces[name].serial for name in plan.namespaces}
    record.used = {name: kernel.spaces[name].serial for name in plan.externals}
    undo = {**record.undo, **{key: argv for key, argv in difference.undo.items() if key not in record.undo}}
    record.undo = {key: argv for key, argv in undo.items() if key in wanted}
    return executed


def has_gone(argv: Argv, kernel: FakeKernel) -> bool:
    """Whether a command deletes an interface that went before, with one of another namespace: its peer was below it."""
    return argv[-4:-1] == ("link", "delete", "dev") and argv[-1] not in kernel.spaces[place(argv)].links


def tear_down(plan: Plan, kernel: FakeKernel, record: Record) -> list[Argv]:
    """What teardown.sh does: borrowed facts, then the links where others are, then the namespaces."""
    record.forget_strangers(kernel)
    facts, later = kernel.facts(), kernel.copy()
    executed = [argv for key, argv in reversed(record.undo.items()) if key in facts]
    for name in (HOST, *record.used):
        if any(link.group == str(plan.mark) for link in later.spaces[name].links.values() if name in later.spaces):
            executed.append((*_ip(name), "link", "delete", "group", str(plan.mark)))
            later.run(executed[-1])
    for name, serial in record.namespaces.items():
        if name in kernel.spaces and kernel.spaces[name].serial == serial:
            executed.append(("ip", "netns", "delete", name))
    for argv in executed:
        kernel.run(argv)
    record.namespaces.clear()
    record.used.clear()
    record.undo.clear()
    return executed


def compare(plan: Plan, kernel: FakeKernel, record: Record) -> Difference:
    """What a run would carry out now.  Raises `Foreign`."""
    record.forget_strangers(kernel)
    comparison = _Comparison(plan, kernel, record)
    comparison.refuse_foreign()
    comparison.remove_leftovers()
    comparison.take_back_vlans()
    comparison.remove_extras()
    comparison.add_missing()
    return comparison.found


class _Comparison:
    def __init__(self, plan: Plan, kernel: FakeKernel, record: Record) -> None:
        self.plan = plan
        self.steps = list(plan.steps())
        companions = [step for wave in plan.waves for group in wave.groups for step in group.companions]
        self.ways_back = {fact(step): step.argv for step in companions if step.sign is Sign.UNDO}
        self.before = kernel
        self.record = record
        self.kernel = kernel.copy()  # as it will be after what is removed
        self.foreseen: list[Step] = []  # what has been done to that copy already
        self.found = Difference([{} for _ in range(len(plan.waves) + 2)])
        self.makings = [step for step in self.steps if step.sign is Sign.MAKE and step.words != "namespace"]
        self.modelled = {name for step in self.makings for name in (step.owner, _peer(step)) if name}
        self.modelled |= {f"{name} lo" for name in plan.namespaces}
        self.places = [name for name in (HOST, *plan.namespaces, *plan.externals) if name in kernel.spaces]
        self.places += [name for name in record.used if name not in self.places and name in kernel.spaces]

    def exists(self, interface: str) -> bool:
        namespace, _, name = interface.partition(" ")
        return namespace in self.kernel.spaces and name in self.kernel.spaces[namespace].links

    def owns(self, interface: str) -> bool:
        namespace, _, name = interface.partition(" ")
        return self.kernel.spaces[namespace].links[name].group == str(self.plan.mark)

    def refuse_foreign(self) -> None:
        for name in self.plan.namespaces:
            if name in self.kernel.spaces and self.record.namespaces.get(name) != self.kernel.spaces[name].serial:
                raise Foreign(name)
        for step in self.makings:
            for interface in (step.owner, _peer(step)):
                if interface and self.exists(interface) and not self.owns(interface):
                    raise Foreign(interface)
        facts = self.kernel.facts()
        for step in self.steps:
            path, _, content = step.words.removeprefix("file ").partition(" ")
            if content and path in self.kernel.files.contents and not holds(step, facts, self.kernel):
                raise Foreign(path)
            if step.sign is Sign.NEED and not holds(step, facts, self.kernel):
                raise Foreign(fact(step))

    def remove(self, argv: Argv) -> None:
        self.found.add(1 if argv[:3] == ("ip", "netns", "delete") else 0, argv)
        self.kernel.run(argv)

    def remove_link(self, interface: str) -> None:
        namespace, _, name = interface.partition(" ")
        self.remove((*_ip(namespace), "link", "delete", "dev", name))

    def remove_leftovers(self) -> None:
        """Also what others are given back that is no longer wanted of them."""
        facts, wanted = self.kernel.facts(), {fact(step) for step in self.steps}
        for key, argv in reversed(self.record.undo.items()):
            if key in facts and key not in wanted:
                self.remove(argv)
        facts = self.kernel.facts()
        for step in self.makings:
            if self.exists(step.owner) and not holds(step, facts, self.kernel):
                self.remove_link(step.owner)
                facts = self.kernel.facts()
        for step in self.makings:
            peer = _peer(step)
            if peer and not self.exists(step.owner) and self.exists(peer):
                self.remove_link(peer)
        for namespace in self.places:
            for name in list(self.kernel.spaces[namespace].links):
                interface = f"{namespace} {name}"
                if interface not in self.modelled and self.exists(interface) and self.owns(interface):
                    self.remove_link(interface)
        for name, serial in self.record.namespaces.items():
            space = self.kernel.spaces.get(name)
            if space and space.serial == serial and name not in (*self.plan.namespaces, *self.plan.externals):
                self.remove(("ip", "netns", "delete", name))

    def remove_extras(self) -> None:
        """Routes, addresses, VLANs and entries that are not wanted, of interfaces of ours.

        A VLAN whose flags alone are wrong is not removed, nor an entry that leads elsewhere: what adds it sets that.
        """
        wanted = {fact(step) for step in self.steps}
        members = {step.owner: step for step in self.steps if step.words.startswith("vlan ")}
        vids = {(step.owner, step.words.split()[1]) for step in self.steps if step.words.startswith("vlan ")}
        for namespace in self.places:
            for route in list(self.kernel.spaces[namespace].routes):
                is_ours = f"{namespace} {route.dev or 'lo'}" in self.modelled
                if is_ours and f"{namespace}: {route}" not in wanted:
                    words = str(route).split()[2:]
                    if route.family == 6:  # `default` alone would be that of IPv4
                        words = ["::/0" if word == "default" else word for word in words]
                    self.remove((*_ip(namespace), "route", "delete", *words))
        entries = {
            (step.owner, *step.words.split()[:2]) for step in self.steps if step.words.startswith(("fdb", "neigh"))
        }
        ports = {step.owner for step in self.steps if step.words.startswith("master ")}
        for interface in sorted(self.modelled):
            namespace, _, name = interface.partition(" ")
            if not self.exists(interface):
                continue
            link = self.kernel.spaces[namespace].links[name]
            if link.master and interface not in ports:
                self.remove((*_ip(namespace), "link", "set", "dev", name, "nomaster"))
            for address in list(link.addresses):
                alone = " noprefixroute" if address in link.alone else ""
                key = f"{interface}: inet{'6' if address.family == 6 else ''} {address}{alone}"
                if key not in wanted and address in link.addresses:
                    self.remove((*_ip(namespace), "address", "delete", str(address), "dev", name))
            for lladdr, dst in list(link.fdb):
                is_replaced = lladdr != FLOODED and (interface, "fdb", lladdr) in entries
                if f"{interface}: fdb {lladdr} dst {dst}" not in wanted and not is_replaced:
                    bridge = ("bridge",) if namespace == HOST else ("bridge", "-n", namespace)
                    self.remove((*bridge, "fdb", "delete", lladdr, "dev", name, "dst", dst))
            for neighbour in list(link.neighbours):
                if (interface, "neigh", neighbour) not in entries:
                    self.remove((*_ip(namespace), "neigh", "delete", neighbour, "dev", name))
            self.remove_shaping(interface, wanted)
            owner = f"{interface} port of {link.master}" if link.master else interface
            for vid in list(link.vlans):
                if owner in members and (owner, str(vid)) not in vids:
                    own = () if link.master else ("self",)
                    bridge = ("bridge",) if namespace == HOST else ("bridge", "-n", namespace)
                    self.remove((*bridge, "vlan", "delete", "dev", name, "vid", str(vid), *own))

    def remove_shaping(self, interface: str, wanted: set[str]) -> None:
        """A rate of an interface that has none, and a filter that leads elsewhere."""
        namespace, _, name = interface.partition(" ")
        link = self.kernel.spaces[namespace].links[name]
        tc = ("tc",) if namespace == HOST else ("tc", "-n", namespace)
        if link.rate and not any(text.startswith(f"{interface}: tbf ") for text in wanted):
            self.remove((*tc, "qdisc", "delete", "dev", name, "root"))
        if link.filtered and f"{interface}: ingress" not in wanted:
            self.remove((*tc, "qdisc", "delete", "dev", name, "ingress"))
        elif link.filters and f"{interface}: redirect {link.redirect}" not in wanted:
            self.remove((*tc, "filter", "delete", "dev", name, "ingress", "pref", "1"))

    def take_back_vlans(self) -> None:
        """A bridge that is told to hand out no VLAN by itself takes back the one that it has handed out."""
        facts = self.kernel.facts()
        for step in self.steps:
            if step.words == "vlan_default_pvid 0" and self.exists(step.owner) and not holds(step, facts, self.kernel):
                self.kernel.run(step.argv)
                self.foreseen.append(step)

    def add_missing(self) -> None:
        facts, before = self.kernel.facts(), self.before.facts()
        following = set(self.following(facts, before))
        for number, wave in enumerate(self.plan.waves, start=2):
            for step in (step for group in wave.groups for step in group.steps):
                doubtful = step in self.foreseen or step.owner in following and step.words.startswith("mtu ")
                if holds(step, facts, self.kernel) and not doubtful:
                    continue
                if step.sign is Sign.MEND and not self.exists(step.owner):
                    continue
                self.found.add(number, step.argv)
                if step.words.startswith(COMMAND):
                    back = self.ways_back.get(fact(step))
                else:
                    back = _inverse(step, before) if self.is_borrowed(step) else None
                if back:
                    self.found.undo[fact(step)] = back

    def following(self, facts: set[str], before: set[str]) -> Iterator[str]:
        """The bridges whose MTU is not to be relied on: it may follow a port that is about to change, or has gone."""
        for step in self.steps:
            namespace = step.owner.partition(" ")[0]
            if step.words.startswith("master ") and not holds(step, facts, self.kernel):
                yield f"{namespace} {step.words.removeprefix('master ')}"
            if step.words.startswith("mtu ") and not holds(step, facts, self.kernel):
                start = f"{step.owner}: master "
                yield from (f"{namespace} {text.removeprefix(start)}" for text in facts if text.startswith(start))
        for text in before - facts:
            owner, _, words = text.partition(": ")
            if words.startswith("master "):
                yield f"{owner.partition(' ')[0]} {words.removeprefix('master ')}"

    def is_borrowed(self, step: Step) -> bool:
        """Whether it is about something of the host, or of an external namespace, that this topology does not make."""
        namespace, _, name = step.owner.partition(" ")
        words = step.words.split()
        if words[0].startswith("net.") and words[0].split(".")[2] in ("conf", "neigh"):
            name = words[0].split(".")[3].replace("/", ".")
        if not name and "route" in words and "dev" in words:
            name = words[words.index("dev") + 1]
        is_ours = f"{namespace} {name.partition(' ')[0]}" in self.modelled
        return namespace not in self.plan.namespaces and not is_ours


def _ip(namespace: str) -> Argv:
    return ("ip",) if namespace == HOST else ("ip", "-n", namespace)


def _peer(step: Step) -> str:
    """The other end of the veth that a step makes, or nothing."""
    return step.words.removeprefix("veth, peer ") if step.words.startswith("veth, peer ") else ""


def _inverse(step: Step, before: set[str]) -> Argv | None:
    """What brings back how it was before, for each kind of fact that others can be given.

    None for an option of what was no port of that bridge before: it is gone as soon as it is none again.
    """
    argv, (key, _, value) = step.argv, step.words.partition(" ")
    start = f"{step.owner}: {key} "
    old = next((text.removeprefix(start) for text in before if text.startswith(start)), "")
    if key == "tbf":
        root = argv[: argv.index("root") + 1]
        return (*root, "tbf", *old.split()) if old else tuple("delete" if word == "replace" else word for word in root)
    if key == "redirect":
        return tuple("delete" if word == "add" else word for word in argv[: argv.index("protocol")])
    if key == "nft" and not value.startswith("table "):
        return _inverse_of_part(argv, value)
    if "add" in argv[:5]:
        return tuple("delete" if word == "add" else word for word in argv)
    if key == "file":
        return ("rm", "-f", value.partition(" ")[0])
    if key == "directory":
        return ("rmdir", "--ignore-fail-on-non-empty", value)
    if key == "nft":
        return (*argv[:-1], "delete", *step.words.split()[1:])
    if key in ("iptables", "ip6tables"):
        at = argv.index("--wait") + 1
        match argv[at:]:
            case ("-N", chain):
                return (*argv[:at], "-X", chain)
            case ("-A", *rule) | ("-I", *rule):
                return (*argv[:at], "-D", *(word for word in rule if word != "1"))
    if "bash" in argv:
        return (*argv[:-1], argv[-1].replace(f"echo {value} ", f"echo {old} ", 1))
    if key == "master":
        return (*argv[:-1], old) if old else (*argv[:-2], "nomaster")
    if "bridge_slave" in argv:
        return (*argv[:-1], {"true": "on", "false": "off"}.get(old, old)) if old else None
    raise AssertionError(f"nothing that others are given: {step}")


def _inverse_of_part(argv: Argv, part: str) -> Argv | None:
    """The same for a part of an nft table that others have, too: a base chain goes with the table."""
    text = argv[-1]
    if text.startswith("add table "):
        table = text.partition("; ")[0].removeprefix("add ")
        return ("nft", f"delete {part}; delete {table}")
    if " hook " in text:
        return None
    if text.startswith("add element "):
        return ("nft", f"delete {text.removeprefix('add ').partition(' : ')[0]} }}")
    return ("nft", f"delete {part}")
