"""The nft tables that all attachments to a network have in common: made by the first one, and gone with the last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from live.kernel import diff
from live.node import whole_state
from live.runtime import Json
from live.sandbox import Sandbox
from live.test_plugin import NETWORK, Runtime, runtime

__all__ = ["runtime"]

pytestmark = pytest.mark.needs("nft_masquerade", "nft_masquerade6", "nft_bridge")

DUAL: Json = {
    **NETWORK,
    "macspoofchk": True,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/16"}], [{"subnet": "fd00:1::/64"}]]},
}
STATIC: Json = {**NETWORK, "ipam": {"type": "static", "addresses": [{"address": "10.1.0.2/16"}]}}


def tables(sandbox: Sandbox) -> list[str]:
    return sandbox.run(["nft", "list", "tables"], check=True).stdout.splitlines()


def listed(sandbox: Sandbox, what: str) -> str:
    """A part of the table of family inet, as nft prints it."""
    (table,) = [line.removeprefix("table inet ") for line in tables(sandbox) if line.startswith("table inet")]
    kind, name = what.split()
    return sandbox.run(["nft", "list", kind, "inet", table, name], check=True).stdout


def test_no_attachment_adds_a_table_or_a_base_chain(runtime: Runtime) -> None:
    runtime.make_namespaces("web", "db", "log")
    counted = []
    for pod in ("web", "db", "log"):
        assert runtime.call("ADD", DUAL, pod).result
        rules = runtime.sandbox.run(["nft", "list", "ruleset"], check=True).stdout
        counted.append((len(tables(runtime.sandbox)), rules.count(" hook "), rules.count(" : jump cni-pods-")))
    assert counted == [(2, 2, 3), (2, 2, 6), (2, 2, 9)]
    for pod in ("web", "db"):
        assert runtime.call("DEL", DUAL, pod).status == 0
    assert listed(runtime.sandbox, "map sources4").count(" : jump cni-pods-") == 1
    assert runtime.call("DEL", DUAL, "log").status == 0
    assert tables(runtime.sandbox) == []


def test_what_somebody_else_has_put_there_stays(runtime: Runtime) -> None:
    runtime.make_namespaces("web")
    assert runtime.call("ADD", NETWORK, "web").result
    (table,) = tables(runtime.sandbox)
    runtime.sandbox.run(["nft", f"add chain {table.removeprefix('table ')} theirs"], check=True)
    assert runtime.call("DEL", NETWORK, "web").status == 0
    assert tables(runtime.sandbox) == [table]
    rules = runtime.sandbox.run(["nft", "list", "ruleset"], check=True).stdout
    assert "chain theirs" in rules and "10.1.0" not in rules


def test_of_two_with_one_address_the_later_one_has_the_masquerade(runtime: Runtime) -> None:
    runtime.make_namespaces("web", "db")
    owners = []
    for command, pod in (("ADD", "web"), ("ADD", "db"), ("DEL", "web")):
        assert runtime.call(command, STATIC, pod).status == 0
        owners.append(listed(runtime.sandbox, "map sources4").partition("10.1.0.2 : jump ")[2].split()[0])
    assert owners[0] != owners[1] == owners[2]
    assert runtime.call("DEL", STATIC, "db").status == 0
    assert tables(runtime.sandbox) == []


def test_the_next_attachment_mends_what_all_have_in_common(runtime: Runtime) -> None:
    runtime.make_namespaces("web", "db")
    told = runtime.call("ADD", NETWORK, "web").result
    handed = {**NETWORK, "prevResult": told}
    (table,) = tables(runtime.sandbox)
    runtime.sandbox.run(["nft", f"flush chain {table.removeprefix('table ')} postrouting"], check=True)
    assert runtime.call("CHECK", handed, "web").status == 1
    assert runtime.call("ADD", NETWORK, "db").result
    assert runtime.call("CHECK", handed, "web").status == 0


DETOUR = """#!/bin/bash
if [[ $1 == delete* && -e /run/first ]]; then rm /run/first && env -i {variables} {program} </run/network >/run/told; fi
exec /usr/sbin/nft "$@"
"""
"""An `nft` before whose first deletion another container is attached."""


def test_one_that_goes_leaves_the_table_to_one_that_comes(runtime: Runtime, tmp_path: Path) -> None:
    runtime.make_namespaces("web", "db")
    assert runtime.call("ADD", NETWORK, "web").result
    script = "bash /run/k8snet-cni/attachments/*/teardown.sh"
    assert "; delete table" in runtime.sandbox.bash(f"{script} --dry-run", check=True).stdout
    values = {"COMMAND": "ADD", "CONTAINERID": "db", "IFNAME": "eth0", "NETNS": "/run/netns/db", "PATH": tmp_path}
    variables = " ".join(f"CNI_{name}={value}" for name, value in values.items())
    detour = tmp_path / "nft"
    detour.write_text(DETOUR.format(variables=variables, program=tmp_path / "k8snet"))
    detour.chmod(0o755)
    runtime.sandbox.run(["tee", "/run/network", "/run/first"], stdin=json.dumps(NETWORK), check=True)
    assert runtime.sandbox.bash(f"PATH={tmp_path}:$PATH {script}").returncode == 0
    told = json.loads(runtime.sandbox.run(["cat", "/run/told"], check=True).stdout)
    assert runtime.call("CHECK", {**NETWORK, "prevResult": told}, "db").status == 0
    assert listed(runtime.sandbox, "map sources4").count(" : jump ") == 1


PORTMAP: Json = {"cniVersion": "1.1.0", "name": "pods", "type": "portmap", "capabilities": {"portMappings": True}}
PLAIN: Json = {**NETWORK, "ipMasq": False}


def publishing(told: Json, *ports: int, **more: str) -> Json:
    """What `portmap` is handed for a container that others have attached, and that has ports."""
    mappings = [{"hostPort": port, "containerPort": 9, "protocol": "tcp", **more} for port in ports]
    return {**PORTMAP, "prevResult": told, "runtimeConfig": {"portMappings": mappings}}


def test_no_container_with_ports_adds_a_table_or_a_base_chain(runtime: Runtime) -> None:
    pods = ("web-0", "web-1", "web-2")  # names that are long enough for the scripts to be copied from a pattern
    runtime.make_namespaces(*pods)
    handed, counted = {}, []
    for number, pod in enumerate(pods):
        handed[pod] = publishing(runtime.call("ADD", PLAIN, pod).result, 8080 + number, 9090 + number)
        assert runtime.call("ADD", handed[pod], pod).result
        rules = runtime.sandbox.run(["nft", "list", "ruleset"], check=True).stdout
        counted.append((len(tables(runtime.sandbox)), rules.count(" hook "), rules.count(" : jump cni-pods-")))
    assert counted == [(1, 3, 3), (1, 3, 6), (1, 3, 9)]
    runtime.sandbox.run(["ip", "netns", "delete", "web-0"], check=True)
    assert runtime.call("DEL", handed["web-0"], "web-0").status == 0
    valid = [{"containerID": "web-2", "ifname": "eth0"}]
    assert runtime.call("GC", {**PORTMAP, "cni.dev/valid-attachments": valid}).status == 0
    assert listed(runtime.sandbox, "map ports").count(" : jump cni-pods-") == 2
    assert runtime.call("CHECK", handed["web-2"], "web-2").status == 0
    assert [runtime.call("DEL", handed["web-2"], "web-2").status for _ in range(2)] == [0, 0]
    assert tables(runtime.sandbox) == []


def test_of_two_with_one_port_the_later_one_has_it(runtime: Runtime) -> None:
    runtime.make_namespaces("web", "db", "log")
    handed = {pod: publishing(runtime.call("ADD", PLAIN, pod).result, 8080) for pod in ("web", "db")}
    owners = []
    for command, pod in (("ADD", "web"), ("ADD", "db"), ("DEL", "web")):
        assert runtime.call(command, handed[pod], pod).status == 0
        owners.append(listed(runtime.sandbox, "map ports").partition("8080 : jump ")[2].split()[0])
    assert owners[0] != owners[1] == owners[2]
    handed["log"] = publishing(runtime.call("ADD", PLAIN, "log").result, 8080, hostIP="127.0.0.1")
    assert runtime.call("ADD", handed["log"], "log").result
    assert [runtime.call("CHECK", handed[pod], pod).status for pod in ("db", "log")] == [0, 0]
    assert [runtime.call("DEL", handed[pod], pod).status for pod in ("db", "log")] == [0, 0]
    assert tables(runtime.sandbox) == []


ALTERED = {
    "a chain of all": "flush chain inet $table output",
    "the way back": "flush chain inet $table $(nft list chains inet | grep -o 'cni-.*-back')",
    "an element": "delete element inet $table ports { ipv4 . tcp . 8080 }",
    "the table": "delete table inet $table",
}


def test_what_of_the_ports_is_altered_is_seen_and_mended(runtime: Runtime) -> None:
    runtime.make_namespaces("web")
    handed = publishing(runtime.call("ADD", PLAIN, "web").result, 8080)
    for change in ALTERED.values():
        assert runtime.call("ADD", handed, "web").result
        assert runtime.call("CHECK", handed, "web").status == 0
        table = tables(runtime.sandbox)[0].split()[-1]
        runtime.sandbox.bash(f'table={table}; nft "{change}"', check=True)
        assert "nft " in runtime.call("CHECK", handed, "web").error["msg"], change
    assert runtime.call("DEL", handed, "web").status == 0
    assert tables(runtime.sandbox) == []


EARLIER = """\
import k8snet_scripts.plugin.names

