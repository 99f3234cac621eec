"""The drawings, read back from random networks: what is drawn is what the model says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from topologies import topologies

from k8snet_scripts.drawing.diagram import draw_diagram
from k8snet_scripts.topology import HOST, Bridge, End, Interface, Namespace, Port, Route, Topology, Veth

EXTERNAL = "(external)"
TUNNEL = "(vxlan)"
EDGES = "─│┌┐└┘├┤┬┴╌╎═║╔╠╚╤╧╪"


class Reader:
    """Follows the lines of a drawing, as a person would."""

    def __init__(self, lines: list[str]) -> None:
        width = max(map(len, lines), default=0)
        self.rows = [line.ljust(width) for line in lines]

    def word(self, row: int, column: int) -> str:
        """The word that goes through a place."""
        line = self.rows[row]
        start = stop = column
        while start > 0 and line[start - 1] not in " " + EDGES:
            start -= 1
        while stop < len(line) and line[stop] not in " " + EDGES:
            stop += 1
        return line[start:stop]

    def remark(self, row: int, column: int) -> str:
        """The first word of the remark in brackets that goes through a place, closed or not, or nothing."""
        remarks = re.finditer(r"\((\w+)[^)]*\)", self.rows[row])
        return next((f"({found[1]})" for found in remarks if found.start() <= column < found.end()), "")

    def title(self, row: int, column: int) -> str:
        """The title of the box whose upper edge goes through a place."""
        found = re.match(r"┌[─╌] (\S+) [─╌]", self.rows[row][self.rows[row].rindex("┌", 0, column) :])
        assert found
        return found[1]

    def box_around(self, row: int, column: int) -> str:
        """The title of the box whose left edge goes through a place."""
        while self.rows[row][column] != "┌":
            assert self.rows[row][column] in "│╎├┤└"
            row -= 1
        return self.title(row, column + 1)

    def owner(self, row: int, column: int) -> str:
        """The title of the box that the bar through a place is in."""
        while self.rows[row][column] in "═╤╧╪╔╠╚":
            column -= 1
        return self.box_around(row, column - 1)

    def legs(self) -> Iterator[tuple[str, str, str]]:
        """Every line from a bar to a box: the namespace of the bar, the name of the port, the namespace of the box."""
        for row, line in enumerate(self.rows):
            for column, character in enumerate(line):
                if character in "╤╪":
                    label, far = self.word(row + 1, column), self.remark(row + 2, column) or self.word(row + 2, column)
                    assert far in (EXTERNAL, TUNNEL) or self.rows[row + 2][column] == "┴"
                    yield self.owner(row, column), label, far or self.title(row + 2, column)
                if character in "╧╪":
                    above = row - 1
                    while self.rows[above][column] == "│":
                        above -= 1
                    label = self.word(above, column)
                    above -= 1
                    while self.rows[above][column] == "│":
                        above -= 1
                    assert self.rows[above][column] == "┬"
                    yield (
                        self.owner(row, column),
                        label,
                        self.box_around(above, self.rows[above].rindex("└", 0, column)),
                    )

    def wires(self) -> Iterator[frozenset[tuple[str, str]]]:
        """Every line between two boxes side by side, as the namespaces' and the ends' names."""
        for row, line in enumerate(self.rows):
            for wire in re.finditer("├─+┤", line):
                left = max(line.rfind(edge, 0, wire.start()) for edge in "│┤")
                right = wire.end() - 1
                near = self.box_around(row, left), line[left + 1 : wire.start()].split()[0]
                yield frozenset({near, (self.box_around(row, right), line[right + 1 :].split()[0])})


def is_leg(veth: Veth) -> bool:
    return bool(veth.inner.port or veth.outer.port)


@settings(deadline=None)
@given(topologies(max_namespaces=7))
def test_everything_is_drawn(topology: Topology) -> None:
    words = set(re.split(rf"[\s{EDGES}(),]+", "\n".join(draw_diagram(topology))))
    for space in topology.everywhere():
        for interface in space.holders:
            assert {interface.name, *map(str, interface.addresses)} <= words
        assert set(map(str, space.addresses)) <= words
    assert {space.name for space in topology.namespaces} <= words
    for end in topology.ends():
        assert {end.namespace, end.name, *map(str, end.addresses)} <= words


@settings(deadline=None)
@given(topologies(max_namespaces=7))
def test_every_line_leads_where_the_model_says(topology: Topology) -> None:
    lines = draw_diagram(topology, 200)  # wide enough for any title in the edge of its box
    text = "\n".join(lines)
    for namespace in topology.namespaces:
        assert len(re.findall(rf"┌─ {re.escape(namespace.name)} ─", text)) == 1

    reader = Reader(lines)
    legs = Counter(reader.legs())
    expected = Counter((HOST, interface.name, EXTERNAL) for interface in topology.host.interfaces if interface.port)
    for space in topology.everywhere():
        expected.update((space.name, device.name, TUNNEL) for device in space.devices if device.port)
    for veth in filter(is_leg, topology.veths):
        ends = ((veth.inner, veth.outer), (veth.outer, veth.inner))
        sides = [(near.namespace, near.name, far.namespace) for near, far in ends if near.port]
        expected[next((side for side in sides if legs[side]), sides[0])] += 1
    assert legs == expected

    wires = Counter(reader.wires())
    for veth in topology.veths:
        in_words = [f"── {end.namespace} {end.name}" in text for end in (veth.inner, veth.outer)]
        if is_leg(veth):
            assert not any(in_words)
        elif not wires.pop(frozenset((end.namespace, end.name) for end in (veth.inner, veth.outer)), 0):
            assert all(in_words)
    assert not wires


@settings(deadline=None, max_examples=50)
@given(topologies(), st.integers(1, 130), st.booleans())
def test_lines_are_clean_at_any_width(topology: Topology, width: int, ascii: bool) -> None:
    lines = draw_diagram(topology, width, ascii=ascii)
    assert lines == draw_diagram(topology, width, ascii=ascii)
    assert all(len(line) <= width and line == line.rstrip() for line in lines)


@settings(deadline=None)
@given(st.text(max_size=70), st.text(max_size=70))
def test_odd_names_cannot_leave_their_line(space: str, name: str) -> None:
    topology = Topology(
        "odd",
        Namespace(HOST, bridges=(Bridge(name),), interfaces=(Interface(name, external=True),)),
        (Namespace(space, routes=(Route(4, None, via=name, dev=space),)),),
        (Veth(End(name, namespace=space), End(name, port=Port(name))), Veth(End(name, namespace=space), End(space))),
    )
    for line in draw_diagram(topology):
        assert re.fullmatch(rf"[ -~{EDGES}]*", line)
