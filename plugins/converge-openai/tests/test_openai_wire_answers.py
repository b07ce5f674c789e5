"""Answers of this wire: what is an error, what is not, and that streaming makes no difference."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from converge_openai.wire.answers import Assembler
from converge_openai.wire.listing import models_from_wire
from converge_openai.wire.tags import ThinkTags
from converge_openai.wire.usage import usage_from_wire
from converge_provider import (
    ChatResponse,
    ContentFiltered,
    Finished,
    FinishReason,
    Prices,
    ProviderError,
    ReasoningBlock,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    UsageDetail,
)
from converge_provider.http import SseParser, as_object


def whole(message: Any, reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    """Give a whole answer."""
    return {"id": "c1", "model": "m1", "choices": [{"index": 0, "message": message, "finish_reason": reason}], **more}


def answered(body: Any) -> ChatResponse:
    """Read a whole answer."""
    last = Assembler().whole(body)[-1]
    assert isinstance(last, Finished)
    return last.response


@pytest.mark.parametrize(
    ("body", "error", "text"),
    [
        ({}, ProviderError, "the answer holds no choice"),
        ({"choices": []}, ProviderError, "the answer holds no choice"),
        ({"choices": None}, ProviderError, "the answer holds no choice"),
        (whole({"content": None, "refusal": "I must not."}), ContentFiltered, "I must not."),
        (whole({"content": ""}, "error"), ProviderError, "broke the answer off: error"),
        (whole({"content": "x"}, "insufficient_system_resource"), ProviderError, "broke the answer off"),
        (whole({"content": 7}), ProviderError, "a part of the unknown type None"),
        (whole({"content": [{"type": "hologram"}]}), ProviderError, "the unknown type 'hologram'"),
        (whole({"content": [{"type": "text", "text": 7}]}), ProviderError, "a int where a text belongs"),
        (whole({"reasoning_content": {"a": 1}}), ProviderError, "a dict where a text belongs"),
        (whole({"tool_calls": [{"function": {"name": "x"}}] * 1001}), ProviderError, "calls more than 1000 tools"),
    ],
    ids=["empty", "no-choices", "null", "refusal", "error", "resources", "number", "part", "text", "reasoning", "many"],
)
def test_answer_that_is_none_is_an_error(body: Any, error: type[Exception], text: str) -> None:
    """An answer that says nothing, was broken off, or has an unknown shape is an error, never an empty success."""
    with pytest.raises(error, match=text):
        answered(body)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", FinishReason.STOP),
        ("eos", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("model_length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("tool_calls", FinishReason.TOOL_CALLS),
        ("function_call", FinishReason.TOOL_CALLS),
        (None, None),
        ("bored", None),
    ],
    ids=str,
)
def test_finish_reason_is_normalised_and_an_unknown_one_kept(reason: str | None, expected: FinishReason | None) -> None:
    """Every vendor's word becomes the contract's; a word that nobody knows is none, and stands in the metadata."""
    response = answered(whole({"content": "x"}, reason))

    assert response.finish_reason is expected
    assert response.metadata.get("finish_reason") == ("bored" if reason == "bored" else None)


def test_content_null_with_nothing_else_is_an_empty_answer() -> None:
    """A model may say nothing."""
    assert not answered(whole({"role": "assistant", "content": None})).content


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 0, 0, 5, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}, (6, 4, 0, 5, 0)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 15,
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            (10, 0, 0, 2, 3),
        ),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "total_tokens": 22,
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            (10, 0, 0, 5, 7),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 6}, (4, 6, 0, 5, 0)),
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
            },
            (5, 2, 3, 5, 0),
        ),
        ({"prompt_tokens": 10.0, "completion_tokens": None, "prompt_tokens_details": None}, (10, 0, 0, 0, 0)),
    ],
    ids=["plain", "cached", "reasoning-within", "reasoning-beside", "deepseek", "openrouter", "lenient"],
)
def test_usage_becomes_disjoint_buckets(usage: dict[str, Any], expected: tuple[int, ...]) -> None:
    """Whatever a vendor's counts contain, no token is in two buckets, and the buckets add up to the vendor's sums."""
    found = usage_from_wire(usage)

    assert found is not None
    assert (found.input_uncached, found.cache_read, found.cache_write, found.output, found.reasoning) == expected
    assert found.totals().prompt_tokens == usage["prompt_tokens"]
    assert found.totals().total_tokens == usage.get("total_tokens", found.totals().total_tokens)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": "10", "completion_tokens": 5},
        {"prompt_tokens": True, "completion_tokens": 5},
        {"prompt_tokens": 1.5, "completion_tokens": 5},
        {"prompt_tokens": 2**40, "completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}},
        {"prompt_tokens": 1, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}},
    ],
    ids=str,
)
def test_usage_that_makes_no_sense_is_none(usage: dict[str, Any]) -> None:
    """Numbers that cannot be are no usage; the answer is not lost for them, and they stand in the metadata."""
    response = answered(whole({"content": "x"}, usage=usage))

    assert response.usage is None
    assert response.usage_detail is None
    assert json.loads(response.metadata["usage"]) == usage


_TEXT = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
_ARGUMENTS = st.dictionaries(_TEXT, st.integers() | _TEXT, max_size=3)


@settings(derandomize=True, deadline=None)
@given(
    _TEXT,
    _TEXT,
    st.lists(_ARGUMENTS, max_size=3),
    st.lists(st.integers(1, 9), min_size=1, max_size=20),
    st.lists(st.integers(0, 10_000), max_size=40),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_streaming_makes_no_difference(
    text: str, reasoning: str, calls: list[dict[str, Any]], sizes: list[int], cuts: list[int], end: bytes
) -> None:
    """However an answer is cut into chunks, and the chunks into bytes, the response is that of the whole answer."""
    tools = [
        {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": f"t{i}", "arguments": json.dumps(one)}}
        for i, one in enumerate(calls)
    ]
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    expected = answered(
        whole({"content": text or None, "reasoning_content": reasoning, "tool_calls": tools}, "stop", usage=usage)
    )

    response, deltas = _streamed(text, reasoning, tools, sizes, cuts, end, usage)

    assert response == expected
    assert deltas == text


def _streamed(
    text: str,
    reasoning: str,
    tools: list[dict[str, Any]],
    sizes: list[int],
    cuts: list[int],
    end: bytes,
    usage: dict[str, int],
) -> tuple[ChatResponse, str]:
    """Send an answer in chunks of the given sizes, and the bytes cut at the given places."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    deltas += [{"reasoning_content": piece} for piece in _pieces(reasoning, sizes)]
    deltas += [{"content": piece} for piece in _pieces(text, sizes)]
    for tool in tools:
        head, *rest = _pieces(tool["function"]["arguments"], sizes)
        deltas.append({"tool_calls": [{**tool, "function": {**tool["function"], "arguments": head}}]})
        deltas += [{"tool_calls": [{"index": tool["index"], "function": {"arguments": piece}}]} for piece in rest]
    chunks: list[dict[str, Any]] = [
        {"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in deltas
    ]
    chunks.append({"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({"id": "c1", "model": "m1", "choices": [], "usage": usage})
    data = b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + end + end for one in chunks)
    parser, assembler = SseParser(), Assembler()
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    events = [
        made
        for start, stop in pairwise(places)
        for event in parser.feed(data[start:stop])
        for made in assembler.take(json.loads(event.data))
    ]
    last = assembler.finish()[-1]
    assert isinstance(last, Finished)
    return last.response, "".join(event.text for event in events if isinstance(event, TextDelta))


def _pieces(text: str, sizes: list[int]) -> list[str]:
    """Cut a text into pieces of the given sizes, over and over."""
    pieces: list[str] = []
    place = 0
    while text:
        size = sizes[place % len(sizes)]
        pieces.append(text[:size])
        text = text[size:]
        place += 1
    return pieces


_KEYS = [
    "choices",
    "delta",
    "message",
    "content",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "usage",
    "finish_reason",
    "index",
    "id",
    "type",
    "text",
    "annotations",
    "prompt_tokens",
    "reasoning",
    "refusal",
    "logprobs",
    "citations",
]
_RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=25,
)


@settings(derandomize=True, deadline=None)
@given(_RUBBISH)
def test_assembler_is_total(chunk: Any) -> None:
    """Whatever a server sends in place of a chunk, the outcome is events or one of the family's errors."""
    assembler = Assembler()
    try:
        for _ in range(2):
            assembler.take(as_object(chunk) or {"choices": [{"delta": chunk}]})
        events = assembler.finish()
    except (ProviderError, ContentFiltered):
        return

    assert isinstance(events[-1], Finished)


def test_argument_deltas_add_up_to_the_call() -> None:
    """The pieces of a call's arguments are handed on as they come, also those that came before its name."""
    assembler = Assembler()
    events = [
        event
        for function in ({"arguments": '{"a"'}, {"name": "t"}, {"arguments": ":1}"})
        for event in assembler.take(
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "x", "function": function}]}}]}
        )
    ]
    finished = assembler.finish()[-1]

    assert isinstance(finished, Finished)
    assert "".join(event.arguments for event in events if isinstance(event, ToolCallDelta)) == '{"a":1}'
    assert finished.response.tool_calls[0].arguments == '{"a":1}'


