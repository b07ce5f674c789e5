"""The policy sticky: who answered last is preferred, by what staying is worth, and never against a gate."""

from decimal import Decimal
from typing import Any

import anyio
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

import converge_policy_sticky
from converge_policy_sticky.policy import StickyOptions, sticky
from converge_provider import (
    FITNESS,
    CacheHint,
    CacheLifetime,
    ChatBackendCapabilities,
    ChatMessage,
    ChatRequest,
    Claims,
    EnabledPolicy,
    Engine,
    MemoryStore,
    PluginRegistry,
    Prices,
    StateView,
    codec,
)
from converge_provider.testing import ManualClock, ScriptedBackend, catalogue_of, choose_among, terms_of

WINDOW = ChatBackendCapabilities(context_tokens=200_000)
LONG = ChatRequest(messages=(ChatMessage.user("x" * 39_984),))
"""A request of 10 000 tokens, as they are estimated."""
MINE = StateView(key="k", assigned="a/b")
HOUR = CacheHint(lifetime=CacheLifetime.ONE_HOUR)


def backend(name: str = "a/b", *, quality: float = 0.8, **prices: Any) -> ScriptedBackend:
    """Make a backend that states some prices, or none at all."""
    claims = Claims(prices=Prices(**prices) if prices else None, honours=frozenset({"cache_hints"}))
    return ScriptedBackend(id=name, quality=quality, capabilities=WINDOW, claims=claims)


@pytest.mark.parametrize(
    ("state", "scores", "words"),
    [
        pytest.param(None, [0.0, 0.0], "the request belongs to no conversation", id="no state"),
        pytest.param(StateView(), [0.0, 0.0], "the request belongs to no conversation", id="no key"),
        pytest.param(MINE, [1.0, 0.0], "it answered this conversation last", id="mine"),
        pytest.param(
            StateView(key="k", assigned="c/d"),
            [0.0, 1.0],
            "another backend answered this conversation last",
            id="another's",
        ),
        pytest.param(
            StateView(key="k"), [0.0, 0.0], "no eligible backend has answered this conversation lately", id="nobody's"
        ),
        pytest.param(
            StateView(key="k", assigned="gone/away"),
            [0.0, 0.0],
            "no eligible backend has answered this conversation lately",
            id="of one that is not eligible",
        ),
    ],
)
def test_sticky_scores_whoever_answered_last(state: StateView | None, scores: list[float], words: str) -> None:
    """Whoever answered the conversation last scores 1, everybody else 0, and the words say what is known of it."""
    terms = terms_of(sticky, backend("a/b"), backend("c/d"), state=state)

    assert [terms[name].score for name in ("a/b", "c/d")] == scores
    assert terms["a/b"].text == words


def saving(request: ChatRequest | None = LONG, *, prices: dict[str, Any], **options: Any) -> tuple[float, str]:
    """Score staying by what it saves, and say why."""
    chosen = StickyOptions(value="prompt_cache", **options)
    (term,) = terms_of(sticky, backend(**prices), options=chosen, request=request, state=MINE).values()
    return term.score, str(term.text)


FULL, REDUCED = Decimal(3), Decimal("0.30")
BOTH: dict[str, Any] = {"input_usd_per_mtok": FULL, "cache_read_usd_per_mtok": REDUCED}
STAYS = "it answered this conversation last; "


@pytest.mark.parametrize(
    ("prices", "options", "score", "words"),
    [
        pytest.param(
            BOTH, {"reference_usd": 0.0216}, 0.5, "its cache saves about $0.0216, $0.0216 scores 0.5", id="saves"
        ),
        pytest.param(
            BOTH,
            {"reference_usd": 0.0108, "cached_share": 0.4},
            0.5,
            "its cache saves about $0.0108, $0.0108 scores 0.5",
            id="saves less",
        ),
        pytest.param(BOTH, {"min_tokens": 8_001}, 0.0, "its cache saves about $0, $0.001 scores 0.5", id="too short"),
        pytest.param(
            {"input_usd_per_mtok": FULL},
            {},
            0.0,
            "its cache saves about $0, $0.001 scores 0.5",
            id="no reduction stated",
        ),
        pytest.param(
            {"input_usd_per_mtok": REDUCED, "cache_read_usd_per_mtok": FULL},
            {},
            0.0,
            "its cache saves about $0, $0.001 scores 0.5",
            id="a cache that costs more",
        ),
        pytest.param({}, {}, 0.5, "nobody has stated what its cache saves", id="no prices"),
        pytest.param(
            {}, {"unknown": 0.25}, 0.25, "nobody has stated what its cache saves", id="no prices, said otherwise"
        ),
    ],
)
def test_sticky_counts_the_money_that_a_cache_saves(
    prices: dict[str, Any], options: dict[str, Any], score: float, words: str
) -> None:
    """Staying is worth the difference between reading the prefix and reading it from the cache."""
    found, said = saving(prices=prices, **options)

    assert found == pytest.approx(score)
    assert said == STAYS + words


