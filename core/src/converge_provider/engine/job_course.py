"""The way of one job through its candidates: the loop over attempts is that of every request."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from attrs import evolve, field

from converge_provider.engine.job_sinks import PatientSink
from converge_provider.engine.outcomes import Attempt, Outcome
from converge_provider.errors import ConvergeError, ProviderError
from converge_provider.selection import Decision, Reason
from converge_provider.values.classes import frozen
from converge_provider.values.jobs import Job, JobResult, WireFormat
from converge_provider.values.money import Cost
from converge_provider.values.replies import ChatResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from converge_provider.contract.jobs import JobBackend, JobSink
    from converge_provider.engine.course import Course
    from converge_provider.engine.guards import Admission
    from converge_provider.engine.handles import Handles
    from converge_provider.engine.trial import Trial
    from converge_provider.registry import Catalogue, CatalogueEntry

__all__ = ("Errand", "JobReply", "SpeakersOnly")


@frozen(kw_only=True)
class JobReply(JobResult):
    """How a job went, who did it, why it was asked, what was tried before and what it cost."""

    decision: Decision = field(repr=False)
    """The selection that chose the backend that answered."""
    attempts: Sequence[Attempt] = field(converter=tuple[Attempt, ...])
    """Every attempt, oldest first; the last one answered."""
    backend: str
    """The id of the backend that answered."""
    cost: Cost
    """What the attempt that answered cost, or why that is unknown."""


@frozen(kw_only=True)
class BrokenOff:
    """A job that ended after its sink had been given something, or because of the sink."""

    error: ConvergeError
    """Of the sink, or of the contract's family."""
    sent_bytes: int


class SpeakersOnly:
    """Bar, as a guard, every backend that does not claim to speak a wire format natively."""

    def __init__(self, catalogue: "Catalogue", wire_format: WireFormat) -> None:
        """Look at every backend once."""
        wanted = wire_format.capability
        text = f"does not say that it speaks the wire format {str(wire_format)!r} natively, and nothing is translated"
        reason = Reason("wire_format", text)
        self._barred = {entry.id: reason for entry in catalogue.entries if not entry.claims.capabilities.get(wanted)}

    def bars(self) -> Mapping[str, Reason]:
        """Name them."""
        return self._barred

    async def admit(self, admission: "Admission") -> Reason | None:  # noqa: ARG002 - who was not barred may
        """Let everybody through who was not barred."""
        return None

    def release(self, admission: "Admission", attempt: Attempt | None) -> None:
        """Have nothing to give back."""


@frozen(kw_only=True, eq=False)
class _End:
    """How one attempt ended that is the job's last."""

    sink: PatientSink
    result: JobResult | None = None
    failure: Exception | None = None


@frozen(kw_only=True, eq=False)
class Errand:
    """One job on its way."""

    course: "Course"
    handles: "Handles"
    job: Job
    sink: "JobSink"
    sink_timeout_s: float

    async def run(self) -> JobReply | BrokenOff:
        """
        Try candidates until one has done the job, or has begun to.

        Raises:
            LlmError: Nobody did, and the sink was given nothing.

        """
        return await self.course.run(self._attempt, self._conclude, drop=_forget, streaming=True)

    async def _attempt(self, trial: "Trial") -> _End:
        execute = _execute_of(self.handles.of(trial.entry), trial.entry)
        own, sink = _own(self.job, trial.entry), PatientSink(self.sink, trial, within_s=self.sink_timeout_s)
        try:
            result = await trial.bound(lambda: execute(own, sink))
        except Exception as exc:
            if sink.failure is None and not sink.sent_bytes:
                raise
            return _End(sink=sink, failure=exc)
        return _End(sink=sink, result=result)

    def _conclude(self, trial: "Trial", end: _End) -> JobReply | BrokenOff:
        sent_bytes = end.sink.sent_bytes
        if end.sink.failure is not None:
            self.course.left(trial, Outcome.CLOSED)
            return BrokenOff(error=end.sink.failure, sent_bytes=sent_bytes)
        if end.failure is not None:
            return BrokenOff(error=self.course.broke_off(trial, end.failure), sent_bytes=sent_bytes)
        result = end.result
        if not isinstance(result, JobResult):
            message = f"the backend ended a job with a {type(result).__name__} instead of a JobResult"
            failure = ProviderError(message)
            if not sent_bytes:
                raise failure
            return BrokenOff(error=self.course.broke_off(trial, failure), sent_bytes=sent_bytes)
        answer = ChatResponse(content="", usage=result.usage, usage_detail=result.usage_detail)
        reply = self.course.answered(trial, answer)
        return JobReply(
            usage=result.usage,
            usage_detail=result.usage_detail,
            duration_ms=result.duration_ms,
            sent_bytes=sent_bytes,
            decision=reply.decision,
            attempts=reply.attempts,
            backend=reply.backend,
            cost=reply.cost,
        )


def _execute_of(backend: object, entry: "CatalogueEntry") -> "Callable[[Job, JobSink], Awaitable[JobResult]]":
    execute = getattr(backend, "execute", None)
    if not callable(execute):
        message = f"{entry.id} claims to relay requests, but its backend has no execute(), a defect of its plugin"
        raise ProviderError(message)
    return cast("JobBackend", backend).execute


def _own(job: Job, entry: "CatalogueEntry") -> Job:
    """Give the job as one backend gets it: a name that restricts the candidates becomes the model's own."""
    model = str(entry.descriptor.model)
    if model == job.model:
        return job
    return evolve(job, model=model, request={key: value for key, value in job.request.items() if key != "model"})


async def _forget(_: _End) -> None:
    """Hold nothing that would have to be freed."""
