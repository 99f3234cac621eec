"""What is installed: a wheel has the whole package, its templates and nothing else, and works where no checkout is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from goldens import GOLDEN

from k8snet_scripts import __version__

ROOT = GOLDEN.parent
DOCKER = GOLDEN / "docker"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has of the checkout, as far as a build could take an interest in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("k8snet_scripts", "templates", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture(scope="module")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel, and the source distribution, as pip and those who make a release have them built."""
    source = shutil.copytree(checkout, tmp_path_factory.mktemp("source") / "checkout")
    directory = tmp_path_factory.mktemp("built")
    for kind in ("wheel", "sdist"):
        program = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
        argv = [sys.executable, "-c", program, str(directory)]
        subprocess.run(argv, check=True, capture_output=True, cwd=source, env=environment())
    return directory


@pytest.fixture
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def pip(python: Path | str, command: str, *arguments: Path | str) -> None:
    """Run this environment's pip on a Python, without a network."""
    words = [sys.executable, "-m", "pip", "--python", python, command]
    words += ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", *arguments]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr


def environment() -> dict[str, str]:
    """An environment in which only what is installed is found."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """An environment in which all is installed that this one has, but not the package; its directory of programs."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    for installed in Path(pytest.__file__).parents[1].iterdir():
        if "k8snet" not in installed.name:
            (site / installed.name).symlink_to(installed)
    return tmp_path / "venv" / "bin"


def run(argv: Sequence[Path | str], directory: Path) -> str:
    done = subprocess.run(argv, check=False, cwd=directory, capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def files(directory: Path) -> set[str]:
    """The paths of the files below a directory, without what Python compiles."""
    found = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(directory)) for path in found}


def test_a_wheel_has_the_package_and_its_templates_and_nothing_else(wheel: Path, checkout: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/") and ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        described = archive.read(metadata).decode()
    package = {f"k8snet_scripts/{name}" for name in files(checkout / "k8snet_scripts")}
    templates = {f"k8snet_scripts/templates/{name}" for name in files(checkout / "templates")}
    assert names == package | templates
    needed = {
        line.split(":")[1].strip()
        for line in described.splitlines()
        if line.startswith("Requires-Dist:") and "extra" not in line
    }
    assert {name.split(">")[0].strip(" (") for name in needed} == {"click", "jinja2"}


def test_a_wheel_works_where_no_checkout_is(wheel: Path, fresh: Path, tmp_path: Path) -> None:
    pip(fresh / "python", "install", wheel)
    check_installation(fresh, tmp_path)
    shutil.copy(DOCKER / "topology.toml", tmp_path)
    run([fresh / "k8snet", "compile", "topology.toml", "-o", "out"], tmp_path)
    for name in ("setup.sh", "teardown.sh", "verify.sh"):
        assert (tmp_path / "out" / name).read_bytes() == (DOCKER / name).read_bytes()
    where = run([fresh / "python", "-c", "import k8snet_scripts as package; print(package.__file__)"], tmp_path)
    assert Path(where.strip()).is_relative_to(fresh.parent)


def test_an_editable_installation_follows_the_checkout(checkout: Path, fresh: Path, tmp_path: Path) -> None:
    edited = shutil.copytree(checkout, tmp_path / "edited")
    pip(fresh / "python", "install", "--editable", edited)
    check_installation(fresh, tmp_path)
    shutil.copy(edited / "templates" / "starters" / "docker.toml", edited / "templates" / "starters" / "another.toml")
    assert "another" in run([fresh / "k8snet", "init"], tmp_path)


def check_installation(programs: Path, directory: Path) -> None:
    assert run([programs / "k8snet", "--version"], directory) == f"k8snet {__version__}\n"
    assert run([programs / "python", "-m", "k8snet_scripts", "--version"], directory) == f"k8snet {__version__}\n"
    assert run([programs / "k8snet", "init"], directory).startswith("cluster ")


def test_what_is_made_for_a_release_can_be_built(built: Path, checkout: Path, tmp_path: Path) -> None:
    """The source distribution has all that the wheel has, and no tests that could not run from it."""
    (archive,) = built.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    for part in ("k8snet_scripts", "templates"):
        assert files(unpacked / part) == files(checkout / part)
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= files(unpacked)
