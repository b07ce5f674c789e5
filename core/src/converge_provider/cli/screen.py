"""Where commands print: results on standard output, everything about them on standard error."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import define, field

from converge_provider.cli.masking import Masker
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

__all__ = ("Column", "Screen", "visible")

_PIPE_WIDTH = 10_000
"""Columns of a table that a program reads: nothing is ever folded or cut."""

_PICTURES: dict[int, int | None] = {
    **{code: 0x2400 + code for code in range(0x20)},
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
    0x7F: 0x2421,
    ord("\r"): None,
    ord("\n"): ord("\n"),
    ord("\t"): ord("\t"),
}


def visible(text: str) -> str:
    r"""
    Replace the control characters of a text that others wrote, since they could drive the reader's terminal.

    Example:
        >>> visible("red: \x1b[31m")
        'red: ␛[31m'

    """
    return text.translate(_PICTURES)


@frozen(kw_only=True)
class Column:
    """One column of a table."""

    title: str
    right: bool = False
    """Whether its values are numbers, to be aligned at the right."""
    whole: bool = False
    """Whether its values are names that others are folded for, as long as the terminal is wide enough."""


@define(kw_only=True)
class Screen:
    """The two streams of one command."""

    json: bool = False
    """Whether a program reads the result: exactly one JSON document on standard output."""
    printed: bool = False
    """Whether that document has been printed."""
    masker: Masker = field(factory=lambda: Masker({}))
    """Keeps secrets out of what is said; not out of a result, which is printed as it is."""

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at standard output."""
        return _is_terminal(sys.stdout)

    @property
    def can_ask(self) -> bool:
        """Whether there is a person who can answer a question."""
        return self.is_terminal and _is_terminal(sys.stdin) and _is_terminal(sys.stderr)

    def write(self, text: str, *, end: str = "\n") -> None:
        """Print a part of the result at once."""
        print(visible(text) if self.is_terminal else text, end=end, flush=True)

    def document(self, document: object) -> None:
        """Print the result for a program."""
        # Other encodings than UTF-8 get escapes, which every JSON reader knows.
        plain = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8"
        print(json.dumps(document, indent=2, ensure_ascii=plain))
        self.printed = True

    def say(self, text: str) -> None:
        """Print one line about the result, or about what stands in its way."""
        self.tell(" ".join(text.split("\n")))

    def tell(self, text: str) -> None:
        """Print several lines about the result."""
        print(visible(self.masker.masked(text)), file=sys.stderr, flush=True)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Print a table: as wide as the terminal, folded and never cut; one line per row for a pipe."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            justify: JustifyMethod = "right" if column.right else "left"
            table.add_column(column.title, justify=justify, overflow="fold", no_wrap=column.whole)
        for row in rows:
            table.add_row(*(Text(visible(self.masker.masked(cell))) for cell in row))
        console = self._console()
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            print(line.rstrip())

    def _console(self) -> "Console":
        from rich.console import Console

        width = None if self.is_terminal else _PIPE_WIDTH
        plain = bool(os.environ.get("NO_COLOR"))  # rich would still print bold
        return Console(highlight=False, markup=False, emoji=False, width=width, color_system=None if plain else "auto")


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return callable(isatty) and bool(isatty())
