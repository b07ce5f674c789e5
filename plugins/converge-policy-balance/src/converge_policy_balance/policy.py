"""The policy: spread requests over backends, by their shares, by what runs, or by two choices."""

from collections.abc import Mapping, Sequence
from heapq import nsmallest
from math import inf, log1p
from typing import TYPE_CHECKING, Any, Literal

from attrs import field, frozen
from attrs.validators import ge, le

from converge_provider import CandidateView, Scores, policy

if TYPE_CHECKING:
    from attrs import Attribute

_MOST = 1e6


def _check_weights(_: object, attribute: "Attribute[Any]", weights: Mapping[str, float]) -> None:
    if len({name.lower() for name in weights}) < len(weights):
        message = f"'{attribute.name}' names a backend twice, in other letters: {', '.join(weights)}"
        raise ValueError(message)
    for name, weight in weights.items():
        if not 0.0 <= weight <= _MOST:
            message = f"'{attribute.name}.{name}' must be from 0 to {_MOST:g}, got {weight}"
            raise ValueError(message)


@frozen(kw_only=True)
class BalanceOptions:
    """How requests are spread, and which backends take more of them."""

    mode: Literal["weighted", "least_busy", "power_of_two"] = "weighted"
    """By weight alone; to whom has least under way; or to the less busy one of two that are drawn by weight."""
    weights: Mapping[str, float] = field(factory=dict[str, float], validator=_check_weights, hash=False)
    """How much of the requests a backend takes beside the others, by id or by provider, in any case; 0: none."""
    others: float = field(default=1.0, validator=[ge(0.0), le(_MOST)])
    """The weight of a backend that is not named."""


@frozen
class _Drawn:
    """What is known of each candidate, in columns."""

    weights: Sequence[float]
    draws: Sequence[float]
    """Hashed from the request and the backend, from 0 to 1."""
    waits: Sequence[float]
    """Drawn exponentially, at the rate of the weight: the shortest is as often this one as its weight says."""


@policy(options=BalanceOptions, monotone={"in_flight": "-"})
def balance(view: CandidateView, options: BalanceOptions) -> Scores:
    """Score by a draw that is hashed from the decision's seed, the request's key and the backend's id."""
    drawn = _draw(view, options)
    if options.mode == "weighted":
        return Scores(
            values=[1.0 / (1.0 + wait) for wait in drawn.waits],
            explain=lambda row: f"drawn by its weight {drawn.weights[row]:g}",
        )
    running = [count or 0 for count in view.column("in_flight")]
    values = _by_load(drawn, running) if options.mode == "least_busy" else _of_two(view, drawn, running)
    return Scores(values=values, explain=lambda row: _words(options, drawn, running[row], row, values[row]))


def _draw(view: CandidateView, options: BalanceOptions) -> _Drawn:
    from converge_provider import hashed_share  # hashlib, not at registration

    ids = view.column("id")
    named = {name.lower(): weight for name, weight in options.weights.items()}
    weights = [options.others] * len(ids)
    if named:
        weights = [
            named.get(one.lower(), named.get(provider.lower(), options.others))
            for one, provider in zip(ids, view.column("provider"), strict=True)
        ]
    seed, key = str(view.seed), view.key or ""
    draws = [hashed_share("balance", seed, key, one) for one in ids]
    waits = [-log1p(-draw) / weight if weight else inf for draw, weight in zip(draws, weights, strict=True)]
    return _Drawn(weights, draws, waits)


def _by_load(drawn: _Drawn, running: Sequence[int]) -> list[float]:
    """Score by what is under way; whoever is as busy is told apart by the draw, which is less than one request."""
    rows = zip(drawn.weights, running, drawn.draws, strict=True)
    return [weight / (weight + count + draw) if weight else 0.0 for weight, count, draw in rows]


def _of_two(view: CandidateView, drawn: _Drawn, running: Sequence[int]) -> list[float]:
    """Score the less busy of two with 1, the other with 3/4; all others stand below, by their draw."""
    ids, waits, weights = view.column("id"), drawn.waits, drawn.weights
    values = [0.5 / (1.0 + wait) for wait in waits]
    two = [row for row in nsmallest(2, range(len(ids)), key=lambda row: (waits[row], ids[row])) if weights[row]]
    two.sort(key=lambda row: (running[row] / weights[row], waits[row], ids[row]))
    for row, score in zip(two, (1.0, 0.75), strict=False):
        values[row] = score
    return values


def _words(options: BalanceOptions, drawn: _Drawn, running: int, row: int, value: float) -> str:
    weight = drawn.weights[row]
    load = f"{running} request{'' if running == 1 else 's'} under way, weight {weight:g}"
    if options.mode == "least_busy":
        return load
    place = {1.0: "drawn, nobody drawn is less busy", 0.75: "drawn, but the other one is less busy"}.get(
        value, "not drawn"
    )
    return f"{place}: {load}"
