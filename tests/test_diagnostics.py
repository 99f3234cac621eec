"""Diagnostics: their exact form, and that no source can spoil the terminal or move the caret."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_scripts.diagnostics import LIMIT, RULES, Report, close_match, render_findings
from k8snet_scripts.text.positions import Position
from k8snet_scripts.text.source import Source, read_source

LAB = """\
name = "docker"

[bridges.br0]

[namespaces.node1.veths.vethA]
peer = "vethB"
addresses = ["10.10.0.2/33"]




bridge = "br1"
"""


def lab(text: str = LAB) -> Source:
    source, report = read_source("lab.toml", text.encode())
    assert report.ok
    return source


def test_the_form_of_a_diagnostic() -> None:
    report = Report()
    vetha = ("namespaces", "node1", "veths", "vethA")
    report.error(
        "syntax",
        (*vetha, "bridge"),
        "unknown bridge `br1`",
        help=close_match("br1", ["docker0", "br0"]),
        see=("bridges", "br0"),
        see_note="it is defined at",
    )
    report.error("limits", (*vetha, "addresses", 0), "`/33` is not a prefix length from 0 to 32", part="/33")
    report.error("limits", (*vetha, "peer"), "a key", at="key", help="take another", see=("name",), see_note="see")
    report.error("limits", ("host", "mtu"), "nothing here", see=(*vetha, "peer"), see_note="see")
    assert render_findings(report, lab()) == (
        "lab.toml:1:1: error: nothing here [limits]\n"
        '    1 | name = "docker"\n'
        "      | ^\n"
        "help: see lab.toml:6:1\n"
        "lab.toml:6:1: error: a key [limits]\n"
        '    6 | peer = "vethB"\n'
        "      | ^^^^\n"
        "help: take another; see lab.toml:1:1\n"
        "lab.toml:7:24: error: `/33` is not a prefix length from 0 to 32 [limits]\n"
        '    7 | addresses = ["10.10.0.2/33"]\n'
        "      |                        ^^^\n"
        "lab.toml:12:10: error: unknown bridge `br1` [syntax]\n"
        '   12 | bridge = "br1"\n'
        "      |          ^^^^^\n"
        "help: did you mean `br0`? it is defined at lab.toml:3:1\n"
    )


def test_a_span_of_several_lines_is_underlined_on_the_first() -> None:
    report = Report()
    report.error("syntax", ("a",), "too long")
    assert render_findings(report, lab("a = [ 1,\n2 ]")).splitlines()[1:] == ["    1 | a = [ 1,", "      |     ^^^^"]


def test_an_empty_source_has_no_line_to_show() -> None:
    report = Report()
    report.error("syntax", (), "cannot be read: no such file", help="look")
    source = Source("lab.toml", "", {}, "")
    assert render_findings(report, source) == (
        "lab.toml:1:1: error: cannot be read: no such file [syntax]\nhelp: look\n"
    )


@pytest.mark.parametrize(
    ("before", "span", "shown", "caret"),
    [
        ("", "@@", "@@", "^^"),
        ("\t", "@@", "    @@", "    ^^"),
        ("\x1b[31m", "@@", r"\x1b[31m@@", "        ^^"),
        ("\u202e", "@\u2066@", r"\u202e@\u2066@", "      ^^^^^^^^"),
        ("日本", "語@", "日本語@", "    ^^^"),
        ("e\u0301", "@e\u0301", "e\u0301@e\u0301", " ^^"),
        ("", "", "", "^"),
        ("-" * 200, "@@", "…" + "-" * 98 + "@@", " " * 99 + "^^"),
        ("-" * 200, "@@" + "." * 200, "…" + "-" * 40 + "@@" + "." * 58 + "…", " " * 41 + "^" * 60),
    ],
)
def test_the_caret_is_under_the_span_as_it_is_shown(before: str, span: str, shown: str, caret: str) -> None:
    report = Report()
    report.error("syntax", (), "here", position=Position(1, len(before) + 1, len(span)))
    rendered = render_findings(report, Source("lab.toml", before + span + "\n", {}, ""))
    assert rendered.split("\n")[1:3] == [f"    1 | {shown}".rstrip(), f"      | {caret}"]


@settings(deadline=None)
@given(st.text(), st.text(), st.text())
def test_nothing_that_a_terminal_would_act_on_is_printed(name: str, message: str, text: str) -> None:
    report = Report()
    report.error("syntax", (), message, help=message, position=Position(1, 1, len(text)))
    rendered = render_findings(report, Source(name, text, {}, ""))
    assert rendered.replace("\n", "").isprintable()
    assert rendered.count("\n") <= 4


def test_a_message_of_any_length_is_cut() -> None:
    report = Report()
    report.error("syntax", (), "x" * 100_000)
    assert len(render_findings(report, lab())) < 1000


def test_findings_are_printed_in_the_order_of_the_text_up_to_a_limit() -> None:
    source = lab("".join(f"k{number} = 0\n" for number in range(LIMIT + 3)))
    report = Report()
    for number in reversed(range(LIMIT + 3)):
        report.error("syntax", (f"k{number}",), "no")
    rendered = render_findings(report, source)
    lines = [int(line) for line in re.findall(r"^lab\.toml:(\d+)", rendered, re.MULTILINE)]
    assert lines == list(range(1, LIMIT + 1))
    assert rendered.endswith("and 3 more\n")


def test_no_finding_is_reported_twice() -> None:
    report = Report()
    assert report.ok and render_findings(report, lab()) == ""
    for message in ("a", "b", "a"):
        report.error("syntax", ("name",), message)
    assert [finding.message for finding in report.findings] == ["a", "b"]
    assert not report.ok


def test_a_finding_names_a_rule() -> None:
    with pytest.raises(KeyError):
        Report().error("no-such-rule", (), "message")


@pytest.mark.parametrize("slug", RULES)
def test_a_rule_is_one_line_without_a_stop(slug: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert RULES[slug].isprintable() and not RULES[slug].endswith(".") and len(RULES[slug]) > 10


@pytest.mark.parametrize(
    ("word", "expected"),
    [("adresses", "did you mean `addresses`?"), ("zzz", ""), ("", ""), ("routs", "did you mean `routes`?")],
)
def test_close_match(word: str, expected: str) -> None:
    assert close_match(word, (name for name in ("routes", "addresses", "mtu"))) == expected
