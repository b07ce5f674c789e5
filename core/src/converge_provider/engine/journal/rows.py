"""
One request as it stands in the record: small whatever the size of the catalogue, expanded when it is read.

Nothing of what was asked or answered is in it, unless the journal was told to keep that.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, field

from converge_provider.engine.journal.attempts import AttemptRow
from converge_provider.engine.journal.content import Content
from converge_provider.engine.outcomes import Outcome
from converge_provider.selection import Decision
from converge_provider.selection.columns import columns_of
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.engine.journal.entries import Entry

__all__ = ("Candidate", "DecisionRow", "JournalRow", "decision_row", "row_of")

_IN_FULL = 5
_WITH_TOTALS = 50


@frozen(kw_only=True)
class Candidate:
    """What became of one backend in one selection."""

    id: str
    eligible: bool
    total: float | None
    """Its total, when it is among the fifty best."""
    failing: tuple[str, ...]
    """The gates that it fails."""


@frozen(kw_only=True)
class DecisionRow:
    """One selection: the first candidates in full, all of them as masks over the catalogue's order."""

    decision: Decision
    """With the five best and the five nearest candidates only."""
    eligible: str
    """The eligible backends: a mask in hexadecimal, its lowest bit the first backend of the catalogue by id."""
    failing: Mapping[str, str]
    """The backends that fail each gate, as masks."""
    best: Sequence[int] = field(converter=tuple[int, ...])
    """The fifty best as places in the catalogue, from 0, best first."""
    totals: Sequence[float] = field(converter=tuple[float, ...])
    """Their totals."""

    def candidates(self, ids: Sequence[str]) -> Iterator[Candidate]:
        """
        Say of every backend what became of it.

        Args:
            ids: The ids of the catalogue with the decision's digest, in its order.

        """
        eligible, totals = int(self.eligible, 16), dict(zip(self.best, self.totals, strict=True))
        failing = [(gate, int(mask, 16)) for gate, mask in self.failing.items()]
        for place, backend in enumerate(ids):
            yield Candidate(
                id=backend,
                eligible=bool(eligible >> place & 1),
                total=totals.get(place),
                failing=tuple(gate for gate, mask in failing if mask >> place & 1),
            )


@frozen(kw_only=True)
class JournalRow:
    """One request."""

    request_id: str
    outcome: Outcome
    elapsed_s: float
    decisions: Sequence[DecisionRow] = field(converter=tuple[DecisionRow, ...])
    attempts: Sequence[AttemptRow] = field(converter=tuple[AttemptRow, ...])
    content: Content | None = None
    """What was asked and answered, when the journal was told to keep that."""

    def decision(self, decision_id: str) -> Decision | None:
        """Give one of the request's selections by its id, or ``None``."""
        return next((row.decision for row in self.decisions if row.decision.id == decision_id), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The request's id and those of its selections."""
        return (self.request_id, *(row.decision.id for row in self.decisions))

    def is_called(self, name: str, *, prefix: bool = False) -> bool:
        """Say whether the request, or one of its selections, has this id, or one that begins so."""
        return any(one.startswith(name) if prefix else one == name for one in self.names)


def row_of(entry: "Entry") -> JournalRow:
    """Expand an entry."""
    return JournalRow(
        request_id=entry.request_id,
        outcome=entry.outcome,
        elapsed_s=entry.elapsed_s,
        decisions=[decision_row(decision) for decision in entry.decisions],
        attempts=entry.attempts,
        content=entry.content,
    )


def decision_row(decision: Decision) -> DecisionRow:
    """Expand a selection as far as it goes on record."""
    columns = columns_of(decision, best=_WITH_TOTALS, nearest=_IN_FULL)
    assert columns is not None, "the engine's decisions are fresh from selection"
    return DecisionRow(
        decision=evolve(
            decision,
            ranking=tuple(decision.first(_IN_FULL)),
            rejected=tuple(columns.nearest),
            counterfactuals=(),
            sources=columns.sources,
        ),
        eligible=f"{columns.eligible:x}",
        failing={gate: f"{mask:x}" for gate, mask in columns.failing.items()},
        best=columns.best,
        totals=columns.totals,
    )
