"""The part of the fake kernel that iptables speaks to: the chains and rules of the table `filter`, by tool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fake_namespace import Refusal, UnknownCommand

BUILT_IN = ("INPUT", "FORWARD", "OUTPUT")
VERDICTS = ("ACCEPT", "DROP", "RETURN")


class Filter:
    """The rules of one namespace; each is the words after its chain, as `iptables -S` prints them."""

    def __init__(self) -> None:
        self.chains: dict[str, dict[str, list[str]]] = {
            tool: {name: [] for name in BUILT_IN} for tool in ("iptables", "ip6tables")
        }

    def run(self, tool: str, words: Sequence[str]) -> None:
        """Carry out `iptables --wait WORDS`.  Raises `Refusal` or `UnknownCommand`."""
        chains = self.chains[tool]
        match list(words):
            case ["-N", chain]:
                if chain in chains:
                    raise Refusal(f"{tool}: Chain already exists.")
                chains[chain] = []
            case ["-X", chain]:
                others = (rule for rules in chains.values() for rule in rules)
                if chains.get(chain) != [] or chain in BUILT_IN or any(rule.endswith(f" {chain}") for rule in others):
                    raise Refusal(f"{tool}: Directory not empty")
                del chains[chain]
            case ["-A", chain, *rule]:
                self._chain(tool, chain, rule).append(spelt_rule(rule))
            case ["-I", chain, "1", *rule]:
                self._chain(tool, chain, rule).insert(0, spelt_rule(rule))
            case ["-D", chain, *rule]:
                if spelt_rule(rule) not in chains.get(chain, []):
                    raise Refusal(f"{tool}: Bad rule (does a matching rule exist in that chain?).")
                chains[chain].remove(spelt_rule(rule))
            case _:
                raise UnknownCommand(f"{tool} {' '.join(words)}")

    def _chain(self, tool: str, chain: str, rule: Sequence[str]) -> list[str]:
        chains = self.chains[tool]
        if chain not in chains or rule[-2] != "-j" or rule[-1] not in (*VERDICTS, *chains):
            raise Refusal(f"{tool}: No chain/target/match by that name.")
        return chains[chain]

    def tell(self) -> Iterator[str]:
        """The facts about it."""
        for tool, chains in self.chains.items():
            yield from (f"{tool} -N {chain}" for chain in chains if chain not in BUILT_IN)
            yield from (f"{tool} -A {chain} {rule}" for chain, rules in chains.items() for rule in rules)


def spelt_rule(words: Sequence[str]) -> str:
    """A rule as it is printed."""
    return " ".join(f'"{word}"' if " " in word else word for word in words)
