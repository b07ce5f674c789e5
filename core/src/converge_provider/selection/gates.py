"""
The gates in their one order, which is that of the reasons of every rejected candidate.

``docs/reference/gates.md`` has a heading for each.
"""

from collections.abc import Mapping

from converge_provider.selection.abilities import FEATURE_GATES, FLAG_GATES, INPUT_GATES
from converge_provider.selection.gate import Failure, Gate, verdicts
from converge_provider.selection.gates_conduct import COMPLIANCE_GATE, CONDUCT_GATES
from converge_provider.selection.gates_lists import KIND_GATE, LIST_GATES
from converge_provider.selection.gates_place import JURISDICTION_GATE, PROCESSING_GATES, SOVEREIGNTY_GATE
from converge_provider.selection.gates_price import OUTPUT_GATE, PRICE_GATES
from converge_provider.selection.limits import (
    CONTEXT_GATE,
    COST_GATE,
    LATENCY_GATE,
    MEASURED_LATENCY_GATE,
    QUALITY_GATE,
)
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Table

__all__ = ("GATES", "NAMING", "failures")

NAMING = frozenset({"provider", "backend", "model"})
"""The gates by which a host names whom it wants."""


def failures(table: Table, question: Question) -> list[Failure]:
    """Give every gate that somebody fails, in order; the caller's own come last, in the order of their names."""
    found = [(gate, mask) for gate in _asked(question) if (mask := gate.failing(table, question))]
    return found + verdicts(_by_place(table, question.barred)) if question.barred else found


def _by_place(table: Table, barred: Mapping[str, Reason]) -> dict[int, Reason]:
    known = table.place_of
    return {known[backend_id]: reason for backend_id, reason in barred.items() if backend_id in known}


def _other_provider(table: Table, question: Question) -> int:
    return 0 if question.provider is None else table.all & ~table.provider(question.provider)


def _say_provider(table: Table, question: Question, place: int) -> Reason:
    return Reason("provider", f"provider {table.descriptors[place].provider}, {question.provider} is asked for")


def _other_backend(table: Table, question: Question) -> int:
    return 0 if question.backend is None else table.all & ~table.named(question.backend)


def _say_backend(_table: Table, question: Question, _place: int) -> Reason:
    return Reason("backend", f"backend {question.backend} is asked for")


def _other_model(table: Table, question: Question) -> int:
    return 0 if question.model is None else table.all & ~table.named(question.model)


def _say_model(_table: Table, question: Question, _place: int) -> Reason:
    return Reason("model", f"model {question.model} is asked for by the request")


def _not_configured(table: Table, _question: Question) -> int:
    return table.missing


def _say_configured(table: Table, _question: Question, place: int) -> Reason:
    missing = table.rows[place].missing
    return Reason("configured", f"not configured: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")


GATES = (
    Gate("provider", _other_provider, _say_provider),
    Gate("backend", _other_backend, _say_backend),
    Gate("model", _other_model, _say_model),
    KIND_GATE,
    *FLAG_GATES,
    *INPUT_GATES,
    CONTEXT_GATE,
    OUTPUT_GATE,
    COST_GATE,
    *PRICE_GATES,
    LATENCY_GATE,
    MEASURED_LATENCY_GATE,
    QUALITY_GATE,
    SOVEREIGNTY_GATE,
    JURISDICTION_GATE,
    *PROCESSING_GATES,
    COMPLIANCE_GATE,
    *CONDUCT_GATES,
    *LIST_GATES,
    *FEATURE_GATES,
    Gate("configured", _not_configured, _say_configured),
)
"""Every gate of this floor; the caller's own and the vetoes of policies come after them."""

_OF_CONSTRAINTS = frozenset({KIND_GATE, *PRICE_GATES, *PROCESSING_GATES, *CONDUCT_GATES, *LIST_GATES})
_OF_REQUESTS = frozenset({*INPUT_GATES, *FEATURE_GATES})
_BEYOND_CONTRACT = frozenset({*_OF_CONSTRAINTS, *_OF_REQUESTS, OUTPUT_GATE, MEASURED_LATENCY_GATE, JURISDICTION_GATE})


def _without(left_out: frozenset[Gate]) -> tuple[Gate, ...]:
    return tuple(gate for gate in GATES if gate not in left_out)


_CONTRACTS = _without(_BEYOND_CONTRACT)
"""The gates of the contract's own registry."""
_ALWAYS = _without(_OF_CONSTRAINTS | _OF_REQUESTS | {OUTPUT_GATE, MEASURED_LATENCY_GATE})
"""Those that somebody may fail when neither constraints nor the request itself ask for anything, and nobody is slow."""
_REQUESTED = _without(_OF_CONSTRAINTS)
"""The gates that somebody may fail without constraints."""


def _asked(question: Question) -> tuple[Gate, ...]:
    """Give the gates that somebody may fail."""
    if question.constraints is not None:
        return GATES
    needs = question.needs
    if needs.flags or needs.features or needs.answer_tokens or question.slow:
        return _REQUESTED
    return _CONTRACTS if question.contract_only else _ALWAYS
