"""What is measured of all backends, kept ready: only what has changed, or grown old, is computed again."""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from threading import Lock
from types import MappingProxyType

from converge_provider.engine.outcomes import Attempt
from converge_provider.engine.state.gauge import Gauge
from converge_provider.engine.state.remembered import Remembered
from converge_provider.engine.state.samples import LASTING_S
from converge_provider.values.measured import Measured

__all__ = ("Gauges",)


class Gauges:
    """A gauge for each backend that was called; may be read from any thread."""

    def __init__(self) -> None:
        """Start with none."""
        self._gauges: dict[str, Gauge] = {}
        self._shown: dict[str, Measured] = {}
        self._changed: set[str] = set()
        self._aging: list[tuple[float, str]] = []
        self._watched: set[str] = set()
        self._lock = Lock()

    def __contains__(self, backend: str) -> bool:
        """Say whether a backend was called."""
        return backend in self._gauges

    def begin(self, backend: str) -> None:
        """Take the beginning of an attempt."""
        with self._lock:
            self._gauge(backend).begin()

    def end(self, attempt: Attempt) -> None:
        """Take the end of an attempt."""
        backend = attempt.backend
        with self._lock:
            gauge = self._gauge(backend)
            gauge.end(attempt)
            if backend not in self._watched:
                self._watch(backend, gauge)

    def _gauge(self, backend: str) -> Gauge:
        self._changed.add(backend)
        gauge = self._gauges.get(backend)
        if gauge is None:
            gauge = self._gauges[backend] = Gauge()
        return gauge

    def _watch(self, backend: str, gauge: Gauge) -> None:
        """Note when the oldest attempt will be too old."""
        if gauge.oldest_s is None:
            self._watched.discard(backend)
        else:
            self._watched.add(backend)
            heappush(self._aging, (gauge.oldest_s + LASTING_S, backend))

    def show(self, recall: Callable[[str], Remembered], now_s: float) -> Mapping[str, Measured]:
        """
        Give what is measured at this moment.

        Args:
            recall: Gives what is remembered of a backend.
            now_s: The moment.

        """
        with self._lock:
            while self._aging and self._aging[0][0] <= now_s:
                backend = heappop(self._aging)[1]
                gauge = self._gauge(backend)
                gauge.expire(now_s)
                self._watch(backend, gauge)
            if self._changed:
                if not self._changed <= self._shown.keys():
                    self._shown = dict(self._shown)  # somebody may be going through the old one
                for backend in self._changed:
                    self._shown[backend] = self._gauges[backend].show(recall(backend))
                self._changed.clear()
            return MappingProxyType(self._shown)
