"""Running scripts: the one place that starts other programs.

A script is handed to bash on standard input, as `k8snet setup … | sudo bash` would do it, and speaks for itself: its
output, its messages and its exit status are passed on.  It undoes its own work when it is interrupted, so whoever
interrupts us waits for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from k8snet_scripts.render import template_directory
from k8snet_scripts.scripts import Scripts

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

SANDBOX = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
"""A network, mount and process namespace of one's own, gone with everything in it when the command has ended."""

AS_ROOT_OF_ITS_OWN = ("--user", "--map-root-user")
"""What makes that possible for everybody: a user namespace, in which one is root over nothing but these namespaces."""


def run_script(text: Iterable[str], arguments: Sequence[str], prefix: Sequence[str] = ()) -> int:
    """Run a bash script with arguments, under a command such as `sudo`; its exit status, 128 + N for signal N."""
    with _file_of(text) as script:
        return _wait(lambda: subprocess.Popen((*prefix, "bash", "-s", "--", *arguments), stdin=script))


def try_scripts(scripts: Scripts, command: Sequence[str]) -> int:
    """Set up, verify, set up again and tear down in throw-away namespaces; `command` is run in between.

    Nothing on the machine is touched, and no privileges are needed.  The exit status is 0 if every step went well.
    """
    with tempfile.TemporaryDirectory(prefix="k8snet-") as directory:
        scripts.write(Path(directory))
        trial = template_directory() / "shell" / "try.sh"
        user = () if os.geteuid() == 0 else AS_ROOT_OF_ITS_OWN
        argv = (*SANDBOX, *user, "bash", str(trial), directory, *command)
        return _wait(lambda: subprocess.Popen(argv))


def sandbox_obstacle() -> str:
    """Why throw-away namespaces cannot be made here, in the words of `unshare`; empty if they can."""
    user = () if os.geteuid() == 0 else AS_ROOT_OF_ITS_OWN
    tried = subprocess.run((*SANDBOX, *user, "true"), capture_output=True, text=True)
    return tried.stderr.strip() if tried.returncode else ""


@contextmanager
def _file_of(text: Iterable[str]) -> Iterator[IO[str]]:
    """An unnamed file with the text, at its beginning: bash reads one faster than a pipe, and nothing is left behind."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.writelines(text)
        file.seek(0)
        yield file


def _wait(start: Callable[[], subprocess.Popen[bytes]]) -> int:
    """Start a process and wait until it has ended, however often we are told to stop: it is told, and tidies up.

    A terminal's Ctrl-C reaches the process by itself, so SIGINT is passed on to nobody.
    """
    process: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        if process and number != signal.SIGINT:
            process[0].send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        process.append(start())
        status = process[0].wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status
