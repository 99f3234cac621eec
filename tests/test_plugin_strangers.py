"""Strangers: what the reference's `tuning` says that it has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from k8snet_scripts.plugin import strangers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{\n "mac": "aa:bb:cc:dd:ee:ff",\n "mtu": 1500\n}', ("address", "mtu")),
        ('{"promisc": false, "mtu": 1500}', ("mtu",)),
        ('{"promisc": false}', ()),
        ("{}", ()),
        ("", ()),
        ('{"mtu": 15', ()),
        ("[]", ()),
    ],
)
def test_what_tuning_has_changed(
    text: str, found: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "_TUNED", str(tmp_path))
    (tmp_path / "web_eth0.json").write_text(text)
    assert strangers.find_tuned("web", "eth0") == found
    assert strangers.find_tuned("web", "eth1") == strangers.find_tuned("we", "eth0") == ()
