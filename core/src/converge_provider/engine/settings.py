"""How an engine holds out when backends fail: one value, a section for each means, all with sensible defaults."""

from collections.abc import Mapping
from typing import Literal, TypeVar

from attrs import field

from converge_provider.engine.checks import flag, one_of, within
from converge_provider.engine.guarding.settings import (
    BreakerSettings,
    BudgetSettings,
    LimitSettings,
    ParkingSettings,
    checked_budgets,
    checked_limits,
)
from converge_provider.errors import ConfigurationError
from converge_provider.values.classes import frozen
from converge_provider.values.measured import LatencyRule

__all__ = (
    "BreakerSettings",
    "BudgetSettings",
    "HedgingSettings",
    "LimitSettings",
    "MeasuringSettings",
    "OnBreak",
    "OnMismatch",
    "ParkingSettings",
    "Resilience",
    "RetrySettings",
    "StreamSettings",
    "TimeoutSettings",
    "checked_on_break",
    "checked_on_mismatch",
)

T = TypeVar("T")

OnBreak = Literal["raise", "continue"]
"""What happens when a stream breaks off after its first event."""

OnMismatch = Literal["stop", "next"]
"""What happens when an answer is not in the format, or not of the shape, that was asked for."""


def checked_on_break(value: OnBreak) -> OnBreak:
    """Refuse a mode that there is not."""
    return _checked("on_break", value, ("raise", "continue"))


def checked_on_mismatch(value: OnMismatch) -> OnMismatch:
    """Refuse a mode that there is not."""
    return _checked("on_mismatch", value, ("stop", "next"))


def _checked(name: str, value: T, words: tuple[str, str]) -> T:
    if value not in words:
        message = f"{name} must be {words[0]!r} or {words[1]!r}, got {value!r}"
        raise ConfigurationError(message)
    return value


@frozen(kw_only=True)
class RetrySettings:
    """
    When one request calls the same backend again.

    Example:
        >>> RetrySettings(attempts=3, base_s=0.2).cap_s
        8.0

    """

    attempts: int = field(default=1, validator=within(1, 100, whole=True))
    """Calls of one backend within one request, the first included; 1: no backend is called twice."""
    base_s: float = field(default=0.5, validator=within(0, over=True))
    """The longest pause before the first retry; it doubles with each further one.  The pause is drawn from 0 to it."""
    cap_s: float = field(default=8.0, validator=within(0, over=True))
    """The longest pause that is drawn, whatever the number of retries."""
    same_backend_first: bool = field(default=False, validator=flag)
    """Whether the same backend is asked again before another one is; otherwise only when no other one is left."""
    budget_share: float = field(default=0.1, validator=within(0, 1))
    """Retries of one backend as a share of its first calls, from 0 to 1."""
    budget_floor: float = field(default=10.0, validator=within(0))
    """Retries of one backend that are allowed in a minute whatever the number of calls."""

    def __attrs_post_init__(self) -> None:
        if self.cap_s < self.base_s:
            message = f"retry.cap_s must be at least retry.base_s ({self.base_s:g}), got {self.cap_s!r}"
            raise ConfigurationError(message)


@frozen(kw_only=True)
class TimeoutSettings:
    """
    How long each stretch of one attempt may take; the request's deadline holds besides.

    Example:
        >>> TimeoutSettings(first_token_s=20).between_events_s is None
        True

    """

    first_token_s: float | None = field(default=None, validator=within(0, over=True, absent=True))
    """Seconds until a stream's first event, connecting included; ``None``: what is left of the deadline."""
    between_events_s: float | None = field(default=None, validator=within(0, over=True, absent=True))
    """Seconds from one event of a stream to the next; ``None``: what is left of the deadline."""
    attempt_share: float = field(default=1.0, validator=within(0, 1, over=True))
    """The share of the request's whole time that one attempt may take to its answer, or to a stream's first event."""


@frozen(kw_only=True)
class HedgingSettings:
    """
    Whether a second backend is asked when the first one is slow.

    Example:
        >>> HedgingSettings(enabled=True, delay_s=1.5).share
        0.05

    """

    enabled: bool = field(default=False, validator=flag)
    delay_s: float | None = field(default=None, validator=within(0, absent=True))
    """Seconds after which the second one is asked; ``None``: the 95th percentile of the first one's own latencies."""
    min_samples: int = field(default=20, validator=within(2, 64, whole=True))
    """Measured latencies of a backend below which nothing is hedged on its percentile."""
    share: float = field(default=0.05, validator=within(0, 1, over=True))
    """Hedged requests as a share of all requests, from above 0 to 1."""


@frozen(kw_only=True)
class MeasuringSettings:
    """
    What measured latencies decide at the gate ``latency``.

    Example:
        >>> MeasuringSettings(latency_gate="p50").rule()
        LatencyRule(percentile=50, samples=20)

    """

    latency_gate: Literal["p95", "p50", "off"] = field(default="p95", validator=one_of("p95", "p50", "off"))
    """Which percentile of a backend's latest answers is held against the latency that is asked for, if any."""
    samples: int = field(default=20, validator=within(2, 128, whole=True))
    """Answers of the last 15 minutes below which nothing measured is held against a backend."""

    def rule(self) -> LatencyRule | None:
        """Give the same as selection takes it."""
        if self.latency_gate == "off":
            return None
        return LatencyRule(percentile=95 if self.latency_gate == "p95" else 50, samples=self.samples)


@frozen(kw_only=True)
class StreamSettings:
    """
    What happens to streams under way.

    Example:
        >>> StreamSettings().on_break
        'raise'

    """

    on_break: OnBreak = field(default="raise", validator=one_of("raise", "continue"))
    """Whether a stream that breaks off after its first event raises, or goes on at another backend."""


@frozen(kw_only=True)
class Resilience:
    """
    How an engine holds out when backends fail.

    Example:
        >>> Resilience(retry=RetrySettings(attempts=3)).streams.on_break
        'raise'

    """

    retry: RetrySettings = RetrySettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    hedging: HedgingSettings = HedgingSettings()
    measuring: MeasuringSettings = MeasuringSettings()
    streams: StreamSettings = StreamSettings()
    breaker: BreakerSettings = BreakerSettings()
    parking: ParkingSettings = ParkingSettings()
    limits: Mapping[str, LimitSettings] = field(factory=dict[str, LimitSettings], converter=checked_limits, hash=False)
    """How much may run, by backend id, or by provider for all its backends together; none: no limits."""
    budgets: tuple[BudgetSettings, ...] = field(default=(), converter=checked_budgets)
    """What may be spent; a call needs room in each budget that it counts for; none: no budgets."""
