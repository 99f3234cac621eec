"""The shelf keeps what is there, and of what has ended no more than the last hundred."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.names import Container, name_attachment, name_bridge


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shelf, "STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def keep(name: str) -> dict[str, str]:
    record = {"network": "pods", "containerID": name, "netns": "", "ifname": "eth0", "mac": ""}
    shelf.keep(shelf.place("attachments", name), {"setup.sh": f"echo {name}\n"} | shelf.write_record(record))
    return record


def test_what_is_kept_is_on_record_until_it_ends(state: Path) -> None:
    assert list(shelf.records()) == []
    kept = [keep(name) for name in ("b", "a")]
    assert list(shelf.records()) == kept[::-1]
    assert shelf.read_record("b") == kept[0]
    where = Path(shelf.end("b"))
    assert shelf.read_record("b") is None
    assert (where / "setup.sh").read_text() == "echo b\n"
    assert list(shelf.records()) == kept[1:]


def test_the_last_ones_that_have_ended_are_kept(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "MOST", 3)
    for number in range(5):
        keep(f"n{number}")
        shelf.end(f"n{number}")
    ended = sorted(path.name.partition("-")[2] for path in (state / "ended").iterdir())
    assert ended == ["n2", "n3", "n4"]


def test_only_root_sees_it(state: Path) -> None:
    keep("a")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (state, state / "attachments" / "a")]
    assert modes == [0o700, 0o700]


def test_a_directory_is_had_by_one_at_a_time(state: Path) -> None:
    directory = str(state / "networks" / "n")
    order: list[str] = []

    def follow() -> None:
        with shelf.TakingTurns(directory):
            order.append("second")

    with shelf.TakingTurns(directory):
        second = threading.Thread(target=follow)
        second.start()
        second.join(0.2)
        order.append("first")
    second.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize("netns", ["", "/proc/7/ns/net", "/run/netns/" + "x" * 65, "/run/netns/a b", "/tmp/netns/web"])
def test_a_namespace_that_has_only_a_path_is_given_a_name(netns: str) -> None:
    names = name_attachment("pods", Container("c1", netns, "eth0"))
    assert (names.is_given, names.namespace) == (True, f"cni-{names.topology[-16:]}")


def test_each_interface_of_each_container_on_each_network_has_names_of_its_own() -> None:
    containers = [Container(name, "", ifname) for name in ("c1", "c2") for ifname in ("eth0", "eth1")]
    named = [name_attachment(network, container) for network in ("a" * 60, "b") for container in containers]
    for values in zip(
        *[(each.topology, each.host_end, each.host_lladdr, each.pod_lladdr) for each in named], strict=True
    ):
        assert len({*values}) == len(named)
    assert max(len(each.topology) for each in named) <= 64
    assert len(name_bridge("a" * 60, "cni0")) <= 64
    assert name_attachment("b", containers[0], "02:00:00:00:00:01").pod_lladdr == "02:00:00:00:00:01"


def test_a_shelf_that_is_somebody_elses_is_not_trusted(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "attachments" / "a").mkdir(parents=True)
    (elsewhere / "attachments" / "a" / "attachment.json").write_text('{"network": "pods"}')
    state.symlink_to(elsewhere)
    for act in (
        lambda: list(shelf.records()),
        lambda: keep("b"),
        lambda: shelf.TakingTurns(shelf.place("t")).__enter__(),
    ):
        with pytest.raises(PermissionError, match="somebody else's"):
            act()
    assert not (elsewhere / "attachments" / "b").exists()
    assert not (elsewhere / "t").exists()
