"""
A small wire of our own that can say everything, its adapter and its double: the kit's own proof, and a model to copy.

A request is the contract's document.  An answer is a list of small objects, all at once or one per line.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

from attrs import define, evolve, field, frozen

from converge_provider import codec
from converge_provider.contract.backends import ChatBackend
from converge_provider.errors import InvalidRequest, ProviderError
from converge_provider.http import (
    ErrorRule,
    HttpChatBackend,
    HttpRequest,
    HttpResponse,
    Verdict,
    as_list,
    as_object,
    checked_arguments,
    json_post,
    open_transport,
)
from converge_provider.selection.needs import FEATURES
from converge_provider.testing.canned import CannedRequest
from converge_provider.testing.conformance.answers import CannedAnswer, CannedFailure, Failure
from converge_provider.testing.conformance.doubles import WireDouble
from converge_provider.testing.conformance.floors import floor_of
from converge_provider.testing.conformance.subjects import Endpoint, Subject
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import BackendDescriptor, ChatBackendCapabilities, ChatBackendDescriptor
from converge_provider.values.events import (
    Finished,
    ReasoningBlock,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    UsageReported,
)
from converge_provider.values.messages import ToolCall
from converge_provider.values.parts import ReasoningPart, TextPart
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest
from converge_provider.values.secret import Secret
from converge_provider.values.usage import UsageDetail
from converge_provider.values.vocabulary import CostClass

__all__ = ("MODEST", "REFERENCE", "ReferenceDouble", "ReferenceWire", "modest_subject", "reference_subject")

REFERENCE: Final = BackendDescriptor(
    provider="reference",
    model="reference-1",
    cost_class=CostClass.FREE,
    typical_latency_ms=10,
    quality=0.5,
    capabilities=ChatBackendCapabilities(
        reasoning=True, tool_use=True, vision=True, structured_output=True, context_tokens=4096
    ),
    claims=Claims(
        honours=frozenset(
            {
                "max_tokens",
                "temperature",
                "stop_sequences",
                "top_p",
                "seed",
                "tool_choice",
                "parallel_tool_calls",
                "response_schema",
                "reasoning_effort",
                "cache_hints",
            }
        ),
        input_modalities=frozenset({"text", "image", "document", "audio"}),
    ),
)
"""A backend that claims everything."""

MODEST: Final = evolve(
    REFERENCE, model="modest-1", capabilities=ChatBackendCapabilities(context_tokens=4096), claims=Claims()
)
"""A backend that claims text alone."""

_STATUSES: Final = {
    Failure.BAD_KEY: 401,
    Failure.FORBIDDEN: 403,
    Failure.MODEL_NOT_FOUND: 404,
    Failure.RATE_LIMITED: 429,
    Failure.OVERLOADED: 503,
    Failure.SERVER_ERROR: 500,
    Failure.OVERFLOW: 400,
    Failure.FILTERED: 400,
    Failure.INVALID_REQUEST: 400,
}
_RULES: Final = tuple(
    ErrorRule(verdict=verdict, codes={kind.value}, code=code)
    for kind, verdict, code in (
        (Failure.OVERFLOW, Verdict.CONTEXT_LENGTH_EXCEEDED, None),
        (Failure.FILTERED, Verdict.CONTENT_FILTERED, None),
        (Failure.INVALID_REQUEST, Verdict.INVALID_REQUEST, None),
        (Failure.MODEL_NOT_FOUND, Verdict.MODEL_NOT_FOUND, None),
        (Failure.BAD_KEY, Verdict.AUTH_DENIED, None),
        (Failure.SERVER_ERROR, Verdict.PROVIDER_ERROR, "500"),
    )
)


@frozen
class ReferenceWire:
    """How the service is spoken to."""

    endpoint: Endpoint
    modest: bool = False
    """Whether the service takes text alone, and what else is asked is refused."""
    framing: Literal["sse", "ndjson"] = "ndjson"
    rules: Sequence[ErrorRule] = _RULES

    def request(self, request: ChatRequest, *, stream: bool) -> HttpRequest:
        """
        Send the contract's document, without what concerns only the host.

        Raises:
            InvalidRequest: It asks for what the service does not do.

        """
        _refuse_strangers(request)
        if self.modest:
            _refuse_wishes(request)
        document = codec.dump(evolve(request, metadata={}, extra={}))
        body = {**request.extra, "stream": stream, "request": document}
        return json_post(self._template, body, url=f"{self.endpoint.url}/chat", stream=stream)

    def health(self) -> HttpRequest:
        """Ask for the models."""
        return evolve(self._template, url=f"{self.endpoint.url}/models")

    def answer(self) -> "ReferenceAnswer":
        """Start an answer."""
        return ReferenceAnswer()

    @property
    def _template(self) -> HttpRequest:
        headers = {"authorization": Secret(f"Bearer {self.endpoint.key.reveal()}")}
        return HttpRequest(url=self.endpoint.url, headers=headers, timeouts=self.endpoint.timeouts)


def _refuse_strangers(request: ChatRequest) -> None:
    """Refuse a demand for a tool that is not offered."""
    choice = request.tool_choice
    if choice is not None and choice.name is not None and choice.name not in {tool.name for tool in request.tools}:
        message = f"tool_choice names {choice.name!r}, which is not among the tools of the request"
        raise InvalidRequest(message)


def _refuse_wishes(request: ChatRequest) -> None:
    """Refuse everything that is not text."""
    wishes = [name for name in (*FEATURES, "tools") if getattr(request, name)]
    media = [part for message in request.messages for part in message.parts if not isinstance(part, TextPart)]
    if wishes or media:
        message = f"the service takes text alone, got {', '.join(wishes) or type(media[0]).__name__}"
        raise InvalidRequest(message)


@define
class ReferenceAnswer:
    """One answer that is being put together."""

    is_complete: bool = False
    _text: list[str] = field(factory=list[str])
    _blocks: list[ReasoningPart] = field(factory=list[ReasoningPart])
    _calls: dict[int, ToolCall] = field(factory=dict[int, ToolCall])
    _usage: UsageDetail | None = None
    _end: Mapping[str, Any] = field(factory=dict[str, Any])

    @property
    def is_over(self) -> bool:
        """The last object says so."""
        return self.is_complete

    def error(self, document: Mapping[str, Any], *, event: str | None) -> bool:  # noqa: ARG002 - lines have no names
        """Say whether it is one."""
        return "error" in document

    def whole(self, document: Mapping[str, Any]) -> Sequence[StreamEvent]:
        """Take the list at once."""
        events = [made for one in as_list(document.get("events")) for made in self.take(as_object(one), event=None)]
        return [*events, *self.finish()]

    def take(self, document: Mapping[str, Any], *, event: str | None) -> Sequence[StreamEvent]:  # noqa: ARG002
        """Take one object."""
        match dict(document):
            case {"text": str(text)}:
                self._text.append(text)
                return [TextDelta(text)]
            case {"thought": str(text)}:
                return [ReasoningDelta(text)]
            case {"block": block}:
                part = codec.load(ReasoningPart, block)
                self._blocks.append(part)
                return [ReasoningBlock(part.text, part.signature, part.redacted)]
            case {"call": int(index), "id": str(call_id), "name": str(name)}:
                self._calls[index] = ToolCall(id=call_id, name=name, arguments="")
                return [ToolCallStarted(index, call_id, name)]
            case {"arguments": str(text), "of": int(index)}:
                known = self._calls[index]
                self._calls[index] = evolve(known, arguments=known.arguments + text)
                return [ToolCallDelta(index, text)]
            case {"usage": usage}:
                self._usage = codec.load(UsageDetail, usage)
                return [UsageReported(self._usage)]
            case {"end": end}:
                self.is_complete, self._end = True, as_object(end)
                return []
            case _:
                message = f"the service said what this wire does not know: {sorted(document)}"
                raise ProviderError(message)

    def finish(self) -> Sequence[StreamEvent]:
        """Close the answer."""
        if not self.is_complete:
            message = "the answer has no end"
            raise ProviderError(message)
        events: list[StreamEvent] = []
        for index, call in self._calls.items():
            arguments, problem = checked_arguments(call.arguments)
            made = evolve(call, arguments=arguments)
            self._calls[index] = made
            events.append(ToolCallMalformed(index, made, problem) if problem else ToolCallFinished(index, made))
        return [*events, Finished(self._response())]

    def _response(self) -> ChatResponse:
        text, stop = "".join(self._text), self._end.get("stop_sequence")
        return ChatResponse(
            content=text,
            tool_calls=list(self._calls.values()),
            usage=None if self._usage is None else self._usage.totals(),
            usage_detail=self._usage,
            model=str(REFERENCE.model),
            finish_reason=FinishReason(self._end["finish"]),
            metadata={"stop_sequence": str(stop)} if stop else {},
            parts=[*self._blocks, TextPart(text=text)] if self._blocks else (),
        )


class ReferenceDouble(WireDouble):
    """The service's side of the wire."""

    wire: ClassVar[str] = "reference"
    stream_type: ClassVar[str] = "application/x-ndjson"

    def whole(self, answer: CannedAnswer) -> bytes:
        """Say everything at once."""
        return _written({"events": _objects(answer)})

    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """Say one object per line."""
        return [_written(document) + b"\n" for document in _objects(answer)]

    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Name the failure in the body."""
        headers = {} if failure.retry_after_s is None else {"retry-after": str(failure.retry_after_s)}
        return HttpResponse(status=_STATUSES[failure.kind], headers=headers, body=_written(_error(failure)))

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Say the same on a line."""
        return _written(_error(failure)) + b"\n"

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:  # noqa: ARG002 - one answer for all
        """List the models."""
        return HttpResponse(status=200, body=_written({"models": list(models)}))


