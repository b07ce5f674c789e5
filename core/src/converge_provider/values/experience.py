"""What became of a call, as a policy that learns is told."""

from decimal import Decimal

from converge_provider.values.classes import frozen

__all__ = ("Experience",)


@frozen(kw_only=True)
class Experience:
    """
    The end of one attempt, or of a whole request after all its attempts.

    Example:
        >>> Experience(request_id="1", number=1, backend="a/b", outcome="answered", elapsed_s=0.5).is_request
        False

    """

    request_id: str
    is_request: bool = False
    """Whether it is the request that ended, not one attempt."""
    number: int
    """Which attempt of the request it was, from 1; of a request: how many there were."""
    backend: str | None
    """The backend that was called; of a request the last one, ``None``: nobody was."""
    outcome: str
    """``answered``, ``failed``, ``rejected`` (an answer of the wrong shape), ``cancelled`` or ``closed``."""
    error: str | None = None
    """The name of the failure's class."""
    elapsed_s: float
    """Seconds it took, ≥ 0."""
    first_event_s: float | None = None
    """Seconds until a stream's first event, or ``None``."""
    output_tokens: int | None = None
    """Tokens of the answer, as far as the backend said."""
    usd: Decimal | None = None
    """What the attempt cost, ``None``: unknown."""