def test_model_list_states_what_each_service_states() -> None:
    """Ids, windows, prices and abilities are read from every known form of the list; nonsense is left out."""
    listed = models_from_wire(
        {
            "data": [
                {"id": "plain"},
                {"id": "vllm", "max_model_len": 2048},
                {"id": "llamacpp", "meta": {"n_ctx": 4096, "n_ctx_train": 8192}},
                {
                    "id": "router",
                    "context_length": 128_000,
                    "top_provider": {"context_length": 64_000, "max_completion_tokens": 4096},
                    "pricing": {"prompt": "0.0000015", "completion": "0.000006", "input_cache_read": "-1"},
                    "supported_parameters": ["tools", "structured_outputs"],
                    "architecture": {"input_modalities": ["text", "image"]},
                },
                {"id": "varies", "pricing": {"prompt": "-1", "completion": "-1"}, "context_length": "many"},
                {"id": " "},
                {"name": "no id"},
                "rubbish",
                {"id": "plain"},
            ]
        }
    )

    assert [model.id for model in listed] == ["plain", "vllm", "llamacpp", "router", "varies"]
    assert [model.context_tokens for model in listed] == [None, 2048, 4096, 128_000, None]
    router = listed[3]
    assert router.prices is not None
    assert (router.prices.input_usd_per_mtok, router.prices.output_usd_per_mtok) == (Decimal("1.5"), Decimal(6))
    assert (router.tool_use, router.structured_output, router.reasoning, router.vision) == (True, True, False, True)
    assert router.max_output_tokens == 4096
    assert listed[4].prices is None


