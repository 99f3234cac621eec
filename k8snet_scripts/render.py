"""From a plan to the text of the scripts, through the templates.

Templates hold all fixed shell text and lay out what they are given; they decide nothing.  Whatever a template prints is
quoted for the shell unless it is `Text`, and only this module makes `Text`: rows of the table, comments, and files of
fixed shell that are taken over as they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from k8snet_scripts.plan import Group, Plan
from k8snet_scripts.reach.probes import Probe
from k8snet_scripts.steps import Argv, inside

if TYPE_CHECKING:
    from jinja2 import Environment

Kind = Literal["setup", "teardown", "verify"]
KINDS: tuple[Kind, ...] = ("setup", "teardown", "verify")

_PLAIN = re.compile(r"[A-Za-z0-9_./:,+=@-]+(?: [A-Za-z0-9_./:,+=@-]+)*", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_WIDEST = 100  # a command longer than this does not push the facts of its whole group to the right


class Text(str):
    """Text that stands in a script as it is."""


class Origin(NamedTuple):
    """What a script was made from: the base name of the file, and the SHA-256 of its bytes."""

    name: str
    digest: str


class Body(NamedTuple):
    """All that a script is rendered from; `table` is its plan, laid out by `render_table`."""

    plan: Plan
    table: Text
    origin: Origin
    description: str
    diagram: Sequence[str]
    probes: Sequence[Probe]
    coverage: str  # a sentence: what the probes cover


def render_script(kind: Kind, body: Body, templates: Path | None = None) -> Iterator[str]:
    """The text of one script, in pieces; `templates` is a directory that is looked in before our own."""
    template = environment(templates).get_template(f"{kind}.sh.j2")
    return template.generate(script=f"{kind}.sh", **body._asdict())


def render_table(plan: Plan, templates: Path | None = None) -> Text:
    """The table of steps that setup.sh and verify.sh have in common."""
    return Text(environment(templates).get_template("table.j2").render(plan=plan))


@cache
def environment(templates: Path | None = None) -> Environment:
    """The Jinja environment: strict, and quoting whatever is printed."""
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

    own = FileSystemLoader(template_directory())
    loader = ChoiceLoader([FileSystemLoader(templates), own]) if templates else own
    made = Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_quoted,
        autoescape=False,  # what is printed goes to a shell, and `finalize` quotes it
    )
    made.globals["verbatim"] = lambda name: Text(loader.get_source(made, name)[0])
    made.globals["teardown_rows"] = teardown_rows
    made.filters.update(rows=rows, comment=comment, quote=shlex.quote, plain=plain, probe_rows=probe_rows)
    return made


def template_directory() -> Path:
    """Where our templates are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def shell_line(argv: Argv) -> str:
    """A command as a shell reads it."""
    line = " ".join(argv)
    return line if _PLAIN.fullmatch(line) else shlex.join(argv)


def comment(text: str | Iterable[str]) -> Text:
    """Lines of text as a comment, without any character that could end it or disturb a terminal."""
    lines = text.splitlines() if isinstance(text, str) else text
    return Text("\n".join(f"# {_CONTROL.sub('?', line)}".rstrip() for line in lines))


def plain(text: str) -> Text:
    """One line of our own words, where no quoting is wanted."""
    return Text(_CONTROL.sub("?", text))


def rows(group: Group) -> Text:
    """A group of steps as rows of the table: command, sign, fact."""
    commands = [" ".join(step.argv) for step in group.steps]
    if not _PLAIN.fullmatch(" ".join(commands)):
        commands = [shell_line(step.argv) for step in group.steps]
    width = _width(commands)
    lines = [
        f"{command:{width}}   #{step.sign} {step.owner}: {step.words}"
        for command, step in zip(commands, group.steps, strict=True)
    ]
    return Text("\n".join(lines))


def teardown_rows(plan: Plan) -> Text:
    """What removes a topology: all its links on the host in one transaction, then its namespaces with all they hold."""
    links = (f"ip link delete group {plan.mark}", "-", f"host: group {plan.mark}")
    namespaces = ((f"ip netns delete {name}", "-", f"{name}: namespace") for name in plan.namespaces)
    return _table((links, *namespaces))


def probe_rows(probes: Iterable[Probe]) -> Text:
    """Probes as rows: the command that tries, `>` or `!`, and what is claimed."""
    return _table(map(_probe_row, probes))


def _probe_row(probe: Probe) -> tuple[str, str, str]:
    attempt = shell_line((*inside(probe.source), "bash", "-c", f": </dev/tcp/{probe.address}/9"))
    claim = "reaches" if probe.expected else "does not reach"
    return (
        attempt,
        ">" if probe.expected else "!",
        f"{probe.source} {claim} {probe.target} at {probe.address} ({probe.why})",
    )


def _table(lines: Iterable[tuple[str, str, str]]) -> Text:
    found = list(lines)
    width = _width([command for command, _, _ in found])
    return Text("\n".join(f"{command:{width}}   #{sign} {fact}" for command, sign, fact in found))


def _width(commands: list[str]) -> int:
    return max((length for length in map(len, commands) if length <= _WIDEST), default=0)


def _quoted(value: object) -> str:
    """What a template prints: quoted, unless it is text that this module made."""
    if isinstance(value, Text):
        return value
    if isinstance(value, (str, int)):
        return shlex.quote(str(value))
    raise TypeError(f"a template can print text and numbers, not {value}")  # what is undefined says so by itself
