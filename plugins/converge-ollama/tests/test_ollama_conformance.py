"""The kit's checks, against the server's side of the wire, on both event loops."""

import json
from collections.abc import Sequence
from typing import Any

from converge_ollama.facts import ModelFacts
from converge_ollama.provider import Ollama, Settings
from converge_provider import FinishReason, UsageDetail
from converge_provider.http import HttpResponse
from converge_provider.testing import (
    CannedAnswer,
    CannedFailure,
    ChatBackendConformance,
    Failure,
    NotOnThisWireError,
    Subject,
    WireDouble,
)
from converge_provider.testing.canned import CannedRequest

MODEL = "qwen3:8b"
FAILURES = {
    Failure.BAD_KEY: (401, "unauthorized"),
    Failure.FORBIDDEN: (403, "ollama cloud is disabled"),
    Failure.RATE_LIMITED: (429, "too many requests"),
    Failure.OVERLOADED: (503, "server busy, please try again.  maximum pending requests exceeded"),
    Failure.SERVER_ERROR: (500, "llama runner process has terminated"),
    Failure.OVERFLOW: (400, "the input length exceeds the context length"),
    Failure.INVALID_REQUEST: (400, "invalid options"),
}


class OllamaDouble(WireDouble):
    """Answers as Ollama's documentation and source say."""

    wire = "ollama"
    stream_type = "application/x-ndjson"

    def whole(self, answer: CannedAnswer) -> bytes:
        """Give one document."""
        message: dict[str, Any] = {"content": answer.text}
        thought = "".join(_thoughts(answer))
        message |= {"thinking": thought} if thought else {}
        message |= {"tool_calls": _calls(answer)} if answer.calls else {}
        return json.dumps(_document(message, answer), ensure_ascii=False).encode()

    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """Give a line for each piece, and one that says that it is done."""
        messages: list[dict[str, Any]] = [{"thinking": piece} for piece in _thoughts(answer)]
        messages += [{"content": piece} for piece in answer.pieces]
        messages += [{"tool_calls": [call]} for call in _calls(answer)]
        return [*(_line(_document(message)) for message in messages), _line(_document({}, answer))]

    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Give the error as a text."""
        if failure.kind is Failure.FILTERED:
            message = "the server filters nothing; models decline in their own words"
            raise NotOnThisWireError(message)
        if failure.kind is Failure.MODEL_NOT_FOUND:
            return _response(404, {"error": f"model '{failure.model}' not found: {failure.message}"})
        status, words = FAILURES[failure.kind]
        headers = {} if failure.retry_after_s is None else {"retry-after": str(failure.retry_after_s)}
        return _response(status, {"error": f"{words}: {failure.message}"}, **headers)

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Give the error as a line."""
        return _line({"error": f"{FAILURES[failure.kind][1]}: {failure.message}"})

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:
        """Give the list of models, the loaded ones, or what one can do."""
        if request.path == "/api/show":
            return _response(200, {"capabilities": ["completion", "tools", "vision", "thinking"], "model_info": {}})
        listed = [{"name": name, "model": name} for name in models] if request.path == "/api/tags" else []
        return _response(200, {"models": listed})

    def is_chat(self, request: CannedRequest) -> bool:
        """Say whether a request asks for an answer; showing a model is a POST too."""
        return request.path == "/api/chat"


def _thoughts(answer: CannedAnswer) -> list[str]:
    if any(block.signature is not None for block in answer.reasoning):
        message = "thoughts are not signed on this wire, nor hidden"
        raise NotOnThisWireError(message)
    return [piece for block in answer.reasoning for piece in block.pieces]


def _calls(answer: CannedAnswer) -> list[dict[str, Any]]:
    return [
        {"id": call.id, "function": {"index": index, "name": call.name, "arguments": _arguments(call.arguments)}}
        for index, call in enumerate(answer.calls)
    ]


def _arguments(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        message = "arguments are an object of the wire's own JSON, never a text that could be broken"
        raise NotOnThisWireError(message) from None


def _document(message: dict[str, Any], answer: CannedAnswer | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "model": MODEL,
        "created_at": "2026-08-21T18:48:22Z",
        "message": {"role": "assistant", "content": "", **message},
        "done": answer is not None,
    }
    return made | ({} if answer is None else {"done_reason": _reason(answer.finish), **_counts(answer.usage)})


def _reason(finish: FinishReason) -> str:
    if finish is FinishReason.CONTENT_FILTER:
        message = "the server filters nothing"
        raise NotOnThisWireError(message)
    return "length" if finish is FinishReason.LENGTH else "stop"


def _counts(usage: UsageDetail) -> dict[str, int]:
    if usage.cache_read or usage.cache_write or usage.reasoning:
        message = "the wire counts the prompt and the answer, and tells nothing of caches or thoughts apart"
        raise NotOnThisWireError(message)
    return {"prompt_eval_count": usage.input_uncached, "eval_count": usage.output}


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _response(status: int, document: dict[str, Any], **headers: str) -> HttpResponse:
    told = {"content-type": "application/json; charset=utf-8"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status=status, headers=told, body=json.dumps(document).encode())


SUBJECT = Subject.of_type(
    Ollama(),
    MODEL,
    settings=lambda at: Settings(
        base_url=at.url,
        api_key=at.key,
        timeouts=at.timeouts,
        models={MODEL: ModelFacts(able=("tool_use", "vision", "reasoning", "structured_output"))},
    ),
    distribution="converge-ollama",
    double=OllamaDouble(),
)


class TestOllamaConformance(ChatBackendConformance):
    """The adapter keeps what it claims."""

    subject = SUBJECT


class TestOllamaConformanceOnTrio(ChatBackendConformance):
    """It keeps it on trio too."""

    subject = SUBJECT
    loop = "trio"
