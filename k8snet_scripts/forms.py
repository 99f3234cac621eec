"""Forms: scripts that a template has rendered with blanks, to be filled in without the template engine.

Loading the engine takes longer than making a small network.  Whoever makes many of them renders a form once and keeps
it: filled in, it is the very script that `render_script` would give.
"""

from __future__ import annotations

from k8snet_scripts.render import Body, Kind, LaidOut, Origin, Text, comment, plain, render_script, teardown_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from k8snet_scripts.plan import Plan

_NAME, _MARK, _TABLE, _ROWS = "@NAME@", "@MARK@", "@TABLE@", "@ROWS@"
_DESCRIPTION, _DIAGRAM, _CAUSE = "@DESCRIPTION@", "@DIAGRAM@", "@CAUSE@"


class _Blank:
    """A plan of which the template sees the marks only."""

    name, mark, table, rows = _NAME, _MARK, _TABLE, _ROWS

    def __init__(self, externals: bool) -> None:
        self.externals = externals


def name_form(kind: Kind, body: Body) -> str:
    """What tells the forms apart that scripts need: the kind, how many waves there are, and what may be left out."""
    return f"{kind}-{len(body.waves)}{'-used' if body.plan.externals else ''}{'-described' if body.description else ''}"


def render_form(kind: Kind, body: Body) -> str:
    """The form of a script whose origin is a call, not files."""
    plan: Any = _Blank(bool(body.plan.externals))
    waves = [LaidOut(_title(number), (_rows(number),)) for number in range(len(body.waves))]
    blank = body._replace(
        plan=plan,
        waves=waves,
        origin=Origin((), (_CAUSE,)),
        description=body.description and _DESCRIPTION,
        diagram=(_DIAGRAM,),
    )
    return "".join(render_script(kind, blank, teardown_rows=_blank_rows))


def fill_in(form: str, body: Body) -> str:
    """The script that a form is of."""
    plan = body.plan
    for blank, text in (
        (f"# {_DESCRIPTION}", comment(body.description)),
        (f"#   {_DIAGRAM}", comment(f"  {line}" for line in body.diagram)),
        (_CAUSE, plain(" ".join(body.origin.arguments))),
        (_ROWS, teardown_rows(plan)),
        (_NAME, plan.name),
        (_TABLE, plan.table),
        (_MARK, str(plan.mark)),
    ):
        form = form.replace(blank, text)
    for number, wave in enumerate(body.waves):
        form = form.replace(_title(number), plain(wave.title)).replace(_rows(number), "".join(wave.pieces))
    return form


def _blank_rows(plan: Plan) -> Text:
    return Text(_ROWS)


def _title(number: int) -> str:
    return f"@TITLE{number}@"


def _rows(number: int) -> str:
    return f"@ROWS{number}@"
