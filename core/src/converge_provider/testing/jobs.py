"""A backend that relays what a script says, for tests of whoever makes jobs."""

from typing import TYPE_CHECKING

import anyio

from converge_provider.testing.scripted import ScriptedBackend
from converge_provider.values.claims import Claims
from converge_provider.values.jobs import Job, JobResult, WireFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.contract.jobs import JobSink
    from converge_provider.values.usage import UsageDetail

__all__ = ("ScriptedJobs",)


class ScriptedJobs(ScriptedBackend):
    """
    Do every job alike: give pieces to the sink, wait, raise.

    Example:
        >>> ScriptedJobs(b"data: [DONE]", id="acme/one").descriptor.id
        'acme/one'

    """

    def __init__(
        self,
        *steps: bytes | float | Exception,
        id: str = "scripted/model",  # noqa: A002 - as everywhere in this project
        formats: "Sequence[WireFormat]" = tuple(WireFormat),
        usage: "UsageDetail | None" = None,
    ) -> None:
        """
        Take the script.

        Args:
            steps: Pieces for the sink, seconds to wait, errors to raise; in order.
            id: ``provider/model``.
            formats: The wire formats that it claims to speak.
            usage: What it says that it used.

        """
        super().__init__(id=id, claims=Claims(capabilities={wire.capability: True for wire in formats}))
        self.jobs: list[Job] = []
        """What it was asked, oldest first."""
        self._steps = steps
        self._usage = usage

    async def execute(self, job: Job, sink: "JobSink") -> JobResult:
        """Play the script."""
        self.jobs.append(job)
        sent_bytes = 0
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                await sink.send_chunk(step)
                sent_bytes += len(step)
            else:
                await anyio.sleep(step)
        usage = None if self._usage is None else self._usage.totals()
        return JobResult(usage=usage, usage_detail=self._usage, duration_ms=0, sent_bytes=sent_bytes)
