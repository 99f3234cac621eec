"""`k8snet` from a server that forks: Python's start, all imports and the reading of templates happen once for many commands.

    with served() as program:
        subprocess.run([program, "check", "lab.toml"])

What the program does is done by a child of the server, which has the program's arguments, environment, current directory,
and its standard input, output and error; the program ends as that child does.
"""

from __future__ import annotations

import marshal
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from k8snet_scripts.__main__ import main
from k8snet_scripts.render import KINDS
from k8snet_scripts.scripts import compile_source
from live.command import PACKAGE, TESTS, Command
from live.network import GOLDEN
from live.sandbox import Sandbox

_PROGRAM = """#!{python} -IS
import marshal, os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({path!r})
socket.send_fds(server, [marshal.dumps((sys.argv[1:], dict(os.environ), os.getcwd()))], [0, 1, 2])
sys.exit(int(server.recv(4)))
"""
_LARGEST = 1 << 20  # bytes of arguments and environment


class Served(Command):
    """The command, served: for what does not depend on its being a process that its caller has started."""

    def __init__(self, sandbox: Sandbox, program: Path) -> None:
        super().__init__(sandbox)
        self._program = program

    def argv(self, *arguments: str) -> list[str]:
        return [*self.prefix, str(self._program), *arguments]


@contextmanager
def served(sandbox: Sandbox | None = None) -> Iterator[Path]:
    """A program that does what `k8snet` does, on this machine or in a sandbox."""
    with tempfile.TemporaryDirectory(prefix="k8snet-") as directory:
        path = os.path.join(directory, "socket")
        program = Path(directory, "k8snet")
        program.write_text(_PROGRAM.format(python=sys.executable, path=path))
        program.chmod(0o755)
        argv = [sys.executable, "-m", "live.serving", path]
        changes = {"PYTHONPATH": f"{PACKAGE}:{TESTS}", "LC_ALL": "C.UTF-8"}
        with (
            sandbox.popen(argv, env=changes).popen
            if sandbox
            else subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **changes})
        ) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n"
            try:
                yield program
            finally:
                server.kill()


def serve(path: str) -> None:
    """Answers for ever.  In the child that carries out a command it returns when that is done."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        children: set[int] = set()
        while True:
            program, _ = listener.accept()
            child = os.fork()
            if child == 0:
                break
            program.close()
            children = {one for one in (*children, child) if os.waitpid(one, os.WNOHANG)[0] == 0}
    told, files, _, _ = socket.recv_fds(program, _LARGEST, 3)
    worker = os.fork()
    if worker:
        status = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        program.send(b"%d" % (status if status >= 0 else 128 - status))
        os._exit(0)
    sys.argv[1:], environment, directory = marshal.loads(told)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    for number, file in enumerate(files):
        os.dup2(file, number)
    program.close()
    os.closerange(3, max(files) + 1)
    main()


def warm_up() -> None:
    """Imports what commands import when they need it, and reads the templates."""
    for name in ("cli.messages", "drawing.diagram", "notation", "run"):
        import_module(f"k8snet_scripts.{name}")
    scripts = compile_source(str(GOLDEN / "cluster" / "topology.toml"))
    for kind in KINDS:
        scripts.text(kind)


if __name__ == "__main__":
    warm_up()
    serve(sys.argv[1])
