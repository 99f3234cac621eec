"""`cni install` and `uninstall`: what they put into a directory, what they keep, and that it works on its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from k8snet_scripts.cli import main
from k8snet_scripts.plugin.installation import Occupied, install, launcher, uninstall

KINDS = ("bandwidth", "bridge", "firewall", "host-local", "loopback", "portmap", "ptp", "static", "tuning")
ORIGINAL = "#!/bin/sh\necho original\n"


def k8snet(*arguments: str | Path) -> Result:
    result = CliRunner(catch_exceptions=False).invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result, Result)
    return result


def run(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an executable with no environment but what is said, and nothing on standard input."""
    return subprocess.run([path], env=environment, input="", capture_output=True, text=True, check=False)


def original(path: Path) -> Path:
    path.write_text(ORIGINAL)
    path.chmod(0o700)
    return path


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(directory.iterdir())}


def test_it_is_put_beside_the_others(tmp_path: Path) -> None:
    original(tmp_path / "bridge")
    result = k8snet("cni", "install", tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path}/k8snet is new\n")
    assert contents(tmp_path) == {"bridge": ORIGINAL, "k8snet": launcher()}
    assert k8snet("cni", "install", tmp_path).stdout == f"{tmp_path}/k8snet is up to date\n"


def test_it_stands_in_for_others_and_gives_their_places_back(tmp_path: Path) -> None:
    original(tmp_path / "bridge")
    original(tmp_path / "other")
    os.symlink("other", tmp_path / "static")
    before = contents(tmp_path)
    result = k8snet("cni", "install", tmp_path, "--replace")
    assert result.stdout.splitlines() == [
        f"{tmp_path}/k8snet is new",
        f"{tmp_path}/bandwidth is new",
        f"{tmp_path}/bridge is replaced; the original is kept as {tmp_path}/bridge.before-k8snet",
        f"{tmp_path}/firewall is new",
        f"{tmp_path}/host-local is new",
        f"{tmp_path}/loopback is new",
        f"{tmp_path}/portmap is new",
        f"{tmp_path}/ptp is new",
        f"{tmp_path}/static is replaced; the original is kept as {tmp_path}/static.before-k8snet",
        f"{tmp_path}/tuning is new",
    ]
    there = contents(tmp_path)
    assert all(there[name] == launcher() for name in ("k8snet", *KINDS))
    assert k8snet("cni", "install", tmp_path, "--replace").stdout.count("up to date") == 10
    assert contents(tmp_path) == there
    result = k8snet("cni", "uninstall", tmp_path)
    assert f"{tmp_path}/bridge is the original again\n" in result.stdout
    assert f"{tmp_path}/loopback is removed\n" in result.stdout
    assert contents(tmp_path) == before
    assert os.readlink(tmp_path / "static") == "other"
    assert (tmp_path / "bridge").stat().st_mode & 0o777 == 0o700
    assert k8snet("cni", "uninstall", tmp_path).stdout == f"{tmp_path} has none of our plugins\n"


def test_a_link_to_one_of_ours_is_somebody_elses(tmp_path: Path) -> None:
    os.symlink("static", tmp_path / "bridge")
    assert list(install(tmp_path, replace=False)) == [f"{tmp_path}/k8snet is new"]
    original(tmp_path / "static")
    list(install(tmp_path, replace=True))
    list(uninstall(tmp_path))
    assert os.readlink(tmp_path / "bridge") == "static"
    assert contents(tmp_path) == {"bridge": ORIGINAL, "static": ORIGINAL}


def test_what_came_from_elsewhere_in_between_is_the_original(tmp_path: Path) -> None:
    original(tmp_path / "bridge")
    assert list(install(tmp_path, replace=True))
    (tmp_path / "bridge").unlink()
    (tmp_path / "bridge").write_text("newer")
    assert (
        list(uninstall(tmp_path))[2] == f"{tmp_path}/bridge is not one of ours: {tmp_path}/bridge.before-k8snet stays"
    )
    assert list(install(tmp_path, replace=True))
    assert list(uninstall(tmp_path))
    assert contents(tmp_path) == {"bridge": "newer"}


def test_an_older_one_of_ours_is_renewed(tmp_path: Path) -> None:
    (tmp_path / "k8snet").write_text(launcher("/old/python"))
    assert list(install(tmp_path, replace=False)) == [f"{tmp_path}/k8snet is renewed"]
    assert contents(tmp_path) == {"k8snet": launcher()}


@pytest.mark.parametrize("replace", [False, True])
def test_nothing_is_done_where_somebody_else_has_our_name(tmp_path: Path, replace: bool) -> None:
    original(tmp_path / "k8snet")
    with pytest.raises(Occupied, match="k8snet"):
        install(tmp_path, replace=replace)
    result = k8snet("cni", "install", tmp_path, *(["--replace"] if replace else []))
    assert result.exit_code == 1
    path = tmp_path / "k8snet"
    assert result.stderr == f"error: {path} is there and not one of ours\nhelp: mv {path} {path}.other\n"
    assert contents(tmp_path) == {"k8snet": ORIGINAL}


def test_no_directory_is_no_plugin(tmp_path: Path) -> None:
    (tmp_path / "bridge").mkdir()
    assert k8snet("cni", "install", tmp_path, "--replace").exit_code == 1
    assert k8snet("cni", "install", tmp_path / "nowhere").exit_code == 2


def test_a_directory_that_takes_no_files_is_named_and_not_a_draft_in_it() -> None:
    with pytest.raises(OSError) as refused:
        list(install(Path("/proc"), replace=False))
    assert refused.value.filename == "/proc/k8snet"


def test_it_works_in_an_empty_environment(tmp_path: Path) -> None:
    list(install(tmp_path, replace=True))
    done = run(tmp_path / "bridge", CNI_COMMAND="VERSION")
    assert (done.returncode, json.loads(done.stdout)["cniVersion"], done.stderr) == (0, "1.1.0", "")
    done = run(tmp_path / "k8snet")
    assert (done.returncode, done.stdout) == (0, "") and "CNI protocol versions supported" in done.stderr
    done = run(tmp_path / "host-local", CNI_COMMAND="GC", CNI_PATH="/x")
    assert (done.returncode, json.loads(done.stdout)["code"], done.stderr) == (1, 6, "")


def test_an_odd_interpreter_is_found_too(tmp_path: Path) -> None:
    place = tmp_path / "it's a place with spaces" / ("x" * 120)
    place.mkdir(parents=True)
    python = place / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    plugin = tmp_path / "bridge"
    plugin.write_text(launcher(str(python)))
    plugin.chmod(0o755)
    done = run(plugin, CNI_COMMAND="VERSION", PATH="/usr/bin:/bin")
    assert (done.returncode, done.stderr) == (0, "")
    assert list(install(tmp_path, replace=True))[2] == f"{plugin} is renewed"


def test_it_says_so_when_k8snet_is_gone(tmp_path: Path) -> None:
    plugin = tmp_path / "bridge"
    lines = [line if not line.startswith("sys.path") else "" for line in launcher().splitlines()]
    plugin.write_text("\n".join(lines))
    plugin.chmod(0o755)
    done = run(plugin, CNI_COMMAND="VERSION")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, 999)
