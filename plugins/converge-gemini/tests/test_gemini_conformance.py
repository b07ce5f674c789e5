"""The kit's checks, against the service's side of the wire."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from converge_gemini.provider import Gemini, Settings
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

MODEL = "gemini-3.8-flash"
REASONS = {FinishReason.LENGTH: "MAX_TOKENS", FinishReason.CONTENT_FILTER: "SAFETY"}
FAILURES = {
    Failure.BAD_KEY: (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    Failure.FORBIDDEN: (403, "PERMISSION_DENIED", "Permission denied."),
    Failure.MODEL_NOT_FOUND: (404, "NOT_FOUND", "is not found for API version v1beta."),
    Failure.RATE_LIMITED: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    Failure.OVERLOADED: (503, "UNAVAILABLE", "The model is overloaded."),
    Failure.SERVER_ERROR: (500, "INTERNAL", "An internal error has occurred."),
    Failure.OVERFLOW: (400, "INVALID_ARGUMENT", ""),
    Failure.INVALID_REQUEST: (400, "INVALID_ARGUMENT", "Invalid value."),
}


class GeminiDouble(WireDouble):
    """Answers as the Gemini API documents it."""

    wire = "gemini"

    def whole(self, answer: CannedAnswer) -> bytes:
        """Give one document with all parts."""
        parts = [part for parts in _parts(answer, joined=True) for part in parts]
        return json.dumps(_document(parts, answer), ensure_ascii=False).encode()

    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """Give a document for each piece, and one with the reason and the counts."""
        pieces = [_event(_document(parts)) for parts in _parts(answer, joined=False)]
        return [*pieces, _event(_document([{"text": ""}], answer))]

    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Give the error, or a prompt that was blocked, which is no error here."""
        if failure.kind is Failure.FILTERED:
            blocked = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": failure.message}
            return _response(200, {"promptFeedback": blocked})
        return _response(FAILURES[failure.kind][0], _error(failure))

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Give the error as an event."""
        return _event(_error(failure))

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:
        """Give the list of models, or one of them."""
        if not urlsplit(request.path).path.endswith("/models"):
            return _response(200, {"name": request.path.partition("/v1beta/")[2]})
        listed = [{"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]} for name in models]
        return _response(200, {"models": listed})

    def wants_stream(self, request: CannedRequest) -> bool:
        """Say whether the method is the one that streams."""
        return ":streamGenerateContent?alt=sse" in request.path


def _parts(answer: CannedAnswer, *, joined: bool) -> list[list[dict[str, Any]]]:
    """Give the parts of each document."""
    found: list[list[dict[str, Any]]] = []
    for block in answer.reasoning:
        thought = {} if block.redacted else {"thought": True}
        texts = [block.text] if joined or not block.pieces else list(block.pieces)
        parts: list[dict[str, Any]] = [{"text": text, **thought} for text in texts]
        if block.signature is not None:
            parts[-1]["thoughtSignature"] = block.signature
        found += [[part] for part in parts]
    found += [[{"text": text}] for text in ([answer.text] if joined and answer.pieces else answer.pieces)]
    return found + [
        [{"functionCall": {"id": call.id, "name": call.name, "args": _args(call.arguments)}}] for call in answer.calls
    ]


def _args(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        message = "arguments are an object of the wire's own JSON, never a text that could be broken"
        raise NotOnThisWireError(message) from None


def _document(parts: list[dict[str, Any]], answer: CannedAnswer | None = None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    document: dict[str, Any] = {"candidates": [candidate], "modelVersion": MODEL, "responseId": "r-1"}
    if answer is not None:
        candidate["finishReason"] = REASONS.get(answer.finish, "STOP")
        document["usageMetadata"] = _counts(answer.usage)
    return document


def _counts(usage: UsageDetail) -> dict[str, int]:
    if usage.cache_write:
        message = "the wire counts nothing that is put into the cache"
        raise NotOnThisWireError(message)
    return {
        "promptTokenCount": usage.input_uncached + usage.cache_read,
        "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output,
        "thoughtsTokenCount": usage.reasoning,
        "totalTokenCount": usage.totals().total_tokens,
    }


def _error(failure: CannedFailure) -> dict[str, Any]:
    code, status, words = FAILURES[failure.kind]
    if failure.kind is Failure.OVERFLOW:
        words = (
            f"The input token count ({failure.request_tokens}) exceeds the maximum number of tokens allowed "
            f"({failure.max_tokens})."
        )
    if failure.kind is Failure.MODEL_NOT_FOUND:
        words = f"models/{failure.model} {words}"
    error: dict[str, Any] = {"code": code, "message": f"{words} {failure.message}", "status": status}
    if failure.retry_after_s is not None:
        retry = "type.googleapis.com/google.rpc.RetryInfo"
        error["details"] = [{"@type": retry, "retryDelay": f"{failure.retry_after_s}s"}]
    return {"error": error}


def _event(document: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(document, ensure_ascii=False)}\r\n\r\n".encode()


def _response(status: int, document: dict[str, Any]) -> HttpResponse:
    body = json.dumps(document).encode()
    return HttpResponse(status=status, headers={"content-type": "application/json; charset=UTF-8"}, body=body)


class TestGeminiConformance(ChatBackendConformance):
    """Gemini keeps what it claims."""

    subject = Subject.of_type(
        Gemini(),
        MODEL,
        settings=lambda at: Settings(base_url=at.url, api_key=at.key, timeouts=at.timeouts),
        distribution="converge-gemini",
        double=GeminiDouble(),
    )
