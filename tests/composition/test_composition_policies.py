"""Several policies together, by weight and in tiers, in a real engine whose state grows as backends answer."""

import json
from collections.abc import Sequence
from decimal import Decimal
from random import Random

import anyio
import pytest

import converge_policy_balance
import converge_policy_canary
import converge_policy_cost
import converge_policy_fuzzy
import converge_policy_latency
import converge_policy_local_first
import converge_policy_quality
import converge_policy_sticky
from converge_provider import (
    Catalogue,
    ChatMessage,
    ChatRequest,
    Claims,
    Decision,
    EnabledPolicy,
    Engine,
    PluginRegistry,
    PolicyChoice,
    Prices,
    RateLimited,
    TaskQuality,
    codec,
)
from converge_provider.selection import enable
from converge_provider.selection.replaying import replay
from converge_provider.testing import ManualClock, ScriptedBackend, Turn, catalogue_of

pytestmark = pytest.mark.anyio

INSTALLED = PluginRegistry.of(
    converge_policy_balance,
    converge_policy_canary,
    converge_policy_cost,
    converge_policy_fuzzy,
    converge_policy_latency,
    converge_policy_local_first,
    converge_policy_quality,
    converge_policy_sticky,
).policies
THREE = (
    PolicyChoice(name="cost", weight=1.0),
    PolicyChoice(name="latency", weight=1.0, options={"declared_samples": 1, "explore": 0}),
    PolicyChoice(name="sticky", weight=2.0),
)
EVERYTHING = (
    PolicyChoice(name="fitness"),
    PolicyChoice(name="canary", weight=10.0, options={"shares": {"acme/new": 0.5}}),
    PolicyChoice(name="cost", weight=0.5, options={"cached_share": 0.25}),
    PolicyChoice(name="fuzzy", weight=0.5, options={"degree": 0.2}),
    PolicyChoice(name="latency", weight=0.5),
    PolicyChoice(name="local-first", weight=0.5),
    PolicyChoice(name="quality", weight=0.5, options={"task": "coding"}),
    PolicyChoice(name="sticky", weight=0.5, epsilon=0.5),
    PolicyChoice(name="balance", tier=1, options={"mode": "least_busy"}),
)


def priced(name: str, *script: Turn, usd: str, clock: ManualClock, quality: float = 0.8) -> ScriptedBackend:
    """Make a backend that declares half a second and asks a price per million tokens, in and out."""
    prices = Prices(input_usd_per_mtok=Decimal(usd), output_usd_per_mtok=Decimal(usd))
    claims = Claims(prices=prices, qualities=(TaskQuality(task="coding", score=quality),))
    return ScriptedBackend(*script, id=name, clock=clock, typical_latency_ms=500, quality=quality, claims=claims)


def policies(*choices: PolicyChoice) -> Sequence[EnabledPolicy]:
    """Enable as a configuration does."""
    return enable(choices, INSTALLED)


def of(conversation: str) -> ChatRequest:
    """Ask within a conversation."""
    return ChatRequest(messages=(ChatMessage.user("How many beds are free?"),), metadata={"conversation": conversation})


def replayed(decision: Decision, catalogue: Catalogue) -> object:
    """Write a decision down as text, read it, and decide again from it alone."""
    recorded = codec.load(Decision, json.loads(json.dumps(codec.dump(decision))))
    return codec.dump(replay(recorded, catalogue, INSTALLED))


async def test_policies_weigh_money_against_measured_time_and_stay_in_a_conversation() -> None:
    """A cheap backend that turns out slow loses what is new to a quicker one, and keeps the conversation it has."""
    clock = ManualClock(autojump=True)
    slow: tuple[Turn, ...] = ((9.0, "Four."),) * 4
    cheap = priced("acme/cheap", *slow, usd="0.10", clock=clock)
    quick = priced("acme/quick", *((0.5, "Four."),) * 4, usd="4", clock=clock)
    catalogue = catalogue_of(cheap, quick)

    async with Engine(catalogue, policies=policies(*THREE), clock=clock, random=Random(7)) as engine:
        first = await engine.chat(of("one"))
        new = await engine.chat(of("two"))
        again = await engine.chat(of("one"))
        replies = [first, new, again]

    assert [reply.backend for reply in replies] == ["acme/cheap", "acme/quick", "acme/cheap"]
    texts = {term.policy: term.text for term in again.decision.ranking[0].terms}
    assert texts["sticky"] == "it answered this conversation last"
    assert str(texts["latency"]).startswith("about 4.75 s: measured 9 s over 1 answer, declared 0.5 s")
    assert [replayed(reply.decision, catalogue) for reply in replies] == [
        codec.dump(reply.decision) for reply in replies
    ]


