"""What can be set of an engine's guards; breaker and parking have defaults and are on, limits and budgets are off."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from attrs import field

from converge_provider.engine.checks import flag, one_of, section, within
from converge_provider.engine.deadlines import DEFAULT_DEADLINE_S
from converge_provider.errors import ConfigurationError
from converge_provider.values.classes import frozen

__all__ = (
    "BreakerSettings",
    "BudgetScope",
    "BudgetSettings",
    "LimitSettings",
    "ParkingSettings",
    "checked_budgets",
    "checked_limits",
)

BudgetScope = Literal["all", "key", "request"]
"""What one account of a budget is kept for: everything, each value of a label of the request, or each request."""

_PATIENCE_S = 60.0


@frozen(kw_only=True)
class BreakerSettings:
    """
    When a backend that keeps failing is left alone, and for how long.

    Example:
        >>> BreakerSettings(failures_in_row=3).open_s
        5.0

    """

    enabled: bool = field(default=True, validator=flag)
    failures_in_row: int = field(default=5, validator=within(1, 1_000_000, whole=True))
    """Failures since the last answer that open the breaker."""
    failure_rate: float = field(default=0.5, validator=within(0, 1, over=True))
    """The share of failures in the window, above 0 up to 1, that opens it."""
    window_s: float = field(default=60.0, validator=within(0, over=True))
    """Seconds over which the share is taken."""
    minimum_calls: int = field(default=20, validator=within(1, 1_000_000, whole=True))
    """Calls in the window below which the share says nothing."""
    open_s: float = field(default=5.0, validator=within(0, over=True))
    """Seconds until the first probe; they double with each probe that fails."""
    open_cap_s: float = field(default=300.0, validator=within(0, over=True))
    """The longest time until the next probe, in seconds."""
    probes: int = field(default=1, validator=within(1, 1_000, whole=True))
    """Calls that may test a backend at once when its time is up."""
    early_probe: bool = field(default=True, validator=flag)
    """
    Whether a request that only open breakers leave without a candidate tests the one whose time is up first, before it
    is up; no more calls at once than ``probes``.
    """
    timeout_counts_s: float = field(default=1.0, validator=within(0))
    """Seconds below which a timeout says more of the caller's haste than of the backend, and is not counted."""

    def __attrs_post_init__(self) -> None:
        """Refuse a cap below its base."""
        if self.open_cap_s < self.open_s:
            message = f"breaker.open_cap_s must be at least breaker.open_s ({self.open_s:g}), got {self.open_cap_s!r}"
            raise ConfigurationError(message)


@frozen(kw_only=True)
class ParkingSettings:
    """
    How long a backend that asked for it is left alone, and whether requests wait for it.

    Example:
        >>> ParkingSettings(wait_s=10).returns
        1

    """

    enabled: bool = field(default=True, validator=flag)
    cap_s: float = field(default=86_400.0, validator=within(0, over=True))
    """The longest parking in seconds, whatever the server asks for."""
    wait_s: float | None = field(default=None, validator=within(0, absent=True))
    """
    Seconds that one request may wait, in all, for the first parked backend to return when no other is left.

    ``None``: 60 when the call or the host states a deadline, otherwise 0, since the default deadline is a safety net
    and no promise of patience.  A wait that would not end before the deadline is not begun.
    """
    returns: int = field(default=1, validator=within(0, 100, whole=True))
    """How often one request comes back to a backend that parked in answer to it."""

    def patience_s(self, deadline_s: float | None) -> float:
        """Give the seconds that a request with this deadline may wait."""
        if self.wait_s is not None:
            return self.wait_s
        return 0.0 if deadline_s == DEFAULT_DEADLINE_S else _PATIENCE_S


@frozen(kw_only=True)
class LimitSettings:
    """
    How much of one backend, or of all backends of a provider together, may be used at a time.

    Example:
        >>> LimitSettings(concurrency=4, requests_per_minute=60).tokens_per_minute is None
        True

    """

    concurrency: int | None = field(default=None, validator=within(1, whole=True, absent=True))
    """Calls under way at once; ``None``: no limit."""
    requests_per_minute: int | None = field(default=None, validator=within(1, whole=True, absent=True))
    """Calls that begin in any minute; ``None``: no limit."""
    tokens_per_minute: int | None = field(default=None, validator=within(1, whole=True, absent=True))
    """Tokens of request and answer in any minute, estimated, then corrected by what was used; ``None``: no limit."""
    queue: int = field(default=100, validator=within(0, 1_000_000, whole=True))
    """Calls that may wait for their turn; the next one goes to another backend."""
    wait_s: float = field(default=30.0, validator=within(0))
    """Seconds that a call waits for its turn at most; then it goes to another backend."""


@frozen(kw_only=True)
class BudgetSettings:
    """
    What may be spent.

    Example:
        >>> BudgetSettings(name="daily", usd=Decimal("20"), window_s=86_400).scope
        'all'

    """

    name: str
    """What refusals call it; unique in an engine."""
    tokens: int | None = field(default=None, validator=within(0, whole=True, absent=True))
    """Tokens of requests and answers together; ``None``: as many as one likes."""
    usd: Decimal | None = field(default=None, validator=within(0, absent=True))
    """US dollars, in steps of a millionth of a millionth; ``None``: as many as one likes."""
    scope: BudgetScope = field(default="all", validator=one_of("all", "key", "request"))
    """Whether there is one account, one for each value of a label, or one for each request."""
    key: str | None = None
    """The label in the request's ``metadata`` that has an account for each value; requests without it share one."""
    window_s: float | None = field(default=None, validator=within(0, over=True, absent=True))
    """Seconds in any stretch of which no more is spent; ``None``: as long as the store remembers."""
    answer_tokens: int = field(default=4096, validator=within(1, 2**32 - 1, whole=True))
    """Tokens that are reserved for an answer when the request does not limit it; fewer where the backend's limit is."""
    allow_unknown_prices: bool = field(default=False, validator=flag)
    """Whether a backend whose prices nobody has stated may be called, and counts as free; otherwise it is refused."""

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts itself."""
        problem = self._problem()
        if problem:
            message = f"{section(self)} {self.name!r}: {problem}"
            raise ConfigurationError(message)

    def _problem(self) -> str | None:
        if not isinstance(self.name, str) or not self.name.strip():
            return "name must be a text that is not blank"
        if self.tokens is None and self.usd is None:
            return "expected tokens, usd or both, got neither"
        if (self.scope == "key") != (self.key is not None):
            return 'key must name a label of the metadata with scope = "key", and only then'
        if self.scope == "request" and self.window_s is not None:
            return 'window_s makes no sense with scope = "request": a request has one account, as long as it lasts'
        return None


def checked_limits(limits: Mapping[str, LimitSettings]) -> Mapping[str, LimitSettings]:
    """
    Copy limits, and refuse one for nobody.

    Raises:
        ConfigurationError: A name is blank.

    """
    for name in limits:
        if not name.strip("/ "):
            message = f"limits must be named by a backend id, provider/model, or by a provider, got {name!r}"
            raise ConfigurationError(message)
    return dict(limits)


def checked_budgets(budgets: Sequence[BudgetSettings]) -> tuple[BudgetSettings, ...]:
    """
    Copy budgets, and refuse two of one name.

    Raises:
        ConfigurationError: A name is there twice.

    """
    names = [budget.name for budget in budgets]
    for name in names:
        if names.count(name) > 1:
            message = f"budgets must have different names, got {name!r} twice"
            raise ConfigurationError(message)
    return tuple(budgets)
