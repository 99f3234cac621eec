"""A small model of the kernel: what the commands of a plan do to namespaces, and what it says where it refuses them.

`FakeKernel.run` carries out the argv of a step, `FakeKernel.facts` tells what is true then, in the words of steps.  It
models what matters to the order of commands and to what they take along: a route needs its device up and its next hop
on a network of it, a veth goes with its peer, a macvlan with its parent, a link that goes down loses routes, a port that leaves its bridge loses
its options and VLANs.  A command that it does not know raises `UnknownCommand`; it never guesses.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import cast

from fake_files import Files
from fake_filter import Filter
from fake_links import (
    change_fdb,
    change_link,
    change_vlan,
    read_pairs,
    read_route,
    refuse_vxlan,
    set_bridge_option,
    split_words,
)
from fake_namespace import BRIDGE_DEFAULTS, LO, Link, Refusal, Space, UnknownCommand
from fake_nft import Joined
from fake_shaping import change_shaping

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.quoting import quote_words
from k8snet_scripts.topology import FLOODED

HOST = "host"
QUEUES = ("numtxqueues", "numrxqueues")
"""Of which nothing is known here: nobody looks at them again."""

_OF_ADDRESSES = ("nodad", "noprefixroute")


class FakeKernel:
    """The whole system: the host, and the namespaces that have a name."""

    def __init__(self) -> None:
        self.serials = 0
        self.spaces: dict[str, Space] = {}
        self.files = Files()
        self._filters: dict[str, Filter] = {}
        self.joined = Joined()  # of the host
        self._told: frozenset[str] | None = None  # the facts, as long as nothing changes them
        self._add_space(HOST).links[LO].up = True

    def copy(self) -> FakeKernel:
        """A system of its own in the same state."""
        told, self._told = self._told, None
        made = cast(FakeKernel, pickle.loads(pickle.dumps(self)))  # a deep copy, in a fraction of the time
        self._told = made._told = told
        return made

    def facts(self) -> set[str]:
        """Everything that is true, `OWNER: WORDS`."""
        if self._told is None:
            self._told = frozenset(self._tell())
        return set(self._told)

    def _tell(self) -> set[str]:
        of_spaces = {
            f"{name}{' ' if owner else ''}{owner}: {words}"
            for name, space in self.spaces.items()
            for owner, words in space.tell()
        }
        rules = {f"{name}: {words}" for name, rules in self._filters.items() for words in rules.tell()}
        return of_spaces | rules | {f"{HOST}: {words}" for words in (*self.files.tell(), *self.joined.tell())}

    def add_device(self, name: str, kind: str = "device", namespace: str = HOST) -> None:
        """An interface that no script made; a `bridge` or a `device`, and up."""
        self._told = None
        link = self._new_link(namespace, name, kind, {})
        link.up = True
        self.spaces[namespace].add_link(link)

    def run(self, argv: Sequence[str]) -> None:
        """Carry out a command.  Raises `Refusal` with the words of the real system, or `UnknownCommand`."""
        self._told = None
        match list(argv):
            case ["ip", "netns", "add", name]:
                self._add_space(name)
            case ["ip", "netns", "delete", name]:
                self._drop_space(name)
            case ["ip", "netns", "exec", name, *command]:
                self._program(self._space(name), command)
            case ["ip", "-n", name, "link" | "address" | "route" | "neigh" as noun, verb, *words]:
                self._ip(name, self._space(name), noun, verb, words)
            case ["ip", "link" | "address" | "route" | "neigh" as noun, verb, *words]:
                self._ip(HOST, self.spaces[HOST], noun, verb, words)
            case ["bridge", "-n", name, "vlan", "add" | "delete" as verb, *words]:
                change_vlan(self._space(name), verb, words)
            case ["bridge", "vlan", "add" | "delete" as verb, *words]:
                change_vlan(self.spaces[HOST], verb, words)
            case ["bridge", "-n", name, "fdb", verb, lladdr, "dev", link, "dst", dst]:
                change_fdb(self._space(name).link(link), verb, (lladdr, dst))
            case ["bridge", "fdb", verb, lladdr, "dev", link, "dst", dst]:
                change_fdb(self.spaces[HOST].link(link), verb, (lladdr, dst))
            case ["tc", "-n", name, noun, verb, "dev", link, *words]:
                change_shaping(self._space(name), (noun, verb), link, words)
            case ["tc", noun, verb, "dev", link, *words]:
                change_shaping(self.spaces[HOST], (noun, verb), link, words)
            case command if not self.files.run(command):
                self._program(self.spaces[HOST], command)

    # Namespaces

    def _space(self, name: str) -> Space:
        if name not in self.spaces or name == HOST:
            raise Refusal(f'Cannot open network namespace "{name}": No such file or directory')
        return self.spaces[name]

    def _add_space(self, name: str) -> Space:
        if name in self.spaces:
            raise Refusal(f'Cannot create namespace file "/run/netns/{name}": File exists')
        self.serials += 1
        space = self.spaces[name] = Space(self.serials)
        for key, value in self.spaces[HOST].sysctls.items():  # only those of IPv4
            if key.startswith(("net.ipv4.conf.all.", "net.ipv4.conf.default.")):
                space.sysctls[key] = value
        lo = Link(LO, "loopback", "00:00:00:00:00:00", mtu=65536)
        space.add_link(lo)
        return space

    def _drop_space(self, name: str) -> None:
        for link in list(self._space(name).links.values()):
            if link.peer and link.name in self.spaces[name].links:
                self._drop_link(name, link)
        del self.spaces[name]
        self._filters.pop(name, None)

    # Links

    def _ip(self, name: str, space: Space, noun: str, verb: str, words: list[str]) -> None:
        match noun, verb, words:
            case "link", "add", ["name", link, *rest]:
                self._add_link(name, space, link, rest)
            case "link", "set", ["dev", link, *change]:
                before = space.mtu(space.link(link))
                change_link(space, space.link(link), change)
                if change[0] == "mtu":
                    self._settle_mtu(name, space.link(link), before)
            case "link", "delete", ["dev", link]:
                self._drop_link(name, space.link(link))
            case "link", "delete", ["group", group]:
                for one in [link for link in space.links.values() if link.group == group]:
                    if one.name in space.links:  # its peer may have been one of them
                        self._drop_link(name, one)
            case "link", "show", ["dev", link]:
                space.link(link)
            case "link", "show", ["dev", link, "type", "bridge"]:
                space.link(link)  # of another type, it is shown as nothing at all
            case "address", "add" | "delete", [address, "brd", "+", *rest] | [address, *rest]:
                if len(rest) < 2 or rest[0] != "dev" or [word for word in rest[2:] if word not in _OF_ADDRESSES]:
                    raise UnknownCommand(f"ip address {verb} {' '.join(words)}")
                if verb == "add":
                    space.add_address(space.link(rest[1]), parse_cidr(address), "noprefixroute" in rest)
                else:
                    space.drop_address(space.link(rest[1]), parse_cidr(address))
            case "neigh", "replace", [address, "lladdr", lladdr, "dev", link, "nud", "permanent"]:
                space.link(link).neighbours[address] = lladdr
            case "neigh", "delete", [address, "dev", link]:
                if space.link(link).neighbours.pop(address, None) is None:
                    raise Refusal("RTNETLINK answers: No such file or directory")
            case "route", "add" | "prepend", _:
                space.add_route(read_route(words))
            case "route", "delete", _:
                space.drop_route(read_route(words), "metric" in words)
            case _:
                raise UnknownCommand(f"ip {noun} {verb} {' '.join(words)}")

    def _add_link(self, namespace: str, space: Space, name: str, words: list[str]) -> None:
        own, rest = split_words(words, "type")
        given = read_pairs(own, ("mtu", "address", "group", "master", "link", "netns", *QUEUES), ("up",))
        match rest:
            case ["bridge", *options]:
                link = self._new_link(namespace, name, "bridge", given)
                space.add_link(link)
                for key, value in read_pairs(options, tuple(BRIDGE_DEFAULTS)).items():
                    set_bridge_option(space, link, key, value)
                pvid = int(link.options["vlan_default_pvid"])
                if pvid:
                    link.join_vlan(pvid, ("pvid", "untagged"))
            case ["ifb"]:
                space.add_link(self._new_link(namespace, name, "ifb", given))
            case ["macvlan", "mode", mode]:
                self._add_macvlan(namespace, name, given, mode)
            case ["vxlan", *options]:
                told = read_pairs(options, ("id", "local", "remote", "group", "dev", "dstport"), ("nolearning",))
                link = self._new_link(namespace, name, "vxlan", given)
                link.options = {key: value for key, value in told.items() if key != "nolearning"}
                link.options["learning"] = "false" if "nolearning" in told else "true"
                refuse_vxlan(space, link)
                space.add_link(link)
                link.fdb = [(FLOODED, told[key]) for key in ("remote", "group") if key in told]
                if "master" in given:
                    space.enslave(link, given["master"])
            case ["veth", "peer", "name", other, *others]:
                told = read_pairs(others, ("mtu", "address", "group", "netns", *QUEUES))
                there = told.get("netns", namespace)
                if there not in self.spaces or "netns" in told and there == HOST:
                    raise Refusal(f'Error: argument "{there}" is wrong: Invalid "netns" value')
                link = self._new_link(namespace, name, "veth", given)
                peer = self._new_link(there, other, "veth", told)
                link.peer, peer.peer = (there, other), (namespace, name)
                if other in self.spaces[there].links or (namespace, name) == (there, other):
                    raise Refusal("RTNETLINK answers: File exists")
                if "master" in given and space.link(given["master"]).kind != "bridge":
                    raise Refusal("RTNETLINK answers: Operation not supported")
                space.add_link(link)
                self.spaces[there].add_link(peer)
                if "master" in given:
                    space.enslave(link, given["master"])
                link.up = "up" in given
            case _:
                raise UnknownCommand(f"link add name {name} {' '.join(words)}")
        space.settle()

    def _add_macvlan(self, home: str, name: str, given: dict[str, str], mode: str) -> None:
        parent, there = self.spaces[home].link(given["link"]), given.get("netns", home)
        children = self._children(home, parent.name)
        if parent.master or parent.kind not in ("veth", "device"):
            raise Refusal("RTNETLINK answers: Device or resource busy")
        if children and "passthru" in (mode, *(child.options["mode"] for _, child in children)):
            raise Refusal("RTNETLINK answers: Invalid argument")
        link = self._new_link(there, name, "macvlan", given)
        link.parent, link.options = (home, parent.name), {"mode": mode}
        most = self.spaces[home].mtu(parent)
        if "mtu" not in given:
            link.mtu = most
        elif int(given["mtu"]) > most:
            raise Refusal("RTNETLINK answers: Invalid argument")
        if there == HOST != home:
            raise Refusal(f'Error: argument "{there}" is wrong: Invalid "netns" value')
        self.spaces[there].add_link(link)

    def _children(self, namespace: str, name: str) -> list[tuple[str, Link]]:
        """The macvlans of an interface, with their namespaces."""
        links = [(home, link) for home, space in self.spaces.items() for link in space.links.values()]
        return [(home, link) for home, link in links if link.parent == (namespace, name)]

    def _settle_mtu(self, namespace: str, link: Link, before: int) -> None:
        """A macvlan has no larger MTU than its parent, which takes it along when it gets a smaller one."""
        mtu = self.spaces[namespace].mtu(link)
        if link.parent:
            home, name = link.parent
            if mtu > self.spaces[home].mtu(self.spaces[home].links[name]):
                link.mtu = before
                raise Refusal("RTNETLINK answers: Invalid argument")
        for home, child in self._children(namespace, link.name):
            child.mtu = min(mtu, self.spaces[home].mtu(child))
            self.spaces[home].settle()

    def _new_link(self, namespace: str, name: str, kind: str, given: dict[str, str]) -> Link:
        lladdr = given.get("address", f"one that {namespace} {name} got by itself")
        mtu = int(given["mtu"]) if "mtu" in given else None if kind == "bridge" else 1500
        options = dict(BRIDGE_DEFAULTS) if kind == "bridge" else {}
        return Link(name, kind, lladdr, given.get("group", "0"), mtu=mtu, options=options)

    def _drop_link(self, namespace: str, link: Link) -> None:
        if link.kind not in ("veth", "bridge", "vxlan", "macvlan", "ifb"):
            raise Refusal("RTNETLINK answers: Operation not supported")
        for home, name in ((namespace, link.name), *([link.peer] if link.peer else [])):
            for there, child in self._children(home, name):
                self.spaces[there].drop_link(child.name)
            self.spaces[home].drop_link(name)

    # Other programs

    def _filter(self, space: Space) -> Filter:
        name = next(name for name, other in self.spaces.items() if other is space)
        return self._filters.setdefault(name, Filter())

    def _program(self, space: Space, command: list[str]) -> None:
        match command:
            case ["bash", "-c", line]:
                words, arrow, path = line.partition(" >/proc/sys/")
                if not words.startswith("echo ") or not arrow:
                    raise UnknownCommand(line)
                space.write_sysctl(path, words.removeprefix("echo "))
            case ["nft", "delete", "table", family, table]:
                if f"{family} {table}" not in space.tables:
                    raise Refusal("Error: Could not process rule: No such file or directory")
                del space.tables[f"{family} {table}"]
            case ["nft", commands] if "; table " not in commands:
                self.joined.run(commands)
            case ["nft", ruleset]:
                add, delete, table = ruleset.split("; ", 2)
                name = add.removeprefix("add table ")
                if delete != f"delete table {name}" or not table.startswith(f"table {name} {{ "):
                    raise UnknownCommand(ruleset)
                space.tables[name] = ruleset
            case ["iptables" | "ip6tables" as tool, "--wait", *words]:
                self._filter(space).run(tool, words)
            case ["do", *words]:
                space.done[quote_words(command)] = None
            case ["undo", *words]:
                if space.done.pop(quote_words(["do", *words]), "") is not None:
                    raise Refusal("undo: not done")
            case _:
                raise UnknownCommand(" ".join(command))
