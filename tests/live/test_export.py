"""What `k8snet export` writes, put to use: real Ansible over real sshd on machines, and systemd's own check of units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.command import Command
from live.machines import Machines
from live.sandbox import Sandbox
from live.test_machines import NODES, STATE

CLUSTER = 'name = "lab"\n[cluster]\nnodes = 2\npods_per_node = 1\n'

RECAP = re.compile(r"^(node\d) +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", re.MULTILINE)

SSHD = """
exec >/dev/null 2>&1 </dev/null
exec "$(command -v sshd)" -D -f /dev/null -h {key} -o AuthorizedKeysFile={key}.pub -o StrictModes=no -o UsePAM=no -o PidFile=none
"""


@pytest.fixture
def command(sandbox: Sandbox) -> Command:
    return Command(sandbox)


@pytest.fixture
def machines(sandbox: Sandbox) -> Iterator[Machines]:
    machines = Machines(sandbox, NODES)
    yield machines
    machines.close()


class Control:
    """The machine that Ansible is started on; the others let it in by its key."""

    def __init__(self, sandbox: Sandbox, machines: Machines, directory: Path) -> None:
        self._sandbox, self._directory, self._key = sandbox, directory, sandbox.directory / "key"
        sandbox.run(["ip", "address", "add", "172.18.0.1/16", "dev", "segment"], check=True)
        sandbox.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True)
        for name in NODES:
            machines.do(name, "mkdir /run/sshd /run/ansible")
            machines.start(name, ["bash", "-c", SSHD.format(key=self._key)])

    def play(self, *words: str) -> tuple[dict[str, tuple[int, int]], str]:
        """Runs the playbook; how many tasks have changed something and how many failed, by node, and all that it says."""
        inventory, playbook = str(self._directory / "inventory.yaml"), str(self._directory / "playbook.yaml")
        options = "-F none -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ControlMaster=auto -o ControlPersist=20s -o ConnectionAttempts=10"
        done = self._sandbox.run(
            ["ansible-playbook", "-i", inventory, playbook, "-u", "root", "-e", "k8snet_home=/run/lab", *words],
            env={
                "HOME": str(self._sandbox.directory),
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PRIVATE_KEY_FILE": str(self._key),
                "ANSIBLE_HOST_KEY_CHECKING": "false",
                "ANSIBLE_PIPELINING": "true",
                "ANSIBLE_SSH_TRANSFER_METHOD": "piped",
                "ANSIBLE_TIMEOUT": "60",
                "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sandbox.directory / "control"),
                "ANSIBLE_REMOTE_TMP": "/run/ansible",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
                "ANSIBLE_SSH_ARGS": options,
            },
            timeout=600,
        )
        said = done.stdout + done.stderr
        return {node: (int(changed), int(failed)) for node, changed, failed in RECAP.findall(said)}, said


@pytest.mark.needs("ansible")
def test_ansible_sets_up_checks_and_tears_down(sandbox: Sandbox, machines: Machines, command: Command) -> None:
    command.run("export", "ansible", command.write("cluster.toml", CLUSTER), "-o", str(sandbox.directory / "lab"))
    control = Control(sandbox, machines, sandbox.directory / "lab")
    before = machines.do("node2", STATE)
    recap, said = control.play()
    assert recap == {name: (2, 0) for name in NODES}, said
    assert "ok: [node2]" in said.partition("TASK [Run verify.sh]")[2]
    recap, said = control.play("--tags", "setup,teardown", "--limit", "node2")
    again, _, gone = said.partition("PLAY [Tear down]")
    assert "changed: " not in again and "ok: [node2]" in again.partition("TASK [Run setup.sh]")[2], said
    assert recap == {"node2": (2, 0)} and "changed: [node2]" in gone, said
    assert machines.do("node2", STATE) == before


@pytest.mark.needs("systemd")
def test_systemd_is_content_with_a_unit(sandbox: Sandbox, command: Command) -> None:
    done = command.run(
        "export", "systemd", command.write("lab.toml", 'name = "a-b_c.d"\n'), "-o", str(sandbox.directory)
    )
    assert done.returncode == 0
    unit = sandbox.directory / "k8snet-a-b_c.d.service"
    done = sandbox.run(["systemd-analyze", "verify", str(unit)])
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("ExecStart", "ExecStrat"))
    assert "ExecStrat" in sandbox.run(["systemd-analyze", "verify", str(unit)]).stderr
