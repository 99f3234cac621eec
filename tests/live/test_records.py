"""Records of addresses: whoever has an address keeps it, what is there already stays, and what goes is made again."""

from __future__ import annotations

import pytest

from live.network import Network, golden
from live.node import RECORDS, whole_state
from live.sandbox import Sandbox

pytestmark = pytest.mark.needs("nft_masquerade", "nft_masquerade6")

HERE = f"{RECORDS}/networks/rkt.kubernetes.io"


@pytest.fixture
def network(sandbox: Sandbox) -> Network:
    return Network(sandbox, golden("kubernetes"))


def files(sandbox: Sandbox) -> str:
    """Every file on record with its content, as text."""
    return sandbox.bash(
        f"cd {RECORDS} && find . -type f | sort | xargs -r grep -H '' ; find . | sort", check=True
    ).stdout


def test_an_address_that_is_taken_is_refused_before_anything_happens(sandbox: Sandbox, network: Network) -> None:
    network.do(f"mkdir -p {HERE}", rf"printf 'other\r\neth0' >{HERE}/10.1.0.3")
    before = whole_state(sandbox)
    done = network.run("setup")
    assert done.returncode == 1
    assert f"{HERE}/10.1.0.3 exists, and does not say web eth0" in done.stderr
    assert "[#]" not in done.stderr
    assert whole_state(sandbox) == before


def test_what_others_have_on_record_stays(sandbox: Sandbox, network: Network) -> None:
    network.do(
        f"mkdir -p {HERE}", rf"printf 'other\r\neth0' >{HERE}/10.1.0.9", f"printf 10.1.0.9 >{HERE}/last_reserved_ip.0"
    )
    before = files(sandbox)
    network.set_up()
    assert "last_reserved_ip.0:10.1.0.9\n" in files(sandbox)
    network.tear_down()
    assert files(sandbox) == before


def test_records_that_are_gone_are_made_again_and_go_with_the_network(sandbox: Sandbox, network: Network) -> None:
    network.set_up()
    standing = files(sandbox)
    network.do(f"rm -r {RECORDS}/networks")
    assert network.drift() != []
    network.set_up()
    assert files(sandbox) == standing
    network.tear_down()
    assert files(sandbox) == ".\n"


def test_a_record_is_that_of_host_local_to_the_byte(sandbox: Sandbox, network: Network) -> None:
    network.set_up()
    shown = sandbox.bash(f"cd {HERE}; stat -c '%a %s %n' *; od -An -c 10.1.0.2", check=True).stdout
    assert shown.split("\n")[:5] == [
        "644 11 10.1.0.2",
        "644 9 10.1.0.3",
        "644 8 10.1.0.4",
        "644 8 last_reserved_ip.0",
        "750 0 lock",
    ]
    assert shown.split("lock\n")[1].split() == [*"nginx", "\\r", "\\n", *"eth0"]
