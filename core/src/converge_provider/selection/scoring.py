"""Running the enabled policies: their scores are checked, weighed and added up; nothing useless gets through."""

import math
from collections.abc import Iterator, Mapping, Sequence, Set as AbstractSet
from typing import Any, cast

from converge_provider.contract.policies import EnabledPolicy, Scores
from converge_provider.errors import PolicyError
from converge_provider.selection.fitness import FITNESS
from converge_provider.selection.rows import Reason, Term
from converge_provider.selection.view import View
from converge_provider.values.classes import frozen

__all__ = ("Ran", "Scored", "Tier", "check_weights", "decides_last_resort")

_CAUSE_SHOWN = 200
_HIGHEST_TIER = 1_000
_NO_SEQUENCE: tuple[type, ...] = (str, bytes, bytearray, Mapping, AbstractSet)
"""What has a length but no score for each candidate."""


def decides_last_resort(policies: Sequence[EnabledPolicy]) -> bool:
    """Say whether a policy takes it upon itself to place those that call themselves a last resort."""
    return any(getattr(enabled.policy, "decides_last_resort", False) for enabled in policies)


def check_weights(policies: Sequence[EnabledPolicy]) -> None:
    """
    Refuse weights and tiers by which nothing can be ranked.

    Raises:
        PolicyError: A weight is negative or not finite, those of a tier add up to nothing, or a tier makes no sense.

    """
    for enabled in policies:
        _check_tier(enabled)
        weight: object = enabled.weight
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            message = f"the weight of policy {enabled.policy.name!r} must be a finite number, 0 or more, got {weight!r}"
            raise PolicyError(message)
    tiers = sorted({enabled.tier for enabled in policies})
    for tier in tiers:
        members = [enabled for enabled in policies if enabled.tier == tier]
        total = sum(enabled.weight for enabled in members)
        if not 0 < total < math.inf:
            names = ", ".join(repr(enabled.policy.name) for enabled in members)
            which = f" of tier {tier}" if len(tiers) > 1 else ""
            message = (
                f"the weights of the enabled policies{which} ({names}) add up to {total:g}; "
                "one at least must be above 0"
            )
            raise PolicyError(message)


def _check_tier(enabled: EnabledPolicy) -> None:
    name, tier, epsilon = enabled.policy.name, cast("object", enabled.tier), cast("object", enabled.epsilon)
    if isinstance(tier, bool) or not isinstance(tier, int) or not 0 <= tier <= _HIGHEST_TIER:
        message = f"the tier of policy {name!r} must be a whole number from 0 to {_HIGHEST_TIER}, got {tier!r}"
        raise PolicyError(message)
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not 0 <= epsilon <= 1:
        message = f"the epsilon of policy {name!r} must be a number from 0 to 1, got {epsilon!r}"
        raise PolicyError(message)


@frozen(eq=False)
class Ran:
    """A policy that was run, and what it said."""

    enabled: EnabledPolicy
    scores: Scores
    """With values that are floats from 0 to 1, one per candidate; none when it is left out."""
    left_out: str | None = None
    """Why it does not count, or ``None``."""

    def term(self, row: int, whole: float) -> Term:
        """
        Give what it contributes to one candidate's total.

        Args:
            row: The candidate's place in the view.
            whole: The sum of the weights that count.

        """
        score, weight = self.scores.values[row], self.enabled.weight
        words, tier = self._words(row), self.enabled.tier
        return Term(self.enabled.policy.name, score, weight, weight * score / whole, words, tier)

    def _words(self, row: int) -> str | None:
        if self.scores.explain is None:
            return None
        try:
            return str(self.scores.explain(row))
        except Exception as exc:  # noqa: BLE001 - reading a record must not fail by a plugin
            return f"it could not say why: {_cause(exc)}"


@frozen(eq=False)
class Tier:
    """Policies that are weighed together, and what they make of each candidate."""

    number: int
    counted: Sequence[Ran]
    """The policies whose scores make the totals."""
    weight: float
    """The sum of their weights."""
    totals: Sequence[float]
    """The weighted mean of the scores, one per candidate."""

    @classmethod
    def of(cls, number: int, counted: Sequence[Ran]) -> "Tier":
        """Add up what these policies said; their weights do not sum to 0."""
        weight = sum(one.enabled.weight for one in counted)
        return cls(number, counted, weight, _totals(counted, weight))

    @property
    def epsilon(self) -> float:
        """How far below the best a total still counts as equal."""
        return max(one.enabled.epsilon for one in self.counted)


