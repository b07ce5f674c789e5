"""What is made of answers: what cannot be an answer, and what must hold however an answer is cut."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from converge_ollama.wire.answers import Assembler
from converge_ollama.wire.listing import names_in, served_in, shown
from converge_provider import (
    ChatResponse,
    Finished,
    FinishReason,
    LlmError,
    ProviderError,
    ReasoningBlock,
    ReasoningDelta,
    ReasoningPart,
    StreamEvent,
    TextDelta,
)


def line(done: str | None = None, /, **message: Any) -> dict[str, Any]:
    """Make one line of a stream."""
    made: dict[str, Any] = {"message": {"role": "assistant", "content": "", **message}, "done": done is not None}
    return made | ({"done_reason": done} if done else {})


def read(*lines: dict[str, Any]) -> Sequence[StreamEvent]:
    """Read lines to the end."""
    assembler = Assembler()
    return [*(event for one in lines for event in assembler.take(one, event=None)), *assembler.finish()]


def response_of(*lines: dict[str, Any]) -> ChatResponse:
    """Give the answer of lines."""
    last = read(*lines)[-1]
    assert isinstance(last, Finished)
    return last.response


NAMELESS: list[Any] = [{"function": {}}]
NO_ANSWERS: list[tuple[list[dict[str, Any]], str]] = [
    ([{}], "no message that is done"),
    ([line(content="Hi")], "holds no message that is"),
    ([{"done": True}], "the answer holds no message that is done"),
    ([{"done": "yes", "message": {"content": "Hi"}}], "holds no message"),
    ([line("stop", content=3)], "the answer holds a int where a text belongs"),
    ([line("stop", thinking=["hm"])], "the answer holds a list where"),
    ([line("stop", tool_calls=NAMELESS * 1001)], "more than 1000 tools"),
]


@pytest.mark.parametrize(("lines", "words"), NO_ANSWERS, ids=[words for _, words in NO_ANSWERS])
def test_ollama_answer_that_is_none_is_an_error(lines: list[dict[str, Any]], words: str) -> None:
    """What has no end or no known shape is told, not guessed at."""
    with pytest.raises(ProviderError) as caught:
        read(*lines)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", FinishReason.STOP), ("length", FinishReason.LENGTH), ("load", None), ("new", None)],
)
def test_ollama_finish_reason_is_normalised(reason: str, expected: FinishReason | None) -> None:
    """What the server says of the end is one of the contract's reasons, or none and in the metadata."""
    response = response_of(line(reason, content="Hi"))

    assert response.finish_reason is expected
    assert response.metadata.get("done_reason") == (None if expected else reason)


def test_ollama_calls_make_the_finish_reason_tool_calls() -> None:
    """The wire says stop when it calls tools."""
    assert response_of(line("stop", tool_calls=NAMELESS)).finish_reason is FinishReason.TOOL_CALLS
    assert response_of(line("length", tool_calls=NAMELESS)).finish_reason is FinishReason.LENGTH


def test_ollama_thoughts_between_texts_stay_apart() -> None:
    """A model that thinks again has two blocks of reasoning, each told once."""
    events = read(line(thinking="a"), line(content="b"), line(thinking="c"), line("stop", content="d"))

    assert [event.text for event in events if isinstance(event, ReasoningBlock)] == ["a", "c"]
    response = response_of(line(thinking="a"), line(content="b"), line(thinking="c"), line("stop", content="d"))
    assert [part.text for part in response.parts if isinstance(part, ReasoningPart)] == ["a", "c"]
    assert response.content == "bd"


