"""Why a relayed job was not done, in one code that goes over the wire."""

from enum import Enum
from typing import ClassVar

from converge_provider.errors.base import ConvergeError
from converge_provider.errors.llm import (
    AuthDenied,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    NetworkError,
    ProviderError,
    RateLimited,
    Timeout,
)

__all__ = ("JobError", "JobErrorCode")


class JobErrorCode(Enum):
    """Why a job was not done; ``str()`` is what goes over the wire."""

    OUT_OF_CAPACITY = "out_of_capacity"
    """As many jobs as are allowed are under way; it was refused at once."""
    MODEL_NOT_LOADED = "model_not_loaded"
    """Nobody has the model: it is not configured, or the server says that it has not."""
    NOT_ELIGIBLE = "no_eligible_backend"
    """Somebody has the model, but nobody of them may be asked; the remedy names the nearest."""
    INVALID_REQUEST = "invalid_request"
    """The request is wrong: it names another model than the job, or the server refused it."""
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    CONTENT_FILTERED = "content_filtered"
    AUTH_REJECTED = "auth_rejected_by_backend"
    RATE_LIMITED = "rate_limited_by_backend"
    BACKEND_UNREACHABLE = "backend_unreachable"
    """No answer came, or it broke off."""
    BACKEND_TIMEOUT = "backend_timeout"
    """The job's time was up."""
    BACKEND_FAILED = "backend_failed"
    """The server failed by itself, with a status of 500 or more or an error inside its answer."""
    SINK_STALLED = "sink_stalled"
    """Whoever takes the answer did not take a piece in time."""
    SINK_FAILED = "sink_failed"
    """Whoever takes the answer refused a piece."""
    CANCELLED = "cancelled"
    """It was cancelled by its id."""

    def __str__(self) -> str:
        """Give the code as it goes over the wire."""
        return self.value

    @classmethod
    def of(cls, error: LlmError) -> "JobErrorCode":
        """
        Give the code of a failed call.

        Example:
            >>> str(JobErrorCode.of(ModelNotFound("qwen3"))), str(JobErrorCode.of(ProviderError("down", "503")))
            ('model_not_loaded', 'backend_failed')

        """
        return next((code for kind, code in _CODES if isinstance(error, kind)), cls.BACKEND_FAILED)


_CODES: tuple[tuple[type[LlmError], JobErrorCode], ...] = (
    (ModelNotFound, JobErrorCode.MODEL_NOT_LOADED),
    (InvalidRequest, JobErrorCode.INVALID_REQUEST),
    (ContextLengthExceeded, JobErrorCode.CONTEXT_LENGTH_EXCEEDED),
    (ContentFiltered, JobErrorCode.CONTENT_FILTERED),
    (AuthDenied, JobErrorCode.AUTH_REJECTED),
    (RateLimited, JobErrorCode.RATE_LIMITED),
    (NetworkError, JobErrorCode.BACKEND_UNREACHABLE),
    (Timeout, JobErrorCode.BACKEND_TIMEOUT),
    (ProviderError, JobErrorCode.BACKEND_FAILED),
)


class JobError(ConvergeError):
    """
    A relayed job was not done.

    The cause is the error of the contract's family, where a backend failed: it carries decision and attempts.

    Example:
        >>> str(JobError(JobErrorCode.OUT_OF_CAPACITY, "8 jobs are under way, and 8 are allowed"))
        'out_of_capacity: 8 jobs are under way, and 8 are allowed'

    """

    slug: ClassVar[str] = "job"

    def __init__(self, code: JobErrorCode, message: str, *, job: str = "", sent_bytes: int = 0) -> None:
        """
        Take what happened.

        Args:
            code: Why it was not done.
            message: What failed, without the server's whole answer and without credentials.
            job: The job's id.
            sent_bytes: Bytes of an answer that the sink had been given before.

        """
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.job = job
        self.sent_bytes = sent_bytes

    def __str__(self) -> str:
        """Say the code and the fact."""
        return f"{self.code}: {self.message}"
