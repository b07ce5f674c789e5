"""What a gate is, and what can be done with the gates that somebody fails."""

from collections.abc import Callable, Iterable, Mapping

from converge_provider.selection.masks import mask_at
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Table
from converge_provider.values.classes import frozen

__all__ = ("Failure", "Gate", "failed", "lacks", "unknown", "verdicts")

_PRICED = frozenset({"prices", "cost_class"})
_CATALOGUE = ", or run: pip install converge-catalogue"
"""Who else states what public services charge."""


@frozen
class Gate:
    """One hard rule: a name, the candidates that fail it, and the reason in words."""

    name: str
    """A heading in the reference of gates."""
    failing: Callable[[Table, Question], int]
    """Gives the mask of the candidates that fail it; 0 when nothing is asked."""
    reason: Callable[[Table, Question, int], Reason]
    """Says why one candidate fails it; called only when a record is read."""
    facts: tuple[str, ...] = ()
    """The claims that decide, by which a record says who states them."""
    unstated: Callable[[Table, Question], Mapping[str, int]] | None = None
    """Gives, by the claims that other gates ask for too, the mask of those of whom nobody has stated them."""


Failure = tuple[Gate, int]
"""A gate that somebody fails, and the mask of those who do."""


def failed(failing: Iterable[Failure]) -> int:
    """Give the mask of those that fail any of some gates."""
    bad = 0
    for _, mask in failing:
        bad |= mask
    return bad


def lacks(table: Table, question: Question, failing: Iterable[Failure]) -> list[int]:
    """
    Give a mask for each thing that candidates lack: a gate that they fail, or one claim for several gates.

    Whoever is in the fewest of these masks is the nearest to being eligible.
    """
    found: list[int] = []
    shared: dict[str, int] = {}
    for gate, mask in failing:
        left = mask
        for claim, unstated in gate.unstated(table, question).items() if gate.unstated else ():
            shared[claim] = shared.get(claim, 0) | left & unstated
            left &= ~unstated
        found.append(left)
    return [mask for mask in (*found, *shared.values()) if mask]


def verdicts(reasons: Mapping[int, Reason]) -> list[Failure]:
    """
    Give rejections that somebody else has already worded, as gates in the order of their names.

    Args:
        reasons: By the candidate's place in the table.

    """

    def reason(_table: Table, _question: Question, place: int) -> Reason:
        return reasons[place]

    def gate(name: str) -> Failure:
        mask = mask_at(place for place, given in reasons.items() if given.gate == name)
        return Gate(name, lambda _table, _question: mask, reason), mask

    return [gate(name) for name in sorted({reason.gate for reason in reasons.values()})]


def unknown(table: Table, place: int, gate: str, fact: str, *, key: str, claim: str | None = None) -> Reason:
    """
    Say that nobody has stated a fact, and how to settle it.

    Args:
        table: All candidates.
        place: Whose fact it is.
        gate: The gate's name.
        fact: What is unknown, and what is asked.
        key: Where the configuration takes it among the claims.
        claim: The claim for which it counts where that is another; several gates may ask for one claim.

    """
    where = f'[claims."{table.ids[place]}"] in the configuration'
    elsewhere = _CATALOGUE if (claim or key) in _PRICED else ""
    return Reason(gate, f"{fact}; if you know it, state {key} under {where}{elsewhere}", unknown=True, key=claim or key)
