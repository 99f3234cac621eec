"""Blaming: what a script could not do is the answer of the plugin, with the script's own words."""

from __future__ import annotations

from k8snet_scripts.plugin.errors import OTHER, CniError
from k8snet_scripts.plugin.running import WiringError


class BlamingTheScript:
    """Raises `CniError` where a script has failed."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WiringError):
            kept = f"the script is kept as {error.script}" if error.script else ""
            raise CniError(OTHER, str(error), "\n".join(filter(None, (error.details, kept)))) from error
