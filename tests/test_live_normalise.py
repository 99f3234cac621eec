"""The harness of the live tests knows an address that the kernel made by itself, however it is abbreviated."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live.normalise import from_mac


@given(mac=st.binary(min_size=6, max_size=6))
def test_an_address_made_of_a_mac_is_known(mac: bytes) -> None:
    identifier = bytes([mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:]])
    assert from_mac(socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + identifier))


@pytest.mark.parametrize("address", ["fe80::1", "fe80::9ff:fdcc:9376", "fd00::9ff:fecc:9376", "10.0.0.1", ""])
def test_a_chosen_address_is_left(address: str) -> None:
    assert not from_mac(address)