async def test_conversation_moves_on_when_its_backend_fails_and_stays_where_it_went() -> None:
    """A conversation whose backend is rate limited is answered by another one, which then has it."""
    clock = ManualClock(autojump=True)
    one = priced("acme/one", "Four.", RateLimited(3600.0), "Five.", usd="0.10", clock=clock)
    two = priced("acme/two", "Four.", "Five.", usd="4", clock=clock)
    catalogue = catalogue_of(one, two)

    async with Engine(catalogue, policies=policies(*THREE), clock=clock, random=Random(7)) as engine:
        replies = [await engine.chat(of("one")) for _ in range(3)]

    assert [reply.backend for reply in replies] == ["acme/one", "acme/two", "acme/two"]
    assert [replayed(reply.decision, catalogue) for reply in replies] == [
        codec.dump(reply.decision) for reply in replies
    ]


async def test_all_policies_together_add_up_and_replay_to_the_last_bit() -> None:
    """All maintained policies at once, in two tiers: terms add up to totals, each decision replays from its record."""
    clock = ManualClock(autojump=True)
    backends = [
        priced(f"acme/{name}", *(((seconds, "Four."),) * 20), usd=usd, clock=clock, quality=quality)
        for name, seconds, usd, quality in (
            ("cheap", 3.0, "0.10", 0.7),
            ("dear", 0.5, "15", 0.95),
            ("new", 1.0, "1", 0.8),
            ("plain", 1.0, "1", 0.8),
        )
    ]
    catalogue = catalogue_of(*backends)

    async with Engine(catalogue, policies=policies(*EVERYTHING), clock=clock, random=Random(7)) as engine:
        decisions = [(await engine.chat(of(str(number % 10)))).decision for number in range(20)]

    for decision in decisions:
        assert len(decision.policies) == 9
        assert [use.left_out for use in decision.policies] == [None] * 9
        assert replayed(decision, catalogue) == codec.dump(decision)
        terms = [term for term in decision.ranking[0].terms if term.policy != "balance"]
        whole = sum(term.weight for term in terms)
        assert decision.ranking[0].total == pytest.approx(sum(term.weight * term.score for term in terms) / whole)
    vetoed = [decision for decision in decisions if decision.counts.get("policy canary")]
    assert 0 < len(vetoed) < 20
    assert {decision.chosen for decision in decisions} >= {"acme/new"}
    assert "acme/new" not in {decision.chosen for decision in vetoed}


async def test_requests_at_the_same_time_go_to_different_backends() -> None:
    """By least busy, three requests under way at once are one for each of three equal backends."""
    clock = ManualClock(autojump=True)
    backends = [priced(f"acme/{name}", *(((1.0, "Four."),) * 3), usd="1", clock=clock) for name in ("a", "b", "c")]
    least_busy = policies(PolicyChoice(name="balance", options={"mode": "least_busy"}))
    found: list[Decision] = []

    async with Engine(catalogue_of(*backends), policies=least_busy, clock=clock, random=Random(7)) as engine:

        async def ask() -> None:
            found.append((await engine.chat("How many beds are free?")).decision)

        for _ in range(3):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(ask)
            assert {decision.chosen for decision in found[-3:]} == {"acme/a", "acme/b", "acme/c"}

    catalogue = catalogue_of(*backends)
    assert [replayed(decision, catalogue) for decision in found] == [codec.dump(decision) for decision in found]


@pytest.mark.parametrize(
    ("share", "failing", "backends"),
    [
        pytest.param(1.0, "acme/new", ["acme/new", "acme/old"], id="its own key, the new one fails"),
        pytest.param(0.0, "acme/old", ["acme/old", "acme/new"], id="another key, all others fail"),
    ],
)
async def test_canary_leaves_somebody_to_fall_back_to(share: float, failing: str, backends: list[str]) -> None:
    """Whoever fails, somebody answers: the old backend for the new one, and the new one when nobody else is left."""
    clock = ManualClock(autojump=True)
    scripts: dict[str, tuple[Turn, ...]] = {"acme/old": ("Four.",), "acme/new": ("Four.",)}
    scripts[failing] = (RateLimited(3600.0),)
    catalogue = catalogue_of(*(priced(name, *script, usd="1", clock=clock) for name, script in scripts.items()))
    canary = policies(PolicyChoice(name="canary", options={"shares": {"acme/new": share}}))

    async with Engine(catalogue, policies=canary, clock=clock, random=Random(7)) as engine:
        reply = await engine.chat(of("one"))

    assert [attempt.backend for attempt in reply.attempts] == backends


def test_policies_give_the_same_in_any_order_of_backends_and_policies() -> None:
    """However backends are registered, and in whatever order policies are enabled, ranking and totals are the same."""
    clock = ManualClock()
    backends = [priced(f"acme/{name}", usd=usd, clock=clock) for name, usd in (("a", "1"), ("b", "2"), ("new", "3"))]
    orders = [(backends, EVERYTHING), (backends[::-1], EVERYTHING[::-1])]
    found: list[list[tuple[str, float]]] = []
    for some, choices in orders:
        decision = Engine(catalogue_of(*some), policies=policies(*choices)).select(of("one"), seed=3)
        found.append([(row.id, round(row.total, 12)) for row in decision.ranking])

    assert found[0] == found[1]
    assert len(found[0]) >= 2
