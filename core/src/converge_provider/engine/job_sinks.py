"""The sink of one attempt at a job: counts what it gives, waits only so long, and knows whose fault a failure is."""

from typing import TYPE_CHECKING

from converge_provider.errors.jobs import JobError, JobErrorCode

if TYPE_CHECKING:
    from converge_provider.contract.jobs import JobSink
    from converge_provider.engine.trial import Trial

__all__ = ("PatientSink",)


class PatientSink:
    """Hands pieces to the caller's sink; one that is not taken in time ends the job."""

    def __init__(self, sink: "JobSink", trial: "Trial", *, within_s: float) -> None:
        """Take the caller's sink, the attempt, and the seconds that a piece may wait."""
        self.sent_bytes: int = 0
        self.failure: JobError | None = None
        """Why the sink takes no more, if it does not."""
        self._sink = sink
        self._trial = trial
        self._within_s = within_s

    async def send_chunk(self, chunk: bytes, /) -> None:
        """Hand over a piece; after a failure none is handed over."""
        if self.failure is not None:
            raise self.failure
        if self._trial.first_event_s is None:
            self._trial.first_event()
        with self._trial.deadline.clock.limit(self._within_s) as limit:
            try:
                await self._sink.send_chunk(chunk)
            except Exception as exc:
                raise self._failed(JobErrorCode.SINK_FAILED, f"the sink raised {type(exc).__name__}") from exc
        if limit.cancelled_caught:
            message = f"the sink did not take {len(chunk)} bytes within {self._within_s:g} s"
            raise self._failed(JobErrorCode.SINK_STALLED, message)
        self.sent_bytes += len(chunk)

    def _failed(self, code: JobErrorCode, message: str) -> JobError:
        self.failure = JobError(code, message)
        return self.failure
