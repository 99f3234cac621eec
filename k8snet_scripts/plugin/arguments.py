"""Arguments: what a runtime asks for one pod in `CNI_ARGS`, pairs such as `IgnoreUnknown=1;IP=10.1.0.9;K8S_POD_NAME=web`.

The reference takes each key only in the plugin that acts on it and calls it unknown in all others, so that `IP` through
`bridge` needs `IgnoreUnknown`.  Here the keys that any of them acts on are known to all.
"""

from __future__ import annotations

from k8snet_scripts.plugin.errors import BAD_ENVIRONMENT, CniError
from k8snet_scripts.plugin.texts import write_json
from k8snet_scripts.rules.literals import read_lladdr
from k8snet_scripts.rules.refusal import Refused
from k8snet_scripts.values import NamedTuple

_YES = ("1", "true")
_NO = ("0", "false")
_KUBERNETES = "K8S_"


class Arguments(NamedTuple):
    """What is asked for, as it was written: addresses, gateways for them and a MAC address."""

    ips: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    mac: str = ""


def read_arguments(text: str) -> Arguments:
    """The arguments in a text.  Raises `CniError`."""
    pairs: dict[str, str] = {}
    for pair in text.split(";") if text else ():
        key, equals, value = pair.partition("=")
        if not equals or "=" in value:
            raise CniError(BAD_ENVIRONMENT, f'ARGS: invalid pair "{pair}"')
        pairs[key] = value
    ignores = pairs.pop("IgnoreUnknown", "0").lower()
    if ignores not in _YES + _NO:
        raise CniError(BAD_ENVIRONMENT, f'ARGS: error parsing value of pair "IgnoreUnknown={ignores}"')
    asked = Arguments(_items(pairs.pop("IP", "")), _items(pairs.pop("GATEWAY", "")), pairs.pop("MAC", ""))
    unknown = [f"{key}={value}" for key, value in pairs.items() if not key.startswith(_KUBERNETES)]
    if unknown and ignores in _NO:
        raise CniError(BAD_ENVIRONMENT, f"ARGS: unknown args [{' '.join(map(write_json, unknown))}]")
    return asked


def read_mac(text: str) -> str | None:
    """The MAC address that the arguments ask for.  Raises `CniError`."""
    mac = read_arguments(text).mac
    try:
        return read_lladdr(mac) if mac else None
    except Refused as refused:
        raise CniError(BAD_ENVIRONMENT, f"ARGS: {refused.message}", refused.help) from refused


def _items(text: str) -> tuple[str, ...]:
    return tuple([item.strip() for item in text.split(",") if item.strip()])
