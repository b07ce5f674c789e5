"""What is stated and decides nothing: no gate of this selection asks for it, or nothing is there to compare it with."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from converge_provider.selection.rows import Carried
from converge_provider.values.constraints import Constraints, RoutingPolicy
from converge_provider.values.vocabulary import Jurisdiction

if TYPE_CHECKING:
    from converge_provider.selection.question import Question
    from converge_provider.values.criteria import SelectionCriteria
    from converge_provider.values.requests import ChatRequest

__all__ = ("carried", "carried_by_request")

_MOST = 20
_LONGEST = 64
_COMPARED = {Jurisdiction.SAME_COUNTRY: "user_country", Jurisdiction.SAME_REGION: "user_region"}
"""Which place of the user's each law compares."""


def carried(question: "Question") -> Iterable[Carried]:
    """Name everything that was stated and cannot be enforced, what the host states before what the request holds."""
    if question.criteria is not None:
        yield from _by_criteria(question.criteria)
    if question.constraints is not None:
        yield from _by_constraints(question.constraints, question)
    if question.request is not None:
        yield from carried_by_request(question.request)
    else:
        yield from question.carried


def _by_criteria(criteria: "SelectionCriteria") -> Iterable[Carried]:
    compared = _COMPARED.get(criteria.jurisdiction)
    for name in ("user_country", "user_region"):
        if getattr(criteria, name) and name != compared:
            does = "does not ask where the user is" if compared is None else f"compares {compared}"
            yield Carried(f"criteria.{name}", f"the jurisdiction {criteria.jurisdiction} {does}")


def _by_constraints(constraints: Constraints, question: "Question") -> Iterable[Carried]:
    if constraints.max_usd_per_request is not None and not question.has_request:
        yield Carried("constraints.max_usd_per_request", "there is no request whose price could be compared")
    routing = constraints.routing
    tables: dict[str, tuple[object, Mapping[Any, frozenset[str]]]] = {
        "risk_tier": (constraints.risk_tier, routing.risk_tiers),
        "data_classification": (constraints.data_classification, routing.data_classifications),
    }
    for name, (stated, lists) in tables.items():
        if stated is not None and not lists.get(stated):
            yield Carried(f"constraints.{name}", f"the routing policy has no list for {stated}, so it admits everybody")
    if routing != RoutingPolicy.default_deny_remote() and not any(stated for stated, _ in tables.values()):
        yield Carried("constraints.routing", "neither a risk tier nor a data classification is stated")


def carried_by_request(request: "ChatRequest") -> Iterable[Carried]:
    """Name what a request carries for others: its labels, and what goes to the backend as it is."""
    yield from _named("metadata", request.metadata, "a label of the request, which no gate reads")
    yield from _named("extra", request.extra, "goes to the backend as it is; no gate knows who takes it")


def _named(field: str, members: Mapping[str, object], text: str) -> Iterable[Carried]:
    names = sorted(members)
    for name in names[:_MOST]:
        shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}…"
        yield Carried(f"request.{field}.{shown}", text)
    if len(names) > _MOST:
        yield Carried(f"request.{field}", f"{len(names) - _MOST} more like these")
