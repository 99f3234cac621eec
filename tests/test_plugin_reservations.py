"""The store on disk: as the pure functions have it, one at a time, and whole after any crash."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.cni.host_local import AllocationError, allocate, release
from k8snet_scripts.cni.ranges import make_range
from k8snet_scripts.cni.store import Owner, Store, parse_store, store_files
from k8snet_scripts.plugin.reservations import Reservations

SETS = ((make_range(parse_cidr("10.1.0.0/29")),), (make_range(parse_cidr("fd00::/125")),))
OWNERS = [Owner(f"ctr{number}", ifname) for number in range(3) for ifname in ("eth0", "net1")]
JUNK = {"10.1.0.3": "", "10.1.0.4": "old", "last_reserved_ip.0": "x", "1notes": "ctr0\r\neth0", "fd00::3": "a\nb\nc"}


def files(directory: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in directory.iterdir() if path.name != "lock"}


def add(reservations: Reservations, owner: Owner) -> Store:
    """What an ADD records; the store after it."""
    before = reservations.read()
    try:
        after = allocate(SETS, before, owner)[1]
    except AllocationError as error:
        after = error.store
    reservations.write(before, after)
    return after


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(OWNERS)), max_size=20))
@settings(deadline=None, max_examples=60)
def test_the_directory_is_what_the_functions_say(calls: list[tuple[bool, Owner]]) -> None:
    store = Store()
    with tempfile.TemporaryDirectory() as directory:
        for is_add, owner in calls:
            with Reservations(directory, "net") as reservations:
                if is_add:
                    store = add(reservations, owner)
                else:
                    reservations.release(owner)
                    store = release(store, owner)
            assert files(Path(directory, "net")) == store_files(store)
            with Reservations(directory, "net") as reservations:
                assert reservations.read() == store


@given(
    st.dictionaries(st.sampled_from(sorted(JUNK)), st.sampled_from(sorted(JUNK.values())), max_size=4),
    st.lists(st.tuples(st.booleans(), st.sampled_from(OWNERS)), max_size=8),
)
@settings(deadline=None, max_examples=60)
def test_corrupt_files_are_in_nobodys_way(junk: dict[str, str], calls: list[tuple[bool, Owner]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory, "net")
        place.mkdir()
        for name, content in junk.items():
            (place / name).write_bytes(content.encode())
        store = parse_store(junk)
        for is_add, owner in calls:
            with Reservations(directory, "net") as reservations:
                if is_add:
                    store = add(reservations, owner)
                else:
                    reservations.release(owner)
                    store = release(store, owner)
                assert reservations.read() == store


def test_an_add_that_fails_gives_back_what_its_container_had(tmp_path: Path) -> None:
    place = tmp_path / "net"
    place.mkdir()
    (place / "fd00::3").write_bytes(OWNERS[0].content.encode())
    with Reservations(str(tmp_path), "net") as reservations:
        assert add(reservations, OWNERS[0]).owners == {} == reservations.read().owners
    assert not (place / "fd00::3").exists()


def test_the_files_are_those_of_the_reference(tmp_path: Path) -> None:
    with Reservations(str(tmp_path), "net") as reservations:
        add(reservations, OWNERS[0])
    place = tmp_path / "net"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.iterdir())}
    assert modes == {
        "net": 0o755,
        "lock": 0o750,
        **dict.fromkeys(("10.1.0.2", "fd00::2", "last_reserved_ip.0", "last_reserved_ip.1"), 0o644),
    }
    assert files(place)["10.1.0.2"] == "ctr0\r\neth0"


def test_a_directory_of_the_name_takes_the_address(tmp_path: Path) -> None:
    (tmp_path / "net" / "10.1.0.2").mkdir(parents=True)
    with Reservations(str(tmp_path), "net") as reservations:
        assert "10.1.0.3" in store_files(add(reservations, OWNERS[0]))


def test_what_cannot_be_recorded_whole_is_not_recorded(tmp_path: Path) -> None:
    before, after = Store(), allocate(SETS, Store(), OWNERS[0])[1]
    with Reservations(str(tmp_path), "net") as reservations:
        (tmp_path / "net" / "last_reserved_ip.1").mkdir()
        with pytest.raises(IsADirectoryError):
            reservations.write(before, after)
        assert reservations.read().owners == {}


def test_a_full_disk_is_named_and_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", refuse)
    with Reservations(str(tmp_path), "net") as reservations, pytest.raises(OSError, match=r"net/\.draft"):
        add(reservations, OWNERS[0])
    assert files(tmp_path / "net") == {}


def test_records_are_removed_by_content(tmp_path: Path) -> None:
    with Reservations(str(tmp_path), "net") as reservations:
        for owner in OWNERS[:3]:
            add(reservations, owner)
        assert reservations.remove(lambda content: content.endswith("eth0")) == 4
        assert set(reservations.read().owners.values()) == {OWNERS[1]}


PROGRAM = """
import os, sys
from k8snet_scripts.addresses import parse_cidr
from k8snet_scripts.cni.host_local import allocate
from k8snet_scripts.cni.ranges import make_range
from k8snet_scripts.cni.store import Owner
from k8snet_scripts.plugin.reservations import Reservations

sets = ((make_range(parse_cidr("10.1.0.0/16")),),)
for number in range(int(sys.argv[3])):
    with Reservations(sys.argv[1], "net") as reservations:
        before = reservations.read()
        leases, after = allocate(sets, before, Owner(f"{sys.argv[2]}-{number}", "eth0"))
        reservations.write(before, after)
    print(leases[0].address, flush=True)
"""


def start(directory: Path, name: str, number: int) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", PROGRAM, str(directory), name, str(number)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def test_many_at_once_never_get_one_address(tmp_path: Path) -> None:
    processes = [start(tmp_path, f"p{number}", 15) for number in range(4)]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    given = [address for output in outputs for address in output]
    assert len(given) == len(set(given)) == 60
    assert len(files(tmp_path / "net")) == 61


def test_whoever_is_killed_leaves_nothing_half_made(tmp_path: Path) -> None:
    for delay in (0, 0.003, 0.007):
        process = start(tmp_path, f"k{delay}", 100_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    with Reservations(str(tmp_path), "net") as reservations:
        store = add(reservations, OWNERS[0])
        assert all(owner.ifname == "eth0" and owner.container_id for owner in store.owners.values())
        assert {*files(tmp_path / "net")} - {".draft"} == {*store_files(store)}
