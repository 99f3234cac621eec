"""The network as a text drawing: `k8snet diagram`, and the comment that opens each script.

A namespace is a box, a bridge a double bar inside it, and a veth the line from a port, named below the bar, to the
box of the namespace at the far side; that box stands inside the one whose bridge it hangs on.  A veth without a
bridge is a line between two boxes side by side.  A bar that needs several rows of boxes goes on at its left edge.

What no line can show is said in words: a dashed box is a namespace that is drawn in full elsewhere, and a row may end
in `── right eth0`, the other end of its veth.  Of many alike namespaces only the first and the last are drawn.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from k8snet_scripts.drawing import captions
from k8snet_scripts.drawing.arrangement import (
    Gap,
    Hanging,
    Link,
    Place,
    Section,
    arrange,
    fold,
    hanging_shape,
    link_shape,
    section_shape,
)
from k8snet_scripts.drawing.boxes import Block, Edge, box, fit_edge, uplink
from k8snet_scripts.drawing.buses import Bus, Drop, stack
from k8snet_scripts.drawing.canvas import DASHED, Canvas, spread_legs
from k8snet_scripts.drawing.captions import clean, clip, tabulate
from k8snet_scripts.topology import Topology

_LONGEST = 400  # lines of a drawing
_WIRE = 5  # columns between boxes joined by a veth
_RAGGED = 8  # boxes whose widths differ by no more than this are made equally wide
_BOUNDLESS = 10_000

Item = Place | Hanging | Gap[Place] | Gap[Hanging]


class Folding(NamedTuple):
    """How many alike leaves, how many alike trees, and how many unlike things of one list are drawn."""

    leaves: int
    trees: int
    most: int


_FOLDINGS = (Folding(8, 4, 40), Folding(3, 3, 12), Folding(3, 3, 3))


def draw_diagram(topology: Topology, width: int = 100, *, ascii: bool = False) -> list[str]:
    """The drawing of a topology that passed `check_topology`: lines of at most `width` columns, no trailing blanks.

    Every namespace, bridge, end and address is in it as long as that stays readable: runs of alike namespaces are
    folded, unlike ones only if there are very many.  However large the network, there are at most a few hundred
    lines.  With `ascii` the boxes are made of `+`, `-` and `|`.
    """
    trees = arrange(topology)
    for folding in _FOLDINGS:
        lines = _Sketch(folding, width).draw(trees).lines(ascii=ascii)
        if len(lines) <= _LONGEST:
            break
    if len(lines) > _LONGEST:
        lines[_LONGEST:] = [f".. {len(lines) - _LONGEST:,} more lines"]
    return [line[:width].rstrip() for line in lines]


class _Content(NamedTuple):
    """What stands in the box of a place, from top to bottom, and the edge that it needs."""

    rows: Sequence[captions.Row]
    table: Sequence[Sequence[str]]  # the lines of each row
    notes: Sequence[str]
    buses: Sequence[Bus]
    edge: Edge


class _Sketch:
    """One drawing of the trees of a topology."""

    def __init__(self, folding: Folding, width: int) -> None:
        self.folding = folding
        self.width = width
        self.joined: set[int] = set()  # veths drawn as a line between two boxes side by side
        self.late: dict[str, Place] = {}  # places too wide for where they belong

    def draw(self, trees: Sequence[Place]) -> Canvas:
        """The trees side by side and below one another."""
        canvas = Canvas()
        for shelf in stack(self._evened(list(self._drawn(trees)), self.width), self.width):
            row = canvas.height
            for column, block in shelf.items:
                canvas.paste(column, row, block.canvas)
        return canvas

    def _drawn(self, trees: Sequence[Place]) -> Iterator[tuple[Item, Block]]:
        """Each tree, followed by what turned out to be too wide to stand in it."""
        alike = self.folding.trees if any(tree.sections or tree.beside for tree in trees) else self.folding.leaves
        for item in fold(trees, Place.shape, alike, self.folding.most):
            yield item, self._block(item, self.width)
            late, self.late = list(self.late.values()), {}
            if late:
                yield from self._drawn(late)

    def _evened(self, drawn: Sequence[tuple[Item, Block]], room: int) -> list[Block]:
        """The blocks, with plain boxes of much the same width made equally wide."""
        widths = [block.width for _, block in drawn if block.plain]
        if not widths or max(widths) - min(widths) > _RAGGED:
            return [block for _, block in drawn]
        widest = max(widths)
        return [self._block(item, room, widest) if block.plain else block for item, block in drawn]

    def _block(self, item: Item, room: int, at_least: int = 0) -> Block:
        if isinstance(item, Gap):
            title, labels, lines = captions.gap_captions(item)
            return box(title, labels, lines, room, at_least)
        if isinstance(item, Place):
            return self._place(item, [], room, at_least)
        labels = [clean(link.near.name) for link in item.links]
        if item.place and self._narrowest(item.place, labels) <= room:
            return self._place(item.place, labels, room, at_least)
        if item.place:
            self.late[item.name] = item.place
        rows = [captions.link_row(Link(link.number, link.far, link.near), joined=True) for link in item.links]
        return box(clean(item.name), labels, list(chain(*tabulate(rows, room - 4))), room, at_least, DASHED)

    def _narrowest(self, place: Place, labels: Sequence[str]) -> int:
        """The width of the box of a place if nothing is cut off and nothing stands inside or beside it."""
        heads = [captions.section_row(section) for section in self._sections(place)]
        tables = tabulate(self._rows(place, self._links(place)), _BOUNDLESS) + tabulate(heads, _BOUNDLESS)
        lines = [*chain(*tables), *captions.remarks(place.space)]
        return fit_edge(clean(place.space.name), labels, max(map(len, lines), default=0), _BOUNDLESS).width

    def _links(self, place: Place) -> list[Link | Gap[Link]]:
        def shape(link: Link) -> Hashable:
            beside = place.beside.get(link.number)
            return link_shape(link), beside.shape() if beside else None

        return fold(place.links, shape, self.folding.leaves, self.folding.most)

    def _rows(self, place: Place, links: Sequence[Link | Gap[Link]]) -> list[captions.Row]:
        rows = captions.own_rows(place.space)
        for link in links:
            if isinstance(link, Gap):
                rows.append(captions.gap_row(link))
            else:
                rows.append(captions.link_row(link, link.number in self.joined))
        empty = not (rows or place.sections or captions.remarks(place.space))
        return [captions.Row("lo")] if empty else rows

    def _place(self, place: Place, labels: Sequence[str], room: int, at_least: int = 0) -> Block:
        """The box of a place, with what stands in it and, on veths to the right, beside it."""
        links, inner = self._links(place), room - 4
        buses = self._buses(place, inner)
        notes = [clip(line, inner) for line in captions.remarks(place.space)]
        beside = _neighbours(place, links)
        self.joined.update(beside)

        def lay_out() -> _Content:
            rows = self._rows(place, links)
            table = tabulate(rows, inner)
            width = max([len(line) for line in chain(notes, *table)] + [bus.width for bus in buses])
            return _Content(rows, table, notes, buses, fit_edge(clean(place.space.name), labels, width, room, at_least))

        content = lay_out()
        side = room - content.edge.width - _WIRE
        if any(self._narrowest(other, []) > side for other in beside.values()):
            self.joined.difference_update(beside)  # no room beside this box: say in words where the ends lead
            self.late.update((other.space.name, other) for other in beside.values())
            beside, content = {}, lay_out()
        others = {number: self._place(other, [], side) for number, other in beside.items()}
        return _draw_place(place.space.name, content, others)

    def _buses(self, place: Place, room: int) -> list[Bus]:
        """The bridges of a place, laid out in `room` columns."""
        sections = self._sections(place)
        buses: list[Bus] = []
        for section, following in zip(sections, [*sections[1:], None]):
            bus = Bus(tabulate([captions.section_row(section)], room)[0])
            if isinstance(section, Gap):
                bus.has_bar = False
                buses.append(bus)
                continue
            hangings = self._hangings(section)
            if buses:
                hangings = self._drop(buses[-1], bus, hangings)
            blocks = self._evened([(item, self._block(item, room - 2)) for item in hangings], room - 2)
            blocks += [uplink(face, room - 2) for face in section.uplinks]
            bus.shelves = stack(blocks, room)
            if len(bus.shelves) > 1:
                wanted = _elsewhere(following) if isinstance(following, Section) else set()
                blocks.sort(key=lambda block: block.name in wanted)  # to the last shelf, near the next bar
                bus.shelves = stack(blocks, room, margin=2)
            buses.append(bus)
        return buses

    def _sections(self, place: Place) -> list[Section | Gap[Section]]:
        return fold(place.sections, section_shape, self.folding.leaves, self.folding.most)

    def _hangings(self, section: Section) -> list[Hanging | Gap[Hanging]]:
        trees = any(hanging.place and hanging.place.sections for hanging in section.hangings)
        alike = self.folding.trees if trees else self.folding.leaves
        return fold(section.hangings, hanging_shape, alike, self.folding.most)

    def _drop(self, above: Bus, bus: Bus, hangings: Sequence[Hanging | Gap[Hanging]]) -> list[Hanging | Gap[Hanging]]:
        """Draw legs of `bus` up to boxes on the last shelf of the one before; returns the other hangings."""
        standing = {block.name: (column, block) for column, block in above.shelves[-1].items} if above.shelves else {}
        others: list[Hanging | Gap[Hanging]] = []
        for hanging in hangings:
            if isinstance(hanging, Gap) or hanging.place or hanging.name not in standing:
                others.append(hanging)
                continue
            left, block = standing.pop(hanging.name)
            labels = [clean(link.near.name) for link in hanging.links]
            clear = max(map(len, bus.head)) + 2 - left  # of the words above the bar
            columns, needed = spread_legs(labels, max(2, clear), block.width)
            if needed > block.width:
                others.append(hanging)
                continue
            bus.drops += [Drop(left + column, label, block.height) for column, label in zip(columns, labels)]
        return others


def _elsewhere(section: Section) -> set[str]:
    return {hanging.name for hanging in section.hangings if not hanging.place}


def _neighbours(place: Place, links: Sequence[Link | Gap[Link]]) -> dict[int, Place]:
    """The places that stand beside one, by the number of the veth that leads there: of those links that are drawn."""
    numbers = [link.number for link in links if isinstance(link, Link)]
    return {number: place.beside[number] for number in numbers if number in place.beside}


def _draw_place(name: str, content: _Content, others: Mapping[int, Block]) -> Block:
    """The box of a place, and to its right the blocks that veths lead to, by the numbers of those."""
    canvas, edge = Canvas(), content.edge
    block = Block(canvas, edge.width, 0, edge.legs, name, plain=not (content.buses or others))
    below = _put(canvas, 1, edge.heading)
    below = _draw_rows(block, below, content, others)
    below = _put(canvas, below, content.notes)
    block.height = _draw_buses(canvas, below, content.buses, edge.width - 4) + 1
    edge.frame(canvas, block.height)
    for number in others:
        canvas.put(edge.width - 1, block.ends[number], "├" + "─" * _WIRE + "┤")
    return block


def _put(canvas: Canvas, row: int, lines: Iterable[str]) -> int:
    """Put lines into a box from a row on; the row below them."""
    for line in lines:
        canvas.put(2, row, line)
        row += 1
    return row


def _draw_rows(block: Block, row: int, content: _Content, others: Mapping[int, Block]) -> int:
    """Draw the interfaces from a row on, those with another block beside them far enough apart; the row below them."""
    lowest = 0
    for item, lines in zip(content.rows, content.table):
        if other := others.get(item.link):
            row = max(row, lowest + other.ends[item.link])
            top = row - other.ends[item.link]
            block.canvas.paste(block.width + _WIRE, top, other.canvas)
            lowest = top + other.canvas.height
        block.ends[item.link] = row
        row = _put(block.canvas, row, lines)
    return row


def _draw_buses(canvas: Canvas, row: int, buses: Iterable[Bus], width: int) -> int:
    """Draw bridges from a row on; the row below them."""
    above = row
    for bus in buses:
        row += 1 if row > 1 or bus.drops else 0
        above, row = bus.paint(canvas, row, width, above)
    return row
