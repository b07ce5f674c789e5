"""What is measured of one backend."""

from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.engine.state.remembered import Remembered, average
from converge_provider.engine.state.samples import Samples, percentile
from converge_provider.values.measured import Measured

__all__ = ("Gauge",)


class Gauge:
    """Averages, percentiles and counts of one backend."""

    __slots__ = ("_running", "_samples", "_tokens_per_s")

    def __init__(self) -> None:
        """Start with nothing."""
        self._samples = Samples()
        self._tokens_per_s: float | None = None
        self._running = 0

    @property
    def oldest_s(self) -> float | None:
        """When the oldest attempt ended that still counts, ``None``: none does."""
        return self._samples.oldest_s

    def begin(self) -> None:
        """Take the beginning of an attempt."""
        self._running += 1

    def end(self, attempt: Attempt) -> None:
        """Take the end of an attempt; one that the caller ended says only that it is over."""
        if self._running:
            self._running -= 1
        outcome = attempt.outcome
        if outcome is Outcome.ANSWERED or outcome is Outcome.REJECTED:
            took_s, first_s = attempt.elapsed_s, attempt.first_event_s
            self._samples.answered(attempt.started_s + took_s, latency_s=took_s, first_s=first_s)
            said_s = took_s if first_s is None else took_s - first_s
            if attempt.usage is not None and attempt.usage.completion_tokens and said_s > 0:
                self._tokens_per_s = average(self._tokens_per_s, attempt.usage.completion_tokens / said_s)
        elif outcome is Outcome.FAILED:
            self._samples.failed(attempt.started_s + attempt.elapsed_s)

    def expire(self, now_s: float) -> None:
        """Forget attempts that are too old."""
        self._samples.expire(now_s)

    def show(self, known: Remembered) -> Measured:
        """Give what is measured, the averages as they are remembered."""
        samples = self._samples
        return Measured(
            latency_s=known.latency_s,
            latency_p50_s=percentile(samples.latencies, 50),
            latency_p95_s=percentile(samples.latencies, 95),
            latency_samples=len(samples.latencies),
            first_token_s=known.first_event_s,
            first_token_p95_s=percentile(samples.firsts, 95),
            tokens_per_s=self._tokens_per_s,
            error_rate=samples.error_rate,
            in_flight=self._running,
        )
