"""How the command line ends: the one table of its exit codes."""

from enum import IntEnum
from typing import Self

__all__ = ("ExitCode",)


class ExitCode(IntEnum):
    """An exit code of ``converge``; the documentation of each is a heading in the reference of exit codes."""

    meaning: str

    DONE = 0, "It was done."
    FAILED = (
        1,
        "It was tried and failed: a call to a model, a download, a check of `converge doctor` or `converge verify`.",
    )
    USAGE = 2, "The command line, the prompt or a file given to it makes no sense; nothing was called."
    NOBODY = (
        3,
        "No backend may answer: none is eligible, known, or configured; the line names the nearest and what it lacks.",
    )
    CONFIGURATION = 4, "The configuration, the environment or the installation makes no sense."
    INTERNAL = 70, "A mistake in converge itself or in a plugin; `-vv` shows where."
    INTERRUPTED = 130, "It was stopped with Ctrl-C; the call was cancelled, and what was printed of the answer stays."
    CLOSED = 141, "Whoever read standard output stopped reading, as `head` does; shells give this code then."

    def __new__(cls, number: int, meaning: str) -> Self:
        """Take the number and what it means."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.meaning = meaning
        return member
