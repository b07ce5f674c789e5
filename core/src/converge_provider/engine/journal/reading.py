"""The side of a journal's files that reads: backwards, a block at a time, past what is torn."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from converge_provider.engine.journal.rows import JournalRow

if TYPE_CHECKING:
    from io import BufferedReader

__all__ = ("lines_of", "load_row")

_BLOCK = 64 * 2**10


def lines_of(path: Path) -> Iterator[bytes]:
    """Give the lines of a file that are not empty, the last one first; none when there is no file."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        yield from filter(None, _backwards(file))


def _backwards(file: "BufferedReader") -> Iterator[bytes]:
    begins, blocks = file.seek(0, os.SEEK_END), list[bytes]()
    while begins:
        size = min(_BLOCK, begins)
        begins -= size
        file.seek(begins)
        first, *others = file.read(size).split(b"\n")
        if others:
            *whole, last = others
            yield b"".join((last, *reversed(blocks)))
            yield from reversed(whole)
            blocks = []
        blocks.append(first)
    yield b"".join(reversed(blocks))


def load_row(line: bytes) -> JournalRow | None:
    """Read one line; ``None`` when it is torn, or written by something newer that this cannot read."""
    from converge_provider.codec import load  # the codec costs cattrs

    try:
        return load(JournalRow, json.loads(line), unknown="ignore")
    except (ValueError, RecursionError):
        return None
