"""Places: whether a directory is there to write into, or can be made."""

from __future__ import annotations

import os

from k8snet_scripts.plugin.errors import UNAVAILABLE, CniError


def check_place(directory: str) -> None:
    """Find that nothing can be written into a directory, which has an absolute path.  Raises `CniError`, for STATUS."""
    while not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if not os.path.isdir(directory) or not os.access(directory, os.W_OK | os.X_OK):
        raise CniError(UNAVAILABLE, f"`{directory}` is not a directory to write into")
