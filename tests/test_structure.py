"""The house: packages stand in an order, imports point one way, and input and output happen at the two ends only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import k8snet_scripts

PACKAGE = Path(k8snet_scripts.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if "templates" not in path.parts)

LAYERS = [
    {"values"},
    {"wording"},
    {"heads"},
    {"addresses", "forest", "drafts", "aside", "moulds", "digests", "quoting"},
    {"filtering", "rates", "records"},
    {"topology", "marks"},
    {"text", "diagnostics"},
    {"rules", "underlay"},
    {"cluster"},
    {"frontend", "cni", "check", "reach", "drawing", "notation", "steps", "inventory", "reasons"},
    {"devices", "ways", "filters", "settings", "shaping", "commands"},
    {"furnishing", "joining"},
    {"groups"},
    {"plan", "plates"},
    {"render"},
    {"scripts"},
    {"machines", "export", "ahead"},
    {"run"},
    {"plugin"},
    {"cli"},
]
"""What stands higher may import what stands lower, and what stands on one level only itself; `text` and `diagnostics`
know each other, for a finding has a position and a source reports findings."""

OWN_WORLD = {
    "subprocess": {"run.py"},
    "os": {"run.py", "scripts.py", "drafts.py", "aside.py", "plugin", "cli"},
    "sys": {"run.py", "scripts.py", "plugin", "cli"},
    "jinja2": {"render.py"},
    "click": {"cli"},
}
"""Who may import a module that reaches the world outside."""


def place(module: Path) -> str:
    """The package or module of the layers that a file belongs to."""
    return module.parts[0].removesuffix(".py")


def level(name: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if name in layer)


@cache
def tree(module: Path) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text())


@cache
def imports(module: Path) -> tuple[str, ...]:
    """The full names of all modules that a file imports, wherever in it."""
    return tuple(_imports(module))


def _imports(module: Path) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            assert node.level == 0
            if node.module == "k8snet_scripts":
                yield from (f"k8snet_scripts.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("module", [module for module in MODULES if not module.name.startswith("__")], ids=str)
def test_imports_point_one_way(module: Path) -> None:
    here = place(module)
    for name in imports(module):
        if name.startswith("k8snet_scripts."):
            there = name.split(".")[1]
            together = {"text", "diagnostics"} >= {here, there}
            assert there == here or level(there) < level(here) or together, f"{module} imports {name}"


@pytest.mark.parametrize("name", sorted(OWN_WORLD))
def test_the_world_outside_is_reached_at_the_two_ends_only(name: str) -> None:
    users = {module.parts[0] for module in MODULES if any(used.split(".")[0] == name for used in imports(module))}
    assert users <= OWN_WORLD[name]


def test_every_module_stands_in_a_layer() -> None:
    for module in MODULES:
        assert place(module) in {"__init__", "__main__"} or level(place(module)) >= 0


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_modules_are_read_at_one_sitting(module: Path) -> None:
    assert len((PACKAGE / module).read_text().splitlines()) <= 300
    assert ast.get_docstring(tree(module))
