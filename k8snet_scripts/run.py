"""Running scripts: the one place that starts other programs.

On this machine a script is handed to bash on standard input, as `k8snet setup … | sudo bash` would do it, and speaks
for itself: its output, its messages and its exit status are passed on.  It takes back its own work when it is
interrupted, so whoever interrupts us waits for it.  In a sandbox there is nothing to take back: it is gone when we are.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from k8snet_scripts.render import template_directory
from k8snet_scripts.scripts import Scripts

SANDBOX = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child")
"""A network, mount and process namespace of one's own, gone with everything in it when the command has ended."""

AS_ROOT_OF_ITS_OWN = ("--user", "--map-root-user")
"""What makes that possible for everybody: a user namespace, in which one is root over nothing but these namespaces."""

_COVER_RUN = ("mount", "--no-mtab", "--types", "tmpfs", "tmpfs", "/run")
_STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_BY_THE_KERNEL = 0x80  # the `si_code` of a signal that came from a terminal, and so reached the whole process group

Process = subprocess.Popen[bytes]


class Outcome(NamedTuple):
    """How a script ended: its exit status, and how many commands it announced on standard error."""

    status: int
    commands: int


class NoTerminal(Exception):
    """There is no terminal for a command that is to have one."""


class NoSandbox(Exception):
    """The system does not allow throw-away namespaces; the message is what the system said."""


def run_script(text: Iterable[str], arguments: Sequence[str], prefix: Sequence[str] = ()) -> Outcome:
    """Run a bash script with arguments, under a command such as `sudo`.

    Standard input is the script; a password is asked for on the terminal.  The exit status is 128 + N for signal N.
    """
    argv = (*prefix, "bash", "-s", "--", *arguments)
    with _file_of(text) as script, _started(argv, stdin=script, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        with ThreadPoolExecutor(1) as relay:
            commands = relay.submit(_relay, process.stderr)
            return Outcome(_wait(process, _pass_on), commands.result())


def try_scripts(scripts: Scripts, command: Sequence[str] = (), on_terminal: bool = False) -> int:
    """Set up, verify, set up again and tear down in throw-away namespaces; `command` is run in between.

    Nothing on the machine is touched, and no privileges are needed.  The exit status is 0 if every step went well, else
    that of `command`, or 1; `command` reads from the terminal, if so wished, whatever standard input is.  Raises
    `NoSandbox` and `NoTerminal`.
    """
    sandbox = _find_sandbox()
    with tempfile.TemporaryDirectory(prefix="k8snet-") as directory, _terminal(on_terminal) as stdin:
        scripts.write(Path(directory))
        trial = template_directory() / "shell" / "try.sh"
        with _started((*sandbox, "bash", str(trial), directory, *command), stdin=stdin) as process:
            return _wait(process, _end_sandbox)


def _find_sandbox() -> Sequence[str]:
    """The beginning of a command that runs in throw-away namespaces."""
    refusal = ""
    for own in [AS_ROOT_OF_ITS_OWN] if os.geteuid() != 0 else [(), AS_ROOT_OF_ITS_OWN]:
        with _started((*SANDBOX, *own, *_COVER_RUN), stderr=subprocess.PIPE) as tried:
            refusal = refusal or tried.communicate()[1].decode(errors="replace").strip()
        if tried.returncode == 0:
            return (*SANDBOX, *own)
    raise NoSandbox(refusal)


@contextmanager
def _file_of(text: Iterable[str]) -> Iterator[IO[str]]:
    """An unnamed file with the text, at its beginning: bash reads it faster than a pipe, and nothing is left behind."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        file.writelines(text)
        file.seek(0)
        yield file


@contextmanager
def _terminal(wanted: bool) -> Iterator[IO[bytes] | None]:
    """The terminal, if it is wanted.

    An interactive shell makes the terminal its own, and from inside its namespaces it cannot give it back to a process
    group outside.  Raises `NoTerminal`.
    """
    if not wanted:
        yield None
        return
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY)
    except OSError as error:
        raise NoTerminal(error.strerror) from error
    with open(descriptor, "rb", buffering=0) as terminal:
        group = os.tcgetpgrp(terminal.fileno())
        try:
            yield terminal
        finally:
            with _blocked({signal.SIGTTOU}):
                os.tcsetpgrp(terminal.fileno(), group)


@contextmanager
def _started(argv: Sequence[str], **how: Any) -> Iterator[Process]:
    """A program that has been started; until this is left, signals to stop are held back from us, not from it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored there is no exit status
    with _blocked({*_STOPS, signal.SIGCHLD}) as before:

        def let_through() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

        try:  # the function is safe without other threads, and there are none yet
            process = subprocess.Popen(argv, preexec_fn=let_through, **how)  # noqa: PLW1509
        except FileNotFoundError as error:
            raise OSError(errno.ENOENT, "the program is not installed", argv[0]) from error
        with process:
            yield process


@contextmanager
def _blocked(signals: Iterable[int]) -> Iterator[set[int]]:
    """Signals wait until this is left; gives those that were blocked before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield {*before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(process: Process, stop: Callable[[Process, int], None]) -> int:
    """The exit status of a process, 128 + N for signal N; `stop` is called with each signal that it did not get itself.

    A terminal's Ctrl-C reaches the process as it reaches us.  What is sent to us alone does not.
    """
    while process.poll() is None:
        # In a program with more threads another one may take the news that the process has ended.
        caught = signal.sigtimedwait({*_STOPS, signal.SIGCHLD}, 1)
        if caught is not None and caught.si_signo in _STOPS and caught.si_code != _BY_THE_KERNEL:
            stop(process, caught.si_signo)
    status = process.returncode
    return status if status >= 0 else 128 - status


def _pass_on(process: Process, number: int) -> None:
    """Hand a signal on to a script, which takes back what it has done."""
    try:
        process.send_signal(number)
    except PermissionError:
        print("k8snet: the script runs as root and cannot be stopped from here; waiting for it to end", file=sys.stderr)


def _end_sandbox(process: Process, number: int) -> None:
    """Kill the first process of a sandbox; the others go with it, and `unshare` ends when all are gone."""
    first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(first[0]) if first else process.pid, signal.SIGKILL)
    process.wait()
    sys.exit(128 + number)


def _relay(said: IO[bytes]) -> int:
    """Pass on what a script says, line by line; the number of commands in it.

    If nobody listens any more the script is to go on all the same.
    """
    commands = 0
    for line in said:
        commands += line.startswith(b"[#] ")
        try:
            os.write(2, line)
        except BrokenPipeError:
            continue
    return commands
