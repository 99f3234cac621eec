"""What compares our plugin with the reference: it finds no difference where there is none, and every one that there is.

In the place of ours there is the reference itself, then the reference with a small program around it that spoils one thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from live.biography import Biography, unequal_moments
from live.cni_configurations import Network
from live.examples import examples
from live.lives import Action, Life, lives
from live.masquerading import source_differences
from live.node import node
from live.reference_plugins import DIRECTORY, Reference
from live.runtime import Runtime, Wishes
from live.sandbox import Sandbox

pytestmark = pytest.mark.needs("iptables_nat", "nft_masquerade", "nft_masquerade6")

LIFE = Life(
    Network(
        {
            "cniVersion": "1.0.0",
            "name": "dual",
            "type": "bridge",
            "bridge": "br-t",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": "10.30.0.0/29"}], [{"subnet": "fd00:30::/64"}]],
                "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
            },
        },
        ("nginx", "web"),
    ),
    (
        Action("add", "nginx"),
        Action("check", "nginx"),
        Action("add", "web", wishes=Wishes("IgnoreUnknown=1;IP=10.30.0.5;MAC=02:42:ac:11:00:09")),
        Action("add", "web"),
        Action("add", "db", wishes=Wishes("IgnoreUnknown=1;IP=10.30.0.5")),
        Action("delete", "web"),
    ),
)

SPOILT = """#!/bin/bash
plugin=${0##*/}
asked=$(cat)
BEFORE
said=$(/usr/lib/cni/$plugin <<<"$asked")
status=$?
AFTER
printf '%s' "$said"
exit "$status"
"""

REVERSE = "import json, sys; said = json.load(sys.stdin); said.get('ips', []).reverse(); print(json.dumps(said))"

ANSWERS = (
    "",
    f"""
    if [[ $plugin == bridge ]]; then
        said=${{said//999/11}} said=${{said//already/not yet}}
        said=$(sed 's/"mac": "..:..:../"mac": "02:00:00/' <<<"$said")
        if [[ $CNI_COMMAND == CHECK ]]; then status=1; fi
        if [[ $CNI_COMMAND$CNI_CONTAINERID == ADDnginx ]]; then said=$(python3 -c "{REVERSE}" <<<"$said"); fi
        if [[ $CNI_COMMAND$CNI_CONTAINERID == ADDdb ]]; then status=0; fi
    fi
    """,
    [
        "1 add nginx eth0: answer: ips: ",
        "1 add nginx eth0: answer: interfaces: ",
        "2 check nginx eth0: answer: exit status: 0 -> 1",
        "4 add web eth0: answer: code: 999 -> 11",
        'answer: msg: "container veth name provided (eth0) already exists" -> "container veth name provided (eth0) not yet',
        "5 add db eth0 with Wishes(arguments='IgnoreUnknown=1;IP=10.30.0.5', keys={}): answer: exit status: 1 -> 0",
    ],
)
KERNEL = (
    """
    case $plugin$CNI_COMMAND in bridgeADD) asked=${asked/'"hairpinMode": true'/'"mtu": 1400'} ;; esac
    case $CNI_CONTAINERID in web) unset CNI_ARGS ;; esac
    """,
    """
    iptables -t nat -F POSTROUTING
    chmod -f 600 /var/lib/cni/networks/dual/10*
    """,
    [
        "1 add nginx eth0: nginx: links: eth0: mtu: 1500 -> 1400",
        "1 add nginx eth0: host: links: veth(nginx): port: hairpin: True -> False",
        "1 add nginx eth0: /var/lib/cni: networks/dual/10.30.0.2: f 644 ",
        "keys={}): answer: ips: ",
        "keys={}): /var/lib/cni: networks/dual/10.30.0.5: gone, ",
        "keys={}): web: links: eth0: address: (fixed) -> (drawn by the kernel)",
        "nginx 10.30.0.2 to world 192.0.2.2: arrives from 192.0.2.1 -> arrives from 10.30.0.2",
    ],
)
ENDS = (
    """
    case $plugin$CNI_COMMAND$CNI_CONTAINERID in
        host-localDELweb) exit ;;
        bridgeDELweb) CNI_NETNS= ;;
        bridgeDELdb) exit 1 ;;
    esac
    """,
    "",
    [
        "keys={}), then DEL: answer: exit status: 0 -> 1",
        "6 delete web eth0: web: links: eth0: new, ",
        "6 delete web eth0: /var/lib/cni: networks/dual/10.30.0.5: new, ",
    ],
)
"""Shell before and after the reference is called, and parts of lines that say what is spoilt by it."""


@pytest.fixture(scope="module")
def original() -> Iterator[tuple[Sandbox, Biography]]:
    """A node on which the reference has led the life."""
    with node(hasty=True) as sandbox:
        yield sandbox, Biography(Reference(sandbox, LIFE.network.configuration), LIFE)


def found(original: tuple[Sandbox, Biography], plugins: str) -> list[str]:
    """What differs where these plugins lead the life."""
    sandbox, one = original
    with node(hasty=True) as other:
        biography = Biography(Runtime(other, LIFE.network.configuration, plugins), LIFE)
        return unequal_moments(one, biography) + source_differences(sandbox, other, one.there)


def test_the_reference_equals_itself(original: tuple[Sandbox, Biography]) -> None:
    assert found(original, DIRECTORY) == []


@pytest.mark.parametrize(("before", "after", "lines"), [ANSWERS, KERNEL, ENDS], ids=["answers", "kernel", "ends"])
def test_what_is_spoilt_is_found_and_named(
    original: tuple[Sandbox, Biography], tmp_path: Path, before: str, after: str, lines: list[str]
) -> None:
    for plugin in ("bridge", "host-local"):
        program = tmp_path / plugin
        program.write_text(SPOILT.replace("BEFORE", before).replace("AFTER", after))
        program.chmod(0o755)
    differences = found(original, str(tmp_path))
    assert [line for line in lines if not any(line in difference for difference in differences)] == []


@examples(1)
@given(life=lives())
def test_the_reference_leads_every_life_alike(life: Life) -> None:
    with node(hasty=True) as one, node(hasty=True) as other:
        first, second = (Biography(Reference(sandbox, life.network.configuration), life) for sandbox in (one, other))
        assert unequal_moments(first, second) == []
        assert first.moments[0].answer["exit status"] == 0
        assert not first.there or source_differences(one, other, first.there) == []
