"""Scripts that another process makes are the scripts that this one would have made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from k8snet_scripts.ahead import Ahead
from k8snet_scripts.drafts import Drafts
from k8snet_scripts.render import KINDS
from k8snet_scripts.scripts import Scripts, check_and_compile
from k8snet_scripts.topology import HOST, Bridge, End, Namespace, Port, Topology, Veth


def lab(name: str, size: int) -> Topology:
    veths = [Veth(End("eth0", namespace=f"n{i}"), End(f"v{i}", port=Port("br0"))) for i in range(size)]
    host = Namespace(HOST, bridges=(Bridge("br0"),))
    return Topology(name, host, tuple([Namespace(veth.inner.namespace) for veth in veths]), tuple(veths))


def compiling(topology: Topology) -> Callable[[], Scripts]:
    return lambda: check_and_compile(topology, "lab.toml")


@pytest.mark.parametrize("size", [0, 3, 1010])
def test_they_are_the_same(size: int, tmp_path: Path) -> None:
    compile = compiling(lab("lab", size))
    ahead = Ahead(compile).wait()
    with Drafts(tmp_path) as drafts:
        ahead.draft(tmp_path / "here", drafts)
        texts = {draft.path.name: draft.file.read_text() for draft in drafts}
    scripts = compile()
    assert ahead.name == scripts.name
    assert texts == {f"{kind}.sh": scripts.text(kind) for kind in KINDS}


def test_what_is_wrong_is_met_by_who_waits() -> None:
    def compile() -> Scripts:
        raise ValueError("wrong")

    ahead = Ahead(compile)
    with pytest.raises(ValueError, match="wrong"):
        ahead.wait()
