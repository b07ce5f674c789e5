"""The latest attempts of one backend, and percentiles of them, in bounded memory."""

from bisect import bisect_left, insort
from collections import deque

__all__ = ("KEPT", "LASTING_S", "Samples", "percentile")

KEPT = 128
"""Attempts that are kept, the latest."""
LASTING_S = 900.0
"""Seconds after which an attempt says nothing any more, so that nobody is judged for ever by a bad hour."""


class Samples:
    """
    The latest attempts: how long the answers took, and how many failed; sorted as they come, so that reading is quick.

    Example:
        >>> samples = Samples()
        >>> for seconds in (3.0, 1.0, 2.0):
        ...     samples.answered(100.0, latency_s=seconds, first_s=None)
        >>> samples.failed(100.0)
        >>> percentile(samples.latencies, 50), percentile(samples.latencies, 95), samples.error_rate
        (2.0, 3.0, 0.25)

    """

    __slots__ = ("_failures", "_latest", "firsts", "latencies")

    def __init__(self) -> None:
        """Start with nothing."""
        self.latencies: list[float] = []
        """Seconds of the answers, the quickest first."""
        self.firsts: list[float] = []
        """Seconds until the first events, the quickest first."""
        self._latest: deque[tuple[float, float | None, float | None]] = deque()
        self._failures = 0

    @property
    def error_rate(self) -> float | None:
        """The share of attempts that failed, ``None``: there were none."""
        return self._failures / len(self._latest) if self._latest else None

    def answered(self, ended_s: float, *, latency_s: float, first_s: float | None) -> None:
        """Take an answer."""
        if len(self._latest) == KEPT:
            self._forget()
        self._latest.append((ended_s, latency_s, first_s))
        insort(self.latencies, latency_s)
        if first_s is not None:
            insort(self.firsts, first_s)

    def failed(self, ended_s: float) -> None:
        """Take a failure."""
        if len(self._latest) == KEPT:
            self._forget()
        self._latest.append((ended_s, None, None))
        self._failures += 1

    @property
    def oldest_s(self) -> float | None:
        """When the oldest attempt ended, ``None``: there are none."""
        return self._latest[0][0] if self._latest else None

    def expire(self, now_s: float) -> None:
        """Forget what is too old."""
        latest = self._latest
        while latest and latest[0][0] + LASTING_S <= now_s:
            self._forget()

    def _forget(self) -> None:
        _, latency_s, first_s = self._latest.popleft()
        if latency_s is None:
            self._failures -= 1
        else:
            del self.latencies[bisect_left(self.latencies, latency_s)]
        if first_s is not None:
            del self.firsts[bisect_left(self.firsts, first_s)]


def percentile(ordered: list[float], percent: int) -> float | None:
    """
    Give the smallest number that so many in a hundred do not exceed; ``None``: there are none.

    Example:
        >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
        2.0

    """
    return ordered[(percent * len(ordered) + 99) // 100 - 1] if ordered else None
