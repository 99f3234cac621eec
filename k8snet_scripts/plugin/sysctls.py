"""Sysctls of the host, read from where the kernel shows them."""

from __future__ import annotations

from k8snet_scripts.plugin import shelf


def read_setting(key: str) -> str:
    """The value of a sysctl; empty where there is none."""
    text = shelf.find("/proc/sys/" + "/".join([part.replace("/", ".") for part in key.split(".")]))
    return (text or "").strip()
