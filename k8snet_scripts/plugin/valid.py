"""Valid attachments: what a runtime says is still there, when it asks a plugin to remove the rest."""

from __future__ import annotations

from k8snet_scripts.plugin.call import value_of
from k8snet_scripts.plugin.errors import BAD_CONFIGURATION, CniError
from k8snet_scripts.values import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = ("cni.dev/valid-attachments", "cni.dev/attachments")  # the second is what the specification once called it


class Attached(NamedTuple):
    """An interface of a container; without `ifname` any of its interfaces."""

    container_id: str
    ifname: str | None


def read_valid(configuration: Mapping[str, object]) -> frozenset[Attached]:
    """The attachments that stay.  Raises `CniError`; a list that is missing is not an empty one."""
    given = next((value for key in _KEYS if (value := value_of(configuration, key)) is not None), None)
    if not isinstance(given, list):
        said = "is missing" if given is None else "must be an array"
        raise CniError(BAD_CONFIGURATION, f"`{_KEYS[0]}` {said}", "without it nobody knows what is to stay")
    return frozenset(map(_read_attachment, given))


def _read_attachment(item: object) -> Attached:
    words = [item.get(key) for key in ("containerID", "ifname")] if isinstance(item, dict) else []
    match words:
        case [str(container_id), str(ifname)]:
            return Attached(container_id, ifname)
    raise CniError(BAD_CONFIGURATION, f"an item of `{_KEYS[0]}` must have the strings `containerID` and `ifname`")
