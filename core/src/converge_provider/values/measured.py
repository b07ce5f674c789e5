"""What was measured of backends, as one selection may see it."""

from collections.abc import Mapping

from attrs import field

from converge_provider.values.classes import frozen
from converge_provider.values.messages import JsonObject

__all__ = ("MEASURED", "LatencyRule", "Measured", "StateView")

_OMIT = {"omit_empty": True}


@frozen(kw_only=True)
class Measured:
    """
    What was measured of one backend; ``None`` is unknown.

    Example:
        >>> Measured(latency_s=1.5, latency_samples=3).latency_p95_s is None
        True

    """

    latency_s: float | None = field(default=None, metadata=_OMIT)
    """Seconds that a whole answer takes, as a moving average in which the newest counts a fifth."""
    latency_p50_s: float | None = field(default=None, metadata=_OMIT)
    """Seconds that half of the latest answers did not exceed."""
    latency_p95_s: float | None = field(default=None, metadata=_OMIT)
    """Seconds that 95 in 100 of the latest answers did not exceed."""
    latency_samples: int = field(default=0, metadata=_OMIT)
    """How many answers the percentiles are of."""
    first_token_s: float | None = field(default=None, metadata=_OMIT)
    """Seconds until a stream's first event, as a moving average in which the newest counts a fifth."""
    first_token_p95_s: float | None = field(default=None, metadata=_OMIT)
    """Seconds that 95 in 100 of the latest first events did not exceed."""
    tokens_per_s: float | None = field(default=None, metadata=_OMIT)
    """Tokens of an answer per second, after the first event where there was one, as a moving average."""
    error_rate: float | None = field(default=None, metadata=_OMIT)
    """The share of the latest attempts that failed, from 0 to 1."""
    in_flight: int = field(default=0, metadata=_OMIT)
    """Attempts under way."""


MEASURED = (
    "latency_s",
    "latency_p50_s",
    "latency_p95_s",
    "latency_samples",
    "first_token_s",
    "first_token_p95_s",
    "tokens_per_s",
    "error_rate",
    "in_flight",
)
"""The fields of :class:`Measured`, each a column that a policy may ask for."""


@frozen(kw_only=True)
class LatencyRule:
    """
    When a measured latency speaks at the gate ``latency``.

    Example:
        >>> LatencyRule().of(Measured(latency_p50_s=1.0, latency_p95_s=3.0, latency_samples=20))
        3.0

    """

    percentile: int = 95
    """Which percentile of the latest answers is held against the limit: 50 or 95."""
    samples: int = 20
    """Answers below which nothing is held against anybody, ≥ 1."""

    @property
    def column(self) -> str:
        """Name the field of :class:`Measured` that is held against the limit."""
        return f"latency_p{self.percentile}_s"

    def of(self, measured: Measured) -> float | None:
        """Give the percentile in seconds once there are enough answers, else ``None``."""
        if measured.latency_samples < self.samples:
            return None
        latency_s: float | None = getattr(measured, self.column)
        return latency_s


@frozen(kw_only=True)
class StateView:
    """
    The measured state that one selection may see.

    Example:
        >>> StateView(measured={"a/b": Measured(in_flight=2)}).measured["a/b"].in_flight
        2

    """

    number: int = 0
    """The number of the state; it grows with every change."""
    measured: Mapping[str, Measured] = field(factory=dict[str, Measured], hash=False, metadata=_OMIT)
    """By backend id; whoever is not there is a stranger."""
    latency_rule: LatencyRule | None = None
    """When a measured latency speaks at the gate ``latency``; ``None``: never."""
    key: str | None = field(default=None, metadata=_OMIT)
    """What the request belongs to, so that requests that belong together can be answered together."""
    assigned: str | None = field(default=None, metadata=_OMIT)
    """The id of the backend that last answered a request with this key."""
    assigned_age_s: float | None = field(default=None, metadata=_OMIT)
    """How many seconds ago it did, ≥ 0; ``None``: nobody knows."""
    remembered: Mapping[str, JsonObject] = field(factory=dict[str, JsonObject], hash=False, metadata=_OMIT)
    """What each policy remembers, by the policy's name."""
