"""Pieces: what one plugin does for one interface of a container.

Each piece is a topology of its own.  Its scripts are on the shelf with a record of whom it is for, for as long as it is
there: by them it is looked at, and taken back.
"""

from __future__ import annotations

from k8snet_scripts.plugin import shelf
from k8snet_scripts.plugin.names import Container, Names, name_attachment
from k8snet_scripts.plugin.netns import is_netns
from k8snet_scripts.plugin.programs import Finished
from k8snet_scripts.plugin.running import NAMED, check_done, make_place, messages, remove_place, run_kept
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAIN = ""
_WITH_SHARED_THINGS = ("firewall", "portmap")


class Piece(NamedTuple):
    """`plugin` is the type of a chained plugin, or empty for the one that makes the interface.

    `overruled` are the attributes of that interface, and settings, that are not any more what that one has made them.
    """

    plugin: str
    network: str
    container: Container
    names: Names
    overruled: tuple[str, ...] = ()


def set_up(piece: Piece, scripts: dict[str, str]) -> None:
    """Keep the scripts of a piece, and run `setup.sh`.

    If it fails, nothing is left but the kept scripts.  Raises `WiringError`.
    """
    names, container = piece.names, piece.container
    directory = _keep(piece, scripts)
    make_place(names.topology)
    done = _run_in_turn(piece.plugin, directory, "setup.sh", _give_name(container, names))
    if done.status != 0:
        remove_place(names.topology)
        what = f"{_verb(piece.plugin)} {container.ifname} of {container.container_id}"
        check_done(done, what, f"{shelf.end(names.topology)}/setup.sh")


def tear_down(plugin: str, network: str, container: Container) -> bool:
    """Take a piece back, whether or not the container is still there; False if there is none on record.

    Raises `WiringError`.
    """
    names = name_attachment(network, container, plugin=plugin)
    record = shelf.read_record(names.topology)
    if record is None:
        return False
    attached = container._replace(netns=record["netns"])
    directory = shelf.place("attachments", names.topology)
    given = _give_name(attached, name_attachment(network, attached, plugin=plugin))
    done = _run_in_turn(plugin, directory, "teardown.sh", given)
    what = f"take {plugin} back from" if plugin else "detach"
    check_done(done, f"{what} {container.ifname} of {container.container_id}", f"{directory}/teardown.sh")
    shelf.end(names.topology)
    return True


def differences(piece: Piece, scripts: Mapping[str, str]) -> list[str]:
    """What is not as the script would have it, a line each."""
    directory = shelf.place("attachments", piece.names.topology)
    shelf.keep(directory, {"check.sh": scripts["setup.sh"]})
    done = run_kept(directory, ("check.sh", "--check"), _give_name(piece.container, piece.names))
    return done.output.decode(errors="replace").splitlines() + (messages(done) if done.status != 0 else [])


def is_on_record(piece: Piece) -> bool:
    """Whether a piece is there, as far as is known."""
    return shelf.read_record(piece.names.topology) is not None


def overruled(plugin: str, network: str, container: Container) -> tuple[str, ...]:
    """What a chained plugin has changed of the interface that another one has made."""
    record = shelf.read_record(name_attachment(network, container, plugin=plugin).topology)
    return tuple((record or {}).get("overruled", "").split())


def on_record(plugin: str, network: str) -> tuple[Container, ...]:
    """For whom there are pieces of a plugin of a network."""
    return tuple(
        [
            Container(record["containerID"], record["netns"], record["ifname"])
            for record in shelf.records()
            if (record.get("plugin", _MAIN), record["network"]) == (plugin, network)
        ]
    )


def _run_in_turn(plugin: str, directory: str, script: str, given: tuple[str, str] | None) -> Finished:
    """Run a script; one at a time of a plugin of which several have rules or settings of the host in common.

    Scripts agree on who takes such a thing back, and not on who of two that run at once is to make it.
    """
    if plugin not in _WITH_SHARED_THINGS:
        return run_kept(directory, (script,), given)
    with shelf.TakingTurns(shelf.place("turns", plugin)):
        return run_kept(directory, (script,), given)


def _verb(plugin: str) -> str:
    return f"do what {plugin} does for" if plugin else "attach"


def _keep(piece: Piece, scripts: dict[str, str]) -> str:
    """Put the scripts of a piece and its record on the shelf; the directory where they are."""
    names, container = piece.names, piece.container
    directory = shelf.place("attachments", names.topology)
    record = {
        **({"plugin": piece.plugin} if piece.plugin else {}),
        "network": piece.network,
        "containerID": container.container_id,
        "netns": container.netns,
        "ifname": container.ifname,
        "mac": names.pod_lladdr,
        **({"overruled": " ".join(piece.overruled)} if piece.overruled else {}),
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
