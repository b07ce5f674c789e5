"""What is tried: a policy with its options, and what it says of a world."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import field, frozen

from converge_provider.contract.policies import CandidateView, Policy, Scores
from converge_provider.testing.policy_kit.worlds import World, worlds

__all__ = ("Check", "PolicySubject", "Said", "expect")


def expect(holds: object, message: str) -> None:
    """
    Demand something of a policy.

    Raises:
        AssertionError: It does not hold.

    """
    if not holds:
        raise AssertionError(message)


@frozen
class Said:
    """What a policy says of the candidates of one view."""

    values: Sequence[Any]
    vetoes: Mapping[Any, Any]
    words: Sequence[Any]
    """Its explanation of each candidate, ``None`` where it gives none."""

    def of(self, row: int) -> tuple[Any, Any, Any]:
        """Give all that is said of one candidate."""
        return self.values[row], self.vetoes.get(row), self.words[row]


@frozen
class PolicySubject:
    """
    A policy that is tried.

    Example:
        >>> from converge_provider.selection.fitness import FitnessPolicy
        >>> [type(options).__name__ for options in PolicySubject(FitnessPolicy()).choices()]
        ['NoOptions']

    """

    policy: Policy
    options: Sequence[Any] = field(default=(), converter=tuple[Any, ...])
    """Options to try beside the defaults."""

    def choices(self) -> Iterator[Any]:
        """Give the default options, and the others."""
        yield self.policy.options()
        yield from self.options

    def cases(self) -> Iterator[tuple[World, Any]]:
        """Give every world with every choice of options."""
        for options in self.choices():
            for world in worlds():
                yield world, options

    def scores(self, view: CandidateView, options: object, world: World) -> Scores:
        """
        Let it score.

        Raises:
            AssertionError: It raised, or gave what is no sequence.

        """
        try:
            given = self.policy.score(view, options)
        except Exception as exc:
            message = (
                f"policy {self.policy.name!r} raised {type(exc).__name__} in the world {world.name!r} "
                f"with {options!r}: {exc}; every fact may be unknown (None) and every number extreme"
            )
            raise AssertionError(message) from exc
        scores = given if isinstance(given, Scores) else Scores(values=given)
        expect(
            hasattr(scores.values, "__len__") and not isinstance(scores.values, str | bytes | Mapping),
            f"policy {self.policy.name!r} must give a sequence of scores, got a {type(scores.values).__name__}",
        )
        return scores

    def say(self, world: World, options: object, *, order: Sequence[int] | None = None) -> Said:
        """Let it score and explain, as a selection and its record do."""
        view = world.view(order)
        scores = self.scores(view, options, world)
        view.seal()
        rows = range(len(view))
        expect(
            len(scores.values) == len(rows),
            f"{len(scores.values)} scores for {len(rows)} candidates in the world {world.name!r}",
        )
        return Said(list(scores.values), dict(scores.vetoes), self.words(scores, rows, world))

    def words(self, scores: Scores, rows: Sequence[int], world: World) -> list[Any]:
        """
        Let it explain these candidates, in this order; ``None`` where it explains nothing.

        Raises:
            AssertionError: It raised.

        """
        if scores.explain is None:
            return [None] * len(rows)
        try:
            return [scores.explain(row) for row in rows]
        except Exception as exc:
            message = f"explain raised {type(exc).__name__} in the world {world.name!r}: {exc}"
            raise AssertionError(message) from exc


Check = Callable[[PolicySubject], None]
"""Raises an ``AssertionError`` with a hint when a policy does not keep what the check is about."""
