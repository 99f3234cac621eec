"""What one contender of cni.py does in its arena: attach pods and detach them, each call measured by itself.

Standard input is a JSON object: `pods`, the names of the namespaces; `network`, the configuration; and either `plugins`,
a directory of plugins that are called like a runtime does, or `setup` and `teardown`, the paths of two scripts, which
make the namespaces, too.  Standard output is an object of the seconds that it took: `{"add": […], "delete": […]}`, a
number for each call; a script is a single one.  The network is judged in between, and so is what is left at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

RECORDS = Path("/var/lib/cni/networks")
FIRST = 2
"""The first pod's last octet: the one before is the gateway's."""


def main() -> None:
    """Read the task, carry it out, and print the times."""
    task = json.load(sys.stdin)
    for directory in ("/run", "/var/lib"):
        _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", directory)
    network, pods = task["network"], task["pods"]
    if "plugins" in task:
        _run("ip", "-batch", "-", text="".join(f"netns add {pod}\n" for pod in pods))
        add, results = _call_all("ADD", task["plugins"], network, pods, {})
        _judge(network, pods)
        delete, _ = _call_all("DEL", task["plugins"], network, pods, results)
    else:
        add = [_measured("bash", task["setup"])]
        _judge(network, pods)
        delete = [_measured("bash", task["teardown"])]
    _judge_end(network, pods)
    print(json.dumps({"add": add, "delete": delete}))


def _call_all(
    command: str, plugins: str, network: Json, pods: Sequence[str], results: dict[str, Json]
) -> tuple[list[float], dict[str, Json]]:
    """One call for each pod, one after another: the seconds of each, and what each said."""
    times, said = [], {}
    for pod in pods:
        text = json.dumps({**network, "prevResult": results[pod]} if pod in results else network)
        environment = {
            "PATH": os.environ["PATH"],
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": f"bench-{pod}",
            "CNI_NETNS": f"/run/netns/{pod}",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": plugins,
        }
        start = time.perf_counter()
        done = subprocess.run(
            [f"{plugins}/{network['type']}"], input=text, capture_output=True, text=True, env=environment, check=False
        )
        times.append(time.perf_counter() - start)
        if done.returncode != 0:
            sys.exit(f"{command} of {pod}: {done.stdout}{done.stderr}")
        said[pod] = json.loads(done.stdout or "null")
    return times, said


def _judge(network: Json, pods: Sequence[str]) -> None:
    """Hold every pod to its address, its route and its record, and the host to its rules for all of them."""
    prefix, _, _ = network["ipam"]["subnet"].partition(".0.0/")
    rules = _run("nft", "list", "ruleset")
    for number, pod in enumerate(pods, FIRST):
        address = f"{prefix}.{number >> 8}.{number & 255}"
        (link,) = json.loads(_run("ip", "-n", pod, "-json", "address", "show", "dev", "eth0"))
        has = [entry["local"] for entry in link["addr_info"] if entry["family"] == "inet"]
        route = _run("ip", "-n", pod, "route", "show", "default")
        record = RECORDS / network["name"] / address
        if has != [address] or "default via" not in route or not record.exists() or address not in rules:
            sys.exit(f"{pod} has {has}, {route!r}, and not {address} with a default route, a record and a rule")


def _judge_end(network: Json, pods: Sequence[str]) -> None:
    """Nothing of a pod is left, but perhaps its namespace."""
    left = [pod for pod in pods if Path("/run/netns", pod).exists()]
    left = [pod for pod in left if "eth0" in _run("ip", "-n", pod, "-br", "link")]
    prefix = network["ipam"]["subnet"].partition(".0.0/")[0]
    records = [path.name for path in (RECORDS / network["name"]).glob(f"{prefix}.*")]
    if left or records:
        sys.exit(f"the end left {left[:3]} {records[:3]} …")


def _measured(*argv: str) -> float:
    start = time.perf_counter()
    _run(*argv)
    return time.perf_counter() - start


def _run(*argv: str, text: str = "") -> str:
    """A command's output; the end of everything if it fails."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"`{' '.join(argv)}` ended with status {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
