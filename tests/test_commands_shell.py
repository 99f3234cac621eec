"""The part of the scripts that carries out commands, in a bash of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from k8snet_scripts.render import template_directory

SCRIPT = """\
set -euo pipefail
source "$1"/shell/commands.sh
trap 'echo heard >&2; exit 3' TERM
lines=("bash -c 'echo 1 >$2'")
echo ready
write_here
"""


def test_a_signal_while_a_setting_is_written_finds_the_script_with_its_voice(tmp_path: Path) -> None:
    setting = tmp_path / "setting"
    os.mkfifo(setting)
    full = os.open(setting, os.O_RDWR | os.O_NONBLOCK)
    try:
        while True:
            os.write(full, b" " * 4096)
    except BlockingIOError:
        pass
    with subprocess.Popen(
        ["bash", "-c", SCRIPT, "script", template_directory(), setting],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as script:
        assert script.stdout is not None and script.stdout.readline() == "ready\n"
        time.sleep(0.3)  # until it writes, and waits
        script.send_signal(signal.SIGTERM)
        _, errors = script.communicate(timeout=20)
    os.close(full)
    assert (script.returncode, errors) == (3, "heard\n")
