"""
Whole bodies of the wire, both ways, compared with the files under ``golden/``.

Each file of ``requests/`` is what a request becomes; each file of ``answers/`` holds the lines that a server sends and
the events that they become.  ``tox -e golden`` writes the former, and the events of the latter; the difference is then
seen in review.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_ollama.wire.answers import Assembler
from converge_ollama.wire.dialect import Dialect
from converge_ollama.wire.requests import to_wire
from converge_provider import (
    ChatMessage,
    ChatRequest,
    ChatRole,
    Finished,
    ImagePart,
    ReasoningEffort,
    ReasoningPart,
    ResponseFormat,
    TextPart,
    ToolCall,
    ToolDefinition,
    codec,
)
from converge_provider.http import json_bytes

GOLDEN = Path(__file__).parent / "golden"

WEATHER = ToolDefinition(
    name="weather",
    description="Tell the weather.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CITY = {"type": "object", "properties": {"city": {"type": "string", "minLength": 1}}, "required": ["city"]}
PLAIN = Dialect(model="qwen3:8b")
TUNED = Dialect(model="qwen3:8b", num_ctx=16_384, keep_alive="30m")


def ask(text: str = "Hello", **fields: Any) -> ChatRequest:
    """Make a request."""
    return evolve(ChatRequest.of(text), **fields)


CONVERSATION = ask(
    messages=(
        ChatMessage(
            role=ChatRole.USER,
            parts=(TextPart(text="What is this, "), ImagePart(media_type="image/png", data=b"\x89PNG")),
        ),
        ChatMessage(
            role=ChatRole.ASSISTANT,
            parts=(ReasoningPart(text="Two cities."), TextPart(text="Let me see.")),
            tool_calls=(
                ToolCall(id="a", name="weather", arguments='{"city":"Oslo"}'),
                ToolCall(id="b", name="weather", arguments="{oops"),
            ),
        ),
        ChatMessage.tool("a", "sun"),
        ChatMessage.tool("b", "rain"),
        ChatMessage.system("Be brief from now on."),
        ChatMessage.user("Grüße 🙂"),
    ),
    system="You are kind.",
    tools=(WEATHER,),
)

REQUESTS: dict[str, tuple[ChatRequest, Dialect, bool]] = {
    "plain": (ask(), PLAIN, False),
    "streamed": (ask(max_tokens=9), TUNED, True),
    "may_truncate": (ask(), evolve(PLAIN, may_truncate=True), True),
    "everything": (
        ask(
            system="Be brief.",
            tools=(WEATHER,),
            max_tokens=100,
            temperature=0.0,
            top_p=0.9,
            seed=7,
            stop_sequences=("END", "\n\n"),
            reasoning_effort=ReasoningEffort.HIGH,
            metadata={"stays": "here"},
            extra={"options": {"top_k": 20}, "keep_alive": 0, "logprobs": True, "shift": True},
        ),
        TUNED,
        True,
    ),
    "conversation": (CONVERSATION, PLAIN, False),
    "json": (ask(response_format=ResponseFormat.JSON), PLAIN, False),
    "toml": (ask(response_format=ResponseFormat.TOML), PLAIN, False),
    "schema": (ask(response_schema=CITY), PLAIN, False),
    "no_thinking": (ask(reasoning_effort=ReasoningEffort.NONE), PLAIN, False),
}
ANSWERS = sorted(path.stem for path in (GOLDEN / "answers").glob("*.json"))


def request_text(name: str) -> str:
    """Give what the file of a request should hold."""
    request, spoken, stream = REQUESTS[name]
    return _text(json.loads(json_bytes(to_wire(request, spoken, stream=stream))))


def answer_text(name: str) -> str:
    """Give what the file of an answer should hold, from the lines in it."""
    lines = _answer(name)["lines"]
    return _text({"lines": lines, "events": [codec.dump(event) for event in events_of(lines)]})


def events_of(lines: list[Any]) -> list[Any]:
    """Make the events of lines."""
    assembler = Assembler()
    return [*(event for line in lines for event in assembler.take(line, event=None)), *assembler.finish()]


def _answer(name: str) -> Any:
    return json.loads((GOLDEN / "answers" / f"{name}.json").read_text("utf-8"))


def _text(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("name", REQUESTS)
def test_ollama_request_becomes_the_golden_body(name: str) -> None:
    """What goes over the wire does not change unnoticed."""
    written = (GOLDEN / "requests" / f"{name}.json").read_text("utf-8")

    assert request_text(name) == written, "a body changed; if that is meant: tox -e golden"


@pytest.mark.parametrize("name", ANSWERS)
def test_ollama_answer_becomes_the_golden_events(name: str) -> None:
    """What is read from the wire does not change unnoticed."""
    written = (GOLDEN / "answers" / f"{name}.json").read_text("utf-8")

    assert answer_text(name) == written, "an answer is read differently; if that is meant: tox -e golden"


@pytest.mark.parametrize("name", ANSWERS)
def test_ollama_golden_answer_is_well_formed(name: str) -> None:
    """A recorded answer ends with its only ``Finished``, whose text is that of the deltas and whose sums agree."""
    lines = _answer(name)["lines"]
    events = events_of(lines)

    finished = [event for event in events if isinstance(event, Finished)]
    assert finished == events[-1:]
    response = finished[0].response
    assert response.content == "".join(event.text for event in events if type(event).__name__ == "TextDelta")
    if response.usage is not None:
        stated = [lines[-1].get(name, 0) for name in ("prompt_eval_count", "eval_count")]
        assert [response.usage.prompt_tokens, response.usage.completion_tokens] == stated
        assert response.usage.total_tokens == sum(stated)
    if len(lines) == 1:
        assert Assembler().whole(lines[0]) == events


def test_ollama_golden_files_are_all_used() -> None:
    """No file lies there that nothing compares with."""
    assert {path.stem for path in (GOLDEN / "requests").glob("*.json")} == set(REQUESTS)
    assert len(ANSWERS) >= 6


def main() -> None:
    """Write the files."""
    for name in REQUESTS:
        (GOLDEN / "requests" / f"{name}.json").write_text(request_text(name), "utf-8")
    for name in ANSWERS:
        (GOLDEN / "answers" / f"{name}.json").write_text(answer_text(name), "utf-8")


if __name__ == "__main__":
    main()
