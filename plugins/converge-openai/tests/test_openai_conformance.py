"""The kit's checks, against the vendors' side of the wire: OpenAI's, and where others differ most."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from attrs import define

from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import FinishReason, codec
from converge_provider.http import HttpResponse
from converge_provider.testing.canned import CannedRequest
from converge_provider.testing.conformance import (
    CannedAnswer,
    CannedCall,
    CannedFailure,
    ChatBackendConformance,
    Failure,
    NotOnThisWireError,
    Subject,
    WireDouble,
)

_REASONS = {
    FinishReason.STOP: "stop",
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
    FinishReason.STOP_SEQUENCE: "stop",
}
_FAILURES: Mapping[Failure, tuple[int, str | None]] = {
    Failure.BAD_KEY: (401, "invalid_api_key"),
    Failure.FORBIDDEN: (403, None),
    Failure.MODEL_NOT_FOUND: (404, "model_not_found"),
    Failure.RATE_LIMITED: (429, "rate_limit_exceeded"),
    Failure.OVERLOADED: (503, None),
    Failure.SERVER_ERROR: (500, None),
    Failure.OVERFLOW: (400, "context_length_exceeded"),
    Failure.FILTERED: (400, "content_filter"),
    Failure.INVALID_REQUEST: (400, None),
}


@define
class ChatCompletionsDouble(WireDouble):
    """A vendor's side of the wire."""

    reasoning: str = ""
    """Where it shows reasoning: a field of the message, ``parts`` of the content, ``tags`` in the text, or nowhere."""
    stops: bool = False
    """Whether it says which sequence stopped it."""
    declines: bool = False
    """Whether it says that it will not speak of this in place of an answer, rather than with an error."""

    wire: ClassVar[str] = "chat_completions"

    def whole(self, answer: CannedAnswer) -> bytes:
        """Say a completion."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": None}
        thoughts = "".join(self._thoughts(answer))
        if thoughts and self.reasoning == "parts":
            message["content"] = [_thinking(thoughts), {"type": "text", "text": answer.text}]
        elif thoughts and self.reasoning == "tags":
            message["content"] = f"<think>{thoughts}</think>{answer.text}"
        elif thoughts:
            message[self.reasoning] = thoughts
        if answer.calls:
            message["tool_calls"] = [_call(call) for call in answer.calls]
        choice = {"index": 0, "message": message, **self._end(answer), "logprobs": None}
        return _bytes({"id": "c1", "object": "chat.completion", "model": "m1", "choices": [choice], **_usage(answer)})

    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """Say the same as chunks, with the usage in one of its own."""
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *self._thinking(answer)]
        deltas += [{"content": piece} for piece in answer.pieces]
        for index, call in enumerate(answer.calls):
            first, *further = call.pieces or [""]
            deltas.append({"tool_calls": [{"index": index, **_call(call), "function": _function(call, first)}]})
            deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in further]
        chunks = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
        last = _chunk([{"index": 0, "delta": {}, **self._end(answer)}])
        return [*chunks, last, _chunk([], **_usage(answer)), b"data: [DONE]\n\n"]

    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Say what went wrong."""
        headers = {"content-type": "application/json"}
        if self.declines and failure.kind is Failure.FILTERED:
            message = {"role": "assistant", "content": None, "refusal": failure.message}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return HttpResponse(status=200, headers=headers, body=_bytes({"id": "c1", "choices": [choice]}))
        if failure.retry_after_s is not None:
            headers["retry-after"] = str(failure.retry_after_s)
        return HttpResponse(status=_FAILURES[failure.kind][0], headers=headers, body=_bytes(_error(failure)))

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Say the same in a stream."""
        return b"data: " + _bytes(_error(failure)) + b"\n\n"

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:
        """List the models; health is asked with the same request, or at a place of its own."""
        del request
        listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
        return HttpResponse(status=200, headers={"content-type": "application/json"}, body=_bytes(listed))

    def _thoughts(self, answer: CannedAnswer) -> list[str]:
        if not answer.reasoning:
            return []
        if not self.reasoning:
            message = "the vendor counts its reasoning and does not show it on this wire"
            raise NotOnThisWireError(message)
        if len(answer.reasoning) > 1 or answer.reasoning[0].redacted or answer.reasoning[0].signature:
            message = "the wire has one text of reasoning, neither signed nor hidden"
            raise NotOnThisWireError(message)
        return list(answer.reasoning[0].pieces)

    def _thinking(self, answer: CannedAnswer) -> list[dict[str, Any]]:
        thoughts = self._thoughts(answer)
        match self.reasoning if thoughts else "":
            case "":
                return []
            case "parts":
                return [{"content": [_thinking(piece)]} for piece in thoughts]
            case "tags":
                return [{"content": piece} for piece in ("<think>", *thoughts, "</think>")]
            case name:
                return [{name: piece} for piece in thoughts]

    def _end(self, answer: CannedAnswer) -> dict[str, Any]:
        if answer.stop_sequence is not None and not self.stops:
            message = "the wire says that a sequence stopped the answer, not which"
            raise NotOnThisWireError(message)
        return {"finish_reason": _REASONS[answer.finish], "stop_reason": answer.stop_sequence}


def _thinking(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def _call(call: CannedCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": _function(call, call.arguments)}


def _function(call: CannedCall, arguments: str) -> dict[str, str]:
    return {"name": call.name, "arguments": arguments}


def _usage(answer: CannedAnswer) -> dict[str, Any]:
    """Count as OpenAI does: what was cached within the prompt, reasoning within the completion."""
    usage = answer.usage
    counts: dict[str, Any] = codec.dump(usage.totals())
    counts["prompt_tokens_details"] = {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write}
    counts["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return {"usage": counts}


def _chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    document = {"id": "c1", "object": "chat.completion.chunk", "model": "m1", "choices": choices, **more}
    return b"data: " + _bytes(document) + b"\n\n"


def _error(failure: CannedFailure) -> dict[str, Any]:
    said = failure.message
    if failure.kind is Failure.MODEL_NOT_FOUND:
        said = f"The model `{failure.model}` does not exist: {said}"
    elif failure.kind is Failure.OVERFLOW:
        said = (
            f"This model's maximum context length is {failure.max_tokens} tokens. "
            f"However, your messages resulted in {failure.request_tokens} tokens."
        )
    return {"error": {"message": said, "type": "error", "param": None, "code": _FAILURES[failure.kind][1]}}


def _bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def subject(service: str, double: ChatCompletionsDouble, facts: ModelFacts, **exceptions: str) -> Subject:
    """Take a model of a service that can do what the facts say."""
    kind = OpenAiCompatible(services()[service])
    return Subject.of_type(
        kind,
        "m1",
        settings=lambda at: kind.settings(base_url=at.url, api_key=at.key, timeouts=at.timeouts, models={"m1": facts}),
        distribution="converge-openai",
        double=double,
        exceptions=exceptions,
    )


_ABLE = ModelFacts(tool_use=True, vision=True, documents=True, audio=True, structured_output=True, reasoning=False)
_NO_FILES = {"documents": "the service takes none on this wire", "audio": "the service takes none on this wire"}


class TestOpenAi(ChatBackendConformance):
    """A model that can do everything that the wire has a place for."""

    subject = subject("openai", ChatCompletionsDouble(declines=True), _ABLE)


class TestVllm(ChatBackendConformance):
    """An engine of one's own, which names the sequence that stopped it and shows reasoning in a field."""

    subject = subject(
        "vllm",
        ChatCompletionsDouble(reasoning="reasoning", stops=True),
        ModelFacts(tool_use=True, vision=True, reasoning=True, documents=False, audio=False),
        **_NO_FILES,
    )


