"""What the kernel reported while a script ran: the proof that a run changed nothing, in any namespace.

`ip monitor all-nsid` in the host's namespace is not enough.  Tried on 6.18 and 6.1: it hears a namespace only if that
one has an id in the listener's (a veth between the two gives it one, `ip netns add` does not), so two namespaces that
are joined only to each other are never heard; and it prints interface names of the listener's own namespace for the
indexes it gets.  So one more `ip monitor` listens inside every namespace, and `nft monitor` where nft works.  Making or
deleting a namespace raises no event at all: the files in /run/netns are compared.
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from live.sandbox import Process, Sandbox
from live.settle import settle

_NETNS = "for file in /run/netns/*; do [ -e $file ] && stat -L -c '%n %i' $file; done; true"
_CHANCE = "[NEIGH]"
"""Neighbours that are learned and forgotten as traffic goes: only permanent ones are configuration."""


class Monitor:
    """Listens from entering to leaving the context, then says what was heard in `events`.

    Both ends wait until the network has settled: no event of earlier changes is heard, and none of the script's missed.
    `host_events` holds what `ip monitor all-nsid` in the host's namespace alone would have shown.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.events: list[str] = []
        self.host_events: list[str] = []

    def __enter__(self) -> Self:
        settle(self._sandbox)
        self._before = self._namespaces()
        enter = {Path(line.split()[0]).name: ["nsenter", f"--net={line.split()[0]}"] for line in self._before}
        self._listeners = [("host", self._start([], ["ip", "-o", "monitor", "all-nsid", "label", "all"]))]
        for name, prefix in enter.items():
            self._listeners.append((name, self._start(prefix, ["ip", "-o", "monitor", "label", "all"])))
        if self._sandbox.run(["nft", "list", "ruleset"]).returncode == 0:
            for name, prefix in {"host": [], **enter}.items():
                self._listeners.append((name, self._start(prefix, ["stdbuf", "-oL", "nft", "monitor"])))
        for _, listener in self._listeners:
            _wait_until_idle(listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                settle(self._sandbox)
                for _, listener in self._listeners:
                    _wait_until_idle(listener)
        finally:
            heard = [(name, self._stop(listener)) for name, listener in self._listeners]
        self.events = [f"{name}: {line}" for name, lines in heard for line in lines]
        self.host_events = heard[0][1]
        after = self._namespaces()
        self.events += [f"namespace gone: {line}" for line in self._before if line not in after]
        self.events += [f"namespace new: {line}" for line in after if line not in self._before]

    def _namespaces(self) -> list[str]:
        """Path and inode of every named namespace."""
        return self._sandbox.bash(_NETNS, check=True).stdout.splitlines()

    def _start(self, enter: list[str], argv: list[str]) -> Process:
        return self._sandbox.popen([*enter, *argv])

    def _stop(self, listener: Process) -> list[str]:
        if listener.pid is not None:
            listener.signal(signal.SIGTERM)
        done = listener.wait()
        assert done.returncode == -signal.SIGTERM, f"a listener ended early: {done}"
        return [line for line in done.stdout.splitlines() if _CHANCE not in line or line.rstrip().endswith("PERMANENT")]


def _wait_until_idle(listener: Process, timeout: float = 20) -> None:
    """Returns when the listener has joined its groups, has read all that came, and sleeps until more comes."""
    end = time.monotonic() + timeout
    while not _is_idle(listener.pid):
        if time.monotonic() > end or listener.popen.poll() is not None:
            raise TimeoutError(f"a listener does not listen: {listener.popen.args!r}")
        time.sleep(0.01)


def _is_idle(pid: int | None) -> bool:
    if pid is None:
        return False
    process = Path(f"/proc/{pid}")
    sleeping = (process / "stat").read_text().rpartition(")")[2].split()[0] == "S"
    try:
        sockets = {str(link.readlink()) for link in (process / "fd").iterdir()}
    except FileNotFoundError:
        return False  # it is opening and closing files still
    rows = (line.split() for line in (process / "net/netlink").read_text().splitlines()[1:])
    mine = [row for row in rows if f"socket:[{row[9]}]" in sockets and row[3] != "00000000"]
    return sleeping and bool(mine) and all(row[4] == "0" for row in mine)
