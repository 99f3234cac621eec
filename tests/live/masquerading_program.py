"""Sends something from one network namespace to an address in another, for many pairs, and says whose it seems to be.

Standard input is a JSON object of what to try, and of how many seconds to wait when nothing more happens; `host` is the
namespace that this is started in.  A trial is a connection from one of the sender's own addresses, or (`kind`) a
datagram, which says that it comes from another one if it is `borrowed`.  It is heard on port 9, wherever it arrives.

    {"seconds": 0.5, "trials": [
        {"from": "web", "source": "10.1.0.2", "to": "world", "address": "192.0.2.2", "port": 9, "kind": "connection"}
    ]}

Standard output is an array with the source address that each of them arrived with, or null if it did not arrive.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import socket
import sys
from collections.abc import Sequence
from typing import Any

PORT = 9
NETWORK = 0x40000000  # CLONE_NEWNET
TRANSPARENT = {socket.AF_INET: (socket.IPPROTO_IP, socket.IP_TRANSPARENT), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}


class Trials:
    """All trials at once, in one loop: each says its number to whoever listens, who sees where it comes from."""

    def __init__(self, trials: Sequence[dict[str, Any]]) -> None:
        self.arrived: list[str | None] = [None] * len(trials)
        self.open = set(range(len(trials)))
        self._trials = trials
        self._namespaces = {"host": os.open("/proc/self/ns/net", os.O_RDONLY)}
        self._senders: dict[int, tuple[socket.socket, int]] = {}
        self._listeners: dict[int, socket.socket] = {}
        self._poll = select.poll()

    def run(self, seconds: float) -> None:
        """Everything there is, until it has arrived or failed, or nothing has happened for so long."""
        for name in {trial["to"]: None for trial in self._trials}:
            self._enter(name)
            for family in TRANSPARENT:
                self._listen(family, socket.SOCK_DGRAM)
                self._listen(family, socket.SOCK_STREAM).listen(len(self._trials))
        for number in range(len(self._trials)):
            self._send(number)
        while self.open and (events := self._poll.poll(seconds * 1000)):
            for descriptor, _ in events:
                if descriptor in self._senders:
                    self._say(*self._senders[descriptor])
                else:
                    self._hear(self._listeners[descriptor])

    def _enter(self, name: str) -> None:
        """Enter a namespace; sockets stay where they were made."""
        if name not in self._namespaces:
            self._namespaces[name] = os.open(f"/run/netns/{name}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(self._namespaces[name], NETWORK) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def _listen(self, family: int, kind: int) -> socket.socket:
        listener = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier run linger
        listener.bind(("", PORT))
        self._wait(listener, select.POLLIN)
        return listener

    def _wait(self, hearer: socket.socket, event: int) -> None:
        self._listeners[hearer.fileno()] = hearer
        self._poll.register(hearer, event)

    def _send(self, number: int) -> None:
        """Start a trial.  One that the sender's own namespace refuses is over at once."""
        trial = self._trials[number]
        family = socket.AF_INET6 if ":" in trial["address"] else socket.AF_INET
        self._enter(trial["from"])
        kind = socket.SOCK_STREAM if trial["kind"] == "connection" else socket.SOCK_DGRAM
        sender = socket.socket(family, kind | socket.SOCK_NONBLOCK)
        if trial["kind"] == "borrowed":
            sender.setsockopt(*TRANSPARENT[family], 1)
        sender.bind((trial["source"], 0))
        try:
            sender.connect((trial["address"], trial["port"]))
        except BlockingIOError:
            pass  # it is on its way
        except OSError:
            self.open.discard(number)
            sender.close()
            return
        self._senders[sender.fileno()] = sender, number
        self._poll.register(sender, select.POLLOUT)

    def _say(self, sender: socket.socket, number: int) -> None:
        self._poll.unregister(sender)
        try:
            sender.send(f"{number}".encode())
        except OSError:  # nobody could be reached
            self.open.discard(number)

    def _hear(self, listener: socket.socket) -> None:
        if listener.type == socket.SOCK_STREAM and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            connection, _ = listener.accept()
            self._wait(connection, select.POLLIN)
            return
        text, where = listener.recvfrom(16)
        if listener.type == socket.SOCK_STREAM:
            self._poll.unregister(listener)
            where = listener.getpeername()
        self.arrived[int(text)] = where[0]
        self.open.discard(int(text))


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    trials = Trials(asked["trials"])
    trials.run(asked["seconds"])
    print(json.dumps(trials.arrived))
