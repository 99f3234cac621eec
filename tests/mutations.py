"""What may happen to a network behind the back of its scripts: each fact of a plan undone, and things that nobody wants.

A mutation is a list of commands for the fake kernel.
"""

from __future__ import annotations

from collections.abc import Iterator

from k8snet_scripts.plan import Plan
from k8snet_scripts.steps import Argv, Sign, Step, ip
from k8snet_scripts.topology import FLOODED, HOST

Mutation = tuple[Argv, ...]

OTHER_VALUES = {
    "mtu": "1300",
    "address": "02:00:00:00:ff:ff",
    "forward_delay": "700",
    "hello_time": "300",
    "max_age": "1900",
    "ageing_time": "100",
    "priority": "7",
    "cost": "9",
    "group_fwd_mask": "16",
    "txqlen": "5",
    "local": "192.0.2.7",
    "remote": "192.0.2.8",
    "group": "ff05::99",
    "mode": "source",
}


def mutations(plan: Plan) -> Iterator[Mutation]:
    """Every mutation of what a plan has made.  The kernel may refuse those that add something."""
    made = [step for step in plan.steps() if step.sign is Sign.MAKE]
    owned = {step.owner: None for step in made if step.words != "namespace"}
    owned |= {step.words.removeprefix("veth, peer "): None for step in made if step.words.startswith("veth, ")}
    bridges = [step.owner for step in made if step.words == "bridge"]
    for step in plan.steps():
        if step.sign is not Sign.NEED:
            is_alone = step.owner.partition(" ")[0] in plan.namespaces
            yield from _undo(step, bridges, step.owner.partition(" port of ")[0] in owned, is_alone)
    for namespace in (HOST, *plan.namespaces, *plan.externals):
        yield ((*ip(namespace), "link", "add", "name", "leftover", "group", str(plan.mark), "type", "bridge"),)
    for namespace, _, name in (owner.partition(" ") for owner in (*owned, *(f"{name} lo" for name in plan.namespaces))):
        yield ((*ip(namespace), "address", "add", "192.0.2.9/24", "dev", name),)
        yield ((*ip(namespace), "address", "add", "2001:db8:9::9/64", "dev", name),)
        yield ((*ip(namespace), "route", "add", "198.51.100.0/24", "dev", name),)
        yield ((*ip(namespace), "route", "add", "2001:db8:99::/64", "dev", name, "metric", "9"),)
        yield ((*ip(namespace), "link", "set", "dev", name, "down"), (*ip(namespace), "link", "set", "dev", name, "up"))


