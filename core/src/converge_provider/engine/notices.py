"""What observers are told: one frozen value per thing that happened, never a prompt or an answer."""

from collections.abc import Sequence

from attrs import field

from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.selection import Decision
from converge_provider.values.classes import frozen
from converge_provider.values.vocabulary import Word

__all__ = (
    "AttemptFinished",
    "AttemptStarted",
    "BackendParked",
    "BreakerChanged",
    "BreakerState",
    "BudgetRefused",
    "DecisionMade",
    "EngineEvent",
    "RequestFinished",
    "RequestHedged",
    "RequestRetried",
    "RequestSwitched",
)


@frozen(kw_only=True)
class DecisionMade:
    """A selection was made; every attempt has one before it, and one that chose nobody is the last."""

    request_id: str
    """Names the request; all its events carry it."""
    decision: Decision


@frozen(kw_only=True)
class AttemptStarted:
    """A backend is about to be called."""

    request_id: str
    number: int
    """Which attempt of the request, from 1."""
    backend: str
    started_s: float
    """When, in seconds since 1970."""


@frozen(kw_only=True)
class AttemptFinished:
    """A call of a backend is over."""

    request_id: str
    attempt: Attempt


@frozen(kw_only=True)
class RequestRetried:
    """The backend that failed last is called again; the attempt's own events follow."""

    request_id: str
    number: int
    """The attempt that begins now, from 2."""
    backend: str
    paused_s: float
    """Seconds since the attempt before it ended, ≥ 0."""


@frozen(kw_only=True)
class RequestSwitched:
    """Another backend is called than the one that failed last; the attempt's own events follow."""

    request_id: str
    number: int
    """The attempt that begins now, from 2."""
    previous: str
    """The backend of the attempt that ended last."""
    backend: str


@frozen(kw_only=True)
class RequestHedged:
    """A second backend is called beside one that is slow; the attempt's own events follow."""

    request_id: str
    number: int
    """The attempt that begins now, from 2."""
    beside: str
    """The backend that is slow, and goes on."""
    backend: str


@frozen(kw_only=True)
class BackendParked:
    """A backend is left alone until a time that its server named."""

    request_id: str | None = None
    """The request that learned of it, or ``None`` when it was none."""
    backend: str
    until_s: float
    """When it returns, in seconds since 1970 by the engine's clock."""


class BreakerState(Word):
    """Whether a backend's breaker lets calls through."""

    CLOSED = "closed"
    """It does."""
    OPEN = "open"
    """It does not, until its time is up."""
    HALF_OPEN = "half_open"
    """It lets a few through, to see."""


@frozen(kw_only=True)
class BreakerChanged:
    """The breaker of a backend opened, lets probes through, or closed."""

    request_id: str | None = None
    """The request that brought it about, or ``None`` when it was none."""
    backend: str
    previous: BreakerState
    state: BreakerState
    until_s: float | None = None
    """When an open one lets the first probe through, in seconds since 1970; ``None``: it is not open."""


@frozen(kw_only=True)
class BudgetRefused:
    """A call was not made because a budget has no room for it."""

    request_id: str
    backend: str
    budget: str
    """The budget's name."""
    reason: str
    """What would have been spent and what is left, in one line."""


@frozen(kw_only=True)
class RequestFinished:
    """A request is over; its last event."""

    request_id: str
    outcome: Outcome
    """How the last attempt ended; ``failed`` also when nobody was eligible."""
    elapsed_s: float
    """Seconds the whole request took."""
    attempts: Sequence[Attempt] = field(converter=tuple[Attempt, ...])


EngineEvent = (
    DecisionMade
    | AttemptStarted
    | AttemptFinished
    | RequestRetried
    | RequestSwitched
    | RequestHedged
    | BackendParked
    | BreakerChanged
    | BudgetRefused
    | RequestFinished
)
"""One event of an engine."""
