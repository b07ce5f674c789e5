"""What the engine leaves out where nothing could come of it, and that nothing else is left out with it."""

import threading
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime

import anyio
import pytest
from hypothesis import given, strategies as st

from converge_provider import BreakerSettings, CostClass, Engine, MemoryStore, Resilience, Timeout
from converge_provider.engine.clock import iso_time
from converge_provider.engine.observation import Observation
from converge_provider.selection import Reason
from converge_provider.testing import ManualClock, ScriptedBackend, catalogue_of

pytestmark = pytest.mark.anyio

RULE = BreakerSettings(failures_in_row=1, open_s=10.0)


class Counting(ManualClock):
    """A clock that counts how often it is set to end something."""

    limits = 0

    def limit(self, seconds: float) -> AbstractContextManager[anyio.CancelScope, bool]:
        """Count, and set it."""
        self.limits += 1
        return super().limit(seconds)


class Slow:
    """A guard that says nothing of whether it waits, and does."""

    def __init__(self, clock: ManualClock) -> None:
        """Take the time."""
        self._clock = clock

    def bars(self) -> dict[str, Reason]:
        """Bar nobody."""
        return {}

    async def admit(self, admission: object) -> None:
        """Wait for long."""
        await self._clock.sleep(60.0)

    def release(self, admission: object, attempt: object) -> None:
        """Take no note."""


def backend(clock: ManualClock) -> ScriptedBackend:
    """Make a backend that everybody may ask."""
    return ScriptedBackend("fine", id="a/1", clock=clock, cost_class=CostClass.FREE)


async def test_guards_that_do_not_wait_are_asked_without_a_clock() -> None:
    """With breaker and parking as they are by default, only the attempt itself is limited in time."""
    clock = Counting()
    await Engine(catalogue_of(backend(clock)), clock=clock).chat("Hi")

    assert clock.limits == 1


async def test_probe_that_the_store_is_asked_for_is_limited_in_time() -> None:
    """A half-open circuit asks the store, which may be on another machine."""
    clock, store = Counting(), MemoryStore()
    store.report("a/1", failed=True, probe=False, rule=RULE, now_s=clock.now_s())
    clock.advance(60.0)
    await Engine(catalogue_of(backend(clock)), clock=clock, store=store, resilience=Resilience(breaker=RULE)).chat("Hi")

    assert clock.limits == 2


async def test_guard_that_does_not_say_is_limited_in_time() -> None:
    """A host's own guard may wait, and is cut off by the deadline."""
    clock = Counting(autojump=True)
    engine = Engine(catalogue_of(backend(clock)), clock=clock, guards=[Slow(clock)])
    with pytest.raises(Timeout):
        await engine.chat("Hi", deadline_s=1.0)

    assert clock.limits == 1


def test_observers_hear_of_the_first_event_at_once_and_of_all_in_order() -> None:
    """The thread that rests between events delivers the first without delay, and leaves none out."""
    heard: list[tuple[object, float]] = []
    first = threading.Event()

    class Listener:
        name = "listener"

        def observe(self, event: object) -> None:
            heard.append((event, time.monotonic()))
            first.set()

    observation = Observation([Listener()])
    observation.tell(0)
    assert first.wait(1.0)
    for number in range(1, 500):
        observation.tell(number)
    observation.close()

    assert [event for event, _ in heard] == list(range(500))


@given(st.floats(0, 4e9))
def test_time_is_printed_as_the_standard_library_does(now_s: float) -> None:
    """Printing a second once for many calls changes no digit."""
    assert iso_time(now_s) == datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds")
