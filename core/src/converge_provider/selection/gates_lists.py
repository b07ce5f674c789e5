"""The gates that ask who: the kind, lists of names, and the lists of a routing policy."""

from collections.abc import Callable, Iterable, Mapping

from converge_provider.selection.gate import Gate
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Table
from converge_provider.values.constraints import LOCAL
from converge_provider.values.identity import BackendKind
from converge_provider.values.scalars import ascii_lower

__all__ = ("KIND_GATE", "LIST_GATES")


def _other_kind(table: Table, question: Question) -> int:
    assert question.constraints is not None
    kind = question.constraints.kind
    if kind is None:
        return 0
    return table.all & ~table.where(kind, lambda row: (row.claims.kind or BackendKind.LLM) == kind)


def _say_kind(table: Table, question: Question, place: int) -> Reason:
    assert question.constraints is not None
    return Reason(
        "kind", f"kind {table.rows[place].claims.kind or BackendKind.LLM}, {question.constraints.kind} is asked for"
    )


def _on_list(table: Table, names: Iterable[str]) -> int:
    """Give those that a list names by id or provider, or by staying on this machine."""
    found = 0
    for name in names:
        found |= table.listed(ascii_lower(name))
        if name == LOCAL:
            found |= table.staying
    return found


def _not_allowed(table: Table, question: Question) -> int:
    assert question.constraints is not None
    names = question.constraints.allow
    return 0 if names is None else table.all & ~_on_list(table, names)


def _denied(table: Table, question: Question) -> int:
    assert question.constraints is not None
    return _on_list(table, question.constraints.deny)


def _routed_elsewhere(names: Iterable[str] | None, table: Table) -> int:
    return table.all & ~_on_list(table, names) if names else 0


def _routing_gate(gate: str, lists: str, named: str) -> Gate:
    """Make the gate of one of the two tables of a routing policy."""

    def failing(table: Table, question: Question) -> int:
        constraints = question.constraints
        assert constraints is not None
        key = getattr(constraints, gate)
        return 0 if key is None else _routed_elsewhere(getattr(constraints.routing, lists).get(key), table)

    def reason(table: Table, question: Question, place: int) -> Reason:
        constraints = question.constraints
        assert constraints is not None
        key = getattr(constraints, gate)
        names = sorted(getattr(constraints.routing, lists)[key])
        text = f"{named} {key} admits only {', '.join(names)}"
        if LOCAL in names and table.rows[place].claims.requires_network is None:
            where = f'[claims."{table.ids[place]}"] in the configuration'
            text += f"; whether it needs a network is unknown; if you know it, state requires_network under {where}"
            return Reason(gate, text, unknown=True, key="requires_network")
        return Reason(gate, text)

    def unstated(table: Table, question: Question) -> Mapping[str, int]:
        constraints = question.constraints
        assert constraints is not None
        names = getattr(constraints.routing, lists).get(getattr(constraints, gate)) or ()
        return table.unstated("requires_network") if LOCAL in names else {}

    return Gate(gate, failing, reason, facts=("requires_network",), unstated=unstated)


def _saying(gate: str, text: str) -> Callable[[Table, Question, int], Reason]:
    reason = Reason(gate, text)
    return lambda _table, _question, _place: reason


KIND_GATE = Gate("kind", _other_kind, _say_kind, facts=("kind",))

LIST_GATES = (
    Gate("allowed", _not_allowed, _saying("allowed", "is not on the list of those that are allowed")),
    Gate("denied", _denied, _saying("denied", "is on the list of those that are denied")),
    _routing_gate("risk_tier", "risk_tiers", "risk tier"),
    _routing_gate("data_classification", "data_classifications", "data classification"),
)
"""Those that the constraints ask for."""
