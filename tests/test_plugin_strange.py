"""Strange configurations: whatever `bridge` and `host-local` are told, they answer, and what failed has no address."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from calling import ENVIRONMENT, FakeWiring, wiring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_plugin_call import COMMANDS, SHAPED, VARIABLES, WORDS, is_an_answer

from k8snet_scripts.plugin.main import answer

__all__ = ["wiring"]

GOOD: dict[str, Any] = {
    "bridge": "br0",
    "isGateway": True,
    "mtu": 1400,
    "runtimeConfig": {"ips": ["10.1.0.9"], "mac": "02:00:00:00:00:01"},
    "args": {"cni": {"ips": ["fd00::9"]}},
    "cni.dev/valid-attachments": [],
    "prevResult": {
        "interfaces": [{"name": "eth0", "sandbox": ENVIRONMENT["CNI_NETNS"]}],
        "ips": [{"interface": 0, "address": "10.1.0.2/24"}],
    },
}
GOOD_IPAM: dict[str, Any] = {
    "subnet": "10.1.0.0/24",
    "ranges": [[{"subnet": "fd00::/64"}]],
    "routes": [{"dst": "0.0.0.0/0"}],
}


def spoilt(good: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A good object with some keys replaced by anything."""
    keys = st.sampled_from(sorted(good)) | WORDS
    return st.dictionaries(keys, SHAPED, max_size=2).map(lambda changes: {**good, **changes})


@given(st.sampled_from(["bridge", "host-local"]), COMMANDS, VARIABLES, spoilt(GOOD), spoilt(GOOD_IPAM))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_it_is_told_it_answers(
    wiring: FakeWiring,
    program: str,
    command: str,
    variables: dict[str, str],
    data: dict[str, Any],
    ipam: dict[str, Any],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        inner = {**ipam, "type": "host-local", "dataDir": directory}
        network = {**data, "cniVersion": "1.1.0", "name": "net", "ipam": inner}
        environment = {**ENVIRONMENT, **variables, "CNI_COMMAND": command}
        status, output, _ = answer(program, environment, lambda: json.dumps(network).encode())
        is_an_answer(status, output)
        place = Path(directory, "net")
        records = [path.name for path in place.glob("*") if path.name[0].isdigit() or ":" in path.name]
        assert bool(records) == (command == "ADD" and status == 0)
