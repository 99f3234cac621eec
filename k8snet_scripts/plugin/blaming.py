"""Blaming: what a script could not do is the answer of the plugin, with the script's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from k8snet_scripts.plugin.errors import OTHER, CniError
from k8snet_scripts.plugin.running import WiringError


@contextmanager
def blaming_the_script() -> Iterator[None]:
    """Raises `CniError` where a script has failed."""
    try:
        yield
    except WiringError as error:
        kept = f"the script is kept as {error.script}" if error.script else ""
        raise CniError(OTHER, str(error), "\n".join(filter(None, (error.details, kept)))) from error
