"""A plugin that is killed at any moment, and plugins that run at the same time: nothing is lost, nothing is given twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from live.kernel import State, diff
from live.masquerading import PATIENT, observe_sources
from live.moments import sample
from live.node import WORLD, node, whole_state
from live.runtime import Json, Runtime, finished
from live.sandbox import Sandbox

pytestmark = pytest.mark.needs("nft_masquerade", "nft_masquerade6")

DUAL: Json = {
    "cniVersion": "1.1.0",
    "name": "dual",
    "type": "bridge",
    "bridge": "br-t",
    "isDefaultGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.30.0.0/24"}], [{"subnet": "fd00:30::/64"}]]},
}
AT_ONCE = 6


@pytest.fixture
def runtime(plugins: str) -> Iterator[Runtime]:
    with node(hasty=True) as sandbox:
        yield Runtime(sandbox, DUAL, plugins)


def wait_for_orphans(sandbox: Sandbox) -> None:
    """Return when nothing is left of what a plugin that was killed had started."""
    end = time.monotonic() + 30
    while sandbox.processes():
        assert time.monotonic() < end, sandbox.processes()
        time.sleep(0.02)


def seconds_of_add(runtime: Runtime) -> float:
    """How long an ADD takes here and now, when there is a bridge."""
    for pod in ("first", "second"):
        runtime.make_namespace(pod)
        start = time.monotonic()
        assert finished(runtime.start("ADD", pod)).result
        took = time.monotonic() - start
    assert runtime.delete("second").status == 0
    return took


def left(before: State, after: State) -> list[str]:
    """What differs, but for the address handed out last, and scripts, which are kept for people to read."""
    words = ("last_reserved_ip.", "/run/k8snet: cni")
    return [line for line in diff(before, after) if not any(word in line for word in words)]


@pytest.mark.parametrize("end", ["DEL", "GC"])
def test_nothing_is_left_of_an_add_that_was_killed(runtime: Runtime, end: str) -> None:
    seconds = seconds_of_add(runtime)
    runtime.make_namespace("web")
    before = whole_state(runtime.sandbox)
    killed = 0
    for moment in sample(range(1, 8), 12, end):
        process = runtime.start("ADD", "web")
        time.sleep(seconds * moment / 9)
        if process.pid is not None:
            process.signal(signal.SIGKILL, group=moment % 2 == 0)
        killed += process.wait().returncode == -signal.SIGKILL
        answer = runtime.delete("web") if end == "DEL" else runtime.collect([("first", "eth0")])
        assert answer.status == 0, answer
        wait_for_orphans(runtime.sandbox)
        assert left(before, whole_state(runtime.sandbox)) == [], f"killed after {moment} ninths"
    assert killed >= 1
    assert finished(runtime.start("ADD", "web")).result
    assert observe_sources(runtime.sandbox, ["web"])[f"web {address(runtime.sandbox, 'web')} to {WORLD} 192.0.2.2"]


def test_a_del_that_was_killed_is_finished_by_the_next_one(runtime: Runtime) -> None:
    seconds_of_add(runtime)
    before = whole_state(runtime.sandbox)
    runtime.make_namespace("web")
    for moment in sample(range(1, 5), 12, "DEL"):
        assert runtime.add("web").result
        process = runtime.start("DEL", "web")
        time.sleep(0.02 * moment)
        if process.pid is not None:
            process.signal(signal.SIGKILL, group=moment % 2 == 0)
        process.wait()
        assert runtime.delete("web").status == 0
        wait_for_orphans(runtime.sandbox)
        after = whole_state(runtime.sandbox)
        assert list(after["namespaces"].pop("web")["links"]) == ["lo"]
        assert left(before, after) == [], f"killed in moment {moment}"


def test_many_at_once_get_an_address_each_and_work(runtime: Runtime) -> None:
    pods = [f"pod{number}" for number in range(AT_ONCE)]
    for pod in pods:
        runtime.make_namespace(pod)
    started = [runtime.start("ADD", pod) for pod in pods]
    results = [finished(process).result for process in started]
    given = [ip["address"] for result in results for ip in result["ips"]]
    assert len(set(given)) == len(given) == 2 * AT_ONCE
    sources = observe_sources(runtime.sandbox, pods)
    if None in sources.values():  # perhaps because one was late
        sources = observe_sources(runtime.sandbox, pods, PATIENT)
    assert None not in sources.values()
    for pod, result in zip(pods, results, strict=True):
        own = result["ips"][0]["address"].partition("/")[0]
        assert sources[f"{pod} {own} to {WORLD} 192.0.2.2"] == "192.0.2.1"
    ended = [finished(process) for process in [runtime.start("DEL", pod) for pod in pods]]
    assert [answer.status for answer in ended] == [0] * AT_ONCE
    state = whole_state(runtime.sandbox)["namespaces"]
    assert sorted(state["host"]["links"]) == ["br-t", "lo", "uplink"]
    assert sorted(path.rpartition("/")[2] for path, kind in state["/var/lib/cni"].items() if kind.startswith("f")) == [
        "last_reserved_ip.0",
        "last_reserved_ip.1",
        "lock",
    ]


def address(sandbox: Sandbox, pod: str) -> str:
    """The IPv4 address of a pod's `eth0`."""
    listing = sandbox.run(["ip", "-n", pod, "-4", "-o", "address", "show", "dev", "eth0"], check=True).stdout
    return listing.split()[3].partition("/")[0]
