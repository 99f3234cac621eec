"""Printing what is to be read by programs: UTF-8 on standard output, whatever the character set of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def print_pieces(pieces: Iterable[str]) -> None:
    """Print a text that comes in pieces.  Raises `OSError` when standard output is closed."""
    if sys.stdout is None:
        raise OSError("standard output is closed")
    for piece in pieces:
        sys.stdout.buffer.write(piece.encode())
