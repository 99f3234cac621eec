"""A private piece of machine for one test: its own network, mounts and processes, gone when the test ends.

A first process, kept alive by a pipe to the test, holds network, mount and process-id namespaces with a fresh /run,
/sys and /proc.  Everything a test runs enters these namespaces, so no interface of the machine can be touched, and
whatever is still running at the end dies with the first process, even when the test itself is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PRIVATE = ("/run", "/var/lib/cni")
"""Directories that are empty in every sandbox.  One that the machine lacks is made on an empty parent directory."""

_HOLD = """
set -e
mount -n -t sysfs sysfs /sys
for directory; do
    there=$directory
    until [ -d "$there" ]; do there=${there%/*}; done
    mount -n -t tmpfs -o mode=0755 tmpfs "$there"
    mkdir -p "$directory"
done
echo ready
read -r _
"""


class SandboxRefused(Exception):
    """The system does not let this user make a sandbox; the message is what the system said."""


class Process:
    """A program that runs in a sandbox, as the leader of its own session and process group."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen

    @property
    def pid(self) -> int | None:
        """The program's process id as seen from outside the sandbox, None before it starts or after it ended.

        `nsenter` has to fork in order to enter a process-id namespace; the program is its only child.
        """
        parent = self.popen.pid
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except FileNotFoundError:
            return None
        return int(children.split()[0]) if children.strip() else None

    def signal(self, number: signal.Signals, *, group: bool = True) -> None:
        """Signals the program, by default with its whole process group, as a terminal or a supervisor does."""
        pid = self.pid
        if pid is None:
            raise ProcessLookupError("the program is not running")
        (os.killpg if group else os.kill)(pid, number)

    def wait(self, stdin: str | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` gives.  On `subprocess.TimeoutExpired` the whole process group is killed first."""
        try:
            stdout, stderr = self.popen.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            if self.pid is not None:
                self.signal(signal.SIGKILL)
            self.popen.kill()
            self.popen.wait()
            for pipe in filter(None, (self.popen.stdin, self.popen.stdout, self.popen.stderr)):
                pipe.close()
            raise
        return subprocess.CompletedProcess(self.popen.args, self.popen.returncode, stdout, stderr)


class Sandbox:
    """Private network, mount and process-id namespaces; a context manager.

    With `user=True`, and always when the test is not root, they belong to a user namespace of their own: what runs in
    them has root's rights over these namespaces only (over files, those of whoever runs the tests).  Raises
    `SandboxRefused` where the system forbids it.
    """

    def __init__(self, *, user: bool = False, private: Sequence[str] = PRIVATE) -> None:
        self._user = user or os.geteuid() != 0
        self._private = private

    def __enter__(self) -> Self:
        own = ["--user", "--map-root-user"] if self._user else []
        spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        self._holder = subprocess.Popen(
            [_program("unshare"), *own, *spaces, "bash", "-c", _HOLD, "sandbox", *self._private],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(None),
        )
        assert self._holder.stdout is not None and self._holder.stderr is not None
        if self._holder.stdout.readline() != "ready\n":
            said = self._holder.stderr.read().strip()
            self._close()
            raise SandboxRefused(said)
        self._directory = tempfile.TemporaryDirectory(prefix="k8snet-live-")
        self.directory = Path(self._directory.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        self._directory.cleanup()

    def _close(self) -> None:
        self._holder.kill()  # `--kill-child` takes the first process along, and that one all others
        self._holder.wait()
        for pipe in (self._holder.stdin, self._holder.stdout, self._holder.stderr):
            assert pipe is not None
            pipe.close()

    def _first_process(self) -> str:
        holder = self._holder.pid
        return Path(f"/proc/{holder}/task/{holder}/children").read_text().split()[0]

    def popen(
        self, argv: Sequence[str], *, stdin: IO[str] | None = None, env: Mapping[str, str] | None = None
    ) -> Process:
        """Starts a program with pipes for standard output and error, and for standard input unless that is a file.

        `env` is added to a small, fixed one.
        """
        own = ["--user", "--preserve-credentials"] if self._user else []
        enter = [_program("nsenter"), "--target", self._first_process(), *own, "--net", "--mount", "--pid"]
        return Process(
            subprocess.Popen(
                [*enter, "--", "setsid", "--", *argv],
                stdin=stdin or subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=_environment(env),
                start_new_session=True,
            )
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end.  `timeout` is in seconds; with `check` a status other than 0 is an error.

        Standard input is an unnamed file, which bash reads much faster than a pipe.  The status of a program that a
        signal killed is minus the signal's number.  A program that leaves a process behind which still holds its output
        counts as running.
        """
        with tempfile.TemporaryFile("w+") as file:
            file.write(stdin or "")
            file.seek(0)
            done = self.popen(argv, stdin=file, env=env).wait(timeout=timeout)
        return _checked(argv, done) if check else done

    def bash(
        self,
        script: str,
        *args: str,
        via: Literal["redirection", "pipe", "file"] = "redirection",
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script as a user would: `bash -s -- ARGS <FILE`, piped into `bash -s -- ARGS`, or as `bash FILE ARGS`.

        Bash reads a pipe byte by byte, which takes longer than what most scripts do; the way is for tests of just that.
        """
        assert via == "file" or stdin is None, "where bash reads the script from, nothing else can be read"
        if via == "redirection":
            return self.run(["bash", "-s", "--", *args], stdin=script, env=env, timeout=timeout, check=check)
        if via == "pipe":
            argv = ["bash", "-s", "--", *args]
            done = self.popen(argv, env=env).wait(script, timeout)
            return _checked(argv, done) if check else done
        path = self.directory / "script.sh"
        path.write_text(script)
        return self.run(["bash", str(path), *args], stdin=stdin, env=env, timeout=timeout, check=check)

    def processes(self) -> list[str]:
        """The command lines of everything that runs in the sandbox now: what a script left behind."""
        listing = self.run(["ps", "-e", "-o", "pid=,ppid=,stat=,args="], check=True).stdout
        rows = [line.split(None, 3) for line in listing.splitlines()]
        return [
            args
            for pid, parent, state, args in rows
            if pid != "1" and not state.startswith("Z") and not (parent == "0" and args.startswith("ps -e"))
        ]


def _checked(argv: Sequence[str], done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    """What a program did that had to succeed."""
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def _program(name: str) -> str:
    """The machine's own program, whatever a test puts first in a script's PATH."""
    return shutil.which(name, path=PATH) or name


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    """What a script sees of the tests' own environment: nothing but where temporary files go."""
    inherited = {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
    return {"PATH": PATH, "HOME": "/root", "LC_ALL": "C", "TERM": "dumb", **inherited, **(extra or {})}


def refusal() -> str | None:
    """Why no sandbox can be made here, in the system's own words; None where it can."""
    try:
        with Sandbox():
            return None
    except SandboxRefused as error:
        return str(error) or "no reason given"
    except FileNotFoundError as error:
        return f"{error.filename} is not installed ({sys.platform})"
