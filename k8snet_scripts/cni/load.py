"""The network configuration: from the JSON of a `.conf` or `.conflist` file to the model of `configuration`.

What the reference plugins understand and this does not is refused, and so are slips of the pen that the reference
overlooks.  The configuration that a container runtime hands to a plugin is read with `lenient`, in the reference's way:
unknown keys are ignored, and any executable may do the IPAM.
"""

from __future__ import annotations

from k8snet_scripts.cni.configuration import (
    CHAINED,
    Delegation,
    LoopbackPlugin,
    Network,
    Plugin,
    Runtime,
)
from k8snet_scripts.cni.fields import Object
from k8snet_scripts.cni.ipam import read_ipam
from k8snet_scripts.cni.literals import read_network_name, read_version
from k8snet_scripts.cni.plugins import TYPES, read_plugin
from k8snet_scripts.cni.runtime import join_runtimes, read_runtime
from k8snet_scripts.cni.versions import SPEC_VERSIONS
from k8snet_scripts.diagnostics import Report
from k8snet_scripts.rules.refusal import Refused, show
from k8snet_scripts.values import TYPE_CHECKING
from k8snet_scripts.wording import Pattern

if TYPE_CHECKING:
    from k8snet_scripts.text.source import Source

_VERSION = Pattern(r"[0-9]{1,9}(\.[0-9]{1,9}){2}")
_HINTS = {
    "plugins": "a list of plugins stands at the top, beside `name`",
    "prevResult": "a runtime hands it to a plugin: take it out",
}
_LIST_HINTS = {"type": "the types stand in the objects of `plugins`"}


def read_configuration(name: str, raw: bytes, *, lenient: bool = False) -> tuple[Source, Network, Report]:
    """The network of a file called `name`.  It is whole if the report has no findings."""
    from k8snet_scripts.text.source import read_source

    source, report = read_source(name, raw, "json")
    return source, load_network(source.data, report, lenient=lenient) if report.ok else Network(""), report


def load_network(data: object, report: Report, *, lenient: bool = False) -> Network:
    """The network that a document (nested dicts, lists and plain values) describes.

    Everything that is wrong with it goes to the report, and what comes back then lacks it.
    """
    root = _read_root(data, report, lenient)
    if root is None:
        return Network("")
    name, version = _read_head(root)
    if not root.has("plugins"):
        plugin, runtime = _read_one(root, version)
        return Network(name, version, _join_plugins([plugin], root), runtime)
    plugins, runtimes = [], []
    given = root.objects("plugins")
    if root.value("plugins") == []:
        report.error(
            "missing-key", root.where("plugins"), "the list has no plugin", help='write `{"type": "bridge"}`, say'
        )
    for item in given:
        for key in ("name", "cniVersion"):  # those of the list count
            item.has(key)
        plugin, runtime = _read_one(item, version)
        plugins.append(plugin)
        runtimes.append(runtime)
    for key in ("disableCheck", "disableGC", "loadOnlyInlinedPlugins"):  # which are for the runtime
        _check_switch(root, key)
    root.close(_LIST_HINTS)
    return Network(name, version, _join_plugins(plugins, root), join_runtimes(runtimes))


def load_delegation(data: object, report: Report) -> Delegation:
    """What an IPAM plugin needs of the configuration that it is handed, which is that of the plugin that calls it."""
    root = _read_root(data, report, lenient=True)
    if root is None:
        return Delegation("")
    name, version = _read_head(root)
    ipam = read_ipam(root, version)
    if not root.has("ipam"):
        root.missing("ipam", 'write `"ipam": { "type": "host-local", … }`')
    return Delegation(name, version, ipam, read_runtime(root))


def _read_root(data: object, report: Report, lenient: bool) -> Object | None:
    if isinstance(data, dict):
        return Object(data, (), report, lenient)
    Object({}, (), report).mistyped((), "an object", data)
    return None


def _read_head(root: Object) -> tuple[str, str]:
    """Name and version; of several versions, the newest that there is a specification for."""
    if not root.has("name"):
        root.missing("name", 'write `"name": "mynet"`, say: the addresses are recorded under it')
    name = root.text("name", read_network_name)
    version = root.text("cniVersion", read_version)
    versions = [one for one in (version, *root.texts("cniVersions", _read_any_version)) if one in SPEC_VERSIONS]
    return name or "", max(versions, key=SPEC_VERSIONS.index, default=SPEC_VERSIONS[0])


def _read_any_version(text: str) -> str:
    """A version of any specification, also one that is not written yet."""
    if not _VERSION.fullmatch(text):
        raise Refused("bad-cni-version", f"{show(text)} is not a version", f"write `{SPEC_VERSIONS[-1]}`, say")
    return text


def _read_one(given: Object, version: str) -> tuple[Plugin | None, Runtime]:
    """A plugin, and what it is asked for.  Of one that is not known no key can be unknown."""
    plugin = read_plugin(given, version)
    capabilities = given.object("capabilities")
    if capabilities:
        for key in capabilities.keys:
            capabilities.flag(key)
    runtime = read_runtime(given)
    if str(given.value("type")) in TYPES:
        given.close(_HINTS)
    return plugin, runtime


def _check_switch(root: Object, key: str) -> None:
    """Check that a key is a boolean, which may stand in quotes."""
    value = root.value(key)
    if not isinstance(value, str) or value.lower() not in ("true", "false"):
        root.flag(key)


def _join_plugins(plugins: list[Plugin | None], root: Object) -> tuple[Plugin, ...]:
    """The plugins, without those that were refused.  The first one makes an interface, and all others change it.

    Not so where a runtime calls the plugins of a list one by one: then each of them comes first.
    """
    for place, plugin in enumerate(plugins):
        if root.lenient or plugin is None or isinstance(plugin, LoopbackPlugin):
            continue
        path = (*plugin.path, "type")
        if place == 0 and isinstance(plugin, CHAINED):
            message = "the first plugin has to make the interface that this one changes"
            help = 'begin the list with `{"type": "bridge", … }`, say'
            root.report.error("plugin-order", path, message, help=help)
        if place > 0 and not isinstance(plugin, CHAINED):
            message = "an interface is made by the first plugin only"
            root.report.error("plugin-order", path, message, help="write a network of its own for this plugin")
    return tuple([plugin for plugin in plugins if plugin is not None])
