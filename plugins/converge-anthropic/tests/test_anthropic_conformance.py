"""The conformance kit on this adapter: what it claims is checked against the vendor's side of the wire."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from converge_anthropic.facts import known_models
from converge_anthropic.provider import Anthropic
from converge_anthropic.settings import Settings
from converge_provider import FinishReason
from converge_provider.http import HttpResponse, checked_arguments
from converge_provider.testing.canned import CannedRequest
from converge_provider.testing.conformance import (
    CannedAnswer,
    CannedCall,
    CannedFailure,
    CannedReasoning,
    ChatBackendConformance,
    Failure,
    Subject,
    WireDouble,
)

_REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.STOP_SEQUENCE: "stop_sequence",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
}
_FAILURES = {
    Failure.BAD_KEY: (401, "authentication_error"),
    Failure.FORBIDDEN: (403, "permission_error"),
    Failure.MODEL_NOT_FOUND: (404, "not_found_error"),
    Failure.RATE_LIMITED: (429, "rate_limit_error"),
    Failure.OVERLOADED: (529, "overloaded_error"),
    Failure.SERVER_ERROR: (500, "api_error"),
    Failure.OVERFLOW: (400, "invalid_request_error"),
    Failure.INVALID_REQUEST: (400, "invalid_request_error"),
}


_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-4-6", "stop_sequence": None}


class MessagesDouble(WireDouble):
    """Anthropic's side of the wire."""

    wire: ClassVar[str] = "anthropic_messages"

    def whole(self, answer: CannedAnswer) -> bytes:
        """Say a message."""
        content = [*map(_thought, answer.reasoning), *_said(answer.text), *map(_called, answer.calls)]
        message = {**_MESSAGE, "content": content, **_end(answer), "usage": _usage(answer)}
        return json.dumps(message, ensure_ascii=False).encode()

    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """Say the same as events, the input's counts first and the output's last."""
        usage = _usage(answer)
        counts = {name: value for name, value in usage.items() if name != "output_tokens_details"}
        begun: dict[str, Any] = {**_MESSAGE, "content": [], "stop_reason": None, "usage": counts | {"output_tokens": 1}}
        blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
            *((_thought(one, is_begun=True), _thinking(one)) for one in answer.reasoning),
            *([({"type": "text", "text": ""}, _texts(answer.pieces))] if answer.pieces else []),
            *((_called(one, is_begun=True), _inputs(one)) for one in answer.calls),
        ]
        framed = [_event("message_start", message=begun), _event("ping")]
        for index, (block, deltas) in enumerate(blocks):
            framed += [_event("content_block_start", index=index, content_block=block)]
            framed += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
            framed += [_event("content_block_stop", index=index)]
        return [*framed, _event("message_delta", delta=_end(answer), usage=usage), _event("message_stop")]

    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Say what went wrong; a filter before the model answers, with nothing but its reason."""
        if failure.kind is Failure.FILTERED:
            refused = CannedAnswer(pieces=(), finish=FinishReason.CONTENT_FILTER)
            details = {"stop_details": {"type": "refusal", "explanation": failure.message}}
            body = json.dumps({**json.loads(self.whole(refused)), **details}).encode()
            return HttpResponse(status=200, headers={"content-type": "application/json"}, body=body)
        headers = {} if failure.retry_after_s is None else {"retry-after": str(failure.retry_after_s)}
        body = json.dumps(_error(failure)).encode()
        return HttpResponse(status=_FAILURES[failure.kind][0], headers=headers, body=body)

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Say the same in a stream."""
        document = _error(failure)
        return _event("error", error=document["error"])

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:
        """List the models."""
        if not request.path.startswith("/v1/models?"):
            body = json.dumps({"type": "error", "error": {"type": "not_found_error", "message": request.path}}).encode()
            return HttpResponse(status=404, body=body)
        data = [{"type": "model", "id": name, "display_name": name} for name in models]
        return HttpResponse(status=200, body=json.dumps({"data": data, "has_more": False}).encode())


def _end(answer: CannedAnswer) -> dict[str, Any]:
    return {"stop_reason": _REASONS[answer.finish], "stop_sequence": answer.stop_sequence}


def _usage(answer: CannedAnswer) -> dict[str, Any]:
    usage = answer.usage
    counts = {
        "input_tokens": usage.input_uncached,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
        "output_tokens": usage.output + usage.reasoning,
    }
    return counts | ({"output_tokens_details": {"thinking_tokens": usage.reasoning}} if usage.reasoning else {})


def _said(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text else []


def _thought(block: CannedReasoning, *, is_begun: bool = False) -> dict[str, Any]:
    if block.redacted:
        return {"type": "redacted_thinking", "data": block.signature}
    if is_begun:
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "thinking", "thinking": block.text, "signature": block.signature or ""}


def _thinking(block: CannedReasoning) -> list[dict[str, Any]]:
    if block.redacted:
        return []
    thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in block.pieces]
    return thoughts + ([{"type": "signature_delta", "signature": block.signature}] if block.signature else [])


def _texts(pieces: Sequence[str]) -> list[dict[str, Any]]:
    return [{"type": "text_delta", "text": piece} for piece in pieces]


def _called(call: CannedCall, *, is_begun: bool = False) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
    if is_begun:
        return block
    problem = checked_arguments(call.arguments)[1]
    return {**block, "input": call.arguments if problem else json.loads(call.arguments or "{}")}


def _inputs(call: CannedCall) -> list[dict[str, Any]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in call.pieces]


def _event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()


def _error(failure: CannedFailure) -> Mapping[str, Any]:
    said = {
        Failure.MODEL_NOT_FOUND: f"model: {failure.model}",
        Failure.OVERFLOW: f"prompt is too long: {failure.request_tokens} tokens > {failure.max_tokens} maximum",
    }.get(failure.kind, failure.message)
    kind = _FAILURES[failure.kind][1]
    return {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_1"}


class TestAnthropic(ChatBackendConformance):
    """The newest model that honours every field which the wire has."""

    subject = Subject.of_type(
        Anthropic(),
        "claude-opus-4-6",
        settings=lambda at: Settings(
            base_url=at.url,
            api_key=at.key,
            timeouts=at.timeouts,
            models={"claude-opus-4-6": known_models()["claude-opus-4-6"]},
        ),
        distribution="converge-anthropic",
        double=MessagesDouble(),
    )
