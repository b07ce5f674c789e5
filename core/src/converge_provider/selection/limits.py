"""The gates that compare numbers: how large, how dear, how slow, how good."""

from functools import lru_cache

from converge_provider.selection.gate import Gate, unknown
from converge_provider.selection.masks import mask_at
from converge_provider.selection.question import ASSUMED_CONTEXT_TOKENS, Question
from converge_provider.selection.rows import Reason
from converge_provider.selection.table import Table
from converge_provider.values.vocabulary import CostClass

__all__ = ("CONTEXT_GATE", "COST_GATE", "LATENCY_GATE", "MEASURED_LATENCY_GATE", "QUALITY_GATE")

_KEPT = 4_096
_CLASSES = tuple(CostClass)


def _too_short(table: Table, question: Question) -> int:
    """Compare with the estimate, and whose tokeniser has counted with that count."""
    needs = question.needs
    short = _shorter(table, question.stated_context, needs.context_tokens)
    if not needs.counted:  # as mostly
        return short
    for name, tokens in needs.counted.items():
        whose = table.tokenisers.get(name, 0)
        short = short & ~whose | _shorter(table, question.stated_context, tokens + needs.answer_tokens) & whose
    return short


def _shorter(table: Table, stated: int | None, derived: int) -> int:
    """Without a stated need, an unstated window is taken for granted up to a size that every backend has."""
    if stated is not None:
        return table.context.below(max(stated, derived)) | table.windowless
    short = table.context.below(derived)
    return short & ~table.windowless if derived <= ASSUMED_CONTEXT_TOKENS else short


def _say_context(table: Table, question: Question, place: int) -> Reason:
    needs, tokeniser = question.needs, table.rows[place].claims.tokeniser
    tokens = needs.counted.get(tokeniser or "", needs.input_tokens)
    asked = max(question.stated_context or 0, tokens + needs.answer_tokens)
    window = table.context.values[place]
    if not window:
        fact = f"context window unknown, {asked} tokens are needed"
        return unknown(table, place, "context", fact, key="context_tokens")
    return _short(window, asked, tokeniser if tokeniser in needs.counted else None)


def _too_dear(table: Table, question: Question) -> int:
    return table.all & ~table.cost.up_to(question.requirements.max_cost_class.rank)


def _say_cost(table: Table, question: Question, place: int) -> Reason:
    limit = question.requirements.max_cost_class
    if "cost_class" in table.rows[place].unknown:
        return unknown(table, place, "cost", f"cost class unknown, at most {limit} is asked for", key="cost_class")
    return _dear(table.cost.values[place], limit.rank)


def _too_slow(table: Table, question: Question) -> int:
    if question.criteria is None:  # the limit is only the scale of a score
        return 0
    return table.all & ~table.latency.up_to(question.requirements.max_latency_ms)


def _say_latency(table: Table, question: Question, place: int) -> Reason:
    limit = question.requirements.max_latency_ms
    if "typical_latency_ms" in table.rows[place].unknown:
        fact = f"typical latency unknown, at most {limit} ms is asked for"
        return unknown(table, place, "latency", fact, key="typical_latency_ms")
    return _slow(table.latency.values[place], limit)


def _measured_slow(table: Table, question: Question) -> int:
    if not question.slow or question.criteria is None:
        return 0
    limit_s, known = question.requirements.max_latency_ms / 1e3, table.place_of
    slow = (known.get(backend_id) for backend_id in question.slow if _measured_s(question, backend_id) > limit_s)
    return mask_at(place for place in slow if place is not None)


def _measured_s(question: Question, backend_id: str) -> float:
    rule, measured = question.latency_rule, question.slow[backend_id]
    latency_s = None if rule is None else rule.of(measured)
    assert latency_s is not None, "only what is measured is slow"
    return latency_s


def _say_measured_latency(table: Table, question: Question, place: int) -> Reason:
    rule, backend_id = question.latency_rule, table.ids[place]
    assert rule is not None, "without a rule nobody is slow"
    calls, limit_s = question.slow[backend_id].latency_samples, question.requirements.max_latency_ms / 1e3
    measured_s = _measured_s(question, backend_id)
    return Reason(
        "measured_latency", f"measured p{rule.percentile} {measured_s:.4g} s of {calls} calls > {limit_s:g} s"
    )


def _too_poor(table: Table, question: Question) -> int:
    return table.quality.below(question.requirements.min_quality)


def _say_quality(table: Table, question: Question, place: int) -> Reason:
    least = question.requirements.min_quality
    if "quality" in table.rows[place].unknown:
        return unknown(table, place, "quality", f"quality unknown, at least {least} is asked for", key="quality")
    return _poor(table.quality.values[place], least)


# Many candidates share a number, and the same limits come again: a reason is worded once.


@lru_cache(maxsize=_KEPT)
def _short(window: float, asked: int, counted_by: str | None) -> Reason:
    by = "" if counted_by is None else f", counted by {counted_by}"
    return Reason("context", f"context window {window} < {asked} tokens{by}")


@lru_cache(maxsize=_KEPT)
def _dear(rank: float, limit: int) -> Reason:
    return Reason("cost", f"cost class {_CLASSES[int(rank)]} > {_CLASSES[limit]}")


@lru_cache(maxsize=_KEPT)
def _slow(latency_ms: float, limit_ms: int) -> Reason:
    return Reason("latency", f"typical latency {latency_ms} ms > {limit_ms} ms")


@lru_cache(maxsize=_KEPT)
def _poor(quality: float, least: float) -> Reason:
    return Reason("quality", f"quality {quality} < {least}")


CONTEXT_GATE = Gate("context", _too_short, _say_context, facts=("context_tokens",))
COST_GATE = Gate("cost", _too_dear, _say_cost, facts=("cost_class",))
LATENCY_GATE = Gate("latency", _too_slow, _say_latency, facts=("typical_latency_ms",))
MEASURED_LATENCY_GATE = Gate("measured_latency", _measured_slow, _say_measured_latency)
QUALITY_GATE = Gate("quality", _too_poor, _say_quality, facts=("quality",))
