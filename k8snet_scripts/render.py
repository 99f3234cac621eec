"""From a plan to the text of the scripts, through the templates.

Templates hold all fixed shell text and lay out what they are given; they decide nothing.  Whatever a template prints is
quoted for the shell unless it is `Text`, and only this module makes `Text`: rows of the table, comments, and files of
fixed shell that are taken over as they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Literal, NamedTuple

from k8snet_scripts.commands import COMMAND
from k8snet_scripts.digests import digest
from k8snet_scripts.groups import Group
from k8snet_scripts.plan import Entry, Plan
from k8snet_scripts.plates import Plates
from k8snet_scripts.quoting import quote_words
from k8snet_scripts.rules.options import PROBED_PORT
from k8snet_scripts.steps import Argv, Step, inside
from k8snet_scripts.topology import HOST

if TYPE_CHECKING:
    from jinja2 import Environment

    from k8snet_scripts.reach.probes import Probe
    from k8snet_scripts.reach.requirements import Requirement

Kind = Literal["setup", "teardown", "verify"]
KINDS: tuple[Kind, ...] = ("setup", "teardown", "verify")

_PLAIN = f"{ascii_letters}{digits}_./:,+=@- ".encode()  # what means nothing to a shell, and the space
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_WIDEST = 100  # a command longer than this does not push the facts of its whole group to the right


class Text(str):
    """Text that stands in a script as it is."""


class Origin(NamedTuple):
    """What a script was made from: files, by base name and the SHA-256 of their bytes, and what `compile` was told."""

    files: tuple[tuple[str, str], ...]
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command that makes the scripts anew."""
        return shlex.join(("k8snet", "compile", *self.arguments))


class Body(NamedTuple):
    """All that a script is rendered from; `table` is its plan, laid out by `lay_out`."""

    plan: Plan
    table: Iterable[str]
    origin: Origin
    description: str
    diagram: Sequence[str]
    probes: Sequence[Probe]  # those that no requirement is about
    requirements: Sequence[Requirement]  # with probes of their own
    coverage: str  # a sentence: what the probes cover


def render_script(kind: Kind, body: Body, templates: Path | None = None) -> Iterator[str]:
    """The text of one script, in pieces; `templates` is a directory that is looked in before our own."""
    template = environment(templates).get_template(f"{kind}.sh.j2")
    return template.generate(script=f"{kind}.sh", **body._replace(table=map(Text, body.table))._asdict())


def lay_out(plan: Plan) -> Iterator[str]:
    """The rows that setup.sh and verify.sh have in common, in pieces: wave by wave, each with its title."""
    number, gap = 1, ""
    for wave in plan.all_waves:
        pieces = filter(None, _lay_out_entries(wave.entries()))
        if first := next(pieces, ""):
            yield f"{gap}### {number}. {plain(wave.title)}\n{first}"
            yield from pieces
            number, gap = number + 1, "\n"


@cache
def environment(templates: Path | None = None, quoted: Callable[[object], str] | None = None) -> Environment:
    """The Jinja environment: strict, and quoting whatever is printed, for a shell if nothing else is said."""
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

    own = FileSystemLoader(template_directory())
    loader = ChoiceLoader([FileSystemLoader(templates), own]) if templates else own
    made = Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=quoted or _quoted,
        autoescape=False,  # what is printed goes to no browser, and `finalize` quotes it
    )
    made.globals["verbatim"] = lambda names: Text(
        "".join([f"\n{loader.get_source(made, f'shell/{name}.sh')[0]}" for name in names])
    )
    made.globals["teardown_rows"] = teardown_rows
    made.filters.update(
        comment=comment,
        digest=lambda text: Text(digest(text).hex()),
        quote=shlex.quote,
        plain=plain,
        probe_rows=probe_rows,
        requirement_rows=requirement_rows,
    )
    return made


