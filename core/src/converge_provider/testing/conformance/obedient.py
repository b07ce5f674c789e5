"""A model that does exactly what it is asked, in this process: the kit's own proof of its live checks."""

import json
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from converge_provider.contract.backends import ChatBackend
from converge_provider.errors import ContextLengthExceeded, LlmError
from converge_provider.http.shapes import as_object
from converge_provider.selection.needs import estimate_tokens
from converge_provider.testing.conformance.reference import REFERENCE
from converge_provider.testing.conformance.subjects import Endpoint, Subject
from converge_provider.testing.scripted import ScriptedBackend
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.messages import ToolCall
from converge_provider.values.parts import ReasoningPart, TextPart
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest, ResponseFormat
from converge_provider.values.secret import Secret
from converge_provider.values.usage import UsageDetail

__all__ = ("obedient_subject",)

_WORDS: Final = "The sea is wide and blue, and I say hello to you from its shore; " * 20
_CLAIMS: Final = evolve(REFERENCE.claims, supports_replay=True)
_TURNS: Final = 64
"""Calls that one handle answers; more than any check makes."""


def _obey(request: ChatRequest) -> ChatResponse | LlmError:
    tokens = estimate_tokens(request)
    window = int(REFERENCE.capabilities.context_tokens or 0)
    if tokens > window:
        return ContextLengthExceeded(window, tokens)
    calls = _calls(request)
    text, reason = ("", FinishReason.TOOL_CALLS) if calls else _text(request)
    usage = UsageDetail(input_uncached=tokens, output=len(text.split()) + len(calls))
    return ChatResponse(
        content=text,
        tool_calls=calls,
        finish_reason=reason,
        usage=usage.totals(),
        usage_detail=usage,
        parts=[ReasoningPart(text="First I think."), TextPart(text=text)],
    )


def _calls(request: ChatRequest) -> list[ToolCall]:
    wanted = request.tool_choice is not None and request.tool_choice.mode in {"required", "named"}
    arguments = json.dumps({"marker_city": "Oslo"})
    return [ToolCall(id="A1b2C3d4E", name=request.tools[0].name, arguments=arguments)] if wanted else []


def _text(request: ChatRequest) -> tuple[str, FinishReason]:
    if request.response_schema is not None:
        wanted = as_object(request.response_schema["properties"])
        return json.dumps(dict.fromkeys(wanted, "Paris")), FinishReason.STOP
    if request.response_format is ResponseFormat.JSON:
        return '{"ok": true}', FinishReason.STOP
    words = _WORDS.split()
    limit = request.max_tokens or len(words)
    text = " ".join(words[:limit])
    for stop in request.stop_sequences:
        if stop in text:
            return text.partition(stop)[0], FinishReason.STOP_SEQUENCE
    return text, FinishReason.LENGTH if limit < len(words) else FinishReason.STOP


def _live() -> ChatBackend:
    return ScriptedBackend(*[_obey] * _TURNS, id=REFERENCE.id)


async def _discover(_endpoint: Endpoint | None) -> Sequence[ChatBackendDescriptor]:
    return [REFERENCE]


def obedient_subject() -> Subject:
    """Give the backend that claims everything and passes every live check."""
    return Subject(
        descriptor=evolve(REFERENCE, claims=_CLAIMS),
        distribution="converge-provider",
        live=_live,
        discover=_discover,
        secrets=[Secret("marker-secret")],
    )
