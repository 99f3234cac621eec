"""A real client that is not ours: podman attaches its containers to a network of the type `k8snet`,
with the chained plugins that podman writes into its networks.

Podman 4.3 with its CNI backend, in a sandbox; `podman.sh` says how.  To see it by hand, as root:

    unshare --net --mount --pid --fork --mount-proc bash
    mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /var/lib
    k8snet cni install /tmp/plugins --replace
    tests/live/podman.sh /tmp/podman /tmp/plugins run --rm --network k8s --rootfs /tmp/podman/root /bin/ip address show eth0
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.node import RECORDS, node, whole_state
from live.sandbox import PATH, Sandbox

pytestmark = pytest.mark.needs("cgroup2", "nft_masquerade")

PROGRAM = Path(__file__).with_name("podman.sh")
_CONNECT = "for _ in {1..40}; do ip netns exec world bash -c 'exec 3<>/dev/tcp/192.0.2.1/8080' && exit; sleep 0.1; done; exit 1"
"""From the world to a port of the host, as soon as somebody listens where it leads to."""

PACKAGES = {"podman": "podman", "crun": "crun", "busybox": "busybox-static"}


class Podman:
    """Podman in a sandbox."""

    def __init__(self, sandbox: Sandbox, plugins: str) -> None:
        self.sandbox = sandbox
        self._directory = sandbox.directory / "podman"
        self._plugins = plugins

    def run(self, *arguments: str) -> str:
        """What a command says on standard output; it must succeed."""
        command = [str(PROGRAM), str(self._directory), self._plugins, *arguments]
        done: subprocess.CompletedProcess[str] = self.sandbox.run(command, check=True)
        return done.stdout

    def start(self, name: str, *options: str) -> None:
        """Start a container that sleeps."""
        root = str(self._directory / "root")
        self.run(
            "run", "--detach", "--name", name, *options, "--network", "k8s", "--rootfs", root, "/bin/sleep", "1000"
        )

    def address(self, name: str) -> str:
        """The address that podman has for a container."""
        (container,) = json.loads(self.run("inspect", name))
        return str(container["NetworkSettings"]["Networks"]["k8s"]["IPAddress"])


@pytest.fixture
def podman(plugins: str) -> Iterator[Podman]:
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=PATH)]
    if missing:
        pytest.fail(f"install what this test drives: `apt-get install {' '.join(missing)}`", pytrace=False)
    with node(hasty=True) as sandbox:
        yield Podman(sandbox, plugins)


def test_containers_reach_each_other_and_leave_nothing(podman: Podman) -> None:
    podman.start("one", "--publish", "8080:80")
    podman.start("two")
    assert [podman.address(name) for name in ("one", "two")] == ["10.77.0.2", "10.77.0.3"]
    for name, target in (("one", "10.77.0.3"), ("two", "10.77.0.2"), ("two", "10.77.0.1"), ("one", "192.0.2.2")):
        assert "1 packets received" in podman.run("exec", name, "ping", "-c", "1", "-W", "5", target)
    assert "default via 10.77.0.1 dev eth0" in podman.run("exec", "one", "ip", "route", "show")
    podman.run("exec", "--detach", "one", "nc", "-ll", "-p", "80", "-e", "/bin/cat")
    podman.sandbox.bash(_CONNECT, check=True)
    assert len(host_links(podman)) == len(["lo", "uplink", "cni7", "one's", "two's"])

    podman.run("rm", "--force", "--time", "0", "one")
    podman.start("three")
    assert podman.address("three") == "10.77.0.4"
    podman.run("rm", "--force", "--time", "0", "two", "three")
    state = whole_state(podman.sandbox)["namespaces"]
    assert sorted(state) == [RECORDS, "host", "world"]
    assert host_links(podman) == ["cni7", "lo", "uplink"]
    assert "10.77.0." not in podman.sandbox.bash("nft list ruleset; iptables -S", check=True).stdout
    files = [path for path, kind in state[RECORDS].items() if kind.startswith("f")]
    assert files == ["networks/k8s/last_reserved_ip.0", "networks/k8s/lock"]


def host_links(podman: Podman) -> list[str]:
    """The names of the interfaces on the host, in order."""
    listing = json.loads(podman.sandbox.run(["ip", "-j", "link", "show"], check=True).stdout)
    return sorted(link["ifname"] for link in listing)
