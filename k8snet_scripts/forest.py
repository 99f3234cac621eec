"""Disjoint sets, by union and find: which things have been joined, directly or through others."""

from __future__ import annotations

from collections.abc import Hashable


class Forest:
    """Disjoint sets of hashable things; one that was never joined is a set of its own."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def root(self, item: Hashable) -> Hashable:
        """The representative of the item's set: equal for items that are joined."""
        parents = self._parents
        while (parent := parents.get(item, item)) != item:
            parents[item] = parents.get(parent, parent)
            item = parent
        return item

    def join(self, one: Hashable, other: Hashable) -> bool:
        """Unite two sets; false if they were one already."""
        one, other = self.root(one), self.root(other)
        self._parents[other] = one
        return one != other
