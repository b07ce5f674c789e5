"""What a journal takes, and what it owes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from converge_provider.engine.journal.attempts import AttemptRow
from converge_provider.engine.journal.content import Content
from converge_provider.engine.outcomes import Outcome
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.engine.journal.rows import JournalRow
    from converge_provider.registry import Catalogue
    from converge_provider.selection import Decision

__all__ = ("Entry", "Journal")


@frozen(kw_only=True, eq=False)
class Entry:
    """One request that is over, as the engine hands it over: nothing is expanded yet, so this costs next to nothing."""

    request_id: str
    request_bytes: int
    """The size of what was asked, roughly."""
    catalogue: "Catalogue"
    decisions: "Sequence[Decision]"
    """Every selection, oldest first; at least one."""
    attempts: Sequence[AttemptRow]
    outcome: Outcome
    elapsed_s: float
    content: Content | None = None
    """What was asked and answered, when the journal wants it."""


class Journal(Protocol):
    """Keep the record of requests."""

    @property
    def content_bytes(self) -> int:
        """How much of a prompt and of an answer it wants, in bytes each; 0: nothing of what is said."""
        ...

    def write(self, entry: Entry) -> None:
        """Take one request; never waits and never raises."""
        ...

    def get(self, name: str) -> "JournalRow | None":
        """Give a request by its id or that of one of its decisions; ``None`` when it is not (or no longer) there."""
        ...

    def find(self, prefix: str, *, most: int = 10) -> "Sequence[JournalRow]":
        """Give the latest requests, at most so many, whose id or that of one of their decisions begins so."""
        ...

    def latest(self, count: int) -> "Sequence[JournalRow]":
        """Give the latest requests, the newest first, at most so many."""
        ...

    def close(self) -> None:
        """Write down what was taken; may be called twice."""
        ...
