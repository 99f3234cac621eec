"""A sheet of characters that grows as it is drawn on, and the boxes and legs that diagrams are made of.

Columns and rows count from 0.  Drawings use Unicode's box-drawing characters, each one column wide; `lines` can
replace every one of them by an ASCII character, so both forms have the same layout.
"""

from __future__ import annotations

from collections.abc import Sequence

_ASCII = str.maketrans("─│┌┐└┘├┤┬┴╌╎═║╔╠╚╤╧╪", "-|++++++++.:=#++++++")

SOLID = ("─", "│")
DASHED = ("╌", "╎")


class Canvas:
    """A rectangle of characters, blank where nothing was drawn."""

    def __init__(self) -> None:
        self._rows: list[list[str]] = []
        self.width = 0

    @property
    def height(self) -> int:
        """The number of rows drawn on so far."""
        return len(self._rows)

    def put(self, column: int, row: int, text: str) -> None:
        """Write `text` from (`column`, `row`) to the right, over whatever was there."""
        while len(self._rows) <= row:
            self._rows.append([])
        line = self._rows[row]
        end = column + len(text)
        line.extend(" " * (end - len(line)))
        line[column:end] = text
        self.width = max(self.width, end)

    def put_down(self, column: int, row: int, end: int, character: str) -> None:
        """Write `character` into `column` from `row` down to the row before `end`."""
        for below in range(row, end):
            self.put(column, below, character)

    def paste(self, column: int, row: int, other: Canvas) -> None:
        """Copy all of `other` with its upper left corner to (`column`, `row`)."""
        for below, line in enumerate(other._rows):
            self.put(column, row + below, "".join(line))

    def frame(self, width: int, height: int, title: str, style: tuple[str, str] = SOLID) -> None:
        """Draw the border of a box in the upper left corner, with its title in the upper edge."""
        across, down = style
        heading = f"{across} {title} " if title else ""
        self.put(0, 0, "┌" + heading + across * (width - 2 - len(heading)) + "┐")
        self.put_down(0, 1, height - 1, down)
        self.put_down(width - 1, 1, height - 1, down)
        self.put(0, height - 1, "└" + across * (width - 2) + "┘")

    def lines(self, *, ascii: bool) -> list[str]:
        """The rows from top to bottom without trailing blanks."""
        rows = ["".join(row).rstrip() for row in self._rows]
        return [row.translate(_ASCII) for row in rows] if ascii else rows


def label_start(column: int, label: str) -> int:
    """Where to write `label` so that its middle is at `column`."""
    return column - (len(label) - 1) // 2


def spread_legs(labels: Sequence[str], start: int, width: int = 0) -> tuple[list[int], int]:
    """Columns for the legs of a box, and the width the box needs for them and the labels at their ends.

    No leg is left of column `start` and no two labels touch.  In a box that is wider than needed (`width`) the legs
    move towards its middle.
    """
    columns: list[int] = []
    free = 0
    for label in labels:
        left = (len(label) - 1) // 2
        column = max(start, free + left)
        columns.append(column)
        free = column - left + len(label) + 1
        start = column + 2
    if not columns:
        return [], 0
    needed = max(columns[-1] + 2, free - 1)
    shift = max(0, min(width - needed, width // 2 - (columns[0] + columns[-1]) // 2))
    return [column + shift for column in columns], needed
