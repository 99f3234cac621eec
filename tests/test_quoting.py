"""Words that people gave: bash reads them as they were given, and nothing in a script takes their line for another."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8snet_scripts.quoting import quote_word, quote_words

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
commands = st.lists(words, min_size=1, max_size=6)


@given(commands)
def test_bash_reads_the_words_that_were_given(given: list[str]) -> None:
    line = quote_words(given)
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == given


@given(commands)
def test_a_line_fits_into_the_table(given: list[str]) -> None:
    line = quote_words(given)
    assert line.isprintable()
    assert "#" not in line
    assert "  " not in line
    assert line == line.strip()


@given(commands)
def test_a_quote_opens_only_behind_a_dollar_sign(given: list[str]) -> None:
    """So no line looks like the commands of ours that are carried out together: `bash -c 'echo 1 >…'`."""
    assert not re.search(r"(?<![$\\])'[^ ]", quote_words(given))


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("tc", "tc"),
        ("--delay=20ms", "--delay=20ms"),
        ("", "$''"),
        ("a  b", "$'a \\040b'"),
        ("a    b", "$'a \\040 \\040b'"),
        ("#1", "$'\\0431'"),
        ("it's\n", "$'it\\'s\\n'"),
        ("\x1b[2J", "$'\\033[2J'"),
        ("東京 ", "$'東京 '"),
        ("\u202e", "$'\\342\\200\\256'"),
        ("~", "$'~'"),
    ],
)
def test_a_word_is_as_plain_as_it_can_be(word: str, line: str) -> None:
    assert quote_word(word) == line
