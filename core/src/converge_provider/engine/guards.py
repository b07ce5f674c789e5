"""
Who may not be called now, although selection would allow it.

Limits, budgets and breakers are guards: parts that the loop over attempts asks in one place and tells in one place.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from converge_provider.engine.deadlines import Deadline
from converge_provider.engine.outcomes import Attempt
from converge_provider.values.classes import frozen
from converge_provider.values.requests import ChatRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from converge_provider.registry import CatalogueEntry
    from converge_provider.selection import Reason

__all__ = ("Admission", "Gatehouse", "Guard")


@frozen(kw_only=True, eq=False)
class Admission:
    """One call that is about to be made."""

    request_id: str
    """The id of the request's first decision."""
    number: int
    """Which attempt of the request it would be, from 1."""
    entry: "CatalogueEntry"
    """The backend that would be called."""
    request: ChatRequest
    deadline: Deadline
    """How long the whole request may still take; waiting longer is pointless, and is cut off."""
    early: bool = False
    """Whether nobody else is left, so that a guard which yields is asked to let the call through before its time."""


class Guard(Protocol):
    """
    Decide, beside selection, whether a backend may be called at this moment.

    Four methods more are used where a guard has them: ``returns() -> Mapping[str, float]`` gives the seconds until
    each backend that it bars with the gate ``parked`` returns, so that a request may wait for the first;
    ``yields() -> Mapping[str, float]`` gives the seconds for which it would still bar backends with the gate
    ``breaker`` that it lets through early, the first of them first, when a request has nobody else to ask;
    ``finished(request_id)`` is told that a request is over, after all its calls; ``may_wait(admission) -> bool`` says
    whether ``admit`` might wait for anything, so that nobody sets a clock where none is needed.
    """

    def bars(self) -> "Mapping[str, Reason]":
        """
        Name the backends that must not be chosen now, and why; asked before every decision, must not wait.

        The reasons appear in the decision like those of any gate.
        """
        ...

    async def admit(self, admission: Admission) -> "Reason | None":
        """
        Let one call through, waiting for its turn where that helps; or say why not.

        When the call is refused the next candidate is chosen.  When this is cancelled or raises, nothing was admitted.
        """
        ...

    def release(self, admission: Admission, attempt: Attempt | None) -> None:
        """
        Take note that an admitted call is over; called exactly once for each, also when it was cancelled.

        Args:
            admission: The same object that was admitted.
            attempt: How it ended; ``None``: another guard refused it, so the call was never made.

        """
        ...


@runtime_checkable
class _Returning(Protocol):
    def returns(self) -> "Mapping[str, float]": ...


@runtime_checkable
class _Yielding(Protocol):
    def yields(self) -> "Mapping[str, float]": ...


@runtime_checkable
class _Finishing(Protocol):
    def finished(self, request_id: str) -> None: ...


@runtime_checkable
class _Prompt(Protocol):
    def may_wait(self, admission: Admission, /) -> bool: ...


class Gatehouse:
    """All guards of an engine as one: a call needs the leave of each."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        """Take the guards; they are asked in this order."""
        self._guards = tuple(guards)
        self._returning = [guard.returns for guard in guards if isinstance(guard, _Returning)]
        self._yielding = [guard.yields for guard in guards if isinstance(guard, _Yielding)]
        self._finishing = [guard.finished for guard in guards if isinstance(guard, _Finishing)]
        prompt = [guard.may_wait for guard in guards if isinstance(guard, _Prompt)]
        self._waiting = prompt if len(prompt) == len(guards) else None

    def behind(self, first: Guard) -> "Gatehouse":
        """Give the same guards with another one before them, whose reasons count first."""
        return Gatehouse((first, *self._guards))

    def bars(self, *, early: str | None = None) -> "Mapping[str, Reason]":
        """
        Name the backends that some guard bars; the first guard's reason counts.

        Args:
            early: A backend that guards who yield it do not bar; the others' reasons against it count.

        """
        barred: dict[str, Reason] = {}
        for guard in reversed(self._guards):
            found = guard.bars()
            if early in found and isinstance(guard, _Yielding) and early in guard.yields():
                found = {backend: reason for backend, reason in found.items() if backend != early}
            if found:
                barred.update(found)
        return barred

    def returns(self) -> "Mapping[str, float]":
        """Give the seconds until those return who are barred for a known time; the longest counts."""
        return _longest(self._returning)

    def yields(self) -> "Mapping[str, float]":
        """Give the seconds for which those are still barred who may be let through early; the longest counts."""
        return _longest(self._yielding)

    def finished(self, request_id: str) -> None:
        """Say that a request is over."""
        for finished in self._finishing:
            finished(request_id)

    def may_wait(self, admission: Admission) -> bool:
        """Say whether asking for leave might wait; who does not say, might."""
        return self._waiting is None or any(may_wait(admission) for may_wait in self._waiting)

    async def admit(self, admission: Admission) -> "Reason | None":
        """Ask for leave; when it is refused or the wait is cut off, those who gave it learn that there is no call."""
        given: list[Guard] = []
        refusal: Reason | None = None
        try:
            for guard in self._guards:
                refusal = await guard.admit(admission)
                if refusal is not None:
                    break
                given.append(guard)
        except BaseException:
            _release(given, admission, None)
            raise
        if refusal is not None:
            _release(given, admission, None)
        return refusal

    def release(self, admission: Admission, attempt: Attempt) -> None:
        """Say that an admitted call is over."""
        _release(self._guards, admission, attempt)


def _longest(sources: "Sequence[Callable[[], Mapping[str, float]]]") -> "Mapping[str, float]":
    found: dict[str, float] = {}
    for source in sources:
        for backend, seconds in source().items():
            found[backend] = max(seconds, found.get(backend, 0.0))
    return found


def _release(guards: Sequence[Guard], admission: Admission, attempt: Attempt | None) -> None:
    for guard in reversed(guards):
        guard.release(admission, attempt)
