"""Reservations: so much of several accounts at once, or nothing at all."""

from converge_provider.values.classes import frozen

__all__ = ("Hold", "Shortage")


@frozen
class Hold:
    """
    So much of one account.

    Example:
        >>> Hold("limit/a/1/requests", 1, limit=60, window_s=60.0).amount
        1

    """

    account: str
    """Names what is counted; accounts that nothing is left of are forgotten."""
    amount: int
    """How much is reserved, ≥ 0: calls, tokens, millionths of millionths of a dollar."""
    limit: int
    """The most that there may be in the account."""
    window_s: float | None
    """
    Seconds for which an amount stays in the account after it was reserved, > 0; infinite: for ever.

    ``None``: until it is settled, so that the account counts what is under way.
    """


@frozen(kw_only=True)
class Shortage:
    """Why nothing was reserved."""

    hold: Hold
    """The first hold that there was no room for."""
    used: int
    """What is in its account."""
    retry_s: float | None
    """Seconds until there may be room, > 0; ``None``: nobody knows, something has to be settled first."""
