"""Usage of every vendor as it comes, the buckets that it becomes, and that they add up to what the vendor says."""

from typing import Any

import pytest
from attrs import asdict
from hypothesis import given, settings, strategies as st

from converge_openai.wire.usage import usage_from_wire, usage_in
from converge_provider import UsageDetail

Vector = tuple[dict[str, Any], UsageDetail]


def counts(prompt: int, completion: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    """Give usage as everybody states it."""
    whole = prompt + completion if total is None else total
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": whole, **more}


def cached(tokens: int, **more: Any) -> dict[str, Any]:
    """Give the details of a prompt of which some was cached."""
    return {"prompt_tokens_details": {"cached_tokens": tokens, **more}}


def thought(tokens: int, **more: Any) -> dict[str, Any]:
    """Give the details of a completion of which some was reasoning."""
    return {"completion_tokens_details": {"reasoning_tokens": tokens, **more}}


VECTORS: dict[str, Vector] = {
    "openai": (
        counts(2006, 300, **cached(1920), **thought(192)),
        UsageDetail(input_uncached=86, cache_read=1920, output=108, reasoning=192),
    ),
    "azure_openai": (counts(19, 10, **cached(0), **thought(0)), UsageDetail(input_uncached=19, output=10)),
    "openrouter": (
        counts(194, 2, **cached(100, cache_write_tokens=90), **thought(0), cost=0.95),
        UsageDetail(input_uncached=4, cache_read=100, cache_write=90, output=2),
    ),
    "venice": (counts(612, 12, prompt_tokens_details=None), UsageDetail(input_uncached=612, output=12)),
    "vllm": (
        counts(34, 48, prompt_tokens_details={"cached_tokens": 32}),
        UsageDetail(input_uncached=2, cache_read=32, output=48),
    ),
    "llamacpp": (counts(36, 24), UsageDetail(input_uncached=36, output=24)),
    "lmstudio": (counts(30, 20, **thought(15)), UsageDetail(input_uncached=30, output=5, reasoning=15)),
    "ollama": (counts(26, 298), UsageDetail(input_uncached=26, output=298)),
    "groq": (
        counts(18, 556, queue_time=0.04, total_time=0.47, **cached(0), **thought(100)),
        UsageDetail(input_uncached=18, output=456, reasoning=100),
    ),
    "together": (counts(24, 50, cached_tokens=16), UsageDetail(input_uncached=8, cache_read=16, output=50)),
    "fireworks": (counts(40, 60, **cached(32)), UsageDetail(input_uncached=8, cache_read=32, output=60)),
    "deepseek": (
        counts(500, 90, prompt_cache_hit_tokens=448, prompt_cache_miss_tokens=52, **thought(70)),
        UsageDetail(input_uncached=52, cache_read=448, output=20, reasoning=70),
    ),
    "mistral": (counts(16, 34, num_cached_tokens=8), UsageDetail(input_uncached=8, cache_read=8, output=34)),
    "kimi": (counts(8, 11, cached_tokens=4), UsageDetail(input_uncached=4, cache_read=4, output=11)),
    "qwen": (
        counts(22, 700, **cached(0), completion_tokens_details={"reasoning_tokens": 600, "text_tokens": 100}),
        UsageDetail(input_uncached=22, output=100, reasoning=600),
    ),
    "perplexity": (
        counts(33, 7029, citation_tokens=20016, num_search_queries=18, reasoning_tokens=5000),
        UsageDetail(input_uncached=33, output=2029, reasoning=5000),
    ),
    "grok": (
        counts(12, 1, 399, **cached(4), **thought(386)),
        UsageDetail(input_uncached=8, cache_read=4, output=1, reasoning=386),
    ),
    "grok_with_a_long_prompt": (
        counts(10120, 1499, 14428, **cached(128), **thought(2809)),
        UsageDetail(input_uncached=9992, cache_read=128, output=1499, reasoning=2809),
    ),
    "minimax": (
        counts(249, 26, total_characters=0, **thought(20)),
        UsageDetail(input_uncached=249, output=6, reasoning=20),
    ),
    "writer": (
        counts(40, 300, prompt_token_details={"cached_tokens": 10}, completion_token_details={"reasoning_tokens": 5}),
        UsageDetail(input_uncached=30, cache_read=10, output=295, reasoning=5),
    ),
    "zhipu": (counts(8, 262, **cached(2)), UsageDetail(input_uncached=6, cache_read=2, output=262)),
    "cerebras": (counts(300, 90, **cached(256)), UsageDetail(input_uncached=44, cache_read=256, output=90)),
    "nvidia": (counts(19, 74, prompt_tokens_details=None), UsageDetail(input_uncached=19, output=74)),
    "litellm": (
        counts(3134, 550, **cached(100, cache_creation_tokens=3000), cache_creation_input_tokens=3000),
        UsageDetail(input_uncached=34, cache_read=100, cache_write=3000, output=550),
    ),
    "litellm_for_an_hour": (
        counts(
            3134,
            550,
            **cached(
                100,
                cache_creation_tokens=3000,
                cache_creation_token_details={"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 2000},
            ),
        ),
        UsageDetail(input_uncached=34, cache_read=100, cache_write=1000, cache_write_1h=2000, output=550),
    ),
    "openai_sound": (
        counts(120, 300, **cached(0, audio_tokens=90), **thought(0, audio_tokens=220)),
        UsageDetail(input_uncached=30, input_audio=90, output=80, output_audio=220),
    ),
    "openai_sound_that_was_cached": (
        counts(200, 30, **cached(100, audio_tokens=90, cached_tokens_details={"audio_tokens": 60})),
        UsageDetail(input_uncached=70, input_audio=30, cache_read=40, cache_read_audio=60, output=30),
    ),
    "sound_that_must_have_been_cached": (
        counts(200, 30, **cached(150, audio_tokens=90)),
        UsageDetail(input_audio=50, cache_read=110, cache_read_audio=40, output=30),
    ),
    "qwen_sound": (
        counts(
            60,
            90,
            prompt_tokens_details={"audio_tokens": 40, "text_tokens": 20},
            completion_tokens_details={"audio_tokens": 70, "text_tokens": 20},
        ),
        UsageDetail(input_uncached=20, input_audio=40, output=20, output_audio=70),
    ),
}


@pytest.mark.parametrize(("usage", "expected"), VECTORS.values(), ids=VECTORS)
def test_usage_becomes_disjoint_buckets_that_add_up(usage: dict[str, Any], expected: UsageDetail) -> None:
    """Whatever contains whatever, no token is counted twice, and the sum is the vendor's own total."""
    found = usage_from_wire(usage)

    assert found == expected
    assert found is not None
    assert found.totals().total_tokens == usage["total_tokens"]
    assert found.totals().prompt_tokens == usage["prompt_tokens"]


@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"total_tokens": 63},
        counts(-1, 5),
        counts(5, 5, **cached(6)),
        counts(5, 5, **thought(6)),
        counts(5, 5, **cached(0, audio_tokens=6)),
        counts(5, 5, **thought(3, audio_tokens=3)),
        counts(5, 5, **cached(2, audio_tokens=3, cached_tokens_details={"audio_tokens": 3})),
        counts(5, 5, **cached(0, cache_write_tokens=2, cache_creation_token_details={"ephemeral_1h_input_tokens": 3})),
        {"prompt_tokens": "5", "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        counts(2**33, 1),
    ],
    ids=["none", "total-only", "negative", "cached", "reasoning", "sound", "sound-said", "sound-cached", "hour", "text",
         "fraction", "bool", "huge"],
)  # fmt: skip
def test_usage_that_makes_no_sense_is_none(usage: dict[str, Any]) -> None:
    """Numbers that cannot be true are not handed on as if they were."""
    assert usage_from_wire(usage) is None


