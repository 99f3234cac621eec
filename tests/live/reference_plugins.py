"""The reference CNI plugins in a sandbox, called one after another the way the library of every runtime calls them.

reference = Reference(sandbox, configuration)
reference.make_namespace("nginx")
assert reference.add("nginx").result["ips"]
"""

from __future__ import annotations

import os

import pytest

from live.runtime import Json, Runtime
from live.sandbox import Sandbox

DIRECTORY = "/usr/lib/cni"
"""Where Debian's package `containernetworking-plugins` puts them."""


class Reference(Runtime):
    """A runtime that has the reference plugins, all of those that a configuration names."""

    def __init__(self, sandbox: Sandbox, configuration: Json) -> None:
        super().__init__(sandbox, configuration, DIRECTORY)
        for plugin in self.chain():
            _require(plugin["type"])
            if "type" in plugin.get("ipam", {}):
                _require(plugin["ipam"]["type"])


def _require(plugin: str) -> None:
    """Fail the test, with the remedy, where a plugin is not installed: what is not compared is not known to be equal."""
    program = f"{DIRECTORY}/{plugin}"
    if not os.access(program, os.X_OK):
        package = "`apt-get install containernetworking-plugins`"
        pytest.fail(f"there is no reference plugin {program}; install it with {package}", pytrace=False)
