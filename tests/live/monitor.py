"""What the kernel reported while a script ran: the proof that a run changed nothing, in any namespace.

`ip monitor all-nsid` in the host's namespace is not enough.  Tried on 6.18 and 6.1: it hears a namespace only if that
one has an id in the listener's (a veth between the two gives it one, `ip netns add` does not), so two namespaces that
are joined only to each other are never heard; and it prints interface names of the listener's own namespace for the
indexes it gets.  So one more `ip monitor` listens inside every namespace, and `nft monitor` where nft works.  Making or
deleting a namespace raises no event at all: the files in /run/netns are compared.

One announcement comes late, whatever is done meanwhile: a bridge starts a timer when a port begins to forward, even
without a spanning tree, and announces the port again when the timer ends, 15 seconds later unless `forward_delay` says
otherwise.  Where such a timer ended while the monitor listened, one announcement of that port is not counted.
"""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from live.sandbox import Process, Sandbox
from live.settle import settle

_NETNS = "for file in /run/netns/*; do [ -e $file ] && stat -L -c '%n %i' $file; done; true"
_CHANCE = "[NEIGH]"
"""Neighbours that are learned and forgotten as traffic goes: only permanent ones are configuration."""

_TIMERS = """
shopt -s nullglob
echo host
ip -j -d link show type bridge_slave
for file in /run/netns/*; do
    echo "${file##*/}"
    ip -n "${file##*/}" -j -d link show type bridge_slave 2>/dev/null || echo '[]'
done
"""
_PORT = re.compile(r"(?:\[nsid \w+\])?\[LINK\](\d+): ([^:@]+)(?:@[^:]+)?: <[^>]*> mtu \d+ master .*")
"""How a bridge announces one of its ports: as `ip link show` does, but without the port's own queueing discipline."""

_Port = tuple[str, int, str]
"""A port: its namespace, index and name."""


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
        self._timers = self._read_timers()
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
        ended: list[_Port] = []
        try:
            if kind is None:
                settle(self._sandbox)
                ended = self._wait_for_ends()
                for _, listener in self._listeners:
                    _wait_until_idle(listener)
        finally:
            heard = [(name, self._stop(listener)) for name, listener in self._listeners]
        self.host_events = _without_late_ones(heard[0][1], ended)
        self.events = [f"host: {line}" for line in self.host_events]
        for name, lines in heard[1:]:
            own = (port for port in ended if port[0] == name)
            self.events += [f"{name}: {line}" for line in _without_late_ones(lines, own)]
        after = self._namespaces()
        self.events += [f"namespace gone: {line}" for line in self._before if line not in after]
        self.events += [f"namespace new: {line}" for line in after if line not in self._before]

    def _namespaces(self) -> list[str]:
        """Path and inode of every named namespace."""
        return self._sandbox.bash(_NETNS, check=True).stdout.splitlines()

    def _wait_for_ends(self) -> list[_Port]:
        """The ports whose timer has ended while this listened, once they have been announced.

        The kernel may be half a second late with that, and a timer that is about to end is waited for.
        """
        timers = self._read_timers()
        while any(0 < left < 1 for left in timers.values()):
            time.sleep(0.2)
            timers = self._read_timers()
        ended = [port for port, left in timers.items() if not left and self._timers.get(port)]
        if ended:
            time.sleep(0.7)
        return ended

    def _read_timers(self) -> dict[_Port, float]:
        """Every port of a bridge, and the seconds that its timer has left, at whose end it is announced once more."""
        lines = self._sandbox.bash(_TIMERS, check=True).stdout.splitlines()
        return {
            (namespace, link["ifindex"], link["ifname"]): link["linkinfo"]["info_slave_data"]["forward_delay_timer"]
            for namespace, listing in zip(lines[::2], lines[1::2], strict=True)
            for link in json.loads(listing)
            if link
        }

    def _start(self, enter: list[str], argv: list[str]) -> Process:
        return self._sandbox.popen([*enter, *argv])

    def _stop(self, listener: Process) -> list[str]:
        if listener.pid is not None:
            listener.signal(signal.SIGTERM)
        done = listener.wait()
        assert done.returncode == -signal.SIGTERM, f"a listener ended early: {done}"
        return [line for line in done.stdout.splitlines() if _CHANCE not in line or line.rstrip().endswith("PERMANENT")]


def _without_late_ones(lines: list[str], ended: Iterable[_Port]) -> list[str]:
    """The lines without the last announcement of each port whose timer has ended."""
    due = Counter(f"{index} {name}" for _, index, name in ended)
    kept = []
    for line in reversed(lines):
        port = _PORT.fullmatch(line)
        if port and due[f"{port[1]} {port[2]}"]:
            due[f"{port[1]} {port[2]}"] -= 1
        else:
            kept.append(line)
    return kept[::-1]


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
