"""What a backend owes that relays requests as they are."""

from typing import Protocol, runtime_checkable

from converge_provider.values.jobs import Job, JobResult

__all__ = ("JobBackend", "JobSink")


class JobSink(Protocol):
    """Take the answer of one job, piece by piece."""

    async def send_chunk(self, chunk: bytes, /) -> None:
        """
        Take the next bytes, in order; waiting holds the backend back.

        What it raises ends the job, and closes the connection to the server.
        """
        ...


@runtime_checkable
class JobBackend(Protocol):
    """
    Relay requests byte for byte, in wire formats that the backend speaks natively; nothing is ever translated.

    Which formats those are it claims beforehand, with ``WireFormat.capability``; one that it does not claim it refuses.
    """

    async def execute(self, job: Job, sink: JobSink) -> JobResult:
        """
        Post the job's request and hand the answer to the sink as it comes; may be called concurrently.

        The answer is always streamed.  ``model``, and what makes the server report usage, are added only where the
        request does not have them.  It is one attempt, bounded by the job's deadline.  Cancelling it closes the
        connection to the server.

        Raises:
            InvalidRequest: The request names another model than the job, or the backend does not speak the format.
            LlmError: The call failed, before the first byte or after some; an answer that ends before its own end is a
                ``NetworkError``.

        """
        ...
