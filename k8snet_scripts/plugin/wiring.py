"""Wiring: one attachment of a container to a network, compiled to scripts by the same templates as everything, and run.

    bridge ──▶ made or mended if it is not as wanted ──▶ scripts of the attachment ──▶ kept ──▶ setup.sh

Each attachment is a topology of its own: a veth from the bridge into a namespace that is there already.  Nothing in it is
borrowed from the host, so attachments do not wait for each other, and one costs the same among a thousand.
"""

from __future__ import annotations

import re

from k8snet_scripts.cni.attachment import Attachment
from k8snet_scripts.cni.configuration import BridgePlugin, Network
from k8snet_scripts.cni.result import Interface
from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.bridges import inspect_bridge, provide_bridge
from k8snet_scripts.plugin.names import Container, Names, name_attachment
from k8snet_scripts.plugin.netns import is_netns, run_inside
from k8snet_scripts.plugin.patterns import scripts_of
from k8snet_scripts.plugin.running import NAMED, WiringError, messages, run_kept

__all__ = ["Container", "WiringError", "attach", "attached", "detach", "inspect"]


def attach(
    network: Network, plugin: BridgePlugin, container: Container, attachment: Attachment, mac: str | None = None
) -> tuple[Interface, ...]:
    """Attach a container: its bridge, the host's end and its own interface, with MAC addresses.

    If anything fails, nothing is left of it but the kept script.  Raises `WiringError`.
    """
    names = name_attachment(network.name, container, mac)
    if not is_netns(container.netns):
        raise WiringError(f'failed to open netns "{container.netns}": it is no network namespace')
    if shelf.read_record(names.topology) and _has_interface(container):
        raise WiringError(_exists(container))
    lladdr = provide_bridge(network.name, plugin, attachment)
    scripts = scripts_of(network.name, plugin, container.container_id, container.ifname, attachment, names)
    directory = _keep(scripts, network.name, container, names)
    done = run_kept(directory, ("setup.sh",), _give_name(container, names))
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
    names = name_attachment(network_name, container)
    record = shelf.read_record(names.topology)
    if record is None:
        from k8snet_scripts.plugin.strangers import detach_stranger

        detach_stranger(network_name, container.container_id, container.netns, container.ifname)
        return
    attached = container._replace(netns=record["netns"])
    directory = shelf.place("attachments", names.topology)
    done = run_kept(directory, ("teardown.sh",), _give_name(attached, name_attachment(network_name, attached)))
    if done.status != 0:
        said = messages(done)
        message = f"failed to detach {container.ifname} of {container.container_id}: {' '.join(said[:2])}"
        raise WiringError(message, "\n".join(said), f"{directory}/teardown.sh")
    shelf.end(names.topology)


def inspect(network: Network, plugin: BridgePlugin, container: Container, attachment: Attachment) -> tuple[str, ...]:
    """What of an attachment is not as it was made, a line each.  Raises `WiringError`."""
    names = name_attachment(network.name, container)
    record = shelf.read_record(names.topology)
    if record is None:
        return (f"{container.ifname} of {container.container_id} is not on record as attached to {network.name}",)
    names = name_attachment(network.name, container, record["mac"])
    scripts = scripts_of(network.name, plugin, container.container_id, container.ifname, attachment, names)
    directory = shelf.place("attachments", names.topology)
    shelf.keep(directory, {"check.sh": scripts["setup.sh"]})
    done = run_kept(directory, ("check.sh", "--check"), _give_name(container, names))
    found = [*inspect_bridge(network.name, plugin, attachment), *done.output.decode(errors="replace").splitlines()]
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


def _keep(scripts: dict[str, str], network: str, container: Container, names: Names) -> str:
    """Put the scripts of an attachment and its record on the shelf; the directory where they are."""
    directory = shelf.place("attachments", names.topology)
    record = {
        "network": network,
        "containerID": container.container_id,
        "netns": container.netns,
        "ifname": container.ifname,
        "mac": names.pod_lladdr,
    }
    if names.is_given:
        from k8snet_scripts.render import template_directory

        record["run"] = f"unshare --mount bash {NAMED} {container.netns} {names.namespace} setup.sh"
        scripts = {**scripts, NAMED: (template_directory() / "shell" / NAMED).read_text()}
    shelf.keep(directory, scripts | shelf.write_record(record))
    return directory


def _give_name(container: Container, names: Names) -> tuple[str, str] | None:
    """The path of a namespace and the name that it is given where scripts run, if it has to be given one."""
    return (container.netns, names.namespace) if names.is_given and is_netns(container.netns) else None


def _has_interface(container: Container) -> bool:
    return run_inside(container.netns, {}, "ip", "link", "show", "dev", container.ifname).status == 0


def _exists(container: Container) -> str:
    return f"container veth name provided ({container.ifname}) already exists"


def _blame(said: list[str], container: Container, names: Names) -> str:
    """What a setup that failed is blamed on."""
    taken = re.compile(rf"refused: interface {re.escape(container.ifname)} \({re.escape(names.namespace)}\) exists")
    if any(map(taken.match, said)):
        return _exists(container)
    return f"failed to attach {container.ifname} of {container.container_id}: {' '.join(said[:2])}"
