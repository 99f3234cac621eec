"""Plugins in a chain are the reference's equal: the same life on two nodes, one with its plugins, one with ours.

After every call the two must have said the same and be in the same state, the rules of iptables included; in between, what
arrives by published ports is tried from everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from live.biography import Biography, unequal_moments
from live.cni_configurations import Network
from live.lives import Action, Life
from live.masquerading import Opened, source_differences
from live.node import node
from live.reference_plugins import DIRECTORY as REFERENCE
from live.reference_plugins import Reference
from live.runtime import Json, Runtime, Wishes, finished
from live.sandbox import Sandbox

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

MAPPINGS = [
    {"hostPort": 8080, "containerPort": 9, "protocol": "tcp"},
    {"hostPort": 8081, "containerPort": 9, "protocol": "tcp", "hostIP": "127.0.0.1"},
    {"hostPort": 5353, "containerPort": 9, "protocol": "udp"},
]
OPENED = tuple(Opened("web", int(str(item["hostPort"])), str(item["protocol"])) for item in MAPPINGS)

BRIDGE: Json = {
    "type": "bridge",
    "bridge": "br-t",
    "isGateway": True,
    "hairpinMode": True,
    "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "10.22.0.0/24"}], [{"subnet": "fd00:22::/64"}]],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
    },
}
TUNING: Json = {
    "type": "tuning",
    "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "500"},
    "mtu": 1400,
    "promisc": True,
    "allmulti": True,
}
PORTMAP: Json = {"type": "portmap", "capabilities": {"portMappings": True}}
FIREWALL: Json = {"type": "firewall", "ingressPolicy": "same-bridge", "iptablesAdminChainName": "OURS"}

PUBLISHING = Wishes(keys={"runtimeConfig": {"portMappings": MAPPINGS}})


def chained(name: str, *plugins: Json) -> Network:
    return Network({"cniVersion": "1.0.0", "name": name, "plugins": list(plugins)}, ("web", "db"))


WHOLE = Life(
    chained("whole", {**BRIDGE, "macspoofchk": True, "mtu": 1460}, TUNING, PORTMAP, FIREWALL),
    (Action("add", "web", wishes=PUBLISHING), Action("add", "db"), Action("delete", "db")),
)
POINT: Json = {"type": "ptp", "ipMasq": True, "mtu": 1460, "ipam": BRIDGE["ipam"]}
LINKED = Life(
    chained("linked", POINT, PORTMAP),
    (Action("add", "db"), Action("delete", "db"), Action("add", "web", wishes=PUBLISHING)),
)
LIVES = {"whole": WHOLE, "linked": LINKED}

DELIBERATE = {
    r"host: links: [^:]+: address: \(drawn by the kernel\) -> \(fixed\)$": "lets the kernel draw MAC addresses",
    r"host: filters: .*\"family\": \"bridge\"": "into the table `nat` of family bridge",
    r"\w: links: (eth0|net1): address: \(drawn by the kernel\) -> \(fixed\)$": "lets the kernel draw MAC addresses",
}
"""What we do otherwise on purpose, and words of the tables in docs/cni.md that say why."""

_ALONE, _NEW, _GONE = " noprefixroute", ": new, present", ": gone, was present"

PAGE = Path(__file__).parents[2] / "docs" / "cni.md"


def rules(sandbox: Sandbox) -> list[str]:
    """The rules of the table `filter` of both families, without the order of chains."""
    return sorted(sandbox.bash("iptables -S; ip6tables -S", check=True).stdout.splitlines())


def undeliberate(lines: Sequence[str]) -> list[str]:
    """The differences that nobody has chosen; an address is the same one with `noprefixroute`, which `ptp` has from us."""
    plain = [re.sub(" nodad| noprefixroute", "", line) for line in lines]
    same = {line.removesuffix(_NEW) for line, whole in zip(plain, lines, strict=True) if _ALONE in whole}
    return [
        line
        for line, stripped in zip(lines, plain, strict=True)
        if not any(re.search(pattern, line) for pattern in DELIBERATE)
        and not (stripped.endswith((_NEW, _GONE)) and stripped.removesuffix(_NEW).removesuffix(_GONE) in same)
    ]


@pytest.mark.parametrize("name", LIVES)
def test_a_chain_is_that_of_the_reference(plugins: str, name: str) -> None:
    life = LIVES[name]
    with node(hasty=True) as theirs, node(hasty=True) as ours:
        one = Biography(Reference(theirs, life.network.configuration), life)
        other = Biography(Runtime(ours, life.network.configuration, plugins), life)
        assert "\n".join(undeliberate(unequal_moments(one, other))) == ""
        assert rules(ours) == rules(theirs)
        assert "\n".join(source_differences(theirs, ours, ("web",), OPENED)) == ""


DRIFTS = {
    "tuning": ("mtu 1400", "ip -n web link set dev eth0 mtu 1300"),
    "portmap": ("nft chain inet", "nft flush table inet $(nft list tables inet | grep -o 'k8snet-.*')"),
    "firewall": ("iptables -A CNI-FORWARD", "iptables -F CNI-FORWARD"),
}
"""What CHECK of a plugin says, and what somebody has done behind its back."""


def test_check_sees_what_is_missing_and_nothing_stays_of_a_pod_that_is_gone(plugins: str) -> None:
    with node(hasty=True) as sandbox:
        runtime = Runtime(sandbox, WHOLE.network.configuration, plugins)
        runtime.make_namespace("web")
        told = runtime.add("web", wishes=PUBLISHING).result
        assert runtime.check("web").status == 0
        for plugin in runtime.chain()[1:]:
            said, drift = DRIFTS[plugin["type"]]
            sandbox.bash(drift, check=True)
            handed = json.dumps({**plugin, **PUBLISHING.keys, "prevResult": told})
            assert said in runtime.speak("CHECK", plugin["type"], handed).error["msg"]
        runtime.lose_namespace("web")
        assert [runtime.delete("web").status for _ in range(2)] == [0, 0]
        left = sandbox.bash("nft list tables; iptables -S; ls /run/k8snet; ls /run/k8snet-cni/attachments").stdout
        assert not re.search("k8snet|CNI|OURS|whole-.*-", left), left


@pytest.mark.parametrize("pattern", DELIBERATE)
def test_what_is_deliberate_is_documented(pattern: str) -> None:
    assert "`noprefixroute`" in PAGE.read_text()
    assert DELIBERATE[pattern] in " ".join(PAGE.read_text().split())


def test_tuning_puts_back_what_it_has_changed(plugins: str) -> None:
    mac = "02:42:ac:11:00:07"
    configuration = chained("tuned", {**BRIDGE, "mtu": 1460}, {**TUNING, "mac": mac}).configuration
    seen = []
    for runtime_of in (Reference, lambda sandbox, configuration: Runtime(sandbox, configuration, plugins)):
        with node(hasty=True) as sandbox:
            runtime = runtime_of(sandbox, configuration)
            runtime.make_namespace("web")
            own = runtime.speak("ADD", "bridge", json.dumps(runtime.chain()[0])).result
            tuning = json.dumps({**runtime.chain()[1], "prevResult": own})
            tuned = runtime.speak("ADD", "tuning", tuning).result
            assert tuned["interfaces"][2]["mac"] == mac
            seen.append(look(sandbox, own))
            assert [runtime.speak("DEL", "tuning", tuning).status for _ in range(2)] == [0, 0]
            seen.append(look(sandbox, own))
    assert seen[0] == seen[2] == (1400, False, ["ALLMULTI", "BROADCAST", "LOWER_UP", "MULTICAST", "PROMISC", "UP"])
    assert seen[1] == seen[3] == (1460, True, ["BROADCAST", "LOWER_UP", "MULTICAST", "UP"])


def test_what_tuning_of_the_reference_has_changed_is_left_to_it(plugins: str, tmp_path: Path) -> None:
    for directory, names in ((plugins, ("bridge", "host-local")), (REFERENCE, ("tuning",))):
        for name in names:
            (tmp_path / name).symlink_to(Path(directory, name))
    mac = "02:42:ac:11:00:07"
    configuration = chained("tuned", {**BRIDGE, "mtu": 1460}, {**TUNING, "mac": mac, "sysctl": {}}).configuration
    with node(hasty=True) as sandbox:
        runtime = Runtime(sandbox, configuration, str(tmp_path))
        runtime.make_namespace("web")
        told = runtime.add("web").result
        assert told["interfaces"][2]["mac"] == mac
        assert runtime.check("web").status == 0
        ours = json.dumps({**runtime.chain()[0], "prevResult": told})
        sandbox.bash("ip -n web link set dev eth0 mtu 1300 address 02:42:ac:11:00:08", check=True)
        assert runtime.speak("CHECK", "bridge", ours).status == 0
        assert runtime.check("web").status == 1
        sandbox.bash("ip -n web link set dev eth0 down", check=True)
        assert "eth0: up" in str(runtime.speak("CHECK", "bridge", ours).error)


def look(sandbox: Sandbox, own: Json) -> tuple[int, bool, list[str]]:
    """The MTU of a pod's interface, whether it has the MAC address that it was made with, and its flags."""
    (link,) = json.loads(sandbox.bash("ip -n web -j link show eth0", check=True).stdout)
    return link["mtu"], link["address"] == own["interfaces"][2]["mac"], sorted(link["flags"])


def test_several_at_once_do_not_come_in_each_others_way(plugins: str) -> None:
    pods = [f"pod{number}" for number in range(4)]
    previous = {"ips": [{"address": "10.22.0.9/24"}]}
    with node(hasty=True) as sandbox:
        runtime = Runtime(
            sandbox, {"cniVersion": "1.0.0", "name": "let", "type": "firewall", "prevResult": previous}, plugins
        )
        for command in ("ADD", "DEL"):
            processes = [runtime.start(command, pod) for pod in pods]
            assert [finished(process).status for process in processes] == [0] * len(pods)
        assert not any("CNI" in rule for rule in rules(sandbox))
