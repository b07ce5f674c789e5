"""The tiny wire, as pure functions: requests to JSON, and JSON to the contract's values.  The README documents it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from converge_provider import (
    ChatRequest,
    ChatResponse,
    ChatRole,
    Finished,
    FinishReason,
    InvalidRequest,
    ProviderError,
    StreamEvent,
    TextDelta,
    TextPart,
    UsageDetail,
    UsageReported,
)
from converge_provider.http import (
    ErrorRule,
    Halves,
    HttpRequest,
    Verdict,
    answer_format,
    as_object,
    json_post,
    refuse_unhonoured,
    text_in,
)
from converge_template_backend.models import HONOURS

__all__ = ("RULES", "Answer", "Chat", "to_wire")

RULES = (
    ErrorRule(verdict=Verdict.CONTEXT_LENGTH_EXCEEDED, codes={"too_long"}),
    ErrorRule(verdict=Verdict.CONTENT_FILTERED, codes={"filtered"}),
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, codes={"no_such_model"}),
)
"""The service's own words for failures; what a status means everywhere is known already."""

_BY = {ChatRole.USER: "user", ChatRole.ASSISTANT: "model"}
_ENDS = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH, "filtered": FinishReason.CONTENT_FILTER}
_MOST = 2**32 - 1


@frozen(kw_only=True)
class Chat:
    """How one model is asked and its answers are read."""

    model: str
    template: HttpRequest
    """The address, the headers and the timeouts of every request."""
    rules: Sequence[ErrorRule] = RULES
    framing: Literal["sse"] = "sse"

    def request(self, request: ChatRequest, *, stream: bool) -> HttpRequest:
        """Make the whole HTTP request."""
        document = to_wire(request, self.model, stream=stream)
        return json_post(self.template, document, url=f"{self.template.url}/chat", stream=stream)

    def health(self) -> HttpRequest:
        """Make the request whose success says that the service is well."""
        return evolve(self.template, url=f"{self.template.url}/models")

    def answer(self) -> "Answer":
        """Start an answer."""
        return Answer()


def to_wire(request: ChatRequest, model: str, *, stream: bool) -> dict[str, Any]:
    """
    Turn a request into JSON; what the wire has no place for is refused, never left out.

    Raises:
        InvalidRequest: The request sets something that the wire does not honour.

    """
    refuse_unhonoured(request, model=model, honours=HONOURS)
    if request.tools:
        problem = f"tools is set, and {model!r} calls none"
        raise InvalidRequest(problem)
    texts = [text for text in (request.system, answer_format(request).system_instruction()) if text]
    turns: list[dict[str, str]] = []
    for place, message in enumerate(request.messages):
        if message.role is ChatRole.SYSTEM:
            texts.append(message.content)
        elif message.role in _BY and all(isinstance(part, TextPart) for part in message.parts):
            turns.append({"by": _BY[message.role], "text": message.content})
        else:
            problem = f"messages[{place}] is no plain text of a user or a model, and {model!r} reads nothing else"
            raise InvalidRequest(problem)
    if not turns:
        problem = "a request needs at least one message of a user"
        raise InvalidRequest(problem)
    plain = {
        "system": "\n\n".join(texts) or None,
        "limit": request.max_tokens,
        "heat": request.temperature,
        "until": list(request.stop_sequences) or None,
    }
    wire = {"model": model, "turns": turns, "stream": stream}
    wire |= {name: value for name, value in plain.items() if value is not None}
    taken = sorted(set(wire) & set(request.extra))
    if taken:
        problem = f"extra sets {', '.join(taken)}, which the request sets itself"
        raise InvalidRequest(problem)
    return wire | dict(request.extra)


@define
class Answer:
    """One answer that is being put together; one that came at once is a stream of a single document."""

    is_complete: bool = False
    _text: list[str] = field(factory=list[str])
    _halves: Halves = field(factory=Halves)
    _usage: UsageDetail | None = None
    _last: dict[str, Any] = field(factory=dict[str, Any])

    @property
    def is_over(self) -> bool:
        """Nothing follows the end."""
        return self.is_complete

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:
        """Say whether a document is an error in place of an answer."""
        del event  # the wire names no events
        return "error" in document

    def whole(self, document: Mapping[str, Any]) -> Sequence[StreamEvent]:
        """Take an answer that came at once."""
        return [*self.take(document, event=None), *self.finish()]

    def take(self, document: Mapping[str, Any], *, event: str | None) -> Sequence[StreamEvent]:
        """Take one document of a stream."""
        del event
        events = self._said(self._halves.whole(text_in(document.get("text") or "")))
        if "end" in document:
            self.is_complete = True
            self._last = dict(document)
            self._usage = _usage_in(as_object(document.get("usage")))
            events += self._said(self._halves.rest())
            events += [] if self._usage is None else [UsageReported(self._usage)]
        return events

    def finish(self) -> Sequence[StreamEvent]:
        """
        Close the answer.

        Raises:
            ProviderError: Its end was never seen.

        """
        if not self.is_complete:
            message = "the answer has no end"
            raise ProviderError(message)
        model = self._last.get("model")
        response = ChatResponse(
            content="".join(self._text),
            usage=None if self._usage is None else self._usage.totals(),
            usage_detail=self._usage,
            model=model if isinstance(model, str) else None,
            finish_reason=_ENDS.get(str(self._last["end"])),
        )
        return [Finished(response)]

    def _said(self, text: str) -> list[StreamEvent]:
        if not text:
            return []
        self._text.append(text)
        return [TextDelta(text)]


def _usage_in(counts: Mapping[str, Any]) -> UsageDetail | None:
    """Read what an answer took; nonsense is unknown, never a wrong number."""
    read, written = (counts.get(name) for name in ("read", "written"))
    if type(read) is int and type(written) is int and 0 <= read <= _MOST and 0 <= written <= _MOST:
        return UsageDetail(input_uncached=read, output=written)
    return None