def test_model_list_states_the_price_of_each_kind_of_token() -> None:
    """OpenRouter states prices per token under names of its own, each of which is one of ours."""
    pricing = {
        "prompt": "0.000001", "completion": "0.000002", "input_cache_read": "0.000003", "input_cache_write": "0.000004",
        "input_cache_write_1h": "0.000005", "audio": "0.000006", "input_audio_cache": "0.000007",
        "audio_output": "0.000008",
    }  # fmt: skip
    (listed,) = models_from_wire({"data": [{"id": "sound", "pricing": pricing}]})

    assert listed.prices == Prices(
        input_usd_per_mtok=Decimal(1),
        output_usd_per_mtok=Decimal(2),
        cache_read_usd_per_mtok=Decimal(3),
        cache_write_usd_per_mtok=Decimal(4),
        cache_write_1h_usd_per_mtok=Decimal(5),
        input_audio_usd_per_mtok=Decimal(6),
        cache_read_audio_usd_per_mtok=Decimal(7),
        output_audio_usd_per_mtok=Decimal(8),
    )


def test_model_list_may_be_bare() -> None:
    """A list without its envelope, and a single model, are read as well."""
    assert [model.id for model in models_from_wire([{"id": "a"}])] == ["a"]
    assert [model.id for model in models_from_wire({"id": "a"})] == ["a"]
    assert models_from_wire({"data": None}) == []
    assert [model.id for model in models_from_wire({"models": [{"id": "palmyra-x5", "name": "Palmyra X5"}]})] == [
        "palmyra-x5"
    ]


