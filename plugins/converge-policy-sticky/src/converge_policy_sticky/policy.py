"""The policy: stay with the backend that answered the same conversation last."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from attrs import field, frozen
from attrs.validators import ge, gt, le

from converge_provider import CacheLifetime, CandidateView, ChatRequest, Scores, policy

_SHARE = [ge(0.0), le(1.0)]
_MTOK = 1_000_000
_HOUR_S = 3_600.0


@frozen(kw_only=True)
class StickyOptions:
    """What staying is for, and what it is worth."""

    value: Literal["conversation", "prompt_cache"] = "conversation"
    """Staying counts fully, or as much as the money that the backend's prompt cache saves."""
    reference_usd: float = field(default=0.001, validator=[gt(0.0), le(1e9)])
    """The saving that scores one half, in US dollars."""
    cached_share: float = field(default=0.8, validator=_SHARE)
    """The share of the question that is expected to be in the cache of the backend that answered last."""
    min_tokens: int = field(default=1_024, validator=[ge(0), le(2**32 - 1)])
    """The shortest part of a question that a cache keeps, in tokens."""
    cache_lasts_s: float = field(default=300.0, validator=[gt(0.0), le(1e9)])
    """Seconds after an answer for which its cache holds, at least an hour where the request asks for that."""
    unknown: float = field(default=0.5, validator=_SHARE)
    """The score of staying where nobody has stated what input costs."""


@policy(options=StickyOptions, monotone={"assigned": "+", "assigned_age_s": "-"})
def sticky(view: CandidateView, options: StickyOptions) -> Scores:
    """Score whoever answered last by what staying is worth; everybody else scores 0."""
    assigned = view.column("assigned")
    if options.value == "conversation":
        return Scores(values=[1.0 if stays else 0.0 for stays in assigned], explain=lambda row: _stays(assigned, row))
    ages, lasting_s = view.column("assigned_age_s"), _lasting_s(view.request, options)
    savings = _savings_usd(view, options)
    over = [age is not None and age >= lasting_s for age in ages]
    worth = [
        0.0 if is_over else options.unknown if usd is None else usd / (usd + options.reference_usd)
        for usd, is_over in zip(savings, over, strict=True)
    ]

    def explain(row: int) -> str:
        if not assigned[row]:
            return _stays(assigned, row)
        if over[row]:
            return f"{_stays(assigned, row)}, {ages[row]:.0f} s ago; its cache holds for {lasting_s:.0f} s"
        return f"{_stays(assigned, row)}{_saves(savings[row], options)}"

    values = [score if stays else 0.0 for stays, score in zip(assigned, worth, strict=True)]
    return Scores(values=values, explain=explain)


def _lasting_s(request: ChatRequest | None, options: StickyOptions) -> float:
    """Say how long a cache holds: an hour where the conversation asks for that."""
    hints = () if request is None else request.cache_hints
    asks = any(hint.lifetime is CacheLifetime.ONE_HOUR for hint in hints)
    return max(_HOUR_S, options.cache_lasts_s) if asks else options.cache_lasts_s


def _savings_usd(view: CandidateView, options: StickyOptions) -> Sequence[float | None]:
    """Say what each would save if it had the expected share of the question in its cache."""
    cached = round(options.cached_share * view.input_tokens)
    if cached < options.min_tokens:
        cached = 0
    prices = zip(view.column("input_usd_per_mtok"), view.column("cache_read_usd_per_mtok"), strict=True)
    return [
        None if full is None else 0.0 if reduced is None else max(0.0, cached * (full - reduced)) / _MTOK
        for full, reduced in prices
    ]


def _stays(assigned: Sequence[bool | None], row: int) -> str:
    if assigned[row] is None:
        return "the request belongs to no conversation"
    if assigned[row]:
        return "it answered this conversation last"
    if any(assigned):
        return "another backend answered this conversation last"
    return "no eligible backend has answered this conversation lately"


def _saves(usd: float | None, options: StickyOptions) -> str:
    if usd is None:
        return "; nobody has stated what its cache saves"
    return (
        f"; its cache saves about ${Decimal(f'{usd:.3g}'):f}, ${Decimal(f'{options.reference_usd:.3g}'):f} scores 0.5"
    )
