"""Who sits out: backends whose circuit is open, and backends and providers that are benched."""

from converge_provider.values.classes import frozen

__all__ = ("Bench", "Circuit")


@frozen(kw_only=True)
class Circuit:
    """A circuit that is not closed: open until its time, then half open, for a bounded number of probes at once."""

    until_s: float
    """When probes may begin, in seconds since 1970."""
    opened: int
    """How often it opened since it was last closed, ≥ 1."""
    text: str
    """Why it opened."""


@frozen(kw_only=True)
class Bench:
    """A place to sit out."""

    until_s: float
    """When that is over, in seconds since 1970; infinite: when it is lifted."""
    text: str
    """Why."""
    holder: str | None = None
    """Whom it concerns; ``None``: everybody who uses the store."""
