"""The unit that `k8snet export systemd` writes, on a machine that boots: User-Mode Linux, with systemd as its first process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

COURSE = """\
installed: enabled, active, br0 lo vethB vethY
reloaded: enabled, active, br0 lo vethB vethY
stopped: enabled, inactive, lo
booted again: enabled, active, br0 lo vethB vethY
ok 17 - node1 reaches node2 at 10.10.0.3 (same segment br0), seen as 10.10.0.2
ok 18 - node2 reaches node1 at 10.10.0.2 (same segment br0), seen as 10.10.0.3
[#] ip netns add node1
"""


@pytest.mark.needs("boot")
def test_a_unit_sets_up_at_every_boot(tmp_path: Path) -> None:
    k8snet = [sys.executable, "-m", "k8snet_scripts"]
    topology = tmp_path / "docker.toml"
    topology.write_bytes(subprocess.run([*k8snet, "init", "docker"], check=True, capture_output=True).stdout)
    subprocess.run([*k8snet, "export", "systemd", topology, "-o", tmp_path], check=True, capture_output=True)
    machine, program = HERE / "uml" / "run", HERE / "boot_program.sh"
    done = subprocess.run(
        [machine, "--boots", "2", "bash", program, tmp_path], check=False, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == (COURSE, 0), done.stderr
