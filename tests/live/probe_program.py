"""Tries many TCP connections at a time, from many network namespaces, to a port where nobody listens.

Standard input is a JSON object of patience, in seconds, and the addresses to try from each namespace, `host` being the
one it is started in: `{"seconds": 0.5, "tries": {"node1": ["10.0.0.2", "fd00::2"]}}`.  Standard output is one of what
came of each: `{"node1": {"10.0.0.2": "ECONNREFUSED", "fd00::2": "timeout"}}`.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import select
import socket
import sys
import time

PORT = 9
NETWORK = 0x40000000  # CLONE_NEWNET


def enter(namespace: int) -> None:
    """Enter the network namespace of a file descriptor; sockets stay where they were made."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, NETWORK) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def start(address: str) -> tuple[socket.socket, int]:
    """A connection under way, and the error number so far."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    return connection, connection.connect_ex((address, PORT))


def attempt(tries: dict[str, list[str]], seconds: float) -> dict[str, dict[str, str]]:
    """The outcome of every connection: the name of an error number, `connected`, or `timeout`."""
    found: dict[str, dict[str, str]] = {name: {} for name in tries}
    waiting: dict[int, tuple[socket.socket, str, str]] = {}
    poll = select.poll()
    for name, addresses in tries.items():
        with open("/proc/self/ns/net" if name == "host" else f"/run/netns/{name}", "rb") as namespace:
            enter(namespace.fileno())
        for address in addresses:
            connection, number = start(address)
            if number == errno.EINPROGRESS:
                waiting[connection.fileno()] = connection, name, address
                poll.register(connection, select.POLLOUT)
            else:
                found[name][address] = outcome(number)
                connection.close()
    end = time.monotonic() + seconds
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            connection, name, address = waiting.pop(descriptor)
            found[name][address] = outcome(connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            poll.unregister(descriptor)
            connection.close()
    for _, name, address in waiting.values():
        found[name][address] = "timeout"
    return found


def outcome(number: int) -> str:
    return errno.errorcode[number] if number else "connected"


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(attempt(asked["tries"], asked["seconds"])))
