"""`compile --cni`: the node of a CNI configuration on the command line, and a topology file that names one."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from cni_loading import KUBENET
from command_line import SCRIPTS, k8snet, scripts
from hypothesis import given, settings
from hypothesis import strategies as st

PODS = ("--pod", "nginx", "--pod", "web")
TABLE = 'name = "node"\n\n[cni]\nconfiguration = "k8s.conf"\npods = ["nginx", "web"]\n'


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, which has nothing but a configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k8s.conf").write_text(KUBENET)
    return tmp_path


def test_the_scripts_are_written_beside_the_configuration_or_elsewhere(directory: Path) -> None:
    result = k8snet("compile", "--cni", "k8s.conf", *PODS)
    assert (result.exit_code, result.stdout.splitlines(), result.stderr) == (0, list(SCRIPTS), "")
    result = k8snet("compile", "--cni", "k8s.conf", *PODS, "-o", "node")
    assert (result.exit_code, result.stdout.splitlines()) == (0, [f"node/{name}" for name in SCRIPTS])
    assert scripts(directory) == scripts(directory / "node")
    assert k8snet("compile", "--cni", "k8s.conf", *PODS).stdout.count("is up to date") == 3


def test_a_configuration_comes_from_standard_input_too(directory: Path) -> None:
    result = k8snet("compile", "--cni", "-", *PODS, stdin=KUBENET)
    assert (result.exit_code, result.stdout.splitlines()) == (0, list(SCRIPTS))
    assert "Made by k8snet from standard input\n" in (directory / "setup.sh").read_text()


def test_the_order_of_the_pods_is_that_of_their_addresses(directory: Path) -> None:
    k8snet("compile", "--cni", "k8s.conf", "--pod", "web", "--pod", "nginx")
    setup = (directory / "setup.sh").read_text()
    assert "ip -n web address add 10.1.0.2/16 " in setup and "ip -n nginx address add 10.1.0.3/16 " in setup


def test_the_command_in_the_header_makes_the_same_bytes(directory: Path) -> None:
    k8snet("compile", "--cni", "k8s.conf", *PODS)
    before = scripts(directory)
    (line,) = [line for line in before["setup.sh"].splitlines() if " and run: " in line]
    program, *words = shlex.split(line.partition(" and run: ")[2])
    for name in SCRIPTS:
        (directory / name).unlink()
    assert (program, k8snet(*words).exit_code) == ("k8snet", 0)
    assert scripts(directory) == before


def test_the_header_of_a_node_in_a_topology_file_names_both_files(directory: Path) -> None:
    (directory / "node.toml").write_text(TABLE)
    assert k8snet("compile", "node.toml").exit_code == 0
    setup = (directory / "setup.sh").read_text()
    assert "# Made by k8snet from node.toml\n" in setup and "# and from k8s.conf\n" in setup
    assert "# To change it, edit those files and run: k8snet compile node.toml\n" in setup


def test_check_says_what_is_stale_and_how_to_mend_it(directory: Path) -> None:
    result = k8snet("compile", "--check", "--cni", "k8s.conf", *PODS, "-o", "node")
    assert result.exit_code == 1
    mending = "k8snet compile -o node --cni k8s.conf --pod nginx --pod web"
    assert result.stderr == f"stale scripts; to write them anew: {mending}\n"
    assert not (directory / "node").exists()
    assert k8snet(*shlex.split(mending)[1:]).exit_code == 0
    assert k8snet("compile", "--check", "--cni", "k8s.conf", *PODS, "-o", "node").exit_code == 0
    (directory / "k8s.conf").write_text(KUBENET.replace("1460", "1450"))
    result = k8snet("compile", "--check", "--cni", "k8s.conf", *PODS, "-o", "node")
    assert (result.exit_code, "\n-ip link set dev mybridge mtu 1460" in result.stdout) == (1, True)


@pytest.mark.parametrize("name", ["check", "diagram", "setup", "teardown", "verify"])
def test_every_command_takes_a_topology_file_with_the_table(name: str, directory: Path) -> None:
    (directory / "node.toml").write_text(TABLE)
    result = k8snet(name, "node.toml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "nginx" in result.stdout or name == "check"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cni", "k8s.conf"], "--cni needs a pod: add --pod NAME, once for each"),
        (["--cni", "k8s.conf", "--pod", "a", "k8s.conf"], "--cni stands instead of a TOPOLOGY: give one of them"),
        (["--pod", "a", "k8s.conf"], "--pod goes with --cni FILE"),
        (["--cni", "nowhere.conf", "--pod", "a"], "'nowhere.conf' does not exist"),
        (["--cni", ".", "--pod", "a"], "'.' is a directory"),
        (["--cni", "k8s.conf", "--pod", "a", "--pod", "a"], "there are two pods `a`; give them different names"),
        (["--cni", "k8s.conf", "--pod", "host"], "`host` is the namespace that the scripts start in"),
        (["--cni", "k8s.conf", "--pod", "a b"], "`a b` cannot name a namespace"),
        (["--cni", "k8s.conf", "--pod", ""], "invalid value for '--pod': the name of a namespace is missing"),
        ([], "missing argument 'TOPOLOGY...'"),
    ],
)
def test_wrong_usage(words: list[str], said: str, directory: Path) -> None:
    result = k8snet("compile", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr.splitlines()[1]
    assert result.stderr.endswith(" compile --help\n")
    assert [path.name for path in directory.iterdir()] == ["k8s.conf"]


WORDS = ("--cni", "k8s.conf", "node.toml", "-", "--pod", "nginx", "web", "host", "", "--check", "-o", "out", "--")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_no_arguments_give_a_traceback(words: list[str]) -> None:
    Path("k8s.conf").write_text(KUBENET)
    Path("node.toml").write_text(TABLE)
    result = k8snet("compile", *words, stdin=KUBENET)
    assert result.exit_code in (0, 1, 2)
    assert (result.exit_code == 0) == (result.stderr == "")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("1460", '"1460"', "k8s.conf:5:10: error: `mtu` must be an integer, not a string [wrong-type]"),
        ("10.1.0.0/16", "10.1.0.0/30", "k8s.conf:9:11: error: failed to allocate for range 0: "),
        (
            '"bridge",',
            '"bandwidth",',
            "k8s.conf:3:11: error: the plugin speaks version `0.3.0` and later, not `0.1.0` ",
        ),
        ("{", "", "k8s.conf:2:9: error: nothing is expected after the end of the object [syntax]"),
    ],
    ids=["type", "exhausted", "version", "syntax"],
)
def test_a_finding_is_located_in_the_configuration(old: str, new: str, place: str, directory: Path) -> None:
    (directory / "k8s.conf").write_text(KUBENET.replace(old, new, 1))
    (directory / "node.toml").write_text(TABLE)
    for result in (k8snet("compile", "--cni", "k8s.conf", *PODS), k8snet("compile", "node.toml")):
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(place)
    assert not (directory / "setup.sh").exists()
