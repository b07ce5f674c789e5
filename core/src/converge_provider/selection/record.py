"""The columns of one selection, from which a decision and its rows are expanded when they are read."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from converge_provider.contract.policies import EnabledPolicy
from converge_provider.errors import PolicyError
from converge_provider.selection.gate import Failure, failed
from converge_provider.selection.gates import NAMING
from converge_provider.selection.masks import places
from converge_provider.selection.needs import Needs
from converge_provider.selection.question import Question
from converge_provider.selection.ranking import Ranking
from converge_provider.selection.rows import (
    Carried,
    Counterfactual,
    Derived,
    PolicyUse,
    RankedCandidate,
    Reason,
    Rejection,
    StateUse,
    Term,
)
from converge_provider.selection.scoring import Scored
from converge_provider.selection.table import Table
from converge_provider.selection.tiers import deciding_tier
from converge_provider.selection.view import View
from converge_provider.values.claims import FactSource
from converge_provider.values.classes import frozen
from converge_provider.values.messages import JsonObject

if TYPE_CHECKING:
    from converge_provider.registry import Catalogue
    from converge_provider.selection.counterfactual import Counterfactuals

__all__ = ("Record",)

_TOLD = 20
"""Rejected candidates of which it is said what would make them eligible."""


@frozen(kw_only=True, eq=False, slots=False)
class Record:
    """All that one selection found out, in columns and masks."""

    catalogue: "Catalogue"
    table: Table
    question: Question
    policies: Sequence[EnabledPolicy]
    time: str
    seed: int
    failing: Sequence[Failure]
    """Every gate that somebody fails, vetoes and the caller's own included."""
    eligible: int
    """The mask of those that fail none."""
    ranking: Ranking
    last_resort: int
    """The mask of those that stand behind all others, whatever their totals."""
    already_scored: Scored | None
    """What the policies said; ``None``: the contract's score alone counts and is taken apart when it is read."""

    def expand(self, name: str, place: int) -> object:
        """Give one field of the decision, or of the row at a place."""
        return getattr(self, f"_expand_{name}")(place)

    @cached_property
    def scored(self) -> Scored | None:
        """What the policies said; ``None`` when there was nobody to speak of."""
        if self.already_scored is None and self.eligible:
            view = View(self.table, self.question, places(self.eligible), seed=self.seed, time=self.time)
            return Scored.by(self.policies, view)
        return self.already_scored

    @cached_property
    def _row_of(self) -> Mapping[int, int]:
        return {} if self.scored is None else {place: row for row, place in enumerate(self.scored.places)}

    @cached_property
    def rejected(self) -> tuple[Rejection, ...]:
        """Every candidate that fails a gate: those that the host names first, then those that lack least."""
        table, question, ids = self.table, self.question, self.table.ids
        found: dict[int, list[Reason]] = {place: [] for place in places(table.all & ~self.eligible)}
        for gate, mask in self.failing:
            say = gate.reason
            for place in places(mask):
                found[place].append(say(table, question, place))
        nearest_first = sorted(found, key=self._number_lacking(found))
        unnamed = failed(failure for failure in self.failing if failure[0].name in NAMING)
        if unnamed:
            nearest_first.sort(key=lambda place: unnamed >> place & 1)
        return tuple([Rejection(ids[place], tuple(found[place])) for place in nearest_first])

    def _number_lacking(self, found: Mapping[int, Sequence[Reason]]) -> Callable[[int], int]:
        """Give how much a candidate lacks: one claim that nobody has made counts once, whatever gates ask for it."""
        if sum(gate.unstated is not None for gate, _ in self.failing) < 2:
            return lambda place: len(found[place])
        return lambda place: len({reason.key or reason.gate for reason in found[place]})

    @cached_property
    def uses(self) -> tuple[PolicyUse, ...]:
        """The enabled policies, with their options as documents."""
        failed = {id(one.enabled): one.left_out for one in (self.scored.ran if self.scored else ())}
        return tuple(
            PolicyUse(one.policy.name, one.weight, _options(one), failed.get(id(one)), one.tier, one.epsilon)
            for one in self.policies
        )

    def _ranked(self, ordered: Sequence[int]) -> tuple[RankedCandidate, ...]:
        ids, total, make = self.table.ids, self.ranking.total, RankedCandidate.from_source
        last = self.last_resort
        return tuple(
            [
                make(self, at, {"id": ids[at], "rank": rank, "total": total(at), "last_resort": last >> at & 1 == 1})
                for rank, at in enumerate(ordered, 1)
            ]
        )

    def _expand_first(self, count: int) -> tuple[RankedCandidate, ...]:
        return self._ranked(self.ranking.first(count))

    def _expand_ranking(self, _: int) -> tuple[RankedCandidate, ...]:
        return self._ranked(self.ranking.first(self.ranking.size))

    def _expand_terms(self, place: int) -> tuple[Term, ...]:
        scored = self.scored
        if scored is None:
            return ()
        row = self._row_of[place]
        return tuple(one.term(row, tier.weight) for tier in scored.tiers for one in tier.counted)

    def _expand_tiers(self, place: int) -> tuple[float, ...]:
        scored = self.already_scored  # without it the contract's score alone ranks
        if scored is None or len(scored.tiers) == 1:
            return ()
        return tuple(tier.totals[self._row_of[place]] for tier in scored.tiers)

    def _expand_rejected(self, _: int) -> tuple[Rejection, ...]:
        return self.rejected

    def _expand_derived(self, _: int) -> tuple[Derived, ...]:
        return self.question.needs.in_words()

    def _expand_counts(self, _: int) -> dict[str, int]:
        masks: dict[str, int] = {}
        for gate, mask in self.failing:
            masks[gate.name] = masks.get(gate.name, 0) | mask
        return {name: mask.bit_count() for name, mask in masks.items()}

    def _expand_margin(self, _: int) -> float | None:
        best = self.ranking.first(2)
        if len(best) < 2:
            return None
        scored, (one, other) = self.already_scored, best
        if scored is None or len(scored.tiers) == 1:
            return self.ranking.total(one) - self.ranking.total(other)
        ahead, behind = self._expand_tiers(one), self._expand_tiers(other)
        tier = deciding_tier(ahead, behind, [tier.epsilon for tier in scored.tiers])
        return 0.0 if tier is None else ahead[tier] - behind[tier]

    def _expand_policies(self, _: int) -> tuple[PolicyUse, ...]:
        return self.uses

    def _expand_notes(self, _: int) -> tuple[str, ...]:
        from converge_provider.selection.remarks import notes  # only for people

        return tuple(notes(self))

    def _expand_remedy(self, _: int) -> str | None:
        from converge_provider.selection.remarks import remedy  # only when nobody is eligible

        return None if self.eligible else remedy(self)

    @cached_property
    def _counterfactuals(self) -> "Counterfactuals":
        from converge_provider.selection.counterfactual import Counterfactuals  # only when it is asked for

        return Counterfactuals(self)

    @cached_property
    def relaxation(self) -> Counterfactual | None:
        """The smallest change of what the host states that makes somebody eligible, where nobody is."""
        return None if self.eligible or not self.table.size else self._counterfactuals.relaxation()

    def _expand_relaxation(self, _: int) -> Counterfactual | None:
        return self.relaxation

    def _expand_counterfactuals(self, _: int) -> tuple[Counterfactual, ...]:
        return tuple([self._counterfactuals.of(rejection) for rejection in self.rejected[:_TOLD]])

    def _expand_id(self, _: int) -> str:
        from converge_provider.selection.identity import identify  # only when it is written down

        return identify(self)

    def _expand_needs(self, _: int) -> Needs:
        return self.question.needs

    def _expand_request_digest(self, _: int) -> str | None:
        from converge_provider.selection.identity import digest_of  # only when it is written down

        question = self.question
        return question.request_digest if question.request is None else digest_of(question.request)

    def _expand_barred(self, _: int) -> dict[str, Reason]:
        return dict(self.question.barred)

    def _expand_replaced(self, _: int) -> dict[str, str]:
        return dict(self.question.replaced)

    def _expand_carried(self, _: int) -> tuple[Carried, ...]:
        from converge_provider.selection.carrying import carried  # only when it is written down

        return tuple(carried(self.question))

    def sources(self, rejections: Sequence[Rejection]) -> Mapping[str, Mapping[str, FactSource]]:
        """Say who states the facts that decided about the chosen candidate and about some rejected ones."""
        from converge_provider.selection.provenance import sources_in  # only when it is written down

        return sources_in(self, rejections)

    def _expand_sources(self, _: int) -> Mapping[str, Mapping[str, FactSource]]:
        return self.sources(self.rejected[:_TOLD])

    def _expand_versions(self, _: int) -> dict[str, str]:
        return dict(self.catalogue.versions)

    @cached_property
    def state(self) -> StateUse | None:
        """What of the measured state was looked at."""
        from converge_provider.selection.seeing import state_use  # only when it is written down

        return state_use(self.question, None if self.already_scored is None else self.already_scored.view)

    def _expand_state(self, _: int) -> StateUse | None:
        return self.state

    def _expand_catalogue_digest(self, _: int) -> str:
        return self.catalogue.digest


def _options(enabled: EnabledPolicy) -> JsonObject:
    from converge_provider.codec import dump  # only when it is written down

    options = enabled.policy.options() if enabled.options is None else enabled.options
    try:
        document: JsonObject = dump(options)
    except TypeError as exc:
        message = f"the options of policy {enabled.policy.name!r} cannot be written into the record: {exc}"
        raise PolicyError(message) from exc
    return document
