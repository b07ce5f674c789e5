"""Choosing a backend: gates, then policies, then the order; no I/O, no clock, no randomness of its own."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from converge_provider.contract.policies import EnabledPolicy
from converge_provider.selection.decision import Decision
from converge_provider.selection.fitness import FITNESS
from converge_provider.selection.gate import failed, verdicts
from converge_provider.selection.gates import failures
from converge_provider.selection.masks import places
from converge_provider.selection.question import Question
from converge_provider.selection.ranking import Ranking
from converge_provider.selection.record import Record
from converge_provider.selection.rows import Reason
from converge_provider.selection.scoring import Scored, check_weights, decides_last_resort
from converge_provider.selection.table import Table, in_order, order_of
from converge_provider.selection.view import View
from converge_provider.values.constraints import Constraints
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.measured import StateView
from converge_provider.values.requests import ChatRequest

if TYPE_CHECKING:
    from converge_provider.registry import Catalogue
    from converge_provider.selection.counting import TokenCounter

__all__ = ("decide", "settle")

_DEFAULT = (FITNESS,)


def decide(
    catalogue: "Catalogue",
    *,
    request: ChatRequest | None = None,
    criteria: SelectionCriteria | None = None,
    constraints: Constraints | None = None,
    provider: str | None = None,
    backend: str | None = None,
    policies: Sequence[EnabledPolicy] = _DEFAULT,
    barred: Mapping[str, Reason] = {},
    state: StateView | None = None,
    time: str = "",
    seed: int = 0,
    count: "TokenCounter | None" = None,
) -> Decision:
    """
    Choose the best backend that is allowed, and record why.

    Pure: the same arguments give an equal decision, in whatever order anything was registered.

    Args:
        catalogue: What there is to choose from.
        request: What will be asked; what it needs by itself joins the criteria.
        criteria: What the host asks for; ``None``: cost, latency and quality are no gates.
        constraints: What the host demands beyond the criteria; ``None``: nothing.
        provider: The only provider to consider, in any ASCII case.
        backend: The only backend to consider: an id, a model's name, or an alias that the catalogue knows.
        policies: Who scores; none at all: the contract's fitness.
        barred: The caller's own rejections by backend id, each a gate of its own.
        state: What was measured, as a policy or the gate ``latency`` may ask; read before this returns, never later.
            What they asked enters the record and its id.
        time: When, ISO 8601, as the caller's clock says; it enters the record and its id, and policies see it.
        seed: It enters the record and its id, and policies see it.
        count: Counts tokens by the tokenisers that backends claim, where the estimate leaves a doubt; ``None``: nobody
            does.  What it counts enters the record and its id.

    Raises:
        PolicyError: The weights are of no use, a policy gave scores that are of no use, or one that may veto failed.

    """
    question = Question.of(
        catalogue,
        request=request,
        criteria=criteria,
        constraints=constraints,
        provider=provider,
        backend=backend,
        barred=barred,
        state=state,
    )
    if count is not None and request is not None and catalogue.derived(Table, _tabulate).tokenisers:
        from converge_provider.selection.counting import counted  # few backends say what counts their tokens

        question = counted(question, catalogue.derived(Table, _tabulate), count)
    return settle(catalogue, question, policies=policies, time=time, seed=seed)


def settle(
    catalogue: "Catalogue", question: Question, *, policies: Sequence[EnabledPolicy], time: str, seed: int
) -> Decision:
    """
    Choose for a question that is made already.

    Raises:
        PolicyError: As :func:`decide` does.

    """
    policies = policies or _DEFAULT
    if policies is not _DEFAULT:
        check_weights(policies)
    table = catalogue.derived(Table, _tabulate)
    failing = failures(table, question)
    eligible = table.all & ~failed(failing)
    by_total = question.names_somebody or decides_last_resort(policies)
    scored = None
    if not eligible or _is_fitness_alone(policies):
        limit_ms = question.requirements.max_latency_ms
        ranking = Ranking.by_fitness(table, limit_ms, eligible, last_resort=not by_total)
    else:
        scored = Scored.by(policies, View(table, question, places(eligible), seed=seed, time=time))
        vetoes = [failure for reasons in scored.vetoes() for failure in verdicts(reasons)]
        failing += vetoes
        eligible &= ~failed(vetoes)
        ranking = _ranked(scored, table, eligible, late=0 if by_total else table.last_resort)
    record = Record(
        catalogue=catalogue,
        table=table,
        question=question,
        policies=policies,
        time=time,
        seed=seed,
        failing=failing,
        eligible=eligible,
        ranking=ranking,
        last_resort=0 if by_total else table.last_resort,
        already_scored=scored,
    )
    return _decision(record)


def _tabulate(catalogue: "Catalogue") -> Table:
    return Table(in_order(catalogue.entries))


def _is_fitness_alone(policies: Sequence[EnabledPolicy]) -> bool:
    """Say whether the totals are the contract's scores to the last bit, so that the table's own order holds."""
    return len(policies) == 1 and policies[0].policy is FITNESS.policy and policies[0].weight == 1.0


def _ranked(scored: Scored, table: Table, eligible: int, *, late: int) -> Ranking:
    first, places = scored.tiers[0], scored.places
    if len(scored.tiers) == 1 and not first.epsilon:
        order = order_of(first.totals, places, late)
    else:
        from converge_provider.selection.tiers import order_by_tiers  # few hosts have tiers

        order = order_by_tiers([(tier.totals, tier.epsilon) for tier in scored.tiers], places, late)
    return Ranking(order, dict(zip(places, first.totals, strict=True)), eligible, width=table.size)


def _decision(record: Record) -> Decision:
    question, best = record.question, record.ranking.first(1)
    known = {
        "time": record.time,
        "seed": record.seed,
        "catalogue_number": record.catalogue.number,
        "criteria": question.criteria,
        "constraints": question.constraints,
        "provider": question.provider,
        "backend": question.backend,
        "model": question.model,
        "requirements": question.requirements,
        "chosen": record.table.ids[best[0]] if best else None,
    }
    return Decision.from_source(record, 0, known)
