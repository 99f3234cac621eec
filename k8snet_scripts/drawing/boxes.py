"""The blocks a diagram is put together from: a box with its legs, and whatever stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from k8snet_scripts.drawing.canvas import SOLID, Canvas, spread_legs
from k8snet_scripts.drawing.captions import clean, clip, interface_values, kind_text
from k8snet_scripts.topology import Interface


@dataclass(slots=True)
class Block:
    """A drawing that is moved as a whole.  Its box is in the upper left corner."""

    canvas: Canvas
    width: int  # of the box
    height: int
    legs: list[tuple[int, str]]  # column and label of the lines that come from the bar above
    name: str = ""  # of the namespace, if this is its own place
    ends: dict[int, int] = field(default_factory=dict)  # the row of each veth's end, by the number of the veth
    plain: bool = True  # with nothing inside or beside the box, so that it may be made wider


@dataclass(frozen=True, slots=True)
class Edge:
    """The upper edge of a box.  The legs meet it right of the title; a title too long for that is the first row."""

    title: str
    legs: list[tuple[int, str]]
    width: int
    heading: list[str]  # the title, if it stands inside

    def frame(self, canvas: Canvas, height: int, style: tuple[str, str] = SOLID) -> None:
        """Draw the border of the box around what is on the canvas."""
        canvas.frame(self.width, height, "" if self.heading else self.title, style)
        for column, _ in self.legs:
            canvas.put(column, 0, "┴")


def fit_edge(title: str, labels: Sequence[str], content: int, room: int, at_least: int = 0) -> Edge:
    """The edge of a box of at most `room` columns whose rows need `content` columns, border not included."""
    labels = [clip(label, room) for label in labels]
    heading: list[str] = []
    start = len(title) + 5
    _, needed = spread_legs(labels, start)
    needed = max(needed, len(title) + 6)
    if needed > room:
        heading = [clip(title, room - 4)]
        start = 2
        needed = max(spread_legs(labels, start)[1], len(heading[0]) + 4)
    width = max(min(max(content + 4, at_least), room), needed)
    columns, _ = spread_legs(labels, start, width)
    return Edge(title, list(zip(columns, labels)), width, heading)


def box(
    title: str,
    labels: Sequence[str],
    lines: Sequence[str],
    room: int,
    at_least: int = 0,
    style: tuple[str, str] = SOLID,
) -> Block:
    """A box with `lines` in it that is at least `at_least` and at most `room` columns wide."""
    lines = [clip(line, room - 4) for line in lines]
    edge = fit_edge(title, labels, max(map(len, lines), default=0), room, at_least)
    canvas = Canvas()
    lines = [*edge.heading, *lines]
    for row, line in enumerate(lines, start=1):
        canvas.put(2, row, line)
    edge.frame(canvas, len(lines) + 2, style)
    return Block(canvas, edge.width, len(lines) + 2, edge.legs)


def uplink(interface: Interface, room: int) -> Block:
    """What hangs on a bridge by an interface whose other side is not drawn."""
    name = clip(clean(interface.name), room)
    lines = [clip(line, room) for line in [f"({kind_text(interface)})", *interface_values(interface)]]
    width = max(len(name), *map(len, lines))
    canvas = Canvas()
    for row, line in enumerate(lines):
        canvas.put(0, row, line.center(width))
    return Block(canvas, width, len(lines), [((width - 1) // 2, name)], plain=False)
