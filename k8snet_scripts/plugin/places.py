"""Places: what an ADD needs of the system, for STATUS: directories to write into, and programs."""

from __future__ import annotations

import os

from k8snet_scripts.plugin.errors import UNAVAILABLE, CniError
from k8snet_scripts.plugin.netns import find_system_program
from k8snet_scripts.plugin.running import RECORDS
from k8snet_scripts.values import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROGRAMS = ("bash", "ip", "nsenter", "unshare")


def check_scripts_run(environment: Mapping[str, str], *programs: str) -> None:
    """Find that scripts could not run, which need some programs beside those that all need.  Raises `CniError`."""
    try:
        for name in (*_PROGRAMS, *programs):
            find_system_program(name, environment)
    except CniError as error:
        raise CniError(UNAVAILABLE, error.message) from error
    check_place(RECORDS)


def check_place(directory: str) -> None:
    """Find that nothing can be written into a directory, which has an absolute path.  Raises `CniError`, for STATUS."""
    while not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if not os.path.isdir(directory) or not os.access(directory, os.W_OK | os.X_OK):
        raise CniError(UNAVAILABLE, f"`{directory}` is not a directory to write into")
