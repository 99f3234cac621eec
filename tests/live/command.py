"""The command `k8snet` in a sandbox, which is the machine that it must leave alone or change: as root, or as nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import k8snet_scripts
from live.sandbox import Process, Sandbox

NOBODY = "65534"
PACKAGE = Path(k8snet_scripts.__file__).parents[1]
TESTS = Path(__file__).parents[1]

_UNDERGROUND = "/mnt"
"""Where nobody finds what belongs to the user who runs the tests, and is perhaps below a closed directory."""

_SHARE = """
set -e
mount -n -t tmpfs -o mode=0755 tmpfs "$1"
cd "$1"
mkdir python packages project tests work
mount -n --bind "$2" python
mount -n --bind "$3" packages
mount -n --bind "$4" project
mount -n --bind "$5" tests
chmod 1777 work
"""


class Command:
    """Runs `k8snet` in a sandbox, with a directory for files to work on, `home`."""

    def __init__(self, sandbox: Sandbox, *, nobody: bool = False) -> None:
        """With `nobody=True` it runs without any privilege; that takes a sandbox of the machine's root."""
        self.sandbox = sandbox
        self.home = sandbox.directory
        self.prefix: tuple[str, ...] = ()
        self.python = sys.executable
        self.environment = {"PYTHONPATH": f"{PACKAGE}:{TESTS}"}
        if nobody:
            self._share()
        self.scratch = self.home / "scratch"
        self.environment["TMPDIR"] = str(self.scratch)
        self.sandbox.run([*self.prefix, "mkdir", str(self.scratch)], check=True)

    def _share(self) -> None:
        """Have a Python that nobody may use: bind mounts do not ask who may enter the directories above."""
        packages = next(path for path in sys.path if path.endswith("-packages") and Path(path, "click").is_dir())
        self.sandbox.bash(_SHARE, _UNDERGROUND, sys.base_prefix, packages, str(PACKAGE), str(TESTS), check=True)
        self.home = Path(_UNDERGROUND, "work")
        self.prefix = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--no-new-privs")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        python = f"{_UNDERGROUND}/python"
        self.python = f"{python}/bin/{version}"
        self.environment = {
            "PYTHONHOME": python,
            "PYTHONPATH": ":".join(f"{_UNDERGROUND}/{name}" for name in ("project", "packages", "tests")),
            "LD_LIBRARY_PATH": f"{python}/lib",
            "HOME": str(self.home),
        }

    def write(self, name: str, text: str) -> str:
        """Write a file in the home directory; its path."""
        self.write_all({name: text})
        return str(self.home / name)

    def write_all(self, files: Mapping[str, str]) -> None:
        """Write several files in the home directory: their texts, by their names."""
        top = self.sandbox.root / str(self.home).lstrip("/")
        for name, text in files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def argv(self, *arguments: str) -> list[str]:
        return [*self.prefix, self.python, "-m", "k8snet_scripts", *arguments]

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> Process:
        return self.sandbox.popen(self.argv(*arguments), env={**self.environment, **(env or {})})

    def run(
        self, *arguments: str, stdin: str | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.start(*arguments, env=env).wait(stdin or "")

    def on_terminal(
        self, argv: Sequence[str], dialogue: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a program on a terminal: whenever it has shown a text, keys are typed.  Its status, and all it showed."""
        plan = json.dumps({"argv": list(argv), "dialogue": list(dialogue)})
        driver = [self.python, "-m", "terminal"]
        done = self.sandbox.run(driver, stdin=plan, env={**self.environment, **(env or {})}, check=True)
        result = json.loads(done.stdout)
        return result["status"], result["seen"]

    def machine(self) -> str:
        """What a network, or a run that was cut off, could leave on the machine; directories in common do not count."""
        script = """
            ip -oneline address show; ip route show; ip -6 route show; ip netns list
            find /run "$1" -mindepth 1 ! -path /run/netns ! -path /run/k8snet
            cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
        """
        return self.sandbox.bash(script, str(self.scratch), check=True).stdout
