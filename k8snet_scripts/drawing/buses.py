"""A bridge as a bar, with the boxes on the shelves below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from k8snet_scripts.drawing.boxes import Block
from k8snet_scripts.drawing.canvas import Canvas, label_start

_LEFT = 2  # the column of the bar inside the box of its namespace
_APART = 2  # columns between boxes on one shelf


@dataclass(slots=True)
class Shelf:
    """Blocks side by side, each with its column."""

    items: list[tuple[int, Block]]
    width: int

    @property
    def height(self) -> int:
        """The rows of the tallest block."""
        return max(block.canvas.height for _, block in self.items)


def stack(blocks: Sequence[Block], room: int, margin: int = 0) -> list[Shelf]:
    """Put blocks on shelves of `room` columns, the first `margin` of which stay free, without changing their order."""
    shelves: list[Shelf] = []
    for block in blocks:
        if shelves and shelves[-1].width + _APART + block.canvas.width <= room:
            column = shelves[-1].width + _APART
            shelves[-1].items.append((column, block))
            shelves[-1].width = column + block.canvas.width
        else:
            shelves.append(Shelf([(margin, block)], margin + block.canvas.width))
    return shelves


class Drop(NamedTuple):
    """A leg that leaves a box on the last shelf of the bus above: the second one of a router."""

    column: int
    label: str
    height: int  # of the box


@dataclass(slots=True)
class Bus:
    """A bridge laid out: the words above its bar, the shelves below it, and the legs that reach it from above."""

    head: list[str]
    has_bar: bool = True
    shelves: list[Shelf] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)

    @property
    def width(self) -> int:
        """The columns that the words and the boxes need."""
        return max([len(line) for line in self.head] + [shelf.width for shelf in self.shelves])

    def paint(self, canvas: Canvas, row: int, width: int, above: int) -> tuple[int, int]:
        """Draw from `row` on with a bar of `width`; the last shelf of the bus above is at row `above`.

        Returns the row that the last shelf of this one is at, and the row below it.
        """
        bar = row + len(self.head)
        for drop in self.drops:
            column, bottom = _LEFT + drop.column, above + drop.height - 1
            canvas.put(column, bottom, "┬")
            canvas.put_down(column, bottom + 1, bar, "│")
            canvas.put(_LEFT + label_start(drop.column, drop.label), row - 1, drop.label)
        for below, line in enumerate(self.head):
            canvas.put(_LEFT, row + below, line)
        end = bar
        if self.has_bar and not self.shelves:
            canvas.put(_LEFT, bar, "═" * width)
            end += 1
        for number, shelf in enumerate(self.shelves):
            self._paint_shelf(canvas, end, width, number)
            above = end + 2
            end = above + shelf.height
        for drop in self.drops:
            canvas.put(_LEFT + drop.column, bar, "╪" if drop.column in self._legs(0) else "╧")
        return above, end

    def _legs(self, number: int) -> dict[int, str]:
        if number >= len(self.shelves):
            return {}
        return {column + leg: label for column, block in self.shelves[number].items for leg, label in block.legs}

    def _paint_shelf(self, canvas: Canvas, row: int, width: int, number: int) -> None:
        shelf, last = self.shelves[number], number == len(self.shelves) - 1
        canvas.put(_LEFT, row, "═" * width)
        for column, label in self._legs(number).items():
            canvas.put(_LEFT + column, row, "╤")
            canvas.put(_LEFT + label_start(column, label), row + 1, label)
        for column, block in shelf.items:
            canvas.paste(_LEFT + column, row + 2, block.canvas)
        if len(self.shelves) > 1:
            canvas.put(_LEFT, row, "╔" if number == 0 else "╚" if last else "╠")
        if not last:
            canvas.put_down(_LEFT, row + 1, row + 2 + shelf.height, "║")
