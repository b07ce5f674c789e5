"""A decision in words, for whoever asks why it went there."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from converge_provider.selection.demands import constraints_in_words, jurisdiction_in_words
from converge_provider.selection.gates import GATES
from converge_provider.selection.provenance import facts_of_gate
from converge_provider.selection.seeing import in_words
from converge_provider.selection.tiers import deciding_tier
from converge_provider.values.descriptors import CAPABILITY_FLAGS
from converge_provider.values.vocabulary import ComplianceLevel, DataSovereignty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.selection.decision import Decision
    from converge_provider.selection.rows import Counterfactual, PolicyUse, RankedCandidate, Reason

__all__ = ("explain",)

_DIGEST_SHOWN = 12
_MOST_LACKING = 10
"""How many that only lack their configuration are told one by one."""
_OWN_WORDS = frozenset(gate.name for gate in GATES)
"""The gates whose texts say what they are about; those of callers and policies need not."""


def explain(decision: "Decision") -> str:
    """
    Tell who was chosen and why, who came next, and why the others were not eligible.

    Returns:
        Lines without a trailing line end; nothing in it is a secret or a prompt.

    """
    sections = [
        _verdict(decision),
        _titled("Asked for", [*_stated(decision), *_derived(decision)]),
        _titled(f"Facts about {decision.chosen}", _facts(decision)),
        _titled("Measured", [] if decision.state is None else in_words(decision.state)),
        _titled("Carried, enforced by nothing", [f"  {one.what}: {one.text}" for one in decision.carried]),
        _titled(f"Eligible ({len(decision.ranking)})", _ranking(decision.ranking)),
        _titled(f"Rejected ({len(decision.rejected)})", _rejected(decision)),
        _titled("Notes", [f"  {note}" for note in decision.notes]),
        _origin(decision),
    ]
    return "\n\n".join("\n".join(lines) for section in sections if (lines := list(section)))


def _titled(title: str, lines: Iterable[str]) -> Iterable[str]:
    found = list(lines)
    return [title, *found] if found else []


def _verdict(decision: "Decision") -> Iterable[str]:
    if decision.chosen is None:
        yield "Nobody is eligible."
        if decision.remedy is not None:
            yield decision.remedy
        return
    best, *others = decision.first(2)
    yield f"Chosen: {decision.chosen}, total {_total(best)}"
    for term in best.terms:
        tier = f", tier {term.tier}" if best.tiers else ""
        share = f"  {term.contribution:.4f} by {term.policy} (score {term.score:.4g}, weight {term.weight:g}{tier})"
        yield share if term.text is None else f"{share}: {term.text}"
    if others:
        yield _next(decision, best, others[0])


def _next(decision: "Decision", best: "RankedCandidate", second: "RankedCandidate") -> str:
    if second.last_resort and not best.last_resort:
        return f"Next: {second.id}, total {_total(second)}, behind because it is a last resort"
    tiers = sorted({term.tier for term in best.terms})
    counted = [use for use in decision.policies if use.left_out is None]
    epsilons = [max((use.epsilon for use in counted if use.tier == tier), default=0.0) for tier in tiers]
    ahead, behind = best.tiers or (best.total,), second.tiers or (second.total,)
    decided = deciding_tier(ahead, behind, epsilons) if any(epsilons) or best.tiers else None
    if decided is None and (not decision.margin or any(epsilons)):
        same = "with the same total" if ahead == behind else f"total {_total(second)}, which counts as equal"
        return f"Next: {second.id}, {same}; provider and model decide by their names"
    where = "" if decided is None or not best.tiers else f" in tier {tiers[decided]}"
    return f"Next: {second.id}, total {_total(second)}, behind by {decision.margin:.4f}{where}"


def _total(row: "RankedCandidate") -> str:
    """Give the total, or that of each tier."""
    return " then ".join(f"{total:.4f}" for total in row.tiers or (row.total,))


def _stated(decision: "Decision") -> Iterable[str]:
    """Say what the host asks for; what the request needs comes apart."""
    for what, name in (("provider", decision.provider), ("backend", decision.backend), ("model", decision.model)):
        if name is not None:
            yield f"  {what} {name}"
    yield from (f"  {demand}" for demand in constraints_in_words(decision.constraints))
    if decision.criteria is None:
        return
    yield from (f"  {law}" for law in jurisdiction_in_words(decision.criteria))
    asked = decision.criteria.to_agent_requirements()
    yield (
        f"  cost at most {asked.max_cost_class}, typical latency at most {asked.max_latency_ms} ms, "
        f"quality at least {asked.min_quality:g}"
    )
    yield from (f"  {flag}" for flag in CAPABILITY_FLAGS if getattr(asked, f"requires_{flag}"))
    if asked.min_context_tokens is not None:
        yield f"  context of {asked.min_context_tokens} tokens"
    residence = decision.requirements.data_sovereignty
    if residence is not DataSovereignty.ANY:
        yield f"  data sovereignty {residence}"
    if asked.compliance is not ComplianceLevel.NONE:
        yield f"  compliance {asked.compliance}"


def _derived(decision: "Decision") -> Iterable[str]:
    return (f"  {each.need}, derived: {each.text}" for each in decision.derived)


def _facts(decision: "Decision") -> Iterable[str]:
    sources = decision.sources.get(decision.chosen or "", {})
    return (f"  {fact} by {source}" for fact, source in sources.items())


def _ranking(ranking: "Sequence[RankedCandidate]") -> Iterable[str]:
    places, ids = len(str(len(ranking))), max((len(row.id) for row in ranking), default=0)
    for row in ranking:
        late = "  last resort" if row.last_resort else ""
        yield f"  {row.rank:>{places}}. {row.id:<{ids}}  {_total(row)}{late}"


def _rejected(decision: "Decision") -> Iterable[str]:
    """Give everybody's reasons; those who only lack their configuration are named by provider when they are many."""
    changes = {found.id: found for found in decision.counterfactuals}
    lacking = [row for row in decision.rejected if [reason.gate for reason in row.reasons] == ["configured"]]
    folded = {row.id for row in lacking} if len(lacking) > _MOST_LACKING else set[str]()
    for row in decision.rejected:
        if row.id in folded:
            continue
        yield f"  {row.id}"
        for reason in row.reasons:
            whose = "" if reason.gate in _OWN_WORDS else f"{reason.gate}: "
            yield f"    {whose}{reason.text}{_said_by(decision, row.id, reason)}"
        if row.id in changes:
            yield f"    → {_in_words(changes[row.id])}"
    if folded:
        providers = ", ".join(sorted({name.partition("/")[0] for name in folded}))
        yield f"  {len(folded)} only lack their configuration, of: {providers}"


