"""What can be wrong with a document, and how all of it is said at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from converge_provider.errors import ConfigurationError

__all__ = ("Collector", "DocumentError", "Hook", "Plan", "Problem", "nearest", "refusal", "said", "step_to")

T = TypeVar("T")
Hook = Callable[[object, Any], Any]
"""Loads one member of a document; the second argument is cattrs' business."""
Plan = Callable[[Any], Hook]
"""Gives the hook of an annotation."""

_SAID_PROBLEMS = 20
_LONGEST_WORD = 60


class Problem(NamedTuple):
    """One thing that is wrong with a document."""

    path: str
    """Where: ``$.criteria.latency``, ``$.messages[0].role``."""
    text: str
    """What: expected, got, and what to do."""


class DocumentError(ConfigurationError):
    """A document does not have the shape it should; every problem is listed."""

    slug = "document"

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take all problems, at least one."""
        super().__init__(tuple(problems))
        self.problems: tuple[Problem, ...] = tuple(problems)

    def __str__(self) -> str:
        """Give the problems in one line; past twenty, their number."""
        said_here = "; ".join(f"{path}: {text}" for path, text in self.problems[:_SAID_PROBLEMS])
        unsaid = len(self.problems) - _SAID_PROBLEMS
        return f"{said_here}; and {unsaid} more" if unsaid > 0 else said_here

    def under(self, step: str) -> list[Problem]:
        """Give the problems with their paths one step further from the root."""
        return [Problem(f"${step}{path[1:]}", text) for path, text in self.problems]


class Collector:
    """Gathers the problems of a container's members, so that one does not hide the others."""

    def __init__(self) -> None:
        """Start with none."""
        self.problems: list[Problem] = []

    def add(self, step: str, text: str) -> None:
        """Note a problem of one member."""
        self.problems.append(Problem(f"${step}", text))

    def member(self, step: str, load: Callable[[object, Any], T], value: object, cls: object = None) -> T | None:
        """Load one member, noting its problems."""
        try:
            return load(value, cls)
        except DocumentError as exc:
            self.problems += exc.under(step)
            return None

    def unknown(self, document: Mapping[str, object], owner: str, known: Sequence[str]) -> None:
        """Note every key that is not a known one."""
        for key in document:
            if key not in known:
                self.add(step_to(key), f"is not a field of {owner}{nearest(str(key), known)}")

    def finish(self) -> None:
        """Raise when there was any."""
        if self.problems:
            raise DocumentError(self.problems)


def refusal(text: str) -> DocumentError:
    """Give the error of a value that stands at the root."""
    return DocumentError([Problem("$", text)])


def step_to(key: object) -> str:
    """Give the step of a path that leads to a key that the document chose."""
    text = str(key)
    text = text if text.isprintable() else repr(text)[1:-1]
    return f".{text}" if len(text) <= _LONGEST_WORD else f".{text[: _LONGEST_WORD - 3]}..."


def nearest(word: str, words: Sequence[str]) -> str:
    """Suggest the nearest word, as the tail of a sentence, or nothing."""
    from difflib import get_close_matches  # noqa: PLC0415 - seldom needed

    close = get_close_matches(word, words, n=1, cutoff=0.7) if len(word) <= _LONGEST_WORD else []
    return f"; did you mean {close[0]!r}?" if close else ""


def said(value: object) -> str:
    """Name, briefly, what came instead."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= 40 else value[:37] + "...")
        case int():
            return str(int(value)) if abs(value) < 10**30 else "a huge integer"
        case float():
            return repr(float(value))
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"a {type(value).__name__}"
