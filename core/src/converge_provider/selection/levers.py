"""What a host, or whoever writes the request, could ask differently: one lever per thing that is asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields

from converge_provider.selection.question import Question
from converge_provider.selection.table import Table
from converge_provider.values.classes import frozen
from converge_provider.values.constraints import Constraints
from converge_provider.values.criteria import RequiredCapabilities
from converge_provider.values.messages import JsonValue
from converge_provider.values.vocabulary import CostTier, Jurisdiction, LatencyClass, TaskComplexity

if TYPE_CHECKING:
    from converge_provider.values.criteria import SelectionCriteria

__all__ = ("Lever", "document", "levers_of", "loosened")

_LOOSER: Mapping[str, Sequence[Any]] = {
    "jurisdiction": tuple(reversed(Jurisdiction)),
    "latency": tuple(LatencyClass),
    "cost": tuple(CostTier),
    "complexity": (
        TaskComplexity.REASONING,
        TaskComplexity.GENERATION,
        TaskComplexity.CLASSIFICATION,
        TaskComplexity.EXTRACTION,
    ),
}
"""The classes from the strictest to the loosest; a host loosens step by step."""

_SETS = ("certifications", "deny")
"""Demands of which each member is a lever of its own."""


@frozen(kw_only=True, eq=False)
class Lever:
    """One thing that is asked for, and what else could be asked instead."""

    kind: str
    """``criteria`` when the host states it, ``request`` when the request needs it."""
    name: str
    """The field: ``latency``, ``capabilities.vision``, ``constraints.no_training``, ``provider``, …"""
    asked: Any
    """What is asked now."""
    ladder: Sequence[Any]
    """What could be asked instead, the next looser first; the last one asks nothing, or as little as there is."""
    put: Callable[[Question, Any], Question]
    """Gives the question with another value; those of different levers can be put one after the other."""


def levers_of(table: Table, question: Question) -> list[Lever]:
    """Give every lever of a question, in the order in which changes are named."""
    return [*_of_criteria(table, question), *_of_constraints(question), *_of_names(question), *_of_request(question)]


def loosened(question: Question, levers: Iterable[Lever]) -> Question:
    """Ask as little as these levers allow."""
    for lever in levers:
        question = lever.put(question, lever.ladder[-1])
    return question


def document(value: object) -> JsonValue:
    """Write a lever's value as it stands in a document."""
    from converge_provider.codec import dump  # only when it is told

    written: JsonValue = dump(value.value if isinstance(value, Enum) else value)
    return written


def _of_criteria(table: Table, question: Question) -> Iterable[Lever]:
    criteria = question.criteria
    if criteria is None:
        return
    for name, order in _LOOSER.items():
        asked = getattr(criteria, name)
        ladder = order[order.index(asked) + 1 :]
        if ladder:
            yield _criterion(name, asked, ladder)
    for each in fields(RequiredCapabilities):
        asked = getattr(criteria.capabilities, each.name)
        if asked is True:
            yield _capability(each.name, asked, (False,))
        elif asked is not None and asked is not False:
            windows = sorted({int(size) for size in table.context.values if 0 < size < asked}, reverse=True)
            yield _capability(each.name, asked, (*windows, None))
    if criteria.compliance is not None:
        yield _criterion("compliance", criteria.compliance, (None,))


def _criterion(name: str, asked: object, ladder: Sequence[object]) -> Lever:
    def put(question: Question, value: object) -> Question:
        return _stating(question, **{name: value})

    return Lever(kind="criteria", name=name, asked=asked, ladder=ladder, put=put)


def _capability(name: str, asked: object, ladder: Sequence[object]) -> Lever:
    def put(question: Question, value: object) -> Question:
        assert question.criteria is not None, "only what is stated has a lever"
        changes: dict[str, Any] = {name: value}
        return _stating(question, capabilities=evolve(question.criteria.capabilities, **changes))

    return Lever(kind="criteria", name=f"capabilities.{name}", asked=asked, ladder=ladder, put=put)


def _stating(question: Question, **changes: Any) -> Question:  # noqa: ANN401 - fields of the criteria
    assert question.criteria is not None, "only what is stated has a lever"
    criteria: SelectionCriteria = evolve(question.criteria, **changes)
    return question.otherwise(criteria=criteria, needs=question.needs)


def _of_constraints(question: Question) -> Iterable[Lever]:
    constraints = question.constraints
    if constraints is None:
        return
    nothing = Constraints()
    for each in fields(Constraints):
        asked = getattr(constraints, each.name)
        if each.name == "routing" or asked == getattr(nothing, each.name):
            continue
        if each.name in _SETS:
            yield from (_member(each.name, member) for member in sorted(asked))
        else:
            yield _constraint(each.name, asked, getattr(nothing, each.name))


def _constraint(name: str, asked: object, nothing: object) -> Lever:
    def put(question: Question, value: object) -> Question:
        changes: dict[str, Any] = {name: value}
        assert question.constraints is not None, "only what is stated has a lever"
        return evolve(question, constraints=evolve(question.constraints, **changes))

    return Lever(kind="criteria", name=f"constraints.{name}", asked=asked, ladder=(nothing,), put=put)


def _member(name: str, member: str) -> Lever:
    """Make the lever of one member of a set, which can only be taken out."""

    def put(question: Question, _value: None) -> Question:
        assert question.constraints is not None, "only what is stated has a lever"
        changes: dict[str, Any] = {name: getattr(question.constraints, name) - {member}}
        return evolve(question, constraints=evolve(question.constraints, **changes))

    return Lever(kind="criteria", name=f"constraints.{name}.{member}", asked=member, ladder=(None,), put=put)


def _of_names(question: Question) -> Iterable[Lever]:
    for name in ("provider", "backend", "model"):
        asked = getattr(question, name)
        if asked is not None:
            kind = "request" if name == "model" else "criteria"
            yield Lever(kind=kind, name=name, asked=asked, ladder=(None,), put=_naming(name))


def _naming(name: str) -> Callable[[Question, Any], Question]:
    def put(question: Question, value: object) -> Question:
        changes: dict[str, Any] = {name: value}
        return evolve(question, **changes)

    return put


def _of_request(question: Question) -> Iterable[Lever]:
    needs = question.needs
    for flag, why in needs.flags.items():
        yield Lever(kind="request", name=flag, asked=why, ladder=(None,), put=_needing_flag(flag))
    for feature in needs.features:
        asked = f"the request sets {feature}"
        yield Lever(kind="request", name=feature, asked=asked, ladder=(None,), put=_needing_feature(feature))
    if needs.context_tokens:
        yield Lever(kind="request", name="size", asked=needs.context_tokens, ladder=(None,), put=_needing_tokens)


def _needing_flag(flag: str) -> Callable[[Question, Any], Question]:
    def put(question: Question, _value: None) -> Question:
        flags = {name: why for name, why in question.needs.flags.items() if name != flag}
        return question.otherwise(criteria=question.criteria, needs=evolve(question.needs, flags=flags))

    return put


def _needing_feature(feature: str) -> Callable[[Question, Any], Question]:
    def put(question: Question, _value: None) -> Question:
        features = tuple(name for name in question.needs.features if name != feature)
        return question.otherwise(criteria=question.criteria, needs=evolve(question.needs, features=features))

    return put


def _needing_tokens(question: Question, _value: None) -> Question:
    """Ask next to nothing, for next to nothing; without any limit a request would count as long again."""
    least = min(1, question.needs.answer_tokens)
    return question.otherwise(
        criteria=question.criteria, needs=evolve(question.needs, input_tokens=0, answer_tokens=least, counted={})
    )
