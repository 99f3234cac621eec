"""Settings of one namespace: whether its sysctls, forwarding, masquerade and commands go with what else it has."""

from __future__ import annotations

from k8snet_scripts.check.addresses import LOOPBACK, Owned
from k8snet_scripts.check.findings import FirstFindings
from k8snet_scripts.check.routes import report_device
from k8snet_scripts.check.sites import Site, whereabouts
from k8snet_scripts.filtering import Path

FORWARDING = {
    4: ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"),
    6: ("net.ipv6.conf.all.forwarding",),
}
"""The sysctls by family that do what `forwarding` does for all."""

_PER_INTERFACE = ("conf", "neigh")
_NO_INTERFACE = (LOOPBACK, "all", "default")


def check_settings(site: Site, owned: Owned, report: FirstFindings) -> None:
    """Check the settings of one namespace, given its addresses."""
    namespace = site.namespace
    for key, value in namespace.sysctls:
        path = (*namespace.path, "sysctls", key)
        words = key.split(".")
        if len(words) > 4 and words[2] in _PER_INTERFACE:
            name = words[3].replace("/", ".")
            if name not in _NO_INTERFACE and name not in site.interfaces:
                report_device(name, path, site, report, at="key")
            elif words[1] == "ipv6" and words[4:] == ["disable_ipv6"] and value != "0":
                _check_disabled(name, key, site, owned, report)
        if namespace.forwarding is not None and any(key in keys for keys in FORWARDING.values()):
            report.error("conflicting-keys", path, f"`{key}` and `forwarding` are the same", help="keep one of the two")
    _check_commands(site, report)
    for isolation in namespace.isolations:
        bridge = site.bridges.get(isolation.bridge)
        if bridge is None:
            message = f"`{isolation.bridge}` is no bridge {whereabouts(site.name)}, and cannot be isolated"
            report.error("unknown-bridge", namespace.path, message)
        elif bridge.name.endswith("+"):
            message = f"to iptables, `{bridge.name}` is more than one interface"
            help = "give the bridge a name without `+` at its end"
            report.error("conflicting-keys", (*bridge.path, "isolate"), message, help=help)
    if namespace.masquerade and not namespace.forwarding:
        _check_masquerade(site, report)


def _check_commands(site: Site, report: FirstFindings) -> None:
    """Check that no command is there twice: by its words it is known whether it was run."""
    seen: dict[tuple[str, ...], Path] = {}
    for command in site.namespace.commands:
        if command.run in seen:
            report.error(
                "bad-command",
                (*command.path, "run"),
                f"the same command is run twice {whereabouts(site.name)}",
                help="keep one of the two, or give them different arguments",
                see=seen[command.run],
                see_note="the other one is at",
            )
        seen.setdefault(command.run, (*command.path, "run"))


def _check_disabled(name: str, key: str, site: Site, owned: Owned, report: FirstFindings) -> None:
    """Check that an interface without IPv6 (or, by `all` or `default`, none there) has no IPv6 address."""
    for holding in owned.values():
        address, device = holding.address, holding.device
        if address.family == 6 and device != LOOPBACK and name in (device, "all", "default"):
            report.error(
                "ipv6-disabled",
                (*site.namespace.path, "sysctls", key),
                f"`{key}` takes IPv6 away from `{device}`, which has the address `{address}`",
                help="remove one of the two",
                see=holding.path,
                see_note="the address is at",
            )
            return


def is_forwarding(site: Site, family: int) -> bool | None:
    """Whether a namespace forwards packets of a family; None where that is left to others, and nothing is said."""
    namespace = site.namespace
    if any(key in FORWARDING[family] and value != "0" for key, value in namespace.sysctls):
        return True
    return None if not namespace.is_made and namespace.forwarding is None else bool(namespace.forwarding)


def _check_masquerade(site: Site, report: FirstFindings) -> None:
    """Check that a namespace forwards what it masquerades.  What others have it do is not known."""
    for source in site.namespace.masquerade:
        if is_forwarding(site, source.source.family) is False:
            report.error(
                "masquerade-without-forwarding",
                source.path,
                f"`{source.source}` is masqueraded {whereabouts(site.name)}, where nothing is forwarded",
                help=f"add `forwarding = true` to `{site.name}`",
            )
