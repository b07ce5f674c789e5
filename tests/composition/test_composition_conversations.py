"""A conversation that one vendor's model began goes on with every other vendor's, whoever thought or called tools."""

import json
from typing import Any

import pytest

import converge_anthropic
import converge_gemini
import converge_ollama
import converge_openai
from converge_provider import (
    ChatRequest,
    ChatResponse,
    Conversation,
    Finished,
    PluginRegistry,
    ToolDefinition,
    load_configuration,
)
from converge_provider.http import HttpChatBackend, Wire

SIGNATURE = "c2lnbmVkLWJ5LXRoaXMtdmVuZG9yLWFuZC1ubyBvdGhlcg=="
TOOL = ToolDefinition(
    name="weather",
    description="Tell the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CALL = {"name": "weather", "arguments": '{"city": "Oslo"}'}
ARGUMENTS = {"city": "Oslo"}
ANSWERS: dict[str, dict[str, Any]] = {
    "gemini/gemini-3.8-flash": {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "Hm.", "thought": True},
                        {"text": "Let me see.", "thoughtSignature": SIGNATURE},
                        {
                            "functionCall": {"id": "call-of-gemini", "name": "weather", "args": ARGUMENTS},
                            "thoughtSignature": SIGNATURE,
                        },
                    ]
                },
                "finishReason": "STOP",
            }
        ]
    },
    "anthropic/claude-opus-4-6": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": SIGNATURE},
            {"type": "redacted_thinking", "data": SIGNATURE},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "toolu_of_anthropic", "name": "weather", "input": ARGUMENTS},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "ollama_native/qwen3:8b": {
        "model": "qwen3:8b",
        "message": {
            "role": "assistant",
            "content": "Let me see.",
            "thinking": "Hm.",
            "tool_calls": [{"function": {"name": "weather", "arguments": ARGUMENTS}}],
        },
        "done": True,
        "done_reason": "stop",
    },
    "openai/gpt-5.4-mini": {
        "id": "c1",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Let me see.",
                    "reasoning_content": "Hm.",
                    "tool_calls": [{"id": "call_of_openai", "type": "function", "function": CALL}],
                },
                "finish_reason": "tool_calls",
            }
        ],
    },
}


@pytest.fixture(scope="module")
def wires() -> dict[str, Wire]:
    """Open a model of every vendor; nothing is sent."""
    plugins = (converge_anthropic, converge_gemini, converge_ollama, converge_openai)
    environ = {
        "CONVERGE_HOME": "/nowhere",
        "ANTHROPIC_API_KEY": "k",
        "GEMINI_API_KEY": "k",
        "OLLAMA_HOST": "localhost",
        "OPENAI_API_KEY": "k",
    }
    overrides = {"providers": {"ollama_native": {"models": {"qwen3:8b": {"able": ["tool_use"]}}}}}
    catalogue = PluginRegistry.of(*plugins).catalogue(load_configuration(environ=environ, overrides=overrides))
    found: dict[str, Wire] = {}
    for name in ANSWERS:
        entry = catalogue.get(name)
        assert entry is not None, f"{name} is not in the catalogue"
        backend = entry.open()
        assert isinstance(backend, HttpChatBackend)
        found[name] = backend.wire
    return found


def answer_of(wire: Wire, name: str) -> ChatResponse:
    """Read the vendor's answer."""
    last = wire.answer().whole(ANSWERS[name])[-1]
    assert isinstance(last, Finished)
    return last.response


def continued(response: ChatResponse) -> ChatRequest:
    """Give the tool's result, and ask for the next message."""
    (call,) = response.tool_calls
    conversation = Conversation(system="Be kind.").user("What is the weather in Oslo?").answered(response)
    return conversation.tool(call.id, "marker-sunny").request(tools=(TOOL,))


@pytest.mark.parametrize("next_", ANSWERS)
@pytest.mark.parametrize("first", ANSWERS)
def test_conversation_goes_on_with_another_vendor(first: str, next_: str, wires: dict[str, Wire]) -> None:
    """The call, its result and the text reach the next vendor; a signature goes to nobody but the one who gave it."""
    response = answer_of(wires[first], first)
    sent = wires[next_].request(continued(response), stream=False).body or b""

    body = sent.decode()
    assert json.loads(body)
    assert "Let me see." in body
    assert "Oslo" in body.partition("Let me see.")[2]
    assert "marker-sunny" in body.partition("Let me see.")[2]
    assert (SIGNATURE in body) is (first == next_ and first.partition("/")[0] in {"gemini", "anthropic"})
    assert "gemini:" not in body
