"""A call of the plugin starts quickly: it imports nothing that takes long and that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import k8snet_scripts

SLOW = (
    "click",
    "contextlib",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "jinja2",
    "json",
    "re",
    "signal",
    "typing",
)
OURS = ("k8snet_scripts.plan", "k8snet_scripts.render", "k8snet_scripts.topology")

PROGRAM = """\
import sys

sys.path.append(sys.argv[1])
before = set(sys.modules)
from k8snet_scripts.plugin import attaching, main
from k8snet_scripts.plugin.names import Container, name_attachment
from k8snet_scripts.rules.names import check_interface_name, check_namespace_name

environment = {"CNI_CONTAINERID": "ctr1", "CNI_NETNS": "/run/netns/pod", "CNI_IFNAME": "eth0", "CNI_PATH": "/nowhere"}
said = []
for command in ("ADD", "DEL"):
    environment["CNI_COMMAND"] = command
    said.append(main.answer("host-local", environment, lambda: sys.argv[2].encode()))
name_attachment("pods", Container("ctr1", "/run/netns/pod", "eth0"))
check_interface_name("eth0")
check_namespace_name("pod")
imported = sorted({*sys.modules} - before)
said.append(main.answer("host-local", environment, lambda: b'{"name": "pods", '))
import json

print(json.dumps([said, imported]))
"""


def test_what_takes_long_is_not_imported(tmp_path: Path) -> None:
    ipam = {"type": "host-local", "subnet": "10.1.0.0/16", "dataDir": str(tmp_path), "routes": [{"dst": "0.0.0.0/0"}]}
    configuration = {"cniVersion": "1.0.0", "name": "pods", "type": "bridge", "ipMasq": True, "ipam": ipam}
    where = str(Path(k8snet_scripts.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-IS", "-c", PROGRAM, where, json.dumps(configuration)],
        capture_output=True,
        text=True,
        check=True,
    )
    said, imported = json.loads(done.stdout)
    assert [status for status, _, _ in said] == [0, 0, 1]
    assert "line 1 column 18 (char 17)" in json.loads(said[2][1])["msg"]
    assert "k8snet_scripts.plugin.wiring" in imported
    assert not {*SLOW, *OURS} & {*imported}
