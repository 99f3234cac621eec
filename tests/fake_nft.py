"""The part of the fake kernel that nft speaks to where several topologies have a table in common: chains, and maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from fake_namespace import Refusal, UnknownCommand

_ELEMENT = re.compile(r'(\S+ \S+ \S+) \{ "?([^"{}]+?)"?(?: : jump (\S+))? \}')


@dataclass
class Joined:
    """Tables, chains and maps by family and name; of a chain the rules, of a map the chain that each element leads to."""

    tables: set[str] = field(default_factory=set)
    chains: dict[str, list[str]] = field(default_factory=dict)
    maps: dict[str, dict[str, str]] = field(default_factory=dict)

    def copy(self) -> Joined:
        chains = {name: list(rules) for name, rules in self.chains.items()}
        return Joined(set(self.tables), chains, {name: dict(map) for name, map in self.maps.items()})

    def run(self, commands: str) -> None:
        """Carry out all of them or none.  Raises `Refusal` or `UnknownCommand`."""
        after = self.copy()
        for command in re.split(r"; (?=add|flush|delete)", commands):
            verb, what, rest = command.split(" ", 2)
            after._act(verb, what, rest)
        self.__dict__.update(after.__dict__)

    def would_stay(self, commands: str) -> bool:
        """Whether commands that add would change nothing."""
        after = self.copy()
        after.run(commands)
        return after == self

    def tell(self) -> Iterator[str]:
        """The facts about it."""
        yield from (f"nft chain {name}" for name in self.chains)
        for name, elements in self.maps.items():
            yield from (f"nft element {name} {key} jump {chain}" for key, chain in elements.items())

    def _act(self, verb: str, what: str, rest: str) -> None:
        family, table, *words = rest.split(" ")
        name = " ".join((family, table, *words[:1]))
        if (verb, what) != ("add", "table") and f"{family} {table}" not in self.tables:
            raise Refusal("Error: No such file or directory")
        match verb, what:
            case "add", "table":
                self.tables.add(rest)
            case "delete", "table":
                self.tables.remove(rest)
                for kind in (self.chains, self.maps):
                    for key in [key for key in kind if key.startswith(f"{rest} ")]:
                        del kind[key]
            case "add", "chain":
                self.chains.setdefault(name, [" ".join(words[1:])])
            case "flush", "chain":
                del self._chain(name)[1:]
            case "add", "rule":
                self._chain(name).append(" ".join(words[1:]))
            case "add", "map":
                self.maps.setdefault(name, {})
            case "add", "element":
                self._add_element(rest)
            case "delete", "element":
                self._delete_element(rest)
            case "delete", "chain":
                self._chain(name)
                if self._leads_to(f"{family} {table} ", words[0]):
                    raise Refusal("Error: Could not process rule: Device or resource busy")
                del self.chains[name]
            case _:
                raise UnknownCommand(f"nft {verb} {what} {rest}")

    def _chain(self, name: str) -> list[str]:
        if name not in self.chains:
            raise Refusal("Error: No such file or directory")
        return self.chains[name]

    def _leads_to(self, table: str, chain: str) -> bool:
        rules = (rule for name, rules in self.chains.items() if name.startswith(table) for rule in rules)
        elements = (end for name, map in self.maps.items() if name.startswith(table) for end in map.values())
        return chain in elements or any(rule.split()[-2:] == ["goto", chain] for rule in rules)

    def _add_element(self, text: str) -> None:
        elements, key, chain = self._read_element(text)
        self._chain(f"{' '.join(text.split()[:2])} {chain}")
        if elements.setdefault(key, chain) != chain:
            raise Refusal("Error: Could not process rule: File exists")

    def _delete_element(self, text: str) -> None:
        elements, key, _ = self._read_element(text)
        if key not in elements:
            raise Refusal("Error: Could not process rule: No such file or directory")
        del elements[key]

    def _read_element(self, text: str) -> tuple[dict[str, str], str, str]:
        """The elements of a map, a key, and where it is to lead."""
        found = _ELEMENT.fullmatch(text)
        if not found:
            raise UnknownCommand(f"nft element {text}")
        name, key, chain = found.groups()
        return self.maps[name], key.replace(" ", ""), chain or ""
