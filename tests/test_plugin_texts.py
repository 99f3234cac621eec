"""JSON is read and written as the module `json` does it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.plugin.texts import read_json, write_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_values_are_written_as_json_writes_them(value: object) -> None:
    assert write_json(value) == json.dumps(value, indent=4)


@given(VALUES, st.text(" \t\r\n"), st.sampled_from([None, 1]))
def test_texts_are_read_as_json_reads_them(value: object, space: str, indent: int | None) -> None:
    assert read_json(f"{space}{json.dumps(value, indent=indent)}{space}") == value


@pytest.mark.parametrize(
    "text", ["", " ", "{} x", "[", "nul", '{"a"}', "\ufeff{}", '"a\x01"', "[1, ]", "1 2", "[" * 3000]
)
def test_mistakes_are_those_of_json(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as expected:
        json.loads(text)
    with pytest.raises(expected.type) as found:
        read_json(text)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match=rf"^there is no {word} in JSON$"):
        read_json(f"[{word}]")
