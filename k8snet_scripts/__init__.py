"""k8snet: network namespaces, veth pairs and bridges, from a description to shell scripts.

The model can be built from these classes as well as from a topology file; `compile_model` makes scripts of it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` takes a while to import
if TYPE_CHECKING:
    from k8snet_scripts.addresses import Cidr
    from k8snet_scripts.addresses import parse_cidr as cidr
    from k8snet_scripts.filtering import Masquerade
    from k8snet_scripts.scripts import Scripts
    from k8snet_scripts.topology import (
        HOST,
        Bridge,
        Command,
        End,
        Interface,
        Namespace,
        Port,
        Route,
        Topology,
        Veth,
        Vlans,
    )

__version__ = "0.1.0"

__all__ = [
    "HOST",
    "Bridge",
    "Cidr",
    "Command",
    "End",
    "Interface",
    "Masquerade",
    "Namespace",
    "Port",
    "Route",
    "Topology",
    "Veth",
    "Vlans",
    "cidr",
    "compile_model",
]


def __getattr__(name: str) -> object:
    """The model, imported when it is first asked for: the command line starts twice as fast without it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from k8snet_scripts import addresses, filtering, topology

    home = {"cidr": addresses, "Cidr": addresses, "Masquerade": filtering}.get(name, topology)
    found = getattr(home, "parse_cidr" if name == "cidr" else name)
    globals()[name] = found
    return found


def compile_model(topology: Topology, source: str = "a model built in Python") -> Scripts:
    """The scripts of a topology that was built in Python.

    `source` is what their headers call it.  Raises `k8snet_scripts.scripts.Refused`, whose text says everything that
    is wrong, if the topology breaks a rule.
    """
    from k8snet_scripts.scripts import check_and_compile

    return check_and_compile(topology, source)
