"""Stands in PATH before a real program, counts what it is asked to do, and strikes once where it was told to.

This file is copied to `DIRECTORY/ip`, `DIRECTORY/bridge` and so on by `faults.py`, and runs by itself, on the standard
library alone.  An action is one command: an invocation of a program, or one line of an `ip`, `bridge` or `tc` batch.  A
batch without a strike in it is handed on whole; one with a strike is handed on in two parts, with the line numbers in
error messages kept right.  In DIRECTORY are `next` (the number of the next action), `log` (a JSON object an action),
`plan` (the fault to inject, if any) and, once it happened, `struck`.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BATCHES = ("ip", "bridge", "tc")
WITH_VALUE = ("-n", "-netns", "-net", "-f", "-family", "-rc", "-rcvbuf", "-l", "-loops")


def main() -> int:
    # Python changes two signals; a real program would have the default, or what its parent chose to ignore.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    name = Path(sys.argv[0]).name
    real = find_program(name)
    arguments, lines = split_batch(name, sys.argv[1:])
    meant = list(range(len(lines))) if lines is not None else [0]
    if lines is not None:
        meant = [index for index in meant if not re.match(r"\s*(#|$)", lines[index])]
    first = claim(name, arguments, [lines[index] if lines is not None else None for index in meant])
    plan = json.loads((HERE / "plan").read_text()) if (HERE / "plan").exists() else {"at": -1}
    index = plan["at"] - first
    if not 0 <= index < len(meant):
        if lines is None:
            os.execv(real, [real, *arguments])
        return run_lines(real, arguments, lines, 0)
    if lines is None:
        return strike_program(real, arguments, plan)
    return strike_batch(real, arguments, lines, meant[index], plan)


def find_program(name: str) -> str:
    """The real program, in a directory of PATH other than this one; PATH stays as it is for what that program starts."""
    places = (Path(place, name) for place in os.environ["PATH"].split(":") if place != str(HERE))
    return str(next(place for place in places if os.access(place, os.X_OK)))


def split_batch(name: str, argv: list[str]) -> tuple[list[str], list[str] | None]:
    """The arguments without `-batch FILE`, and the lines of that batch, None when there is none."""
    at = 0
    while name in BATCHES and at < len(argv) and argv[at].startswith("-"):
        if len(argv[at]) > 1 and "-batch".startswith(argv[at]):
            file = argv[at + 1] if at + 1 < len(argv) else "-"
            text = sys.stdin.read() if file == "-" else Path(file).read_text()
            return [*argv[:at], *argv[at + 2 :]], text.splitlines()
        at += 2 if argv[at] in WITH_VALUE else 1
    return argv, None


def claim(name: str, arguments: list[str], lines: list[str | None]) -> int:
    """Numbers and logs these actions, though other processes of the script do the same; gives the first number."""
    with (HERE / "log").open("a") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        first = int((HERE / "next").read_text())
        for number, line in enumerate(lines, first):
            log.write(json.dumps({"number": number, "argv": [name, *arguments], "line": line}) + "\n")
        (HERE / "next").write_text(str(first + len(lines)))
    return first


def run_lines(real: str, arguments: list[str], lines: list[str], skipped: int) -> int:
    """Hands a part of a batch on, `skipped` lines of which have run already."""
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run([real, *arguments, "-batch", "-"], input=text, stderr=subprocess.PIPE, text=True, check=False)
    failed = re.compile(r"(?<=Command failed -:)\d+")
    sys.stderr.write(failed.sub(lambda found: str(int(found[0]) + skipped), done.stderr))
    return done.returncode


def strike_program(real: str, arguments: list[str], plan: dict[str, Any]) -> int:
    """Before or after the program acts; a program that a signal was sent to before it acted still acts if it lives."""
    status = subprocess.run([real, *arguments], check=False).returncode if plan["when"] == "after" else 0
    strike(plan)
    if plan["what"] == "fail":
        sys.stderr.write(f"{Path(real).name}: injected fault\n")
        return 1
    if plan["when"] == "before":
        os.execv(real, [real, *arguments])
    return status


def strike_batch(real: str, arguments: list[str], lines: list[str], at: int, plan: dict[str, Any]) -> int:
    """Before or after one line of a batch.  Nothing runs after a line that failed, unless the program was told `-force`."""
    forced = "-force" in arguments
    cut = at + 1 if plan["when"] == "after" else at
    status = run_lines(real, arguments, lines[:cut], 0) if cut else 0
    if status != 0 and not forced:
        return status
    strike(plan)
    if plan["what"] == "fail":
        sys.stderr.write(f"Error: injected fault.\nCommand failed -:{at + 1}\n")
        status, cut = 1, at + 1
        if not forced:
            return status
    rest = run_lines(real, arguments, lines[cut:], cut) if cut < len(lines) else 0
    return status or rest


def strike(plan: dict[str, Any]) -> None:
    """Sends the signal, to the script alone or to its process group; the script leads this session."""
    (HERE / "struck").touch()
    if plan["what"] == "fail":
        return
    number = signal.Signals[plan["what"]]
    sys.stderr.flush()
    if plan["target"] == "script":
        os.kill(os.getsid(0), number)
    else:
        os.killpg(os.getsid(0), number)


if __name__ == "__main__":
    sys.exit(main())