def _undo(step: Step, bridges: list[str], is_owned: bool, is_alone: bool) -> Iterator[Mutation]:
    """How a fact could end.  Of a thing that is not owned nothing is said that others may have wanted.

    `is_alone` says whether nobody else has routes where it is.
    """
    argv, key = step.argv, step.words.split()[0]
    namespace, _, name = step.owner.partition(" ")
    if key == "namespace":
        yield (("ip", "netns", "delete", namespace),)
    elif step.sign is Sign.MAKE:
        yield ((*ip(namespace), "link", "delete", "dev", name),)
    elif key == "up":
        yield ((*argv[:-1], "down"),)
    elif key == "master":
        yield ((*argv[:-2], "nomaster"),)
        yield from (((*argv[:-1], other.split()[1]),) for other in bridges if other.split()[0] == namespace)
    elif key == "vlan":
        *change, vid = (word for word in argv if word not in ("pvid", "untagged", "self"))
        own = ("self",) if "self" in argv else ()
        yield ((*("delete" if word == "add" else word for word in change), vid, *own),)
        yield ((*change, vid, *(() if "pvid" in argv else ("untagged",)), *own),)
        if is_owned:
            yield ((*change, "4000", "pvid", "untagged", *own),)
    elif key == "inet6" and "address" in argv and not is_owned:
        pass  # with it, the kernel takes the source from routes that name it, which then are not ours to remove
    elif key == "fdb":
        words = step.words.split()
        yield ((*("delete" if word in ("append", "replace") else word for word in argv),),)
        if words[1] != FLOODED:
            yield ((*argv[:-1], "192.0.2.9"),)
        before = argv[: argv.index("fdb") + 1]
        yield ((*before, "append", FLOODED, "dev", name, "dst", "192.0.2.9"),)
        yield ((*before, "replace", "02:00:00:00:00:99", "dev", name, "dst", "192.0.2.9"),)
    elif key == "neigh":
        start = argv[: argv.index("neigh") + 1]
        yield ((*start, "delete", step.words.split()[1], "dev", name),)
        for address in (step.words.split()[1], "192.0.2.5", "2001:db8::5"):
            yield ((*start, "replace", address, "lladdr", "02:00:00:00:00:99", "dev", name, "nud", "permanent"),)
    elif key == "learning" and argv[-2] == "vxlan":
        yield ((*argv[:-1], "learning" if argv[-1] == "nolearning" else "nolearning"),)
    elif key == "group":
        yield ((*argv[:-3], OTHER_VALUES[key], *argv[-2:]),)
    elif key == "dev":
        pass  # another one may have no room
    elif key == "tbf":
        root = argv[: argv.index("root") + 1]
        yield (tuple("delete" if word == "replace" else word for word in root),)
        yield ((*root, *["tbf", "rate", "8kbit", "burst", "9999", "latency", "7ms"]),)
    elif key == "redirect":
        without = tuple("delete" if word == "add" else word for word in argv[: argv.index("protocol")])
        yield (without,)
        yield without, (*argv[:-1], "lo")
        yield ((*ip(namespace), "link", "delete", "dev", argv[-1]),)
    elif "add" in argv:
        without = tuple("delete" if word == "add" else word for word in argv)
        yield (without,)
        if "route" in argv and is_alone:
            yield without, _dead_end(argv)  # in its place
    elif key.startswith("net."):
        value = "7" if step.words.endswith(" 0") else "0"
        yield ((*argv[:-1], f"echo {value} {argv[-1][argv[-1].index('>') :]}"),)
    elif key == "file":
        yield (("rm", "-f", step.words.split()[1]),)
    elif key == "directory":
        pass  # it is not empty
    elif key in ("iptables", "ip6tables"):
        if argv[-1] in ("ACCEPT", "DROP", "RETURN"):  # a chain holds others, and a jump leads to them
            yield ((*argv[: argv.index("--wait") + 1], "-D", *_rule(argv)),)
    elif key == "command":
        yield (("ip", "netns", "exec", namespace, "undo", *argv[5:]),)
    elif key == "nft":
        yield ((*argv[:-1], "delete", *step.words.split()[1:]),)
        yield ((*argv[:-1], argv[-1].replace("policy accept;", "policy drop;")),)
    else:
        other = {"on": "off", "off": "on"}.get(argv[-1]) or OTHER_VALUES.get(key) or {"0": "1", "1": "0"}[argv[-1]]
        yield ((*argv[:-1], other),)


def _rule(argv: Argv) -> Argv:
    """The chain and the words of a rule that a command adds."""
    chain, *rest = argv[argv.index("--wait") + 2 :]
    return (chain, *(rest[1:] if "-I" in argv else rest))


def _dead_end(argv: Argv) -> Argv:
    """The command for a route that takes the place of another one, and leads nowhere."""
    start = argv.index("add") + 1
    kept = [at for at, word in enumerate(argv) if word in ("metric", "table")]
    kind = "blackhole" if argv[start] != "blackhole" else "prohibit"
    to = argv[start + 1] if argv[start] in ("blackhole", "unreachable", "prohibit") else argv[start]
    to = "::/0" if to == "default" and any(":" in word for word in argv) else to
    return (*argv[:start], kind, to, *(word for at in kept for word in argv[at : at + 2]))
