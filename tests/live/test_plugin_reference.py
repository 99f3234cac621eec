"""k8snet as a CNI plugin is the reference plugins' equal: random lives of a network on two nodes.

On one node the reference is called, on the other one our executable under the same name.  After every single call the
two must have said the same, the nodes must be in the same state, down to the files below /var/lib/cni; and at the end
the world must see the same source addresses.  What we do otherwise on purpose is said in `DELIBERATE`, and nowhere else.
`K8SNET_EXAMPLES=200` tries more lives than CI has the time for, and others every time.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given

from live.biography import Biography, unequal_moments
from live.cni_configurations import Network
from live.examples import examples
from live.lives import Action, Life, lives
from live.masquerading import source_differences
from live.node import node
from live.reference_plugins import DIRECTORY as REFERENCE
from live.reference_plugins import Reference
from live.runtime import Runtime, Wishes

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

RANDOM = examples(2)

KUBERNETES = Life(
    Network(
        {
            "name": "rkt.kubernetes.io",
            "type": "bridge",
            "bridge": "mybridge",
            "mtu": 1460,
            "addIf": "true",
            "isGateway": True,
            "ipMasq": True,
            "ipam": {
                "type": "host-local",
                "subnet": "10.1.0.0/16",
                "gateway": "10.1.0.1",
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        ("nginx", "web", "db"),
    ),
    (
        Action("add", "nginx"),
        Action("add", "web", wishes=Wishes("IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web")),
        Action("add", "db"),
        Action("delete", "web"),
        Action("add", "web"),
        Action("add", "web"),
        Action("lose", "nginx"),
        Action("add", "nginx"),
        Action("delete", "db"),
        Action("delete", "db"),
    ),
)

DUAL = Life(
    Network(
        {
            "cniVersion": "1.0.0",
            "name": "dual",
            "type": "bridge",
            "bridge": "cni1",
            "isDefaultGateway": True,
            "forceAddress": True,
            "hairpinMode": True,
            "ipMasq": True,
            "ipam": {
                "type": "host-local",
                "ranges": [
                    [{"subnet": "10.30.0.0/24", "rangeStart": "10.30.0.10", "rangeEnd": "10.30.0.12"}],
                    [{"subnet": "fd00:30::/64"}],
                ],
            },
        },
        ("nginx", "web", "db"),
    ),
    (
        Action("add", "nginx", wishes=Wishes("IgnoreUnknown=1;IP=10.30.0.12;MAC=02:42:ac:11:00:09")),
        Action("check", "nginx"),
        Action("add", "web", wishes=Wishes(keys={"runtimeConfig": {"ips": ["10.30.0.12/24"]}})),
        Action("add", "web"),
        Action("add", "db"),
        Action("add", "a"),
        Action("delete", "nginx"),
        Action("add", "a"),
        Action("check", "a"),
    ),
    (
        "ip link add name cni1 address 02:00:00:00:be:ef type bridge ageing_time 4000",
        "ip address add 10.200.0.1/24 dev cni1",
    ),
)

OTHERS = Life(
    Network(
        {
            "cniVersion": "1.0.0",
            "name": "others",
            "type": "bridge",
            "bridge": "br-o",
            "isDefaultGateway": True,
            "ipam": {"type": "host-local", "subnet": "10.40.0.0/24"},
        },
        ("web",),
    ),
    (Action("add", "web"), Action("delete", "web")),
    ("ip link add name br-o address 02:00:00:00:be:ef type bridge", "ip address add fd00:200::1/64 dev br-o nodad"),
)

PAGE = Path(__file__).parents[2] / "docs" / "cni.md"

DELIBERATE = {
    r"host: links: [^:]+: address: (\(drawn by the kernel\)|00:00:00:00:00:00) -> \(fixed\)$": "lets the kernel draw the MAC"
    " address of the bridge",
    r"host: links: (?!veth)[^:]+: mtu: 1500 -> \d+$": "follows those of its ports",
    r"check .*: answer: (code: 999 -> 7|msg: .* -> \"required prevResult missing\")$": "before it, code 7",
    r"check .*: answer: (code: 999 -> 8|msg: \"failed to open netns .*o such file or directory\")$": "7 and 2, 8, 4, 5",
    r"answer: msg: \"failed to add route .* -> \"failed to attach \S+ of \S+: failed: ip ": "the command that it refused",
    r"\w: links: (eth0|net1): address: \(drawn by the kernel\) -> \(fixed\)$": "lets the kernel draw MAC addresses",
    r"\w: routes: -[46] type unicast dst \S+ dev \w+ table main protocol boot scope ((link|global metric 1024 pref medium): "
    r"new, present|global: gone, was present)$": "for a container without an address of its family",
}
"""What we do otherwise on purpose: a line that says so, and words of the tables in docs/cni.md that say why."""


def undeliberate(lines: list[str]) -> list[str]:
    """The differences that nobody has chosen."""
    return [line for line in lines if not any(re.search(pattern, line) for pattern in DELIBERATE)]


def live_twice(life: Life, plugins: str, *, hasty: bool) -> None:
    """A life on two nodes, which must be alike."""
    with node(hasty=hasty) as theirs, node(hasty=hasty) as ours:
        one = Biography(Reference(theirs, life.network.configuration), life)
        other = Biography(Runtime(ours, life.network.configuration, plugins), life)
        assert "\n".join(undeliberate(unequal_moments(one, other))) == ""
        if one.there:
            assert "\n".join(source_differences(theirs, ours, one.there)) == ""


@RANDOM
@given(life=lives())
def test_a_random_life_is_the_one_of_the_reference(plugins: str, life: Life) -> None:
    live_twice(life, plugins, hasty=True)


@pytest.fixture(scope="session", params=["bridge", "host-local"])
def mixed_plugins(request: pytest.FixtureRequest, plugins: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory with one plugin of ours, and one of the reference, each of which calls the other or is called by it."""
    directory = tmp_path_factory.mktemp("mixed")
    for plugin in ("bridge", "host-local"):
        (directory / plugin).symlink_to(f"{plugins if plugin == request.param else REFERENCE}/{plugin}")
    return str(directory)


@examples(1)
@given(life=lives())
def test_ours_and_the_reference_work_together(mixed_plugins: str, life: Life) -> None:
    live_twice(life, mixed_plugins, hasty=True)


@pytest.mark.parametrize("life", [KUBERNETES, DUAL, OTHERS], ids=["kubernetes", "dual", "others"])
def test_a_known_life_is_the_one_of_the_reference(plugins: str, life: Life) -> None:
    live_twice(life, plugins, hasty=False)


@pytest.mark.parametrize("pattern", DELIBERATE)
def test_what_is_deliberate_is_documented(pattern: str) -> None:
    assert DELIBERATE[pattern] in " ".join(PAGE.read_text().split())
