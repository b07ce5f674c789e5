"""The gates that ask where: under whose law a provider stands, and where it computes."""

from collections.abc import Callable
from typing import Any

from converge_provider.selection.gate import Gate, unknown
from converge_provider.selection.question import Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Facts, Table
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.vocabulary import DataSovereignty, Jurisdiction, Word

__all__ = ("JURISDICTION_GATE", "PROCESSING_GATES", "SOVEREIGNTY_GATE")


def _resides_elsewhere(table: Table, question: Question) -> int:
    where = question.requirements.data_sovereignty
    return 0 if where is DataSovereignty.ANY else table.all & ~table.resides(where)


def _say_sovereignty(table: Table, question: Question, place: int) -> Reason:
    where = question.requirements.data_sovereignty
    has = {table.descriptors[place].data_sovereignty, *(table.rows[place].claims.data_sovereignty or ())}
    has.discard(DataSovereignty.ANY)
    if not has:
        fact = f"data sovereignty unknown, {where} is asked for"
        return unknown(table, place, "sovereignty", fact, key="data_sovereignty")
    return Reason("sovereignty", f"data sovereignty {_listed(has)}, {where} is asked for")


def _listed(words: set[Word] | set[DataSovereignty] | frozenset[str]) -> str:
    return ", ".join(sorted(map(str, words)))


def _under_another_law(table: Table, question: Question) -> int:
    """
    Compare declared locations; whoever computes on this machine or on the premises is where the user is.

    The table keeps an answer per law and user's place, of which a host has few.
    """
    criteria = question.criteria
    if criteria is None or criteria.jurisdiction is Jurisdiction.UNRESTRICTED:
        return 0
    law, country, region = criteria.jurisdiction, criteria.user_country, criteria.user_region
    return table.all & ~table.where(("law", law, country, region), lambda row: _is_under(row, criteria))


def _is_under(row: Facts, criteria: SelectionCriteria) -> bool:
    claims = row.claims
    residency = {row.descriptor.data_sovereignty, *(claims.data_sovereignty or ())}
    if claims.requires_network is False or DataSovereignty.ON_PREMISES in residency:
        return True
    law = criteria.jurisdiction
    declared, asked = _places(claims, criteria)
    if not declared or (law is not Jurisdiction.TRUSTED and not asked):
        return False
    country, region = (claims.country or "").upper(), (claims.region or "").upper()
    return law.satisfied_by(
        country, region, (criteria.user_country or "").upper(), (criteria.user_region or "").upper()
    )


def _places(claims: Any, criteria: SelectionCriteria) -> tuple[str | None, str | None]:  # noqa: ANN401 - Claims
    """Give what a provider declares, and what the user's side says, of the place that a law compares."""
    if criteria.jurisdiction is Jurisdiction.SAME_COUNTRY:
        return claims.country, criteria.user_country
    return claims.region, criteria.user_region


def _say_jurisdiction(table: Table, question: Question, place: int) -> Reason:
    assert question.criteria is not None, "somebody asked"
    law = question.criteria.jurisdiction
    declared, asked = _places(table.rows[place].claims, question.criteria)
    what = "country" if law is Jurisdiction.SAME_COUNTRY else "region"
    wanted = "a trusted one" if law is Jurisdiction.TRUSTED else (asked or "").upper()
    if not wanted:
        return Reason("jurisdiction", f"the user's {what} is asked for, and nobody says which it is")
    if not declared:
        return unknown(table, place, "jurisdiction", f"{what} unknown, {wanted} is asked for", key=what)
    return Reason("jurisdiction", f"{what} {declared}, {wanted} is asked for")


def _processing_gate(gate: str, field: str) -> Gate:
    """Make the gate of one list of places; every place in which a candidate may compute must be on it."""
    noun = gate.replace("_", " ")

    def allowed(question: Question) -> frozenset[str] | None:
        found: frozenset[str] | None = getattr(question.constraints, field)
        return found

    def inside(places: frozenset[str]) -> Callable[[Facts], object]:
        def test(row: Facts) -> object:
            claimed: frozenset[str] | None = getattr(row.claims, field)
            return row.claims.requires_network is False or (claimed and claimed <= places)

        return test

    def failing(table: Table, question: Question) -> int:
        places = allowed(question)
        return 0 if places is None else table.all & ~table.where((field, places), inside(places))

    def reason(table: Table, question: Question, place: int) -> Reason:
        wanted = _listed(allowed(question) or frozenset()) or "nowhere"
        claimed: frozenset[str] | None = getattr(table.rows[place].claims, field)
        if not claimed:
            return unknown(table, place, gate, f"{noun} unknown, only {wanted} is asked for", key=field)
        return Reason(gate, f"{noun} {_listed(claimed)}, only {wanted} is asked for")

    return Gate(gate, failing, reason, facts=(field, "requires_network"))


SOVEREIGNTY_GATE = Gate("sovereignty", _resides_elsewhere, _say_sovereignty, facts=("data_sovereignty",))

JURISDICTION_GATE = Gate(
    "jurisdiction",
    _under_another_law,
    _say_jurisdiction,
    facts=("country", "region", "requires_network", "data_sovereignty"),
)

PROCESSING_GATES = (
    _processing_gate("processing_region", "processing_regions"),
    _processing_gate("processing_country", "processing_countries"),
)
"""Those that the constraints ask for."""
