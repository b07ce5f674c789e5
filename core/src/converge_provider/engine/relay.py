"""Relaying jobs: requests that go to a chosen backend as they are, and come back byte for byte."""

import math
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
from attrs import evolve

from converge_provider.engine.course import Course
from converge_provider.engine.hedging import Hedging
from converge_provider.engine.job_course import BrokenOff, Errand, JobReply, SpeakersOnly
from converge_provider.engine.job_requests import request_of_job
from converge_provider.engine.settings import HedgingSettings
from converge_provider.errors import ConfigurationError, ConvergeError, LlmError
from converge_provider.errors.jobs import JobError, JobErrorCode
from converge_provider.values.jobs import Job, WireFormat, checked_job

if TYPE_CHECKING:
    from converge_provider.contract.jobs import JobSink
    from converge_provider.engine.asking import Ask, Asker
    from converge_provider.engine.loops import LoopGuard
    from converge_provider.engine.parts import Parts
    from converge_provider.values.constraints import Constraints
    from converge_provider.values.criteria import SelectionCriteria

__all__ = ("JobReply", "Relay")

_MS = 1_000
_NAMING = frozenset({"provider", "backend", "model"})
"""The gates of those who are not meant at all."""


class Relay:
    """
    Does jobs, at most so many at once; made by ``engine.relay()``.

    Selection, guards, journal and observers are the engine's.  A job goes on to the next candidate only as long as its
    sink was given nothing, and is never hedged.
    """

    def __init__(
        self, parts: "Parts", asker: "Asker", loop: "LoopGuard", *, max_concurrent: int, sink_timeout_s: float
    ) -> None:
        """
        Take the engine's parts, and the arguments of ``engine.relay()``.

        Raises:
            ConfigurationError: One of them makes no sense.

        """
        if type(max_concurrent) is not int or max_concurrent < 1:
            message = f"max_concurrent must be a whole number of jobs, at least 1, got {max_concurrent!r}"
            raise ConfigurationError(message)
        if type(sink_timeout_s) not in (int, float) or not 0 < sink_timeout_s < math.inf:
            message = f"sink_timeout_s must be a number of seconds above 0, got {sink_timeout_s!r}"
            raise ConfigurationError(message)
        self._parts = evolve(parts, hedging=Hedging(HedgingSettings(), time_s=parts.clock.monotonic_s))
        self._asker = asker
        self._loop = loop
        self._most = max_concurrent
        self._sink_timeout_s = sink_timeout_s
        self._running: dict[str, anyio.CancelScope] = {}
        self._speaking: dict[WireFormat, Parts] = {}

    @property
    def in_flight(self) -> int:
        """How many jobs are under way."""
        return len(self._running)

    def cancel(self, job_id: str) -> bool:
        """
        Stop a job and close its connection; its :meth:`execute` raises ``cancelled``.

        Returns:
            Whether it was under way; an id that is not is no error.

        """
        scope = self._running.get(job_id)
        if scope is not None:
            scope.cancel()
        return scope is not None

    async def execute(
        self,
        job: Job,
        sink: "JobSink",
        *,
        criteria: "SelectionCriteria | None" = None,
        constraints: "Constraints | None" = None,
        backend: str | None = None,
        provider: str | None = None,
    ) -> JobReply:
        """
        Do a job: choose a backend that has its model and speaks its format natively, and relay.

        Args:
            job: The request; its deadline holds for everything together.
            sink: Who takes the answer; each piece must be taken within the relay's time.
            criteria: What the backend must be like; ``None``: as the engine's selection says.
            constraints: What is demanded beyond that; ``None``: the engine's own constraints.
            backend: The only backend to ask: an id, a model's name or an alias.
            provider: The only provider to ask, in any ASCII case.

        Raises:
            JobError: It was not done; the code says why, and the cause has decision and attempts.
            PolicyError: A policy could not do its work.
            LoopError: The engine serves another event loop, or is closed.

        """
        self._loop.check()
        if len(self._running) >= self._most:
            message = f"{len(self._running)} jobs are under way, and {self._most} are allowed"
            raise JobError(JobErrorCode.OUT_OF_CAPACITY, message, job=job.id)
        if job.id in self._running:
            message = f"a job with the id {job.id!r} is under way"
            raise JobError(JobErrorCode.INVALID_REQUEST, message, job=job.id)
        scope = self._running[job.id] = anyio.CancelScope()
        try:
            with scope:
                ask = self._asked(job, criteria, constraints, backend, provider)
                return await self._done(job, sink, ask)
        finally:
            del self._running[job.id]
        raise JobError(JobErrorCode.CANCELLED, "it was cancelled by its id", job=job.id)

    def _asked(
        self,
        job: Job,
        criteria: "SelectionCriteria | None",
        constraints: "Constraints | None",
        backend: str | None,
        provider: str | None,
    ) -> "Ask":
        try:
            return self._asker.ask(
                request_of_job(checked_job(job)),
                criteria=criteria,
                constraints=constraints,
                backend=backend,
                provider=provider,
                deadline_s=job.deadline_s,
                response_type=None,
            )
        except LlmError as exc:
            _fail(job, exc)

    async def _done(self, job: Job, sink: "JobSink", ask: "Ask") -> JobReply:
        parts = self._for_speakers_of(job.format)
        errand = Errand(
            course=Course(parts, ask),
            handles=parts.handles,
            job=job,
            sink=sink,
            sink_timeout_s=self._sink_timeout_s,
        )
        try:
            ended = await errand.run()
        except LlmError as exc:
            _fail(job, exc)
        if isinstance(ended, BrokenOff):
            _fail(job, ended.error, ended.sent_bytes)
        return evolve(ended, duration_ms=round(ask.deadline.elapsed_s() * _MS))

    def _for_speakers_of(self, wire_format: WireFormat) -> "Parts":
        """Give the engine's parts, with everybody barred who does not speak a format."""
        parts = self._speaking.get(wire_format)
        if parts is None:
            guards = self._parts.guards.behind(SpeakersOnly(self._parts.catalogue, wire_format))
            parts = self._speaking[wire_format] = evolve(self._parts, guards=guards)
        return parts


def _fail(job: Job, error: ConvergeError, sent_bytes: int = 0) -> NoReturn:
    """Raise a job's error for whatever went wrong."""
    if isinstance(error, JobError):
        made = JobError(error.code, error.message, job=job.id, sent_bytes=sent_bytes)
        raise made from error.__cause__
    assert isinstance(error, LlmError), "a course ends with nothing else"
    made = JobError(_code_of(error), str(error), job=job.id, sent_bytes=sent_bytes)
    raise made.with_remedy(error.remedy) from error


def _code_of(error: LlmError) -> JobErrorCode:
    decision: Any = error.decision  # the floor of errors knows no decisions
    if error.attempts or decision is None or decision.chosen is not None:
        return JobErrorCode.of(error)
    meant = (one for one in decision.rejected if not any(reason.gate in _NAMING for reason in one.reasons))
    return JobErrorCode.NOT_ELIGIBLE if next(meant, None) else JobErrorCode.MODEL_NOT_LOADED