def _said_by(decision: "Decision", backend_id: str, reason: "Reason") -> str:
    """Say who states what a gate compares, where somebody does."""
    known = decision.sources.get(backend_id, {})
    facts = [] if reason.unknown else [fact for fact in facts_of_gate(reason.gate) if fact in known]
    if not facts:
        return ""
    if len(facts) == 1:
        return f" [by {known[facts[0]]}]"
    return f" [{'; '.join(f'{fact} by {known[fact]}' for fact in facts)}]"


def _in_words(found: "Counterfactual") -> str:
    if found.blocked:
        return f"nothing helps against {', '.join(found.blocked)}"
    return f"eligible after: {'; '.join(change.text for change in found.changes)}"


def _origin(decision: "Decision") -> Iterable[str]:
    policies = ", ".join(f"{use.name} with weight {use.weight:g}{_tier(use)}" for use in decision.policies)
    time = f" at {decision.time}" if decision.time else ""
    digest = decision.catalogue_digest[:_DIGEST_SHOWN]
    yield (
        f"Decision {decision.id}{time}: catalogue {decision.catalogue_number} ({digest}), policies {policies}, "
        f"seed {decision.seed}"
    )


def _tier(use: "PolicyUse") -> str:
    equal = f", equal within {use.epsilon:g}" if use.epsilon else ""
    return f" in tier {use.tier}{equal}" if use.tier or use.epsilon else ""
