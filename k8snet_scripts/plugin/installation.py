"""Installation: our executables in a directory of CNI plugins, beside or in place of those that are there.

What is put there is a Python file of a few lines, which knows by absolute paths the interpreter and the packages of the
environment that it was made in, and asks the caller's environment for neither.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from k8snet_scripts.plugin.delegate import MARK, is_ours
from k8snet_scripts.plugin.kinds import ASIDE, ITSELF, KINDS

_PACKAGES = ("k8snet_scripts", "jinja2", "markupsafe")
_LONGEST_SHEBANG = 127  # bytes, beyond which old kernels cut

_LAUNCHER = """\
{mark} stands in for CNI plugins; `k8snet cni uninstall` removes it from its directory.
import sys

sys.path += {packages}
try:
    from k8snet_scripts.plugin.main import main
except ImportError:
    print('{{"code": 999, "msg": "k8snet is not where it was when it was installed: run `k8snet cni install` again"}}')
    sys.exit(1)
main()
"""
_BY_A_SHELL = """\
#!/bin/sh
{mark} stands in for CNI plugins; Python reads the next line as a string, and a shell as a command.
'''exec' '{python}' -IS "$0" "$@" #'''
"""


class Occupied(Exception):
    """A directory has another plugin under a name that we want; the message is its path."""


def launcher(python: str = sys.executable) -> str:
    """The text of an executable of ours, run by `python`: isolated, without its site packages but for those needed."""
    directories = [str(Path(str(spec.origin)).parent.parent) for spec in map(find_spec, _PACKAGES) if spec]
    mark = MARK.decode()
    text = _LAUNCHER.format(mark=mark, packages=sorted({*directories}))
    first = f"#!{python} -IS\n"
    if len(first.encode()) <= _LONGEST_SHEBANG and not any(map(str.isspace, python)):
        return first + text
    quoted = python.replace("'", "'\"'\"'")
    return _BY_A_SHELL.format(mark=mark, python=quoted) + text


def install(directory: Path, *, replace: bool) -> Iterator[str]:
    """Put our executables into a directory, and say what was done, a line for each.

    With `replace` they stand in for the plugins of all `KINDS`, and originals are kept aside.  Raises `Occupied` before
    anything is done, and `OSError`.
    """
    names = (ITSELF, *(KINDS if replace else ()))
    text = launcher().encode()
    paths = [directory / name for name in names]
    for path in paths:
        if path.is_dir() or (path.name == ITSELF and os.path.lexists(path) and not is_ours(str(path))):
            raise Occupied(str(path))
    return (_put(path, text) for path in paths)


def uninstall(directory: Path) -> Iterator[str]:
    """Remove our executables from a directory and put originals back; a line for each says so."""
    for path in [directory / name for name in (ITSELF, *KINDS)]:
        original = _aside(path)
        if path.is_symlink() or not is_ours(str(path)):
            if os.path.lexists(original):
                yield f"{path} is not one of ours: {original} stays"
        elif os.path.lexists(original):
            original.replace(path)
            yield f"{path} is the original again"
        else:
            path.unlink()
            yield f"{path} is removed"


def _put(path: Path, text: bytes) -> str:
    original, done = _aside(path), "is new"
    if is_ours(str(path)):
        if path.read_bytes() == text:
            return f"{path} is up to date"
        done = "is renewed"
    elif os.path.lexists(path):
        _draft(original, path)
        done = f"is replaced; the original is kept as {original}"
    _draft(path, text)
    return f"{path} {done}"


def _draft(path: Path, source: bytes | Path) -> None:
    """Let a file appear at its place at once: a new executable, or a second name of another file."""
    try:
        home = tempfile.TemporaryDirectory(prefix=".k8snet-", dir=path.parent)
    except OSError as error:
        error.filename = os.fspath(path)  # which says more than the name of a draft
        raise
    with home as directory:
        draft = Path(directory, path.name)
        if isinstance(source, Path):
            os.link(source, draft, follow_symlinks=False)
        else:
            draft.write_bytes(source)
            draft.chmod(0o755)
        draft.replace(path)


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ASIDE)