def test_models_of_another_kind_are_left_out() -> None:
    """A list with pictures, voices and embeddings in it gives the models that chat, with what it says they can do."""
    listed = models_from_wire(
        [
            {"id": "flux", "type": "image"},
            {"id": "e5", "type": "embedding"},
            {"id": "voxtral", "capabilities": {"completion_chat": False}},
            {"id": "large", "capabilities": {"completion_chat": True, "function_calling": True, "vision": False}},
            {"id": "k2", "type": "chat", "supports_reasoning": True, "supports_image_in": True, "context_window": 9},
        ]
    )

    assert [(one.id, one.tool_use, one.vision, one.reasoning, one.context_tokens) for one in listed] == [
        ("large", True, False, None, None),
        ("k2", None, True, True, 9),
    ]


def test_usage_buckets_are_the_contracts() -> None:
    """An answer's three numbers are the sums of its buckets."""
    response = answered(whole({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 99}))

    assert response.usage_detail == UsageDetail(input_uncached=3, output=4)
    assert response.usage is not None
    assert response.usage.total_tokens == 7


@pytest.mark.parametrize(
    ("pieces", "texts"),
    [
        (("a\ud83d", "\ude42b"), ["a", "🙂b"]),
        (("\ud83d", "\ude42"), ["🙂"]),
        (("a\ud83d",), ["a", "\ufffd"]),
        (("a\ud83db",), ["a\ufffdb"]),
        (("\ude42",), ["\ufffd"]),
    ],
    ids=["across", "alone", "end", "middle", "second"],
)
def test_halves_of_a_character_are_put_together(pieces: tuple[str, ...], texts: list[str]) -> None:
    """A character that a server cut into two escapes comes out whole; a half that stays alone is shown as lost."""
    assembler = Assembler()
    events = [
        event for piece in pieces for event in assembler.take({"choices": [{"index": 0, "delta": {"content": piece}}]})
    ]
    events += assembler.finish()

    assert [event.text for event in events if isinstance(event, TextDelta)] == texts
    assert isinstance(events[-1], Finished)
    assert events[-1].response.content == "".join(texts)
    assert events[-1].response.content.encode()


def test_further_choices_are_not_mixed_in() -> None:
    """A server that sends several choices is read for the first one only."""
    choices = [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]
    assembler = Assembler()
    assembler.take({"choices": choices})
    assembler.take({"choices": choices[:1]})
    last = assembler.finish()[-1]

    assert isinstance(last, Finished)
    assert last.response.content == "A"


def test_half_of_a_character_is_shown_before_what_follows_it() -> None:
    """A half that stays alone is shown where it stood, so that the pieces still add up to the text."""
    deltas = [{"content": "a\ud83d"}, {"reasoning": "hm\ud83d"}, {"content": "b"}]
    assembler = Assembler()
    events = [event for delta in deltas for event in assembler.take({"choices": [{"index": 0, "delta": delta}]})]
    last = assembler.finish()[-1]

    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "\ufffd", "b"]
    assert [event.text for event in events if isinstance(event, ReasoningBlock)] == ["hm\ufffd"]
    assert isinstance(last, Finished)
    assert last.response.content == "a\ufffdb"
    assert [part.text for part in last.response.parts if isinstance(part, TextPart | ReasoningPart)] == [
        "a\ufffd",
        "hm\ufffd",
        "b",
    ]


@settings(derandomize=True, deadline=None)
@given(
    st.text(alphabet="<>/think \n.a", max_size=30),
    st.sampled_from(["", "<think>", " \n<think>"]),
    st.sampled_from(["", "</think>"]),
    st.text(alphabet="<>/think \n.b", max_size=30),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_think_tags_tell_the_same_however_the_text_is_cut(
    thought: str, opened: str, closed: str, said: str, cuts: list[int]
) -> None:
    """Where the pieces are cut makes no difference, nothing but tags and blanks is lost, and text alone is text."""
    text = f"{opened}{thought}{closed}{said}"
    places = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})

    def told(pieces: list[str]) -> tuple[str, str]:
        tags = ThinkTags()
        found = [*(one for piece in pieces for one in tags.feed(piece)), *tags.rest()]
        return "".join(text for is_thought, text in found if is_thought), "".join(
            text for is_thought, text in found if not is_thought
        )

    whole = told([text])

    assert told([text[start:stop] for start, stop in pairwise(places)]) == whole
    kept = "".join("".join(whole).split())
    assert len(kept) >= len("".join(text.split())) - len("<think></think>")
    if not text.lstrip().startswith("<think>") and text.strip():
        assert whole == ("", text)
