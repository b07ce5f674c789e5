"""The wire, both ways, and what the plugin brings."""

import json
from typing import Any

import pytest

import converge_template_backend
from converge_provider import (
    ChatMessage,
    ChatRequest,
    Configuration,
    ConfigurationError,
    Finished,
    FinishReason,
    InvalidRequest,
    PluginRegistry,
    TokenUsage,
)
from converge_template_backend.provider import Settings, TemplateBackend
from converge_template_backend.wire import Answer, to_wire


def test_request_becomes_exactly_the_documented_json() -> None:
    """Every field that the wire has a place for stands there, and nothing else."""
    said = [ChatMessage.user("Good morning"), ChatMessage.assistant("Hello"), ChatMessage.user("Who are you?")]
    request = ChatRequest(
        messages=said, system="Be brief.", max_tokens=64, temperature=0.5, stop_sequences=["\n"], extra={"mood": "calm"}
    )

    assert to_wire(request, "tiny-1", stream=True) == {
        "model": "tiny-1",
        "system": "Be brief.",
        "turns": [
            {"by": "user", "text": "Good morning"},
            {"by": "model", "text": "Hello"},
            {"by": "user", "text": "Who are you?"},
        ],
        "limit": 64,
        "heat": 0.5,
        "until": ["\n"],
        "stream": True,
        "mood": "calm",
    }


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(ChatRequest(messages=[ChatMessage.user("Hi")], seed=7), id="a field without a place"),
        pytest.param(ChatRequest(messages=[ChatMessage.user("Hi")], extra={"model": "other"}), id="extra contradicts"),
        pytest.param(ChatRequest(messages=[ChatMessage.tool("call-1", "12 degrees")]), id="a tool's result"),
        pytest.param(ChatRequest(messages=[]), id="no message"),
    ],
)
def test_request_that_the_wire_cannot_say_is_refused(request_: ChatRequest) -> None:
    """Nothing is left out silently."""
    with pytest.raises(InvalidRequest):
        to_wire(request_, "tiny-1", stream=False)


def finished(*documents: dict[str, Any]) -> Finished:
    """Give what an answer of several documents ends with."""
    answer = Answer()
    for document in documents:
        answer.take(document, event=None)
    last = answer.finish()[-1]
    assert isinstance(last, Finished)
    return last


END = {"end": "length", "model": "tiny-1", "usage": {"read": 12, "written": 2}}


def test_answer_is_the_same_whole_and_in_pieces() -> None:
    """However it came, the response is equal."""
    last = finished({"text": "Good "}, {"text": "morning"}, END)

    assert Answer().whole({"text": "Good morning", **END})[-1] == last
    assert last.response.content == "Good morning"
    assert last.response.finish_reason is FinishReason.LENGTH
    assert last.response.usage == TokenUsage(prompt_tokens=12, completion_tokens=2, total_tokens=14)


@pytest.mark.parametrize("usage", [None, {}, {"read": -1, "written": 2}, {"read": "12", "written": 2}], ids=json.dumps)
def test_usage_that_makes_no_sense_is_unknown(usage: object) -> None:
    """A wrong number is worse than none."""
    assert finished({"text": "Hi"}, {"end": "stop", "usage": usage}).response.usage is None


def test_plugin_brings_one_provider_type() -> None:
    """The hook registers it, and the catalogue has its models, with what is missing."""
    entries = PluginRegistry.of(converge_template_backend).catalogue(Configuration()).entries

    assert {entry.id: entry.missing for entry in entries} == {"template_backend/tiny-1": ("TEMPLATE_BACKEND_API_KEY",)}


def test_opening_without_a_key_says_what_to_set() -> None:
    """The error names the variable."""
    known = TemplateBackend()
    (descriptor,) = known.descriptors(Settings())

    with pytest.raises(ConfigurationError, match="TEMPLATE_BACKEND_API_KEY"):
        known.open(descriptor, Settings())
