"""The kit's checks, against the service's side of the wire."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from converge_provider import FinishReason
from converge_provider.http import HttpResponse
from converge_provider.testing import (
    CannedAnswer,
    CannedFailure,
    CannedRequest,
    ChatBackendConformance,
    DoubleProof,
    Failure,
    NotOnThisWireError,
    Subject,
    WireDouble,
)
from converge_template_backend.provider import Settings, TemplateBackend

FAILURES = {
    Failure.BAD_KEY: (401, "bad_key"),
    Failure.FORBIDDEN: (403, "forbidden"),
    Failure.MODEL_NOT_FOUND: (404, "no_such_model"),
    Failure.RATE_LIMITED: (429, "too_many"),
    Failure.OVERLOADED: (503, "busy"),
    Failure.SERVER_ERROR: (500, "broken"),
    Failure.OVERFLOW: (400, "too_long"),
    Failure.FILTERED: (400, "filtered"),
    Failure.INVALID_REQUEST: (400, "wrong"),
}
ENDS = {FinishReason.STOP: "stop", FinishReason.LENGTH: "length", FinishReason.CONTENT_FILTER: "filtered"}
ABSENT = (
    "top_p",
    "seed",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_schema",
    "images",
    "documents",
    "audio",
    "reasoning",
    "reasoning_effort",
    "cache_hints",
)


class TinyDouble(WireDouble):
    """Answers as the service's documentation says."""

    wire = "reference"

    def whole(self, answer: CannedAnswer) -> bytes:
        """Give one document."""
        return written({"text": answer.text} | end(answer))

    def events(self, answer: CannedAnswer) -> Sequence[bytes]:
        """Give an event for each piece, and one for the end."""
        return [event(one) for one in [*({"text": piece} for piece in answer.pieces), end(answer)]]

    def failure(self, failure: CannedFailure) -> HttpResponse:
        """Give the status and the code of a failure."""
        headers = {} if failure.retry_after_s is None else {"retry-after": str(failure.retry_after_s)}
        return HttpResponse(status=FAILURES[failure.kind][0], headers=headers, body=written(error(failure)))

    def failure_event(self, failure: CannedFailure) -> bytes:
        """Give the same as an event."""
        return event(error(failure))

    def aside(self, request: CannedRequest, models: Sequence[str]) -> HttpResponse:
        """Give the list of models, which also says that the service is well."""
        del request  # it is asked nothing else
        return HttpResponse(status=200, body=written({"models": [{"name": name} for name in models]}))


def end(answer: CannedAnswer) -> dict[str, Any]:
    """Give what ends an answer."""
    usage = answer.usage
    if answer.calls or answer.reasoning:
        message = "the wire has text alone"
        raise NotOnThisWireError(message)
    if answer.stop_sequence is not None:
        message = "the wire does not say which text ended an answer"
        raise NotOnThisWireError(message)
    if usage.cache_read or usage.cache_write or usage.reasoning:
        message = "the wire counts what was read and written, and nothing apart"
        raise NotOnThisWireError(message)
    counts = {"read": usage.input_uncached, "written": usage.output}
    return {"end": ENDS[answer.finish], "model": "tiny-1", "usage": counts}


def error(failure: CannedFailure) -> dict[str, Any]:
    """Give the document of a failure."""
    return {"error": {"code": FAILURES[failure.kind][1], "message": failure.message}}


def event(document: Mapping[str, Any]) -> bytes:
    """Frame a document as an event of a stream."""
    return b"data: " + written(document) + b"\n\n"


def written(document: Mapping[str, Any]) -> bytes:
    """Write a document as the service does."""
    return json.dumps(document, ensure_ascii=False).encode()


SUBJECT = Subject.of_type(
    TemplateBackend(),
    "tiny-1",
    settings=lambda at: Settings(base_url=f"{at.url}/v1", api_key=at.key, timeouts=at.timeouts),
    distribution="converge-template-backend",
    double=TinyDouble(),
    exceptions=dict.fromkeys(ABSENT, "the wire has no place for it"),
)


class TestTemplateBackend(ChatBackendConformance):
    """It does what it claims."""

    subject = SUBJECT


class TestTinyDouble(DoubleProof):
    """The double lets no broken adapter slip through."""

    subject = SUBJECT
