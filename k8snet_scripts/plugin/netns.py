"""Network namespaces of containers, by their paths."""

from __future__ import annotations

import os
from fcntl import ioctl

from k8snet_scripts.plugin.errors import BAD_NETNS, OTHER, CniError
from k8snet_scripts.plugin.names import Container
from k8snet_scripts.plugin.programs import Finished, begin_program, find_program, run_program
from k8snet_scripts.values import TYPE_CHECKING
from k8snet_scripts.wording import PLAIN, is_made_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from k8snet_scripts.plugin.call import Call

_OWN = "/proc/self/ns/net"
_TYPE = 0xB703  # NS_GET_NSTYPE
_NETWORK = 0x40000000  # CLONE_NEWNET
_OVERRIDE = "CNI_NETNS_OVERRIDE"  # allows for the plugin's own namespace
DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def check_netns(path: str, environment: Mapping[str, str]) -> None:
    """Find that a path leads to no network namespace, or to that of the host.  Raises `CniError`."""
    if problem := _problem(path):
        raise CniError(BAD_NETNS, f'failed to open netns "{path}": {problem}')
    if is_own(path, environment):
        raise CniError(BAD_NETNS, "plugin's netns and netns from CNI_NETNS should not be the same", path)


def is_own(path: str, environment: Mapping[str, str]) -> bool:
    """Whether a path leads to the namespace that the plugin runs in, and nobody says that this is meant."""
    if environment.get(_OVERRIDE, "").lower() in ("1", "true"):
        return False
    try:
        return os.path.samefile(path, _OWN)
    except (OSError, ValueError):
        return False


def find_container(call: Call) -> Container:
    """The container of a call.  The host's own namespace is not that of a container, whatever path leads there."""
    netns = "" if call.command == "DEL" and is_own(call.netns, call.environment) else call.netns
    return Container(call.container_id, netns, call.ifname)


def is_netns(path: str) -> bool:
    """Whether a path leads to a network namespace."""
    return _problem(path) is None


def _problem(path: str) -> str | None:
    """Why a path leads to no network namespace."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        return error.strerror if isinstance(error, OSError) else str(error)
    try:
        return None if ioctl(file, _TYPE) == _NETWORK else "it is a namespace of another kind"
    except OSError:
        return "it is not a namespace"
    finally:
        os.close(file)


def has_interface(path: str, ifname: str, environment: Mapping[str, str]) -> bool:
    """Whether there is an interface of a name in a namespace."""
    return run_program(_look_inside(path, ifname, environment), environment).status == 0


def look_at_link(name: str) -> Finished:
    """What `ip` says of an interface of the host and its addresses, in JSON.  Raises `CniError`."""
    return run_program(_look_at_host(name), {})


def begin_looks(call: Call, link: object) -> None:
    """Begin to look whether a container has an interface, and at an interface of the host, if `link` is the name of one.

    While the system answers, the rest of the plugin can be loaded.  Raises `CniError`.
    """
    if is_netns(call.netns):
        begin_program(_look_inside(call.netns, call.ifname, call.environment), call.environment)
    if isinstance(link, str) and is_made_of(link, PLAIN, "_.-"):
        begin_program(_look_at_host(link), {})


def _look_inside(path: str, ifname: str, environment: Mapping[str, str]) -> list[str]:
    return _inside(path, environment, "ip", "link", "show", "dev", ifname)


def _look_at_host(name: str) -> list[str]:
    return [find_system_program("ip", {}), "-json", "-details", "address", "show", "dev", name]


def run_inside(path: str, environment: Mapping[str, str], *argv: str, given: bytes = b"") -> Finished:
    """Run a program of the system inside a namespace.  Raises `CniError` if it, or `nsenter`, is not installed."""
    return run_program(_inside(path, environment, *argv), environment, given)


def _inside(path: str, environment: Mapping[str, str], *argv: str) -> list[str]:
    enter, program = find_system_program("nsenter", environment), find_system_program(argv[0], environment)
    return [enter, f"--net={path}", "--", program, *argv[1:]]


def find_system_program(name: str, environment: Mapping[str, str]) -> str:
    """The path of a program of the system; a runtime's PATH may lack directories, or be missing.  Raises `CniError`."""
    found = find_program(name, (*filter(None, environment.get("PATH", "").split(":")), *DIRECTORIES))
    if found is None:
        raise CniError(OTHER, f"the program `{name}` is not installed")
    return found
