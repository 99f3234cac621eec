"""Text that another process makes is the text that this one would have made."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts import aside
from k8snet_scripts.aside import Aside


@given(pieces=st.lists(st.text(st.characters(codec="utf-8"))))
def test_it_is_the_same_however_often_it_is_gone_through(pieces: list[str]) -> None:
    made = Aside(pieces)
    assert ["".join(made) for _ in range(2)] == ["".join(pieces)] * 2


def test_it_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "_PIECE", 3)
    assert list(Aside(["abcd", "\r\n", "ü"])) == ["abc", "d\r\n", "ü"]


def test_it_is_made_by_another_process() -> None:
    def pieces() -> Iterator[str]:
        yield str(os.getppid())

    assert "".join(Aside(pieces())) == str(os.getpid())


class Faulty:
    """Fails for whoever goes through it in another process, or in any."""

    def __init__(self, *, everywhere: bool) -> None:
        self.home = None if everywhere else os.getpid()

    def __iter__(self) -> Iterator[str]:
        yield "begun"
        if os.getpid() != self.home:
            raise ValueError("faulty")


def test_what_the_other_process_failed_to_make_is_made_here() -> None:
    assert list(Aside(Faulty(everywhere=False))) == ["begun"]
    with pytest.raises(ValueError, match="faulty"):
        list(Aside(Faulty(everywhere=True)))


def test_a_process_that_nobody_waits_for_is_ended() -> None:
    def pieces() -> Iterator[str]:
        while True:
            yield "x"

    child = Aside(pieces())._child
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
