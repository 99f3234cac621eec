"""Sources: every key and value of TOML and JSON is located, and no input at all is answered by a traceback."""

from __future__ import annotations

import datetime
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toml_printer import BARE, TomlPrinter

import k8snet_scripts.text.source
from k8snet_scripts.diagnostics import render_findings
from k8snet_scripts.filtering import Path
from k8snet_scripts.text.source import Source, read_source

texts = st.text(
    st.one_of(
        st.sampled_from("ab \t\"'\\#=[]{},.:\n\r"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=8,
)
keys = st.one_of(st.text(BARE, min_size=1, max_size=4), texts)
zones = st.one_of(
    st.none(), st.sampled_from([0, 90, -330]).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
)
plain_leaves = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False, allow_infinity=False), texts
)
leaves = st.one_of(plain_leaves, st.datetimes(timezones=zones), st.dates(), st.times())


def tables(leaf: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Random documents."""
    values = st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(keys, inner, max_size=3),
            st.lists(st.dictionaries(keys, inner, max_size=2), min_size=1, max_size=3),
        ),
        max_leaves=12,
    )
    return st.dictionaries(keys, values, max_size=5)


def places(data: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every path of a document, with its value."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key), value
        yield from places(value, (*path, key))


def spanned(source: Source, path: Path, at: Literal["key", "value"], part: str = "") -> str:
    """The located text."""
    line, column, length = source.locate(path, at, part)
    start = sum(len(text) + 1 for text in source.text.split("\n")[: line - 1]) + column - 1
    return source.text[start : start + length]


def check_all_places(
    source: Source, table: dict[str, object], key_of: Callable[[str], object], value_of: Callable[[str], object]
) -> None:
    assert source.data == table
    leaf_places = []
    for path, value in places(source.data):
        if isinstance(path[-1], str):
            assert key_of(spanned(source, path, "key")) == path[-1]
        if not isinstance(value, dict | list):
            read = value_of(spanned(source, path, "value"))
            assert (type(read), read) == (type(value), value)
            leaf_places.append(source.locate(path))
    assert len(set(leaf_places)) == len(leaf_places)


@given(st.integers(0, 2**32), tables(leaves), st.booleans(), st.booleans())
def test_every_key_and_leaf_of_toml_is_located(seed: int, table: dict[str, object], windows: bool, mark: bool) -> None:
    text = TomlPrinter(seed).document(table)
    raw = (("\ufeff" if mark else "") + (text.replace("\n", "\r\n") if windows else text)).encode()
    source, report = read_source("lab.toml", raw)
    assert report.ok, render_findings(report, source)
    check_all_places(
        source,
        table,
        lambda span: next(iter(tomllib.loads(f"{span} = 0"))),
        lambda span: tomllib.loads(f"value = {span}")["value"],
    )


@given(tables(plain_leaves), st.booleans(), st.sampled_from([None, 0, 2, "\t"]), st.sampled_from([":", " :\n ", ": "]))
def test_every_key_and_leaf_of_json_is_located(
    table: dict[str, object], ascii_only: bool, indent: int | str | None, colon: str
) -> None:
    text = json.dumps(table, ensure_ascii=ascii_only, indent=indent, separators=(" ,", colon))
    source, report = read_source("-", text.encode())
    assert report.ok, render_findings(report, source)
    check_all_places(source, table, json.loads, json.loads)


TOML = """\
name = "docker"
[bridges.br0]
"stp" = true
[namespaces."node{1..3}".veths.vethA]
peer = { namespace = 'right', name = "eth0" } # here
addresses = [
  "10.10.0.2/24", # and
  'auto',
]
description = \"\"\"a
"b\\u00e9\"\"\"
seen = 1979-05-27 07:32:00Z
[[routes]]
to.network = "default"
[[routes]]
metric = 0x10
"""
JSON = json.dumps(tomllib.loads(TOML), indent=1, default=str)
VALID = {"lab.toml": TOML, "lab.json": JSON}
paths = st.lists(st.one_of(keys, st.integers(0, 3), st.sampled_from(["routes", "namespaces"])), max_size=4).map(tuple)


SIDES: tuple[Literal["key", "value"], ...] = ("key", "value")


def survive(name: str, raw: bytes, path: Path) -> None:
    source, report = read_source(name, raw)
    assert source.digest == hashlib.sha256(raw).hexdigest()
    assert report.ok or not source.data
    for at in SIDES:
        source.locate(path, at, "x")
    report.error("syntax", path, f"{path}", help="`\x1b`", see=path, see_note="see")
    rendered = render_findings(report, source)
    assert rendered.replace("\n", "").isprintable()
    assert rendered.count(" error: ") >= 1


@given(
    st.sampled_from(["-", "lab.toml", "lab.json"]),
    st.one_of(st.binary(), st.text().map(str.encode), texts.map(str.encode)),
    paths,
)
def test_no_input_ever_raises(name: str, raw: bytes, path: Path) -> None:
    survive(name, raw, path)


@given(st.sampled_from(sorted(VALID)), st.data(), paths)
def test_no_mutation_of_a_valid_file_ever_raises(name: str, data: st.DataObject, path: Path) -> None:
    text = VALID[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        other = data.draw(st.integers(0, len(text)))
        cut = text[start:end]
        text = data.draw(
            st.sampled_from([text[:start] + text[end:], text[:other] + cut + text[other:]])
            | st.text("\"'\\#=[]{},.:\n\x00é1a", max_size=2).map(lambda new: text[:start] + new + text[start:])  # noqa: B023
        )
    survive(name, text.encode(), path)


@pytest.mark.parametrize("name", sorted(VALID))
def test_no_cut_of_a_valid_file_ever_raises(name: str) -> None:
    for end in range(len(VALID[name])):
        survive(name, VALID[name][:end].encode(), ("routes",))


def toml(text: str) -> Source:
    source, report = read_source("lab.toml", text.encode())
    assert report.ok, render_findings(report, source)
    return source


@pytest.mark.parametrize(
    ("path", "at", "part", "expected"),
    [
        (("bridges", "br0"), "value", "", "[bridges.br0]"),
        (("bridges", "br0"), "key", "", "br0"),
        (("bridges",), "value", "", "bridges"),
        (("bridges", "br0", "mtu"), "value", "", "[bridges.br0]"),
        (("bridges", "br0", "stp"), "key", "", '"stp"'),
        (
            ("namespaces", "node{1..3}", "veths", "vethA", "peer"),
            "value",
            "",
            "{ namespace = 'right', name = \"eth0\" }",
        ),
        (
            ("namespaces", "node{1..3}", "veths", "vethA", "peer", "mtu"),
            "key",
            "",
            "{ namespace = 'right', name = \"eth0\" }",
        ),
        (("namespaces", "node{1..3}", "veths", "vethA", "addresses", 0), "value", "/24", "/24"),
        (("namespaces", "node{1..3}", "veths", "vethA", "addresses", 0), "value", "/33", '"10.10.0.2/24"'),
        (("namespaces", "node{1..3}", "veths", "vethA", "addresses", 1), "key", "", "'auto'"),
        (("namespaces", "node{1..3}", "veths", "vethA", "seen"), "value", "", "1979-05-27 07:32:00Z"),
        (("routes", 1), "value", "", "[[routes]]"),
        (("routes", 0, "to"), "value", "", "to"),
        (("routes", 0, "to", "network"), "value", "", '"default"'),
        (("routes", 1, "metric"), "value", "", "0x10"),
    ],
)
def test_what_is_underlined(path: Path, at: Literal["key", "value"], part: str, expected: str) -> None:
    assert spanned(toml(TOML), path, at, part) == expected


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("extra", [0, 1, 2])
def test_a_closing_quote_may_follow_quotes_of_the_string(quote: str, extra: int) -> None:
    string = quote * 3 + f"a\n{quote * 2}b" + quote * extra + quote * 3
    source = toml(f"first = {string}\nsecond = [{string}, 1]\n")
    assert spanned(source, ("first",), "value") == string
    assert spanned(source, ("second", 0), "value") == string


def test_the_header_of_a_table_counts_and_not_a_header_that_implies_it() -> None:
    source = toml("[a.b]\n[ a ]\n[c]\na.b = 1\n")
    assert (source.locate(("a",)), source.locate(("a",), "key")) == ((2, 1, 5), (2, 3, 1))
    assert source.locate(("c", "a")) == (4, 1, 1)


def test_positions_count_lines_columns_and_characters_from_one() -> None:
    assert toml(TOML).locate(("name",), "key") == (1, 1, 4)
    assert toml(TOML).locate(("routes", 1)) == (15, 1, 10)
    source = toml('a = 1\r\n\r\nb = """é\r\n""" # x\r\n')
    assert source.locate(("b",)) == (3, 5, 8)
    assert "\r" not in source.text


def test_a_source_is_not_scanned_before_something_has_to_be_located(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(k8snet_scripts.text.source, "scan", refuse)
    source, report = read_source("lab.toml", TOML.encode())
    assert render_findings(report, source) == ""


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("-", ' \n{"a": 1}', "json"),
        ("-", "a = 1", "toml"),
        ("a.conf", "\ufeff{}", "json"),
        ("a.toml", "a = {}", "toml"),
        ("a.json", "{}", "json"),
    ],
)
def test_the_format_is_known_by_suffix_or_first_character(name: str, text: str, format: str) -> None:
    source, report = read_source(name, text.encode())
    assert (source.format, report.ok) == (format, True)


# Text, the place and the text of the message, and a piece of the help.
REFUSED_TOML = {
    'a = "x': (1, 7, "the string is not closed", "end it"),
    'a = "x\nb = 1': (1, 7, "the string is not closed on its line", "end it"),
    "a = yes": (1, 5, "`yes` is not a value", "write `true`"),
    "a = 10.0.0.1/24": (1, 5, "`10.0.0.1/24` is not a value", 'in quotes, `"10.0.0.1/24"`'),
    "a = [\n 10.0.0.1/24]": (2, 2, "`10.0.0.1/24` is not a value", 'in quotes, `"10.0.0.1/24"`'),
    "a = 'b\nc = 1": (1, 5, "the string is not closed", "the quotes that it begins with"),
    "a = 'b\nc = 'd'": (1, 7, "the string is not closed on its line", "the quote that it begins with"),
    "a = null": (1, 5, "`null` is not a value", "leave the key out"),
    "a = 010": (1, 5, "`010` is not a value", "write `10`"),
    "a = # c": (1, 5, "a value is expected", "in quotes"),
    "a = [1, 2\n\n": (1, 10, "`,` or `]` is expected", "end it with `]`"),
    "a = {b = 1,}": (1, 12, "a key is expected", "stands on one line"),
    "[a]\n[b]\n[a]": (3, 2, "`a` is given twice", "it is on line 1 already"),
    "a.b = 1\na.b = 2": (2, 3, "`b` is given twice", "it is on line 1 already"),
    "a = {}\n[a.b]": (2, 2, "`a.b` does not fit what was said about it before", "in one place"),
    "[namespaces.node{1..9}.veths]": (1, 13, "a key with odd characters is not in quotes", 'write `"node{1..9}"`'),
    "name: docker": (1, 5, "`=` is expected after the key", "write `=` between"),
    '{"a": 1}': (1, 1, "a key or a `[table]` is expected", "looks like JSON"),
    "a = 9223372036854775808": (1, 5, "the integer does not fit into 64 bits", "a smaller number"),
    "a = inf": (1, 5, "the number is not finite", "a smaller number"),
    "b = 1\na = " + "9" * 5000: (2, 5, "the integer does not fit into 64 bits", ""),
    "a = " + "[" * 5000: (1, 1, "tables and arrays are nested too deep", "at most 64"),
    "a = " + "[" * 64 + "]" * 64: (1, 68, "tables and arrays are nested too deep", "at most 64"),
    "a." * 100_000 + "a = 1": (1, 1, "the key has too many parts", "at most 64"),
}
REFUSED_JSON = {
    '{"a": 1,}': (1, 8, "a comma without anything after it", "take it out"),
    '{"a": {"b": 1,\n"c": [{"b": 2}], "b": 2}}': (2, 18, '`"b"` is given twice', "it is on line 1 already"),
    "{a: 1}": (1, 2, "a key in double quotes is expected", 'as `"key"`'),
    '{"a": True}': (1, 7, "`True` is not a value", "write `true`"),
    '{"a": "x\n"}': (1, 9, "the string is not closed on its line", "double quote"),
    'name = "a"': (1, 1, "an object in braces is expected", "this looks like TOML"),
    "# no\n\n[host]": (1, 1, "an object in braces is expected", "this looks like TOML"),
    "# no\n{}": (1, 1, "JSON has no comments", "in TOML"),
    '{ // no\n"a": 1}': (1, 3, "JSON has no comments", "in TOML"),
    '{"a": NaN}': (1, 7, "the number is not finite", ""),
    '{"a": [1e999]}': (1, 8, "the number is not finite", ""),
    '{"a": "\\ud800"}': (1, 7, "the string is not Unicode text", "in pairs"),
    '{"\\ud800": 1}': (1, 2, "the key is not Unicode text", "in pairs"),
    '{"a": -' + "9" * 5000 + "}": (1, 8, "the integer does not fit into 64 bits", ""),
    '{"a":' * 100_000: (1, 1, "tables and arrays are nested too deep", "at most 64"),
    " [1]": (1, 2, "the top level is not an object", "inside one"),
    "": (1, 1, "a value is expected", ""),
    "{} {}": (1, 4, "nothing is expected after the end of the object", "inside one"),
}
REFUSED = [("lab.toml", *case) for case in REFUSED_TOML.items()] + [
    ("lab.json", *case) for case in REFUSED_JSON.items()
]


@pytest.mark.parametrize(("name", "text", "expected"), REFUSED, ids=[f"{case[0]}-{case[1][:30]!r}" for case in REFUSED])
def test_what_is_refused_and_how(name: str, text: str, expected: tuple[int, int, str, str]) -> None:
    source, report = read_source(name, text.encode())
    (finding,) = report.findings
    assert finding.position is not None
    assert (finding.position.line, finding.position.column, finding.message) == expected[:3]
    assert expected[3] in finding.help
    assert source.data == {}


@pytest.mark.parametrize(
    ("raw", "position", "help"),
    [
        (b'a = "\xff"', (1, 6, 4), "save the file as UTF-8"),
        (b'a = 1\r\nb = "\xc3\xa9\xc3"', (2, 7, 4), "save the file as UTF-8"),
        ("a = 1".encode("utf-16"), (1, 1, 4), "save the file as UTF-8, not UTF-16"),
    ],
)
def test_what_is_not_utf8_is_located(raw: bytes, position: tuple[int, int, int], help: str) -> None:
    source, report = read_source("lab.toml", raw)
    (finding,) = report.findings
    assert (finding.slug, finding.position, finding.help) == ("not-utf8", position, help)
    assert "0x" in finding.message and source.data == {}