@pytest.mark.parametrize(
    ("age_s", "hints", "options", "score", "words"),
    [
        pytest.param(None, [], {}, 0.5, "; its cache saves about $0.0216, $0.0216 scores 0.5", id="unknown"),
        pytest.param(299.9, [], {}, 0.5, "; its cache saves about $0.0216, $0.0216 scores 0.5", id="in time"),
        pytest.param(300.0, [], {}, 0.0, ", 300 s ago; its cache holds for 300 s", id="over"),
        pytest.param(300.0, [CacheHint()], {}, 0.0, ", 300 s ago; its cache holds for 300 s", id="minutes"),
        pytest.param(3_599.0, [HOUR], {}, 0.5, "; its cache saves about $0.0216, $0.0216 scores 0.5", id="an hour"),
        pytest.param(3_600.0, [HOUR], {}, 0.0, ", 3600 s ago; its cache holds for 3600 s", id="an hour is over"),
        pytest.param(
            900.0,
            [],
            {"cache_lasts_s": 1_000.0},
            0.5,
            "; its cache saves about $0.0216, $0.0216 scores 0.5",
            id="said otherwise",
        ),
        pytest.param(
            5_000.0,
            [HOUR],
            {"cache_lasts_s": 9_000.0},
            0.5,
            "; its cache saves about $0.0216, $0.0216 scores 0.5",
            id="longer than an hour",
        ),
    ],
)
def test_sticky_counts_a_cache_for_as_long_as_it_holds(
    age_s: float | None, hints: list[CacheHint], options: dict[str, Any], score: float, words: str
) -> None:
    """What was cached too long ago saves nothing; who asks for an hour's cache has one."""
    state = evolve(MINE, assigned_age_s=age_s)
    chosen = StickyOptions(value="prompt_cache", reference_usd=0.0216, **options)
    request = evolve(LONG, cache_hints=hints)
    (term,) = terms_of(sticky, backend(**BOTH), options=chosen, request=request, state=state).values()

    assert term.score == pytest.approx(score)
    assert term.text == f"it answered this conversation last{words}"


def test_sticky_conversation_counts_whatever_its_age() -> None:
    """That a cache is over says nothing where the cache is not what staying is for."""
    (term,) = terms_of(sticky, backend(), state=evolve(MINE, assigned_age_s=3_000.0)).values()

    assert term.score == 1.0


def test_sticky_saves_nothing_for_whoever_did_not_answer() -> None:
    """Another backend's cache holds nothing of this conversation, however cheap it is."""
    terms = terms_of(
        sticky,
        backend("a/b", **BOTH),
        backend("c/d", **BOTH),
        options=StickyOptions(value="prompt_cache"),
        request=LONG,
        state=MINE,
    )

    assert terms["c/d"].score == 0.0
    assert terms["c/d"].text == "another backend answered this conversation last"


@settings(derandomize=True, database=None, deadline=None)
@given(
    full=st.decimals(1, 100, places=2),
    reduced=st.decimals(0, "0.99", places=2),
    share=st.floats(0.2, 1),
    reference=st.floats(1e-6, 1e3),
)
def test_sticky_rises_with_what_is_saved(full: Decimal, reduced: Decimal, share: float, reference: float) -> None:
    """A larger share in the cache, or a cheaper cache, never makes staying worth less."""

    def worth(cached_share: float, read: Decimal) -> float:
        prices = {"input_usd_per_mtok": full, "cache_read_usd_per_mtok": read}
        return saving(prices=prices, reference_usd=reference, cached_share=cached_share)[0]

    assert 0.0 <= worth(share, reduced) <= worth(1.0, reduced) <= worth(1.0, Decimal(0)) <= 1.0


@pytest.mark.parametrize("weight", [1.0, 1e9])
def test_sticky_never_overrides_a_gate(weight: float) -> None:
    """A conversation's backend that cannot do what is asked is not chosen, whatever the weight."""
    small = ScriptedBackend(id="a/b", capabilities=ChatBackendCapabilities(context_tokens=1_000))
    policies = (FITNESS, EnabledPolicy(sticky, weight))
    decision = choose_among(catalogue_of(small, backend("c/d")), policies=policies, request=LONG, state=MINE)

    assert decision.chosen == "c/d"
    assert [reason.gate for reason in decision.rejected[0].reasons] == ["context"]


def test_sticky_conversation_stays_and_its_assignment_expires() -> None:
    """An engine stays with the backend that answered, also when a better one comes, until nobody has asked for long."""
    clock = ManualClock()
    good, better = (
        ScriptedBackend(*["Hello"] * 4, id=name, quality=quality, clock=clock)
        for name, quality in (("a/b", 0.5), ("c/d", 0.9))
    )
    asked = ChatRequest(messages=(ChatMessage.user("Hi"),), metadata={"conversation": "7"})
    policies = (FITNESS, EnabledPolicy(sticky))
    store = MemoryStore(key_lasting_s=600.0)

    async def ask(*backends: ScriptedBackend, wait_s: float = 0.0) -> str:
        clock.advance(wait_s)
        async with Engine(catalogue_of(*backends), policies=policies, clock=clock, store=store) as engine:
            return (await engine.chat(asked)).backend

    async def converse() -> list[str]:
        return [
            await ask(good),
            await ask(good, better),
            await ask(good, better, wait_s=599),
            await ask(good, better, wait_s=601),
        ]

    assert anyio.run(converse) == ["a/b", "a/b", "a/b", "c/d"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("value", "habit"),
        ("reference_usd", 0),
        ("cached_share", 2),
        ("min_tokens", -1),
        ("cache_lasts_s", 0),
        ("unknown", -0.1),
    ],
)
def test_sticky_refuses_an_option_that_makes_no_sense(option: str, value: object) -> None:
    """An option out of range or vocabulary is refused in one line that names it."""
    with pytest.raises(codec.DocumentError, match=option) as refused:
        codec.load(StickyOptions, {option: value})

    assert "\n" not in str(refused.value)


def test_sticky_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_sticky).policies == {"sticky": sticky}
