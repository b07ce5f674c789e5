"""Time, as the engine sees it: an argument, so that tests can turn it."""

import math
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import anyio

from converge_provider.values.classes import frozen

__all__ = ("Clock", "Limit", "SystemClock", "iso_time")


class Limit(Protocol):
    """A stretch of code that is cancelled when its time is up."""

    @property
    def cancelled_caught(self) -> bool:
        """Whether the time was up before the code was done; valid after its end."""
        ...


class Clock(Protocol):
    """
    Tell the time, wait, and limit waiting.

    ``SystemClock`` is the real one, :class:`converge_provider.testing.ManualClock` the one for tests.
    """

    def now_s(self) -> float:
        """Give the seconds since 1970; they may jump when the machine's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Give the seconds since some moment; they never go back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a checkpoint of the event loop even for 0 seconds."""
        ...

    def limit(self, seconds: float) -> AbstractContextManager[Limit, bool]:
        """Cancel what runs inside the ``with`` block after some seconds, and swallow that cancellation at its end."""
        ...


@frozen
class SystemClock:
    """The machine's clock."""

    def now_s(self) -> float:
        """Give the seconds since 1970."""
        return time.time()

    def monotonic_s(self) -> float:
        """Give the seconds of the machine's steady clock."""
        return time.perf_counter()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await anyio.sleep(seconds)

    def limit(self, seconds: float) -> AbstractContextManager[Limit, bool]:
        """Cancel what runs inside after some seconds."""
        return anyio.move_on_after(seconds)


def iso_time(now_s: float) -> str:
    """
    Print a moment to the microsecond, in UTC.

    Example:
        >>> iso_time(1_800_000_000.25)
        '2027-01-15T08:00:00.250000+00:00'

    """
    second = math.floor(now_s)
    further, microseconds = divmod(round((now_s - second) * 1_000_000), 1_000_000)
    return f"{_second(second + further)}.{microseconds:06d}+00:00"


@lru_cache(2)
def _second(second: int) -> str:
    """Print a whole second, which many calls share."""
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="seconds").removesuffix("+00:00")
