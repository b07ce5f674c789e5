"""Which candidates each lever of a question keeps out, by the gates themselves; one mask per gate and rung."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from converge_provider.selection.gates import failures
from converge_provider.selection.levers import Lever, loosened
from converge_provider.selection.question import Question
from converge_provider.selection.table import Table
from converge_provider.values.classes import frozen

__all__ = ("Failing", "Sweep")

Failing = Mapping[str, int]
"""The mask of those that fail, by the gate's name."""


@frozen(kw_only=True, eq=False, slots=False)
class Sweep:
    """
    A question taken apart into its levers.

    A gate asks of each lever by itself, so a candidate is kept out by a lever when it fails although every other lever
    is loosened.  What is left, it fails by several levers together, and loosening any one of them may help.
    """

    table: Table
    question: Question
    levers: Sequence[Lever]

    @cached_property
    def asked(self) -> Failing:
        """Who fails what is asked."""
        return self._failing(self.question)

    @cached_property
    def always(self) -> Failing:
        """Who fails although all is loosened."""
        return self._failing(loosened(self.question, self.levers))

    @cached_property
    def alone(self) -> Sequence[Failing]:
        """Who is kept out by each lever."""
        return [self._without(self._failing(self._others(lever))) for lever in self.levers]

    @cached_property
    def together(self) -> Failing:
        """Who is kept out by no lever alone."""
        found: dict[str, int] = {}
        for gate, mask in self.asked.items():
            explained = self.always.get(gate, 0)
            for failing in self.alone:
                explained |= failing.get(gate, 0)
            if mask & ~explained:
                found[gate] = mask & ~explained
        return found

    @cached_property
    def freed(self) -> Sequence[Failing]:
        """Who still fails when each lever, and no other, is loosened."""
        return [self._failing(loosened(self.question, [lever])) for lever in self.levers]

    @cached_property
    def _rungs(self) -> dict[int, Sequence[int]]:
        return {}

    def rungs(self, number: int) -> Sequence[int]:
        """Give those that a lever keeps out at each value of its ladder; nobody at the last."""
        found = self._rungs.get(number)
        if found is None:
            lever = self.levers[number]
            others = self._others(lever)
            below = [lever.put(others, value) for value in lever.ladder[:-1]]
            masks = [_any(self._without(self._failing(question))) for question in below]
            found = self._rungs[number] = [*masks, 0]
        return found

    def rung(self, number: int, place: int) -> int:
        """Give the first value of a lever's ladder at which it does not keep a candidate out."""
        return next(step for step, mask in enumerate(self.rungs(number)) if not mask >> place & 1)

    def _others(self, lever: Lever) -> Question:
        return loosened(self.question, (other for other in self.levers if other is not lever))

    def _without(self, failing: Failing) -> Failing:
        return {gate: left for gate, mask in failing.items() if (left := mask & ~self.always.get(gate, 0))}

    def _failing(self, question: Question) -> Failing:
        found: dict[str, int] = {}
        for gate, mask in failures(self.table, question):
            found[gate.name] = found.get(gate.name, 0) | mask
        return found


def _any(failing: Failing) -> int:
    found = 0
    for mask in failing.values():
        found |= mask
    return found
