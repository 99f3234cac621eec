"""What texts are made of is told as regular expressions tell it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.wording import PLAIN, Pattern, is_made_of, is_number

TEXTS = st.text("aZ09_.-+/\n \u0660\u00e9", max_size=6) | st.text(max_size=3)
NUMBERS = st.text("019-\n\u0660", max_size=5) | st.integers(0, 10**5).map(str)


@given(TEXTS)
def test_characters(text: str) -> None:
    assert is_made_of(text, PLAIN, "_.-") == bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text))
    assert is_made_of(text, f"{PLAIN}_", ".+-") == bool(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", text))


@given(NUMBERS, st.integers(1, 4))
def test_numbers(text: str, digits: int) -> None:
    assert is_number(text, digits) == bool(re.fullmatch(rf"0|[1-9][0-9]{{0,{digits - 1}}}", text))


@given(TEXTS)
def test_patterns(text: str) -> None:
    pattern = Pattern(r"([a-z])(?:-[0-9])?")
    for _ in range(2):
        found, expected = pattern.fullmatch(text), re.fullmatch(r"([a-z])(?:-[0-9])?", text)
        assert (found and found.groups()) == (expected and expected.groups())
