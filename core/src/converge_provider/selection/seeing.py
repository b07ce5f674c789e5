"""What of the measured state a selection looked at, for its record."""

from collections.abc import Iterable, Mapping

from converge_provider.selection.identity import hash_of
from converge_provider.selection.question import Question
from converge_provider.selection.rows import StateUse
from converge_provider.selection.view import View
from converge_provider.values.measured import MEASURED, Measured, StateView

__all__ = ("in_words", "state_use")

_DIGEST_SHOWN = 12
_BACKENDS_SHOWN = 20


def state_use(question: Question, view: View | None) -> StateUse | None:
    """
    Give what was looked at, and nothing else of the state.

    Args:
        question: What is asked; it knows who fails by a measured latency.
        view: What the policies saw; ``None``: no policy was asked but the contract's score.

    Returns:
        ``None`` when nothing was looked at.

    """
    state, asked = question.state, () if view is None else tuple(sorted(view.asked))
    if state is None or not (asked or question.slow):
        return None
    from converge_provider.codec import dump  # the codec costs cattrs

    kept = "assigned" in asked or "assigned_age_s" in asked
    policies = [what.removeprefix("remembered ") for what in asked if what.startswith("remembered ")]
    seen = StateView(
        number=state.number,
        measured={**_of_candidates(view, asked), **_of_slow(question)},
        latency_rule=state.latency_rule if question.slow else None,
        key=state.key if kept or "key" in asked else None,
        assigned=state.assigned if kept else None,
        assigned_age_s=state.assigned_age_s if "assigned_age_s" in asked else None,
        remembered={name: state.remembered[name] for name in policies if name in state.remembered},
    )
    return StateUse(asked=asked, seen=seen, digest=hash_of([asked, dump(seen)]))


def _of_candidates(view: View | None, asked: tuple[str, ...]) -> Mapping[str, Measured]:
    columns = [name for name in asked if name in MEASURED]
    if view is None or not columns:
        return {}
    found = ((backend_id, _only(one, columns)) for backend_id, one in view.measured().items())
    return {backend_id: one for backend_id, one in found if one != _STRANGER}


def _of_slow(question: Question) -> Mapping[str, Measured]:
    rule = question.latency_rule
    percentile = "latency_p95_s" if rule is None else rule.column
    return {backend_id: _only(one, [percentile, "latency_samples"]) for backend_id, one in question.slow.items()}


def _only(measured: Measured, columns: list[str]) -> Measured:
    return Measured(**{name: getattr(measured, name) for name in columns})


_STRANGER = Measured()


def in_words(use: StateUse) -> Iterable[str]:
    """Say what of the measured state was looked at, and what was there to be seen."""
    seen = use.seen
    asked = f"; policies asked for {', '.join(use.asked)}" if use.asked else ""
    yield f"  state {seen.number} ({use.digest[:_DIGEST_SHOWN]}){asked}"
    for backend_id in sorted(seen.measured)[:_BACKENDS_SHOWN]:
        one = seen.measured[backend_id]
        facts = [
            f"{name} {value:.4g}" for name in MEASURED if (value := getattr(one, name)) != getattr(_STRANGER, name)
        ]
        yield f"  {backend_id}: {', '.join(facts)}"
    if len(seen.measured) > _BACKENDS_SHOWN:
        yield f"  and {len(seen.measured) - _BACKENDS_SHOWN} more"
    if seen.assigned is not None:
        ago = "" if seen.assigned_age_s is None else f", {seen.assigned_age_s:.4g} s ago"
        yield f"  {seen.assigned} was the last to answer what this belongs to{ago}"
