"""Marks: how what a topology owns is known on the system."""

from __future__ import annotations

from k8snet_scripts.digests import digest


def link_group(name: str) -> int:
    """The link group that marks what the topology `name` owns: 31 bits of the name's SHA-256, above all common ones."""
    return 2**16 + int.from_bytes(digest(name)[:8], "big") % (2**31 - 2**16)


def nft_table(name: str) -> str:
    """The nft table, family inet, that the topology `name` has in every namespace that masquerades."""
    return f"k8snet-{name}"
