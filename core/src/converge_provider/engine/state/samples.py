"""The latest measurements of one backend, and their percentiles, in bounded memory."""

from bisect import bisect_left, insort
from collections import deque

__all__ = ("KEPT", "LASTING_S", "Samples")

KEPT = 128
"""Measurements that are kept, the latest."""
LASTING_S = 900.0
"""Seconds after which a measurement says nothing any more, so that nobody is judged for ever by a bad hour."""


class Samples:
    """
    The latest numbers and their percentiles, exact over what is kept.

    Example:
        >>> samples = Samples()
        >>> for seconds in (3.0, 1.0, 2.0):
        ...     samples.add(seconds, now_s=100.0)
        >>> samples.percentile(50), samples.percentile(95), len(samples)
        (2.0, 3.0, 3)

    """

    __slots__ = ("_latest", "_sorted")

    def __init__(self) -> None:
        """Start with nothing."""
        self._latest: deque[tuple[float, float]] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        """Give how many are kept."""
        return len(self._sorted)

    def add(self, value: float, now_s: float) -> None:
        """Take one number; the oldest one goes when there are too many."""
        if len(self._latest) == KEPT:
            self._forget()
        self._latest.append((now_s, value))
        insort(self._sorted, value)

    def expire(self, now_s: float) -> bool:
        """Forget what is too old; say whether anything was."""
        latest, gone = self._latest, False
        while latest and latest[0][0] <= now_s - LASTING_S:
            self._forget()
            gone = True
        return gone

    def _forget(self) -> None:
        _, value = self._latest.popleft()
        del self._sorted[bisect_left(self._sorted, value)]

    def percentile(self, percent: int) -> float | None:
        """Give the smallest number that so many in a hundred do not exceed; ``None``: there are none."""
        if not self._sorted:
            return None
        return self._sorted[(percent * len(self._sorted) + 99) // 100 - 1]

    def share(self) -> float | None:
        """Give the mean, for numbers that are 0 or 1 the share of ones; ``None``: there are none."""
        return sum(self._sorted) / len(self._sorted) if self._sorted else None
