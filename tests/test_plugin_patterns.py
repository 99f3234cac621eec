"""Scripts that are copied from a pattern are those that the compiler gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_kernel import FakeKernel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference import Record as Known
from reference import compare

from k8snet_scripts.addresses import Cidr
from k8snet_scripts.cni.addressing import HostLocal
from k8snet_scripts.cni.attachment import Grant, attach_bridge, attach_ptp
from k8snet_scripts.cni.configuration import BridgePlugin, PtpPlugin
from k8snet_scripts.cni.ranges import Lease
from k8snet_scripts.plan import plan_topology
from k8snet_scripts.plugin import compiling, patterns, shelf
from k8snet_scripts.plugin.compiling import compile_attachment, make_attachment
from k8snet_scripts.plugin.names import Container, Names, name_attachment, name_table
from k8snet_scripts.plugin.patterns import scripts_of

NETWORKS = (Cidr(4, 10 << 24 | 1 << 16, 16), Cidr(6, 0xFD00 << 112, 64))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(shelf, "STATE", str(tmp_path / "state"))
    return tmp_path / "state"


PLUGINS = st.builds(
    BridgePlugin,
    is_gateway=st.booleans(),
    ip_masq=st.booleans(),
    mtu=st.sampled_from([None, 1460, 576]),
    hairpin_mode=st.booleans(),
    enable_dad=st.booleans(),
)
LINKS = st.builds(PtpPlugin, ipam=st.just(HostLocal(())), ip_masq=st.booleans(), mtu=st.sampled_from([None, 1460, 576]))
IDS = st.from_regex(r"[a-z0-9][a-zA-Z0-9_.-]{0,70}", fullmatch=True)
IFNAMES = st.sampled_from(["eth0", "net1.5"])


def leases(families: tuple[int, ...], hosts: list[int]) -> tuple[Lease, ...]:
    networks = [network for network in NETWORKS if network.family in families]
    return tuple(
        Lease(network._replace(value=network.value + host), None)
        for network, host in zip(networks, hosts, strict=False)
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    PLUGINS,
    st.sampled_from([(), (4,), (6,), (4, 6)]),
    IFNAMES,
    st.lists(st.tuples(IDS, st.lists(st.integers(2, 400), min_size=2, max_size=2)), min_size=2, max_size=4),
)
def test_a_copy_is_what_the_compiler_gives(
    plugin: BridgePlugin, families: tuple[int, ...], ifname: str, containers: list[tuple[str, list[int]]]
) -> None:
    for container_id, hosts in containers:
        attachment = attach_bridge(plugin, Grant(leases(families, hosts)))
        container = Container(container_id, f"/proc/{len(container_id)}/ns/net", ifname)
        names = name_attachment("pods", container)
        given_by = (plugin, container_id, ifname, attachment, names)
        assert scripts_of("pods", *given_by) == compile_attachment("pods", *given_by)


def attach(number: int, namespace: str = "cni-0123456789") -> tuple[dict[str, str], Names]:
    plugin = BridgePlugin(is_gateway=True, ip_masq=True)
    attachment = attach_bridge(plugin, Grant(leases((4,), [number])))
    names = name_attachment("pods", Container(f"container-{number}", "", "eth0"))._replace(namespace=namespace)
    return scripts_of("pods", plugin, f"container-{number}", "eth0", attachment, names), names


def test_the_compiler_is_asked_once_for_all_of_one_layout(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    for number in range(20, 60):
        attach(number)
    assert len(list((state / "patterns").iterdir())) == 1  # though marks have five to ten digits
    asked: list[object] = []
    monkeypatch.setattr(compiling, "compile_attachment", lambda *words: asked.append(words))
    scripts, names = attach(25)
    assert asked == []
    assert "10.1.0.25/16" in scripts["setup.sh"]
    assert names.host_end in scripts["setup.sh"]


def test_another_version_of_the_templates_has_patterns_of_its_own(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    attach(20)
    before = len(list((state / "patterns").iterdir()))
    monkeypatch.setattr(patterns, "_templates", lambda: [("another", 1, 1)])
    attach(20)
    assert len(list((state / "patterns").iterdir())) == before + 1


def test_there_are_never_too_many_patterns(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    monkeypatch.setattr(shelf, "MOST", 3)
    for length in range(4, 12):
        attach(20, "n" * length)
    assert len(list((state / "patterns").iterdir())) == 3


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    LINKS, st.sampled_from([(4,), (6,), (4, 6)]), st.lists(st.tuples(IDS, st.integers(2, 400)), min_size=2, max_size=3)
)
def test_a_copy_of_a_link_is_what_the_compiler_gives(
    plugin: PtpPlugin, families: tuple[int, ...], containers: list[tuple[str, int]]
) -> None:
    for container_id, host in containers:
        attachment = attach_ptp(plugin, Grant(leases(families, [host, host])))
        names = name_attachment("pods", Container(container_id, f"/proc/{len(container_id)}/ns/net", "eth0"))
        given_by = (plugin, container_id, "eth0", attachment, names)
        assert scripts_of("pods", *given_by) == compile_attachment("pods", *given_by)


def test_an_attachment_borrows_nothing_but_its_part_of_a_table() -> None:
    plugin = BridgePlugin(is_gateway=True, ip_masq=True)
    attachment = attach_bridge(plugin, Grant(leases((4, 6), [20, 20])))
    names = name_attachment("pods", Container("web-1", "", "eth0"))
    plan = plan_topology(make_attachment("pods", plugin, "eth0", attachment, names))
    kernel = FakeKernel()
    kernel.run(("ip", "netns", "add", names.namespace))
    kernel.add_device(plugin.bridge, "bridge")
    table = f"inet k8snet-{name_table('pods')}"
    assert list(compare(plan, kernel, Known()).undo) == [
        f"host: nft chain {table} masquerading",
        f"host: nft chain {table} {names.topology}",
        f"host: nft element {table} sources4 {attachment.leases[0].address.address} jump {names.topology}",
        f"host: nft element {table} sources6 {attachment.leases[1].address.address} jump {names.topology}",
    ]
