"""Requests that are relayed as they are: the caller's own JSON, in the wire format that the caller speaks."""

from attrs import field

from converge_provider.errors import InvalidRequest
from converge_provider.values.classes import frozen
from converge_provider.values.identity import Capability
from converge_provider.values.messages import JsonObject, own_json
from converge_provider.values.usage import TokenUsage, UsageDetail
from converge_provider.values.vocabulary import Word

__all__ = ("Job", "JobResult", "WireFormat", "checked_job")

_MIN_DEADLINE_MS = 1
_MS = 1_000


class WireFormat(Word):
    """
    The wire format in which a caller speaks, and in which the answer goes back.

    Example:
        >>> str(WireFormat.OPENAI.capability)
        'other:OpenAiRelay'

    """

    OPENAI = "openai"
    """OpenAI's Chat Completions."""
    ANTHROPIC = "anthropic"
    """Anthropic's Messages."""

    @property
    def capability(self) -> Capability:
        """What a backend claims that speaks it natively."""
        return _CAPABILITY_OF[self.value]


_CAPABILITY_OF = {"openai": Capability.other("OpenAiRelay"), "anthropic": Capability.other("AnthropicRelay")}


def _format(value: WireFormat | str) -> WireFormat:
    return WireFormat(value)


def _at_least_a_millisecond(deadline_ms: int) -> int:
    if isinstance(deadline_ms, bool) or not isinstance(deadline_ms, int):
        message = f"deadline_ms must be a whole number of milliseconds, got {deadline_ms!r}"
        raise TypeError(message)
    return max(_MIN_DEADLINE_MS, deadline_ms)


@frozen(kw_only=True)
class Job:
    """
    One request to be relayed.

    Example:
        >>> Job(id="j1", model="qwen3", request={"messages": []}, format="openai", deadline_ms=0).deadline_s
        0.001

    """

    id: str
    """Names the job among those under way."""
    model: str
    """The model that shall answer, by its name, its backend's id or an alias."""
    request: JsonObject = field(converter=own_json, hash=False, repr=False)
    """The body as the caller wrote it; what the relay does not know goes along untouched."""
    format: WireFormat = field(converter=_format)
    """What the body is written in, and what the answer must be."""
    deadline_ms: int = field(default=60_000, converter=_at_least_a_millisecond)
    """Milliseconds that everything together may take; less than 1 counts as 1."""

    @property
    def deadline_s(self) -> float:
        """The same in seconds."""
        return self.deadline_ms / _MS


def checked_job(job: Job) -> Job:
    """
    Give a job whose request names no other model than the job does.

    Raises:
        InvalidRequest: It names another.

    """
    named = job.request.get("model")
    if named not in (None, job.model):
        message = f"the request names the model {named!r}, the job names {job.model!r}; nothing was sent"
        remedy = "Name the same model in both, or none in the request."
        raise InvalidRequest(message).with_remedy(remedy)
    return job


@frozen(kw_only=True)
class JobResult:
    """
    How a job went; the answer itself went into the sink.

    Usage is read from the side and advisory: it is what the server said, if it said anything that makes sense.
    """

    usage: TokenUsage | None = None
    usage_detail: UsageDetail | None = None
    """The same in disjoint buckets."""
    duration_ms: int
    sent_bytes: int
    """Bytes of the answer that were given to the sink."""