def template_directory() -> Path:
    """Where our templates are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def shell_line(argv: Argv) -> str:
    """A command as a shell reads it."""
    line = " ".join(argv)
    return line if _is_plain(line, len(argv)) else shlex.join(argv)


def command_line(step: Step) -> str:
    """The command of a step as it stands in the table."""
    return quote_words(step.argv) if step.words.startswith(COMMAND) else shell_line(step.argv)


def _is_plain(line: str, words: int) -> bool:
    """Whether a line, so many words joined by a space, says to a shell what it says to us."""
    is_split = line.count(" ") == words - 1 and "  " not in f" {line} "
    return line.isascii() and not line.encode().translate(None, _PLAIN) and is_split


def comment(text: str | Iterable[str]) -> Text:
    """Lines of text as a comment, without any character that could end it or disturb a terminal."""
    if isinstance(text, str) and text and text.isprintable():
        return Text(f"# {text}".rstrip())  # one line, as most are
    lines = text.splitlines() if isinstance(text, str) else text
    return Text("\n".join([f"# {plain(line)}".rstrip() for line in lines]))


def plain(text: str) -> Text:
    """One line of our own words, where no quoting is wanted."""
    return Text(text if text.isprintable() else _CONTROL.sub("?", text))


def _lay_out_entries(entries: Iterable[Entry]) -> Iterator[str]:
    plates = Plates(_lay_out_groups)
    for entry in entries:
        yield _lay_out_groups((entry,)) if isinstance(entry, Group) else plates.print(entry)


def _lay_out_groups(groups: Iterable[Group]) -> str:
    """Groups, each an empty line, why it is there, and its rows, if it has any."""
    return "".join(
        [
            f"\n{comment(group.why)}\n{_rows(group)}\n" if group.steps else f"\n{comment(group.why)}\n"
            for group in groups
        ]
    )


def _rows(group: Group) -> str:
    """The steps of a group, and their companions, as rows: command, sign, fact."""
    steps = (*group.steps, *group.companions)
    commands = [" ".join(argv) for _, argv, _, _ in steps]
    if not _is_plain(" ".join(commands), sum([len(argv) for _, argv, _, _ in steps])):
        commands = list(map(command_line, steps))
    width = _width(commands)
    return "\n".join(
        [
            f"{command.ljust(width)}   #{sign} {owner}: {words}"
            for command, (sign, _, owner, words) in zip(commands, steps, strict=True)
        ]
    )


def teardown_rows(plan: Plan) -> Text:
    """What removes a topology: all its links where others are, in one transaction each, then its namespaces."""
    places = ((HOST, "ip"), *((name, f"ip -n {name}") for name in (*plan.externals, *plan.sharing)))
    links = ((f"{ip} link delete group {plan.mark}", "-", f"{name}: group {plan.mark}") for name, ip in places)
    namespaces = ((f"ip netns delete {name}", "-", f"{name}: namespace") for name in plan.namespaces)
    return _table((*links, *namespaces))


def probe_rows(probes: Iterable[Probe]) -> Text:
    """Probes as rows: the command that tries, `>` or `!`, and what is claimed."""
    return _table(map(_probe_row, probes))


def requirement_rows(requirement: Requirement) -> Text:
    """A requirement as a heading, with `=` if it is met and `~` if not, and its probes below."""
    heading = f"#{'=' if requirement.is_met else '~'} {requirement.title}"
    return Text("\n".join([heading, *filter(None, (probe_rows(requirement.probes),))]))


def _probe_row(probe: Probe) -> tuple[str, str, str]:
    attempt = shell_line((*inside(probe.source), "bash", "-c", f": </dev/tcp/{probe.address}/{PROBED_PORT}"))
    claim = f"{probe.source} {'reaches' if probe.expected else 'does not reach'} {probe.target} at {probe.address}"
    seen = f", seen as {probe.seen}" if probe.seen else ""
    return attempt, ">" if probe.expected else "!", f"{claim} ({probe.why}){seen}"


def _table(lines: Iterable[tuple[str, str, str]]) -> Text:
    found = list(lines)
    width = _width([command for command, _, _ in found])
    return Text("\n".join([f"{command.ljust(width)}   #{sign} {fact}" for command, sign, fact in found]))


def _width(commands: list[str]) -> int:
    return max([length for length in map(len, commands) if length <= _WIDEST], default=0)


def _quoted(value: object) -> str:
    """What a template prints: quoted, unless it is text that this module made."""
    if isinstance(value, Text):
        return value
    if isinstance(value, (str, int)):
        return shlex.quote(str(value))
    raise TypeError(f"a template can print text and numbers, not {value}")  # what is undefined says so by itself
