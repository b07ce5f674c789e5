"""The policy: a score for how soon a backend is expected to answer."""

from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen
from attrs.validators import ge, gt, le

from converge_provider import CandidateView, Scores, policy

if TYPE_CHECKING:
    from attrs import Attribute

    from converge_policy_latency.estimate import Estimate

_TIMES = (
    "typical_latency_ms",
    "latency_s",
    "latency_p50_s",
    "latency_p95_s",
    "first_token_s",
    "first_token_p95_s",
)
"""The columns that hold a time."""
_SHARE = [ge(0.0), le(1.0)]


def _has_been_measured(options: "LatencyOptions", _: "Attribute[Any]", value: str) -> None:
    if value == "first_token" and options.measure == "p50":
        message = "'measure' is 'p50', which is not measured until the first token; use 'mean' or 'p95'"
        raise ValueError(message)


@frozen(kw_only=True)
class LatencyOptions:
    """What is waited for, how it is measured, and what a second is worth."""

    reference_s: float = field(default=2.0, validator=[gt(0.0), le(1e6)])
    """The time that scores one half, in seconds."""
    measure: Literal["mean", "p50", "p95"] = "mean"
    """Which measured number counts: the moving average, or a percentile of the latest answers."""
    until: Literal["answer", "first_token"] = field(default="answer", validator=_has_been_measured)
    """What is waited for: the whole answer, or its first token, where answers are streamed to somebody."""
    output_tokens: int = field(default=500, validator=[ge(0), le(2**32 - 1)])
    """Tokens that an answer is expected to take, unless the request admits fewer."""
    declared_samples: float = field(default=10.0, validator=[gt(0.0), le(1e6)])
    """How many measured answers the declared latency is worth."""
    explore: float = field(default=0.1, validator=_SHARE)
    """How far a backend that was never measured is lifted towards 1; it fades as answers are measured."""
    unknown: float = field(default=0.0, validator=_SHARE)
    """The score, before it is lifted, of a backend whose latency is neither measured nor declared."""


@policy(options=LatencyOptions, monotone=dict.fromkeys(_TIMES, "-"))
def latency(view: CandidateView, options: LatencyOptions) -> Scores:
    """Score by the seconds that are expected."""
    from converge_policy_latency.estimate import estimates  # not at registration

    tokens = min(options.output_tokens, view.answer_tokens or options.output_tokens)
    found = estimates(
        view,
        measure=options.measure,
        until=options.until,
        tokens=tokens,
        declared_samples=options.declared_samples,
    )
    reference, unknown = options.reference_s, options.unknown
    trust, explore = options.declared_samples, options.explore
    plain = [unknown if seconds is None else reference / (reference + seconds) for seconds in found.seconds]
    lifts = [
        explore * (1.0 - score) * trust / (trust + samples) for score, samples in zip(plain, found.samples, strict=True)
    ]
    values = [min(1.0, score + lift) for score, lift in zip(plain, lifts, strict=True)]  # rounding may go above
    return Scores(values=values, explain=lambda row: _words(found, row, lift=lifts[row], reference_s=reference))


def _words(found: "Estimate", row: int, *, lift: float, reference_s: float) -> str:
    tried = f"; {lift:.3g} of it to try it out" if lift else ""
    seconds = found.seconds[row]
    if seconds is None:
        return f"its latency is neither measured nor declared{tried}"
    measured, declared, samples = found.measured[row], found.declared[row], found.samples[row]
    said = [] if measured is None else [f"measured {measured:.3g} s over {samples} answer{'' if samples == 1 else 's'}"]
    said += [] if declared is None else [f"declared {declared:.3g} s"]
    return f"about {seconds:.3g} s: {', '.join(said)}; {reference_s:g} s scores 0.5{tried}"