@frozen(eq=False)
class Scored:
    """What all policies said of the candidates that passed the gates."""

    view: View
    places: Sequence[int]
    """The place in the table of each candidate of the view."""
    ran: Sequence[Ran]
    tiers: Sequence[Tier]
    """What ranks, the tier that is asked first before the others; never empty."""

    @classmethod
    def by(cls, policies: Sequence[EnabledPolicy], view: View) -> "Scored":
        """
        Run every policy, and add up.

        When no policy is left that counts, the contract's score takes their place.

        Args:
            policies: Those that are enabled.
            view: The candidates that passed the gates; nothing more of the measured state can be asked of it after.

        Raises:
            PolicyError: A policy gave scores that are of no use, or one that may veto failed.

        """
        ran = [_run(enabled, view) for enabled in policies]
        view.seal()
        return cls(view, view.places, ran, list(_tiers(ran)) or [Tier.of(FITNESS.tier, [_run(FITNESS, view)])])

    def vetoes(self) -> list[dict[int, Reason]]:
        """Give the vetoes of each policy, by the candidate's place in the table."""
        return [
            {self.places[row]: Reason(f"policy {one.enabled.policy.name}", str(text)) for row, text in vetoed.items()}
            for one in self.ran
            if (vetoed := one.scores.vetoes)
        ]


def _tiers(ran: Sequence[Ran]) -> Iterator[Tier]:
    """Put the policies that count together by their tiers; one of which none has a weight is no tier."""
    for number in sorted({one.enabled.tier for one in ran}):
        counted = [one for one in ran if one.left_out is None and one.enabled.tier == number]
        if any(one.enabled.weight for one in counted):
            yield Tier.of(number, counted)


def _totals(counted: Sequence[Ran], weight: float) -> list[float]:
    parts = [[one.enabled.weight * score for score in one.scores.values] for one in counted]
    return [sum(of_one) / weight for of_one in zip(*parts, strict=True)]


def _run(enabled: EnabledPolicy, view: View) -> Ran:
    policy = enabled.policy
    try:
        given = policy.score(view, policy.options() if enabled.options is None else enabled.options)
    except Exception as exc:
        cause = _cause(exc)
        if policy.may_veto:
            message = f"policy {policy.name!r}, which may veto, failed: {cause}; nothing is chosen without its word"
            raise PolicyError(message) from exc
        return Ran(enabled, Scores(values=()), left_out=f"it failed: {cause}")
    scores = given if isinstance(given, Scores) else Scores(values=given)
    values = _checked(policy.name, scores.values, view)
    _check_vetoes(enabled, scores.vetoes, view)
    return Ran(enabled, Scores(values=values, vetoes=scores.vetoes, explain=scores.explain))


def _cause(exc: Exception) -> str:
    """Name what a plugin raised, in one line of bounded length."""
    text = " ".join(str(exc).split())
    shown = text if len(text) <= _CAUSE_SHOWN else text[:_CAUSE_SHOWN] + "…"
    return f"{type(exc).__name__}: {shown}" if shown else type(exc).__name__


def _checked(name: str, values: Any, view: View) -> Sequence[float]:  # noqa: ANN401 - whatever a plugin gave
    """Give the scores as floats, or refuse them, naming policy and candidate."""
    if not hasattr(values, "__len__") or isinstance(values, _NO_SEQUENCE):
        message = f"policy {name!r} must give a sequence with one score per candidate, got a {type(values).__name__}"
        raise PolicyError(message)
    if len(values) != len(view):
        message = f"policy {name!r} gave {len(values)} scores for {len(view)} candidates; one each is expected"
        raise PolicyError(message)
    numbers = [value if type(value) is float else _number(name, value, i, view) for i, value in enumerate(values)]
    if not (min(numbers) >= 0.0 and max(numbers) <= 1.0 and math.isfinite(sum(numbers))):
        place = next(i for i, value in enumerate(numbers) if not 0.0 <= value <= 1.0)
        raise _refused(name, numbers[place], place, view)
    return numbers


def _number(name: str, value: Any, place: int, view: View) -> float:  # noqa: ANN401 - whatever a plugin gave
    if not isinstance(value, str | bytes | bytearray):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise _refused(name, value, place, view)


def _refused(name: str, value: object, place: int, view: View) -> PolicyError:
    from reprlib import repr as briefly  # only when it is refused

    try:
        score = briefly(value)
    except Exception:  # noqa: BLE001 - it is a plugin's object
        score = f"a {type(value).__name__}"
    backend_id = view.descriptors[place].id
    return PolicyError(f"policy {name!r} gave {backend_id!r} the score {score}; a number from 0 to 1 is expected")


def _check_vetoes(enabled: EnabledPolicy, vetoes: Mapping[int, str], view: View) -> None:
    name = enabled.policy.name
    if vetoes and not enabled.policy.may_veto:
        message = f"policy {name!r} vetoed a candidate, but does not say that it may (may_veto is false)"
        raise PolicyError(message)
    for row in vetoes:
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < len(view):
            message = f"policy {name!r} vetoed candidate {row!r}; there are {len(view)}, counted from 0"
            raise PolicyError(message)