def _objects(answer: CannedAnswer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for block in answer.reasoning:
        found += [{"thought": piece} for piece in block.pieces]
        part = ReasoningPart(text=block.text, signature=block.signature, redacted=block.redacted)
        found.append({"block": codec.dump(part)})
    found += [{"text": piece} for piece in answer.pieces]
    for index, call in enumerate(answer.calls):
        found.append({"call": index, "id": call.id, "name": call.name})
        found += [{"arguments": piece, "of": index} for piece in call.pieces]
    end = {"finish": answer.finish.value, "stop_sequence": answer.stop_sequence}
    return [*found, {"usage": codec.dump(answer.usage)}, {"end": end}]


def _error(failure: CannedFailure) -> dict[str, Any]:
    text = f"maximum context length is {failure.max_tokens} tokens, but the request has {failure.request_tokens} tokens"
    message = f"{text}: {failure.message}" if failure.kind is Failure.OVERFLOW else failure.message
    return {"error": {"code": failure.kind.value, "message": message}}


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


async def _discover(endpoint: Endpoint | None) -> Sequence[ChatBackendDescriptor]:
    assert endpoint is not None
    transport = open_transport()
    try:
        response = await transport.send(ReferenceWire(endpoint).health())
    finally:
        await transport.aclose()
    return [evolve(REFERENCE, model=str(name)) for name in as_list(json.loads(response.body)["models"])]


def _open(endpoint: Endpoint) -> ChatBackend:
    return HttpChatBackend(descriptor=REFERENCE, wire=ReferenceWire(endpoint))


def _open_modest(endpoint: Endpoint) -> ChatBackend:
    return HttpChatBackend(descriptor=MODEST, wire=ReferenceWire(endpoint, modest=True))


def reference_subject() -> Subject:
    """Give the backend that claims everything and passes every scripted check."""
    return Subject(
        descriptor=REFERENCE,
        distribution="converge-provider",
        backend=_open,
        double=ReferenceDouble(),
        discover=_discover,
    )


def modest_subject() -> Subject:
    """Give a backend of the same service that claims text alone, says why, and refuses the rest."""
    return evolve(
        reference_subject(),
        descriptor=MODEST,
        backend=_open_modest,
        exceptions=dict.fromkeys(floor_of("reference") - {"list_models"}, "the service takes text alone"),
    )
