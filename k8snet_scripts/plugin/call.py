"""The call: what a runtime asks of a plugin, by the environment and by a network configuration on standard input.

What is wrong with it is found in the order of the reference plugins, and said in their words.
"""

from __future__ import annotations

from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.plugin.errors import (
    BAD_CONFIGURATION,
    BAD_ENVIRONMENT,
    INCOMPATIBLE_VERSION,
    UNDECODABLE,
    CniError,
)
from k8snet_scripts.plugin.texts import read_json, write_json
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple
from k8snet_scripts.wording import PLAIN, is_made_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIRED = {
    "ADD": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"),
    "CHECK": ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"),
    "DEL": ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_PATH"),
    "GC": ("CNI_PATH",),
    "STATUS": ("CNI_PATH",),
}
"""Which variables each command needs, in the order in which they are missed."""

_FOR_A_CONTAINER = ("ADD", "CHECK", "DEL")
_SINCE = {"CHECK": "0.4.0", "GC": "1.1.0", "STATUS": "1.1.0"}
_LONGEST_IFNAME = 15


class Call(NamedTuple):
    """One call.  `configuration` is the decoded standard input, `raw` its bytes; `name` is that of the network.

    `program` is the name that the plugin was started by.
    """

    program: str
    command: str
    container_id: str
    netns: str
    ifname: str
    path: tuple[str, ...]
    name: str
    version: str
    configuration: Mapping[str, object]
    raw: bytes
    environment: Mapping[str, str]

    @property
    def arguments(self) -> str:
        """The text of `CNI_ARGS`."""
        return self.environment.get("CNI_ARGS", "")


def read_call(program: str, environment: Mapping[str, str], raw: bytes) -> Call:
    """The call of a program.  Raises `CniError`."""
    check_environment(environment)
    configuration = _decode(raw)
    try:
        return _make_call(program, environment, raw, configuration)
    except CniError as error:
        version = value_of(configuration, "cniVersion")
        error.version = version if version in SPEC_VERSIONS else ""
        raise


def _make_call(program: str, environment: Mapping[str, str], raw: bytes, configuration: Mapping[str, object]) -> Call:
    command = environment["CNI_COMMAND"]
    name = _read_name(configuration)
    if command in _FOR_A_CONTAINER:
        _check_container_id(environment["CNI_CONTAINERID"])
        _check_ifname(environment["CNI_IFNAME"])
    version = _read_version(configuration)
    oldest = _SINCE.get(command, SPEC_VERSIONS[0])
    if SPEC_VERSIONS.index(version) < SPEC_VERSIONS.index(oldest):
        raise CniError(INCOMPATIBLE_VERSION, f"config version does not allow {command}", f"it is new in {oldest}")
    return Call(
        program,
        command,
        environment.get("CNI_CONTAINERID", ""),
        environment.get("CNI_NETNS", ""),
        environment.get("CNI_IFNAME", ""),
        tuple(filter(None, environment["CNI_PATH"].split(":"))),
        name,
        version,
        configuration,
        raw,
        environment,
    )


def check_environment(environment: Mapping[str, str]) -> None:
    """Find a command that there is not, or a variable that is missing.  Raises `CniError`."""
    command = environment.get("CNI_COMMAND", "")
    missing = [name for name in _REQUIRED.get(command, ()) if not environment.get(name)]
    if missing:
        raise CniError(BAD_ENVIRONMENT, f"required env variables [{','.join(missing)}] missing")
    if command not in _REQUIRED:
        raise CniError(BAD_ENVIRONMENT, f"unknown CNI_COMMAND: {command}", f"known are {', '.join(_REQUIRED)}, VERSION")


def value_of(configuration: Mapping[str, object], key: str) -> object:
    """The value of a key, in whatever case of letters it is written; None where it is missing."""
    found = [value for name, value in configuration.items() if name.lower() == key.lower()]
    return configuration.get(key, found[-1] if found else None)


def without(configuration: Mapping[str, object], *keys: str) -> dict[str, object]:
    """The configuration without some keys, in whatever case of letters they are written."""
    return {name: value for name, value in configuration.items() if name.lower() not in keys}


def _decode(raw: bytes) -> Mapping[str, object]:
    try:
        decoded = read_json(raw.decode())
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CniError(UNDECODABLE, f"error unmarshall network config: {said}") from None
    if decoded is None:  # which says as little as an object without keys
        return {}
    if not isinstance(decoded, dict):
        raise CniError(UNDECODABLE, "error unmarshall network config: it is not an object")
    return decoded


def _read_name(configuration: Mapping[str, object]) -> str:
    name = value_of(configuration, "name")
    if not isinstance(name, str | None):
        raise CniError(UNDECODABLE, "error unmarshall network config: `name` must be a string")
    if not name:
        raise CniError(BAD_CONFIGURATION, "missing network name")
    if not is_made_of(name, PLAIN, "_.-"):
        raise CniError(BAD_CONFIGURATION, "invalid characters found in network name", name)
    return name


def _check_container_id(text: str) -> None:
    if not is_made_of(text, PLAIN, "_.-"):
        raise CniError(BAD_ENVIRONMENT, "invalid characters in containerID", text)


def _check_ifname(text: str) -> None:
    if len(text.encode(errors="surrogateescape")) > _LONGEST_IFNAME:
        details = f"interface name should be less than {_LONGEST_IFNAME + 1} characters"
        raise CniError(BAD_ENVIRONMENT, "interface name is too long", details)
    if text in (".", ".."):
        raise CniError(BAD_ENVIRONMENT, "interface name is . or ..")
    if any(character in "/:" or character.isspace() for character in text):
        raise CniError(BAD_ENVIRONMENT, "interface name contains / or : or whitespace characters")


def _read_version(configuration: Mapping[str, object]) -> str:
    """The version that the answer is to have; without one it is the oldest."""
    version = value_of(configuration, "cniVersion")
    if not isinstance(version, str | None):
        raise CniError(UNDECODABLE, "decoding version from network config: `cniVersion` must be a string")
    if version and version not in SPEC_VERSIONS:
        supported = " ".join(map(write_json, SPEC_VERSIONS))
        details = f"config is {write_json(version)}, plugin supports [{supported}]"
        raise CniError(INCOMPATIBLE_VERSION, "incompatible CNI versions", details)
    return version or SPEC_VERSIONS[0]
