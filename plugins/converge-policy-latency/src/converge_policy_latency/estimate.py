"""How long each candidate is expected to take, from what was measured and what is declared."""

from collections.abc import Sequence

from attrs import frozen

from converge_provider import CandidateView

__all__ = ("Estimate", "estimates")


@frozen
class Estimate:
    """Seconds that are expected of some candidates, and where they come from, in columns; ``None`` is unknown."""

    seconds: Sequence[float | None]
    """The mean of what was measured and declared, the measured one weighed by its samples."""
    measured: Sequence[float | None]
    declared: Sequence[float | None]
    samples: Sequence[int]
    """How many answers were measured."""


def estimates(view: CandidateView, *, measure: str, until: str, tokens: int, declared_samples: float) -> Estimate:
    """
    Estimate, candidate by candidate.

    Args:
        view: The candidates.
        measure: ``mean``, ``p50`` or ``p95``.
        until: ``answer`` or ``first_token``.
        tokens: How long the answer is expected to be.
        declared_samples: How many measured answers the declared latency is worth, above 0.

    """
    measured = _until_first_token(view, measure) if until == "first_token" else _until_the_end(view, measure, tokens)
    declared = [None if ms is None else ms / 1e3 for ms in view.column("typical_latency_ms")]
    samples = [count or 0 for count in view.column("latency_samples")]
    seconds = [
        stated
        if took is None
        else took
        if stated is None
        else (count * took + declared_samples * stated) / (count + declared_samples)
        for took, stated, count in zip(measured, declared, samples, strict=True)
    ]
    return Estimate(seconds, measured, declared, samples)


def _until_first_token(view: CandidateView, measure: str) -> Sequence[float | None]:
    return view.column("first_token_s" if measure == "mean" else "first_token_p95_s")


def _until_the_end(view: CandidateView, measure: str, tokens: int) -> Sequence[float | None]:
    """Take a percentile of whole answers, or their average for an answer of this length."""
    if measure != "mean":
        return view.column(f"latency_{measure}_s")
    rows = zip(view.column("latency_s"), view.column("first_token_s"), view.column("tokens_per_s"), strict=True)
    return [whole if not speed else (first or 0.0) + tokens / speed for whole, first, speed in rows]
