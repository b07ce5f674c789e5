"""Telling observers, on a thread of their own, so that none of them can harm a call."""

import threading
import time
import weakref
from collections.abc import Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

from converge_provider.engine.logs import log

if TYPE_CHECKING:
    from converge_provider.contract.observers import Observer

__all__ = ("Observation",)

_CAPACITY = 10_000
_HANGING_S = 5.0
_CLOSING_S = 1.0
_RESTING_S = 0.005


class Observation:
    """
    Deliver events to observers.

    One daemon thread, started with the first event, behind a bounded queue: what does not fit is dropped and counted.
    It rests for 5 ms whenever it has delivered all there was, since waking it for every single event would cost a busy
    event loop more than the events do.
    An observer that raises is only logged; one that does not return within five seconds is disabled, and a new thread
    goes on with the others.  Observers with a true ``inline`` attribute are called directly instead.
    """

    def __init__(
        self, observers: Sequence["Observer"], *, capacity: int = _CAPACITY, hanging_s: float = _HANGING_S
    ) -> None:
        """
        Take the observers.

        Args:
            observers: Whom to tell, in this order.
            capacity: Events that may wait for delivery.
            hanging_s: Seconds after which an observer that does not return is disabled.

        """
        self._inline = tuple(one for one in observers if getattr(one, "inline", False))
        self._distant = [one for one in observers if not getattr(one, "inline", False)]
        self._capacity = capacity
        self._hanging_s = hanging_s
        self._thread: _Delivery | None = None
        self._closed = False
        self.dropped: int = 0
        """Events that were not delivered because too many were waiting."""
        self.wanted: bool = bool(observers)
        """Whether there is anybody to tell."""

    def tell(self, event: object) -> None:
        """Hand over one event; never waits, never raises."""
        for observer in self._inline:
            _observe(observer, event)
        if not self._distant or self._closed:
            return
        thread = self._thread
        if thread is None:
            thread = self._start(SimpleQueue())
        elif thread.hanging(self._hanging_s):
            thread = self._replace(thread)
        if thread.queue.qsize() >= self._capacity:
            self.dropped += 1
        else:
            thread.queue.put(event)

    def close(self) -> None:
        """Deliver what is waiting, for a second at most; then forget the rest."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.queue.put(_END)
            thread.join(_CLOSING_S)
            thread.abandoned = True
        if self.dropped:
            log.warning("%d events were not delivered to observers: too many were waiting", self.dropped)

    def _start(self, queue: "SimpleQueue[object]") -> "_Delivery":
        self._thread = _Delivery(queue, tuple(self._distant))
        weakref.finalize(self, queue.put, _END)
        self._thread.start()
        return self._thread

    def _replace(self, hanging: "_Delivery") -> "_Delivery":
        """Go on without the observer that hangs."""
        hanging.abandoned = True
        culprit = hanging.busy_with
        if culprit is not None:
            self._distant.remove(culprit)
            log.warning("observer %s did not return within %g s and is disabled", culprit.name, self._hanging_s)
        return self._start(hanging.queue)


_END = object()


class _Delivery(threading.Thread):
    """The thread."""

    def __init__(self, queue: "SimpleQueue[object]", observers: Sequence["Observer"]) -> None:
        super().__init__(name="converge-observers", daemon=True)
        self.queue = queue
        self.abandoned = False
        self.busy_with: Observer | None = None
        self._busy_since_s = 0.0
        self._observers = observers

    def hanging(self, limit_s: float) -> bool:
        """Say whether one observer has held the thread for too long."""
        return self.busy_with is not None and time.monotonic() - self._busy_since_s > limit_s

    def run(self) -> None:
        while (event := self.queue.get()) is not _END:
            for observer in self._observers:
                self._busy_since_s = time.monotonic()
                self.busy_with = observer
                _observe(observer, event)
                if self.abandoned:
                    return
                self.busy_with = None
            if self.queue.empty():
                time.sleep(_RESTING_S)


def _observe(observer: "Observer", event: object) -> None:
    try:
        observer.observe(event)
    except (Exception, SystemExit) as exc:  # noqa: BLE001 - an observer harms nobody
        log.warning("observer %s raised %s", observer.name, type(exc).__name__)
