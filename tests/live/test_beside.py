"""What nft is told on the host goes beside everything else, and is done before what the table has after it."""

from __future__ import annotations

import shutil

import pytest

from live.kernel import diff
from live.network import Done, Network, commands, compiled
from live.sandbox import PATH, Sandbox

pytestmark = pytest.mark.needs("nft_masquerade", "nft_masquerade6")

LAB = """
name = "lab"
[host]
forwarding = true
[bridges.br0]
addresses = ["10.1.0.1/24"]
masquerade = true
[namespaces.a.veths.eth0]
peer = "va"
bridge = "br0"
addresses = ["10.1.0.2/24"]
routes = [{ to = "default", via = "10.1.0.1" }]
"""
COMMANDS = """
[namespaces.a]
commands = [{{ run = ["sh", "-c", "echo command >>{log}; exit {status}"], check = ["grep", "-q", "command", "{log}"] }}]
"""
STAND_IN = """\
#!/bin/sh
case "$*" in *'add table'*) ;; *) exec {real} "$@" ;; esac
echo begins >>{log}
until grep -q -x {until} {log}; do sleep 0.05; done
{then} "$@"
echo ends >>{log}
"""
"""An nft that takes its time, until something else has come to pass."""

WATCHED = """\
#!/bin/sh
{real} "$@" || exit
if [ -e /run/netns/a ] && ! grep -q -x made {log} && {real} -n a link show dev eth0 up; then echo made >>{log}; fi
"""


FAILING = """\
#!/bin/sh
if [ "$*" = '-batch -' ] && ! [ -e {log}.once ]; then
    until [ -e {log} ]; do sleep 0.05; done
    sleep 0.3
    >{log}.once
    exit 1
fi
exec {real} "$@"
"""
"""An ip that fails once, when nft has failed."""


class Slow:
    """A network that is set up where nft is slow."""

    def __init__(self, sandbox: Sandbox, text: str, *, status: int = 0) -> None:
        self._sandbox = sandbox
        self._log = sandbox.directory / "log"
        self._log.write_text("")
        self.network = Network(sandbox, compiled(text + COMMANDS.format(log=self._log, status=status)))
        self.before = self.network.state()

    def set_up(self, then: str = "") -> Done:
        """Runs setup.sh where nft comes to its end, as `then`, when all but people's commands is there."""
        programs = self._sandbox.directory / "programs"
        programs.mkdir()
        nft, ip = (shutil.which(name, path=PATH) for name in ("nft", "ip"))
        (programs / "nft").write_text(STAND_IN.format(real=nft, log=self._log, until="made", then=then or nft))
        (programs / "ip").write_text(WATCHED.format(real=ip, log=self._log))
        for program in programs.iterdir():
            program.chmod(0o755)
        path = self._sandbox.directory / "setup.sh"
        path.write_text(self.network.text("setup"))
        return self._sandbox.run(["bash", str(path)], env={"PATH": f"{programs}:{PATH}"})

    def log(self) -> list[str]:
        """What came to pass, in its order, but for what comes at the same time."""
        log = self._log.read_text().splitlines()
        return sorted(log[:2]) + log[2:]


def test_it_begins_first_and_ends_before_what_comes_after_it(sandbox: Sandbox) -> None:
    slow = Slow(sandbox, LAB)
    foreseen = slow.network.foreseen()
    done = slow.set_up()
    assert (done.returncode, commands(done)) == (0, foreseen)
    assert slow.log() == ["begins", "made", "ends", "command"]
    assert (slow.network.drift(), slow.network.failures()) == ([], [])


def test_where_it_fails_all_is_taken_back(sandbox: Sandbox) -> None:
    slow = Slow(sandbox, LAB)
    done = slow.set_up("echo no, thanks; exit 3; :")
    assert done.returncode == 1
    assert "failed: nft " in done.stderr and "no, thanks" in done.stderr
    assert slow.log() == ["begins", "made"]
    assert diff(slow.before, slow.network.state()) == []


def test_it_is_taken_back_where_something_else_fails(sandbox: Sandbox) -> None:
    slow = Slow(sandbox, LAB, status=1)
    done = slow.set_up()
    assert done.returncode == 1 and "failed: ip netns exec a sh " in done.stderr
    assert slow.log() == ["begins", "made", "ends", "command"]
    assert diff(slow.before, slow.network.state()) == []


def test_where_something_else_fails_as_well_nothing_is_taken_back_that_was_not_done(sandbox: Sandbox) -> None:
    network = Network(sandbox, compiled(LAB))
    before = network.state()
    programs, log = sandbox.directory / "programs", sandbox.directory / "log"
    programs.mkdir()
    (programs / "nft").write_text(f"#!/bin/sh\necho tried >>{log}\necho not permitted\nexit 1\n")
    (programs / "ip").write_text(FAILING.format(real=shutil.which("ip", path=PATH), log=log))
    for program in programs.iterdir():
        program.chmod(0o755)
    path = sandbox.directory / "setup.sh"
    path.write_text(network.text("setup"))
    done = sandbox.run(["bash", str(path)], env={"PATH": f"{programs}:{PATH}"})
    assert done.returncode == 1 and "failed: ip " in done.stderr
    assert "could not be carried out" not in done.stderr
    assert diff(before, network.state()) == []


@pytest.mark.needs("nft_bridge", "iptables_filter")
def test_it_takes_its_turn_where_iptables_is_told_something(sandbox: Sandbox) -> None:
    network = Network(sandbox, compiled(LAB.replace("masquerade = true", "masquerade = true\nadmit = true")))
    foreseen = network.foreseen()
    first = next(line for line in foreseen if line.startswith("nft "))
    assert foreseen.index(first) > foreseen.index(next(line for line in foreseen if " link add " in line))
    assert network.set_up() == foreseen
    assert network.drift() == []