class TestMistral(ChatBackendConformance):
    """A vendor with words and ids of its own, and reasoning in parts of the content."""

    subject = subject(
        "mistral",
        ChatCompletionsDouble(reasoning="parts"),
        ModelFacts(tool_use=True, vision=True, reasoning=True, documents=False, audio=False),
        **_NO_FILES,
    )


class TestDeepSeek(ChatBackendConformance):
    """A vendor that wants its reasoning back and keeps to no schema."""

    subject = subject(
        "deepseek",
        ChatCompletionsDouble(reasoning="reasoning_content"),
        ModelFacts(tool_use=True, vision=False, reasoning=True, documents=False, audio=False),
        **_NO_FILES,
        images="the vendor's models are text only",
        seed="the vendor documents none",
        parallel_tool_calls="the vendor documents no such switch",
        response_schema="the vendor keeps to JSON only",
    )


class TestMiniMax(ChatBackendConformance):
    """A vendor that puts its reasoning into the text."""

    subject = subject(
        "minimax",
        ChatCompletionsDouble(reasoning="tags"),
        ModelFacts(tool_use=True, vision=True, reasoning=True, documents=False, audio=False),
        **_NO_FILES,
        seed="the vendor documents none",
        tool_choice="the vendor documents none",
        parallel_tool_calls="the vendor documents no such switch",
        response_schema="the vendor documents none for its present models",
        reasoning_effort="the vendor documents none",
    )