def test_ollama_characters_cut_in_two_are_put_together() -> None:
    """Halves in two lines are one character; a half without its other is told as lost, and can be sent on."""
    response = response_of(line(content="a\ud83d"), line(content="\ude42b\ud83d"), line("stop"))

    assert response.content == "a🙂b\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"prompt_eval_count": 26, "eval_count": 298}, (26, 298)),
        ({"eval_count": 4}, (0, 4)),
        ({"prompt_eval_count": 26}, (26, 0)),
        ({}, None),
        ({"prompt_eval_count": -1, "eval_count": 3}, None),
        ({"prompt_eval_count": 1.5}, None),
        ({"eval_count": "3"}, None),
        ({"eval_count": True}, None),
        ({"eval_count": 2**32}, None),
    ],
    ids=str,
)
def test_ollama_usage_is_what_the_server_counted(counts: dict[str, Any], expected: tuple[int, int] | None) -> None:
    """Counts that are left out are 0, as the server means it; what makes no sense is left out, and in the metadata."""
    response = response_of({**line("stop", content="Hi"), **counts})

    usage = response.usage_detail
    assert (None if usage is None else (usage.input_uncached, usage.output)) == expected
    if usage is not None:
        assert usage.totals() == response.usage
        assert usage.totals().total_tokens == sum(counts.values())
    assert ("eval_count" in response.metadata) is (expected is None and "eval_count" in counts)


PIECES = st.lists(st.tuples(st.sampled_from(["content", "thinking"]), st.text(min_size=1, max_size=6)), max_size=8)


@given(PIECES, st.integers(0, 3))
def test_ollama_answer_is_what_its_pieces_say(pieces: list[tuple[str, str]], calls: int) -> None:
    """Deltas add up to the answer and its reasoning, and each call is told once."""
    lines = [line(**{kind: text}) for kind, text in pieces]
    called = [line(tool_calls=[{"function": {"name": "t", "arguments": {"n": n}}}]) for n in range(calls)]
    events = read(*lines, *called, line("stop"))

    assert isinstance(events[-1], Finished)
    response = events[-1].response
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert response.content == said == "".join(text for kind, text in pieces if kind == "content")
    assert thought == "".join(text for kind, text in pieces if kind == "thinking")
    assert thought == "".join(part.text for part in response.parts if isinstance(part, ReasoningPart))
    assert len({call.id for call in response.tool_calls}) == calls


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["message", "content", "thinking", "tool_calls", "function", "name", "arguments", "id", "done",
             "done_reason", "eval_count", "prompt_eval_count", "logprobs", "created_at", "model", "models",
             "capabilities", "model_info", "general.architecture", "llama.context_length", "parameters"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip
DOCUMENTS = st.dictionaries(
    st.sampled_from(["message", "done", "done_reason", "models", "capabilities", "model_info", "parameters"]), JSON
)


@given(st.lists(DOCUMENTS, max_size=3))
def test_ollama_hostile_lines_are_an_answer_or_an_error_of_the_family(lines: list[dict[str, Any]]) -> None:
    """Whatever JSON comes, there is an answer that can be sent on, or a member of the family."""
    try:
        response = response_of(*lines)
    except LlmError:
        return
    response.content.encode()


@given(DOCUMENTS)
def test_ollama_hostile_lists_are_read_or_left(document: dict[str, Any]) -> None:
    """Whatever a server says of its models, reading it gives names and positive counts, or nothing."""
    assert all(name.strip() for name in names_in(document))
    assert all(count > 0 for count in served_in(document).values())
    model = shown(document)
    assert all(count is None or count > 0 for count in (model.trained_tokens, model.served_tokens))


def test_ollama_show_tells_what_a_model_can_do() -> None:
    """Capabilities, the context a model was made for, and the one that its parameters ask for."""
    model = shown(
        {
            "capabilities": ["completion", "tools", "thinking"],
            "parameters": 'stop                           "<|im_end|>"\nnum_ctx                        16384\n',
            "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40_960, "x.context_length": 1},
        }
    )
    old = shown({"model_info": {"llama.context_length": 8192}, "template": "..."})
    embedding = shown({"capabilities": ["embedding"]})

    assert (model.able, model.unable) == (("tool_use", "reasoning"), ("vision",))
    assert (model.trained_tokens, model.served_tokens, model.is_remote) == (40_960, 16_384, False)
    assert (old.able, old.unable, old.chats, old.trained_tokens) == ((), (), True, 8192)
    assert not embedding.chats
    assert shown({"remote_host": "https://ollama.com:443"}).is_remote
