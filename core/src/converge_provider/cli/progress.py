"""Progress of something that takes long, on standard error: a bar for a person, a few lines for a log."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

__all__ = ("Bar", "Steps")

_EVERY_S = 10.0


class Bar:
    """Show how far something is; called as ``report`` of a provider type's ``prepare``."""

    def __init__(self) -> None:
        """Start with nothing on the screen."""
        self._watched = sys.stderr.isatty()
        self._rich: Progress | None = None
        self._task: TaskID | None = None
        self._what = ""
        self._said_s = 0.0

    def __enter__(self) -> Self:
        """Have nothing to do: the first report puts the bar on the screen."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar off the screen."""
        if self._rich is not None:
            self._rich.stop()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Show what is done now, and how many bytes of how many (``None``: unknown) are done."""
        if self._watched:
            self._draw(what, done, total)
        elif what != self._what or time.monotonic() - self._said_s >= _EVERY_S:
            share = f" of {_size(total)}" if total else ""
            print(f"converge: {what}: {_size(done)}{share}", file=sys.stderr, flush=True)
            self._said_s = time.monotonic()
        self._what = what

    def _draw(self, what: str, done: int, total: int | None) -> None:
        if self._rich is None:
            from rich.progress import DownloadColumn

            self._rich = _rich_progress(DownloadColumn())
            self._rich.start()
        if self._task is None or what != self._what:
            if self._task is not None:
                self._rich.remove_task(self._task)
            self._task = self._rich.add_task(what, total=total)
        self._rich.update(self._task, completed=done, total=total)


class Steps:
    """Show how many of several steps are done: a bar for a person, a line now and then for a log."""

    def __init__(self, what: str, total: int) -> None:
        """Take what the steps are called, and how many there are."""
        self._what = what
        self._total = total
        self._count = 0
        self._said_s = time.monotonic()
        self._rich: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Put the bar on the screen of a person."""
        if sys.stderr.isatty():
            from rich.progress import MofNCompleteColumn

            self._rich = _rich_progress(MofNCompleteColumn())
            self._rich.start()
            self._task = self._rich.add_task(self._what, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar off the screen."""
        if self._rich is not None:
            self._rich.stop()

    def done(self, name: str) -> None:
        """Count a step, and name it."""
        self._count += 1
        if self._rich is not None and self._task is not None:
            self._rich.update(self._task, completed=self._count, description=name)
        elif time.monotonic() - self._said_s >= _EVERY_S:
            print(f"converge: {self._what}: {self._count} of {self._total}", file=sys.stderr, flush=True)
            self._said_s = time.monotonic()


def _rich_progress(counted: "ProgressColumn") -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        counted,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _size(count: int) -> str:
    """
    Write a number of bytes for a person.

    Example:
        >>> _size(999), _size(94_000_000)
        ('999 B', '94.0 MB')

    """
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
