"""Wiring: one attachment of a container to a network, compiled to scripts by the same templates as everything, and run.

    bridge ──▶ made or mended if it is not as wanted ──▶ scripts of the attachment ──▶ kept ──▶ setup.sh

Each attachment is a topology of its own: a veth from the bridge into a namespace that is there already.  Nothing in it is
borrowed from the host, so attachments do not wait for each other, and one costs the same among a thousand.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin, Network
from k8snet_scripts.cni.result import Interface
from k8snet_scripts.cni.wires import (
    digest,
    host_sysctls,
    make_lladdr,
    make_masquerade,
    make_veth,
    name_host_end,
    pod_sysctls,
    spell,
)
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.bridges import inspect_bridge, provide_bridge
from k8snet_scripts.plugin.netns import is_netns, run_inside
from k8snet_scripts.plugin.running import NAMED, WiringError, compile_scripts, messages, named_script, run_kept
from k8snet_scripts.plugin.strangers import detach_stranger
from k8snet_scripts.rules.names import check_namespace_name
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.topology import HOST, Bridge, Namespace, Topology

__all__ = ["Container", "WiringError", "attach", "attached", "detach", "inspect"]

_NAMED_NAMESPACES = ("/run/netns", "/var/run/netns")


class Container(NamedTuple):
    """An interface of a container: `netns` is the path of its namespace, which may be empty or lead nowhere by now."""

    container_id: str
    netns: str
    ifname: str


class _Names(NamedTuple):
    """What an attachment is called by: its topology, the namespace in scripts, the host's end and its MAC addresses.

    `is_given` says whether the namespace has that name only where its scripts run.
    """

    topology: str
    namespace: str
    is_given: bool
    host_end: str
    host_lladdr: str
    pod_lladdr: str


def attach(
    network: Network, plugin: BridgePlugin, container: Container, attachment: Attachment, mac: str | None = None
) -> tuple[Interface, ...]:
    """Attach a container: its bridge, the host's end and its own interface, with MAC addresses.

    If anything fails, nothing is left of it but the kept script.  Raises `WiringError`.
    """
    names = _name(network.name, container, mac)
    if not is_netns(container.netns):
        raise WiringError(f'failed to open netns "{container.netns}": it is no network namespace')
    if shelf.read_record(names.topology) and _has_interface(container):
        raise WiringError(_exists(container))
    lladdr = provide_bridge(network, plugin, attachment)
    topology = _topology(network, plugin, container, attachment, names)
    directory = _keep(topology, network, container, names)
    done = run_kept(directory, ("setup.sh",), _place(container, names))
    if done.status != 0:
        said = messages(done)
        script = f"{shelf.end(names.topology)}/setup.sh"
        raise WiringError(_blame(said, container, names), "\n".join(said), script)
    return (
        Interface(plugin.bridge, lladdr),
        Interface(names.host_end, names.host_lladdr),
        Interface(container.ifname, names.pod_lladdr, container.netns),
    )


def detach(network_name: str, container: Container) -> None:
    """Detach a container, whether or not it, or its namespace, is still there.  Raises `WiringError`."""
    names = _name(network_name, container)
    record = shelf.read_record(names.topology)
    if record is None:
        detach_stranger(network_name, container.container_id, container.netns, container.ifname)
        return
    made_for = container._replace(netns=record["netns"])
    directory = shelf.place("attachments", names.topology)
    done = run_kept(directory, ("teardown.sh",), _place(made_for, _name(network_name, made_for)))
    if done.status != 0:
        said = messages(done)
        message = f"failed to detach {container.ifname} of {container.container_id}: {said[0] if said else done.status}"
        raise WiringError(message, "\n".join(said), f"{directory}/teardown.sh")
    shelf.end(names.topology)


def inspect(network: Network, plugin: BridgePlugin, container: Container, attachment: Attachment) -> tuple[str, ...]:
    """What of an attachment is not as it was made, a line each.  Raises `WiringError`."""
    names = _name(network.name, container)
    record = shelf.read_record(names.topology)
    if record is None:
        return (f"{container.ifname} of {container.container_id} is not on record as attached to {network.name}",)
    names = _name(network.name, container, record["mac"])
    topology = _topology(network, plugin, container, attachment, names)
    directory = shelf.place("attachments", names.topology)
    shelf.keep(
        directory, {"check.sh": compile_scripts(topology, _cause(network.name, container), ("setup",))["setup.sh"]}
    )
    done = run_kept(directory, ("check.sh", "--check"), _place(container, names))
    found = [*inspect_bridge(network, plugin, attachment), *done.output.decode(errors="replace").splitlines()]
    return tuple(found + (messages(done) if done.status != 0 else []))


def attached(network_name: str) -> tuple[Container, ...]:
    """The attachments to a network that are on record."""
    return tuple(
        [
            Container(record["containerID"], record["netns"], record["ifname"])
            for record in shelf.records()
            if record["network"] == network_name
        ]
    )


def _name(network: str, container: Container, mac: str | None = None) -> _Names:
    key = f"{network} {container.container_id} {container.ifname}"
    digits = digest(key)[:16]
    directory, base = os.path.split(container.netns)
    try:
        is_given = directory not in _NAMED_NAMESPACES or not os.path.samefile(directory, _NAMED_NAMESPACES[0])
        check_namespace_name(base)
    except (OSError, Refused):
        is_given = True
    return _Names(
        f"cni-{network[:40]}-{digits}",
        f"cni-{digits}" if is_given else base,
        is_given,
        name_host_end(network, container.container_id, container.ifname),
        make_lladdr(f"{key} host"),
        mac or make_lladdr(key),
    )


def _topology(
    network: Network, plugin: BridgePlugin, container: Container, attachment: Attachment, names: _Names
) -> Topology:
    ifname = container.ifname
    sysctls = pod_sysctls(plugin, attachment, ifname)
    if any(lease.address.family == 6 for lease in attachment.leases):
        sysctls = ((f"net.ipv6.conf.{spell(ifname)}.disable_ipv6", "0"), *sysctls)
    lladdrs = (names.pod_lladdr, names.host_lladdr)
    return Topology(
        names.topology,
        Namespace(
            HOST,
            bridges=(Bridge(plugin.bridge, external=True, description="The bridge of the network."),),
            sysctls=tuple(host_sysctls(plugin, (names.host_end,))),
            masquerade=tuple(make_masquerade(attachment)),
        ),
        (Namespace(names.namespace, sysctls=sysctls, description="The container.", external=True),),
        (make_veth(plugin, attachment, names.namespace, ifname, names.host_end, lladdrs),),
        f"A container on the CNI network {network.name}, as the plugin bridge would attach it.",
    )


def _cause(network: str, container: Container) -> str:
    return f"for {container.ifname} of the container {container.container_id} on the network {network}"


def _keep(topology: Topology, network: Network, container: Container, names: _Names) -> str:
    """Put the scripts of an attachment and its record on the shelf; the directory where they are."""
    directory = shelf.place("attachments", names.topology)
    record = {
        "network": network.name,
        "containerID": container.container_id,
        "netns": container.netns,
        "ifname": container.ifname,
        "mac": names.pod_lladdr,
    }
    scripts = compile_scripts(topology, _cause(network.name, container), ("setup", "teardown"))
    if names.is_given:
        record["run"] = f"unshare --mount bash {NAMED} {container.netns} {names.namespace} setup.sh"
        scripts[NAMED] = named_script()
    shelf.keep(directory, scripts | shelf.write_record(record))
    return directory


def _place(container: Container, names: _Names) -> tuple[str, str] | None:
    """The path of a namespace and the name that it is given where scripts run, if it has to be given one."""
    return (container.netns, names.namespace) if names.is_given and is_netns(container.netns) else None


def _has_interface(container: Container) -> bool:
    return run_inside(container.netns, {}, "ip", "link", "show", "dev", container.ifname).status == 0


def _exists(container: Container) -> str:
    return f"container veth name provided ({container.ifname}) already exists"


def _blame(said: list[str], container: Container, names: _Names) -> str:
    """What a setup that failed is blamed on."""
    taken = re.compile(rf"refused: interface {re.escape(container.ifname)} \({re.escape(names.namespace)}\) exists")
    if any(map(taken.match, said)):
        return _exists(container)
    return f"failed to attach {container.ifname} of {container.container_id}: {' '.join(said[:2])}"