k8snet_scripts.plugin.names.name_table = lambda *of: ""
main()
"""
"""An earlier version: each attachment has tables of its own."""


def test_what_an_earlier_version_has_made_goes_by_its_own_script(runtime: Runtime) -> None:
    runtime.make_namespaces("web", "db")
    network = {**DUAL, "macspoofchk": True}
    assert runtime.call("ADD", network, "db").result
    before = whole_state(runtime.sandbox)
    today = {name: (runtime.directory / name).read_text() for name in ("k8snet", "portmap")}
    for name, text in today.items():
        (runtime.directory / name).write_text(text.removesuffix("main()\n") + EARLIER)
    handed = publishing(runtime.call("ADD", network, "web").result, 8080)
    assert runtime.call("ADD", handed, "web").result
    assert runtime.call("CHECK", handed, "web").status == 0
    assert len(tables(runtime.sandbox)) == 5
    for name, text in today.items():
        (runtime.directory / name).write_text(text)
    runtime.sandbox.bash("sed -i '2i echo once >>/run/used' /run/k8snet-cni/attachments/*/teardown.sh", check=True)
    for network_of in (handed, {**network, "prevResult": handed["prevResult"]}):
        assert "nft chain" in json.dumps(runtime.call("CHECK", network_of, "web").error)
        assert [runtime.call("DEL", network_of, "web").status for _ in range(2)] == [0, 0]
    changed = diff(before, whole_state(runtime.sandbox))
    assert [line for line in changed if "last_reserved_ip" not in line] == []
    assert runtime.sandbox.bash("cat /run/used; ls /run/k8snet-cni/attachments | wc -l").stdout.split() == [
        "once",
        "once",
        "1",
    ]
