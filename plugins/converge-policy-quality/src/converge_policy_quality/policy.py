"""The policy: a score for how good a backend is at a kind of task."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from attrs.validators import ge, le

from converge_provider import CandidateView, Scores, TaskQuality, policy

if TYPE_CHECKING:
    from attrs import Attribute

_SHARE = [ge(0.0), le(1.0)]


def _needs_task(options: "QualityOptions", _: "Attribute[Any]", value: str | None) -> None:
    if value is not None and options.task is None:
        message = f"'benchmark' is {value!r}, but no 'task' is named that it measures"
        raise ValueError(message)


@frozen(kw_only=True)
class QualityOptions:
    """Which kind of task matters, and what less certain knowledge is worth."""

    task: str | None = None
    """The kind of task, as claims name it (``coding``, …), in any case; None: quality in general."""
    benchmark: str | None = field(default=None, validator=_needs_task)
    """The only benchmark that counts for the task; None: whichever gives the lowest score."""
    general: float = field(default=0.9, validator=_SHARE)
    """What quality in general is worth where nobody has measured the task."""
    unknown: float = field(default=0.0, validator=_SHARE)
    """The score of a backend whose quality nobody has stated."""


@policy(options=QualityOptions, monotone={"quality": "+"})
def quality(view: CandidateView, options: QualityOptions) -> Scores:
    """Score by the quality at the task, else by quality in general."""
    general = view.column("quality")
    found = (
        [_best_known(claims, options) for claims in view.column("qualities")] if options.task else [None] * len(view)
    )
    share = options.general if options.task else 1.0
    values = [
        float(measured.score) if measured else options.unknown if stated is None else share * stated
        for measured, stated in zip(found, general, strict=True)
    ]
    return Scores(values=values, explain=lambda row: _words(found[row], general[row], options))


def _best_known(claims: Sequence[TaskQuality] | None, options: QualityOptions) -> TaskQuality | None:
    """Give the claim that counts: of several benchmarks, the one that flatters least."""
    if not claims:
        return None
    task = (options.task or "").casefold()
    fitting = [
        claim for claim in claims if claim.task.casefold() == task and options.benchmark in (None, claim.benchmark)
    ]
    return min(fitting, key=lambda claim: (claim.score, claim.benchmark or "", claim.source or ""), default=None)


def _words(measured: TaskQuality | None, stated: float | None, options: QualityOptions) -> str:
    if measured is not None:
        said = [text for text in (measured.source, measured.as_of and measured.as_of.isoformat()) if text]
        where = f" ({', '.join(said)})" if said else ""
        return f"{measured.score:g} at {options.task}, by {measured.benchmark or 'a benchmark without a name'}{where}"
    by = f" by {options.benchmark}" if options.benchmark else ""
    lacking = f"nobody has measured it at {options.task}{by}; " if options.task else ""
    if stated is None:
        return f"{lacking}nobody has stated its quality"
    return f"{lacking}{stated:g} in general" + (f", of which {options.general:g} counts" if options.task else "")
