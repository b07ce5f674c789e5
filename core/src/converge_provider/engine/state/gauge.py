"""What is measured of one backend."""

from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.engine.state.remembered import Remembered, average
from converge_provider.engine.state.samples import Samples
from converge_provider.values.measured import Measured

__all__ = ("Gauge",)


class Gauge:
    """Averages, percentiles and counts of one backend; what it shows is a value that changes no more."""

    __slots__ = ("_ends", "_firsts", "_latencies", "_running", "_shown", "_tokens_per_s")

    def __init__(self) -> None:
        """Start with nothing."""
        self._latencies = Samples()
        self._firsts = Samples()
        self._ends = Samples()
        self._tokens_per_s: float | None = None
        self._running = 0
        self._shown: Measured | None = None

    def begin(self) -> None:
        """Take the beginning of an attempt."""
        self._running += 1
        self._shown = None

    def end(self, attempt: Attempt) -> None:
        """Take the end of an attempt; one that the caller ended says only that it is over."""
        self._running = max(0, self._running - 1)
        self._shown = None
        ended_s = attempt.started_s + attempt.elapsed_s
        match attempt.outcome:
            case Outcome.ANSWERED | Outcome.REJECTED:
                self._latencies.add(attempt.elapsed_s, ended_s)
                if attempt.first_event_s is not None:
                    self._firsts.add(attempt.first_event_s, ended_s)
                self._tokens_per_s = average(self._tokens_per_s, _speed(attempt))
                self._ends.add(0.0, ended_s)
            case Outcome.FAILED:
                self._ends.add(1.0, ended_s)
            case Outcome.CANCELLED | Outcome.CLOSED:
                pass

    def show(self, known: Remembered, now_s: float) -> Measured:
        """Give what is measured at this moment, the averages as they are remembered."""
        aged = [samples.expire(now_s) for samples in (self._latencies, self._firsts, self._ends)]
        if self._shown is None or any(aged):
            self._shown = Measured(
                latency_s=known.latency_s,
                latency_p50_s=self._latencies.percentile(50),
                latency_p95_s=self._latencies.percentile(95),
                latency_samples=len(self._latencies),
                first_token_s=known.first_event_s,
                first_token_p95_s=self._firsts.percentile(95),
                tokens_per_s=self._tokens_per_s,
                error_rate=self._ends.share(),
                in_flight=self._running,
            )
        return self._shown


def _speed(attempt: Attempt) -> float | None:
    """Give the tokens of an answer per second, after the first event where there was one."""
    took_s = attempt.elapsed_s - (attempt.first_event_s or 0.0)
    tokens = 0 if attempt.usage is None else attempt.usage.completion_tokens
    return tokens / took_s if tokens and took_s > 0 else None
