"""What a check is, and how it says that something is wrong."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from converge_provider.testing.conformance.trials import Trial

__all__ = ("Check", "CheckFailedError", "Needs", "NotApplicableError", "Run", "check", "expect", "fail")

Run: TypeAlias = "Callable[[Trial], Awaitable[None]]"
"""What a check does; it returns when all is well, and raises otherwise."""

Needs: TypeAlias = Literal["scripted", "live"]
"""Whether a check wants a double, which says exactly what it is told, or a real model, which babbles."""


class CheckFailedError(AssertionError):
    """Something is not as the check wants it."""


class NotApplicableError(Exception):
    """The check has nothing to look at with this backend; the text says why."""


@frozen
class Check:
    """One thing that a backend must do."""

    id: str
    """``topic.what``; a live check's topic is ``live``."""
    proves: str
    """What holds when it passes, in one sentence."""
    feature: str
    """What must be claimed for it to count; see :data:`~.features.FEATURES`."""
    needs: Needs
    run: Run
    tokens: tuple[int, int]
    """Tokens of input and of output that a live run takes at most, for the estimate of its cost."""

    def __str__(self) -> str:
        """Give the id."""
        return self.id


def check(name: str, feature: str, *, live: bool = False, tokens: tuple[int, int] = (0, 0)) -> Callable[[Run], Check]:
    """
    Make a check of a coroutine function, whose docstring says what it proves.

    Args:
        name: Its id.
        feature: The feature it belongs to.
        live: Whether it speaks to a real model.
        tokens: What a live run takes at most.

    """

    def decorate(run: Run) -> Check:
        return Check(name, " ".join((run.__doc__ or "").split()), feature, "live" if live else "scripted", run, tokens)

    return decorate


def expect(condition: object, text: str) -> None:
    """
    Go on if something holds.

    Raises:
        CheckFailedError: It does not.

    """
    if not condition:
        fail(text)


def fail(text: str) -> NoReturn:
    """
    Say what is wrong.

    Raises:
        CheckFailedError: Always.

    """
    raise CheckFailedError(text)
