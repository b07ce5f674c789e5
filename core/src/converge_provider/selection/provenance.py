"""Who states the facts that decided a selection, and since when."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from converge_provider.registry.claims import CAPABILITY_OF_FLAG
from converge_provider.selection.gates import GATES
from converge_provider.values.claims import FactSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from converge_provider.selection.record import Record
    from converge_provider.selection.rows import Rejection

__all__ = ("facts_of_gate", "sources_in")

_FITNESS = ("cost_class", "typical_latency_ms", "quality")
_FACTS = {gate.name: gate.facts for gate in GATES}


def facts_of_gate(gate: str) -> "Sequence[str]":
    """Name the facts that decide a gate; none for the gates of callers and policies."""
    return [_fact(name) for name in _FACTS.get(gate, ())]


def sources_in(record: "Record", rejections: "Iterable[Rejection]") -> dict[str, Mapping[str, FactSource]]:
    """
    Give who states the facts that decided, by backend id and the fact's name; who states nothing is left out.

    Args:
        record: A selection.
        rejections: The rejected candidates to tell of; the chosen one is told of anyway.

    """
    best = record.ranking.first(1)
    decided = {record.table.ids[place]: _read(record) for place in best}
    for rejection in rejections:
        decided[rejection.id] = [fact for reason in rejection.reasons for fact in facts_of_gate(reason.gate)]
    found = {backend_id: _stated(record, backend_id, facts) for backend_id, facts in decided.items() if facts}
    return {backend_id: stated for backend_id, stated in found.items() if stated}


def _stated(record: "Record", backend_id: str, facts: "Iterable[str]") -> Mapping[str, FactSource]:
    entry = record.catalogue.get(backend_id)
    known: Mapping[str, FactSource] = {} if entry is None else entry.sources()
    return {fact: known[fact] for fact in sorted(set(facts)) if fact in known}


def _read(record: "Record") -> "Sequence[str]":
    """Name the facts that policies looked at."""
    scored = record.already_scored
    columns = ("fitness",) if scored is None else scored.view.read
    return [fact for column in columns for fact in (_FITNESS if column == "fitness" else (_fact(column),))]


def _fact(name: str) -> str:
    """Name the fact that a gate or a column speaks of, as claims call it."""
    if name in CAPABILITY_OF_FLAG:
        return f"capabilities.{CAPABILITY_OF_FLAG[name]}"
    return "prices" if name.endswith("_usd_per_mtok") else name