COUNT: "st.SearchStrategy[Any]" = st.one_of(
    st.integers(0, 40),
    st.integers(),
    st.sampled_from([None, True, "7", 2.5, 7.0, 2**32, [], {"a": 1}]),
    st.text(max_size=2),
)


def usages(whole: "st.SearchStrategy[Any]", part: "st.SearchStrategy[Any]") -> "st.SearchStrategy[dict[str, Any]]":
    """Draw usage whose counts are drawn so."""
    parts = st.fixed_dictionaries(
        {},
        optional={
            "cached_tokens": part,
            "audio_tokens": part,
            "reasoning_tokens": part,
            "cache_write_tokens": part,
            "cached_tokens_details": part | st.fixed_dictionaries({"audio_tokens": part}),
            "cache_creation_token_details": part | st.fixed_dictionaries({"ephemeral_1h_input_tokens": part}),
        },
    )
    named = {"total_tokens": whole, "cached_tokens": part, "reasoning_tokens": part}
    detailed = {"prompt_tokens_details": parts | part, "completion_tokens_details": parts | part}
    return st.fixed_dictionaries({"prompt_tokens": whole, "completion_tokens": whole}, optional=named | detailed)


@settings(derandomize=True, database=None, max_examples=500)
@given(usages(st.integers(0, 99), st.integers(0, 9)) | usages(COUNT, COUNT))
def test_usage_adds_up_whatever_comes(usage: dict[str, Any]) -> None:
    """No bucket is negative, and together they are what the vendor counts, or there are none."""
    found = usage_from_wire(usage)

    if found is not None:
        totals, beside = found.totals(), {0, found.reasoning}
        assert min(asdict(found).values()) >= 0
        assert totals.prompt_tokens == (usage["prompt_tokens"] or 0)
        assert totals.completion_tokens - (usage["completion_tokens"] or 0) in beside


@pytest.mark.parametrize(
    "chunk",
    [
        {"usage": {"prompt_tokens": 1}},
        {"usage": None, "x_groq": {"id": "r", "usage": {"prompt_tokens": 1}}},
        {"choices": [{"delta": {}, "usage": {"prompt_tokens": 1}}]},
    ],
    ids=["beside", "groq", "kimi"],
)
def test_usage_is_found_wherever_it_stands(chunk: dict[str, Any]) -> None:
    """Most state it beside the choices, Groq in a field of its own, Kimi in the choice."""
    assert usage_in(chunk) == {"prompt_tokens": 1}
    assert usage_in({"choices": [{}], "x_groq": {}}) == {}
