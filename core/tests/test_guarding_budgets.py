"""Budgets: what a call may take is reserved before it is made, and settled with what it took."""

from collections.abc import Sequence
from decimal import Decimal

import anyio
import pytest
from attrs import evolve
from hypothesis import given, settings, strategies as st

from converge_provider import (
    AudioPart,
    BudgetSettings,
    CacheHint,
    CacheLifetime,
    ChatMessage,
    ChatRequest,
    ChatResponse,
    ChatRole,
    Claims,
    Engine,
    LlmError,
    NetworkError,
    Prices,
    PriceTier,
    Resilience,
    ResponseFormat,
    ResponseFormatMismatch,
    TextDelta,
    UsageDetail,
)
from converge_provider.engine.guarding.estimates import most_usd, pico_usd, rare_kinds
from converge_provider.engine.notices import BudgetRefused
from converge_provider.engine.state import Hold, MemoryStore, Shortage, StateStore
from converge_provider.testing import HANG, ManualClock, ScriptedBackend, Turn, catalogue_of

pytestmark = pytest.mark.anyio

PRICES = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(10))


def turns(*script: Turn) -> list[Turn]:
    """Make a script, so that type checkers know what it is."""
    return list(script)


def answer(tokens: int) -> ChatResponse:
    """Make an answer that took so many tokens, one of them for the question."""
    usage = UsageDetail(input_uncached=1, output=tokens - 1)
    return ChatResponse(content="yes", usage=usage.totals(), usage_detail=usage)


def asking(most: int, **metadata: str) -> ChatRequest:
    """Ask for an answer of at most so many tokens; the question is reckoned at 10."""
    return ChatRequest(messages=(ChatMessage.user("Hi"),), max_tokens=most, metadata=metadata)


def budgeted(
    *script: Turn, prices: Prices | None = PRICES, store: StateStore | None = None, **budget: object
) -> tuple[Engine, ScriptedBackend, ManualClock]:
    """Make an engine with one backend and one budget."""
    clock = ManualClock(autojump=True)
    backend = ScriptedBackend(*script, id="a/1", clock=clock, claims=Claims(prices=prices))
    settings = BudgetSettings(name="purse", **budget)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    engine = Engine(catalogue_of(backend), clock=clock, store=store, resilience=Resilience(budgets=(settings,)))
    return engine, backend, clock


async def refusal(engine: Engine, request: ChatRequest) -> str:
    """Ask in vain, and give the remedy."""
    with pytest.raises(LlmError) as caught:
        await engine.chat(request)
    return str(caught.value.remedy)


async def test_hundred_calls_against_a_budget_for_ten_make_ten() -> None:
    """Each reserves what it may take before it is made: no interleaving lets an eleventh through."""
    engine, backend, _ = budgeted(*turns([1.0, answer(100)]) * 100, tokens=1_000)
    failed: list[LlmError] = []

    async def call() -> None:
        try:
            await engine.chat(asking(90))
        except LlmError as exc:
            failed.append(exc)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(call)

    assert (len(backend.calls), len(failed)) == (10, 90)


async def test_estimate_is_settled_with_what_was_used() -> None:
    """Calls that may take 100 tokens and take 20 fit more often, one after the other."""
    engine, backend, _ = budgeted(*[answer(20)] * 99, tokens=200)
    while not backend.calls or len(backend.calls) < 6:
        await engine.chat(asking(90))
    text = await refusal(engine, asking(90))

    assert "the call may take 100 tokens, and 80 tokens of 200 tokens are left" in text
    assert (await engine.chat(asking(70))).content == "yes"


async def test_money_is_counted_exactly() -> None:
    """A budget of ten calls' price allows ten calls, to the last fraction of a cent."""
    price = PRICES.cost_of(UsageDetail(input_uncached=1, output=6)).usd
    assert price is not None
    engine, backend, _ = budgeted(*[answer(7)] * 99, usd=10 * price + Decimal("0.000009"))
    for _ in range(10):
        await engine.chat(asking(6))
    text = await refusal(engine, asking(6))

    assert len(backend.calls) == 10
    assert "budget 'purse'" in text
    assert "$0.00000" in text


def test_steps_of_a_dollar_are_rounded_up() -> None:
    """A price finer than the steps costs a step; nothing is ever free by rounding."""
    assert pico_usd(Decimal("1e-13")) == 1
    assert pico_usd(Decimal("0.000000000002")) == 2


def test_most_that_a_call_costs_takes_the_dearest_price() -> None:
    """Writing to a cache, and reasoning, may cost more than plain tokens do."""
    prices = Prices(
        input_usd_per_mtok=Decimal(1),
        output_usd_per_mtok=Decimal(10),
        cache_write_usd_per_mtok=Decimal(2),
        reasoning_usd_per_mtok=Decimal(20),
    )

    assert most_usd(prices, 1_000_000, 1_000_000) == Decimal(22)
    assert most_usd(Prices(input_usd_per_mtok=Decimal(1)), 1, 1) is None


def test_most_that_a_call_costs_counts_the_tiers_that_it_may_reach() -> None:
    """A request that may be larger than a limit is reserved at the tier's price."""
    long = PriceTier(above_input_tokens=1_000, input_usd_per_mtok=Decimal(4))
    prices = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(10), tiers=[long])

    assert most_usd(prices, 1_000, 0) == Decimal("0.001")
    assert most_usd(prices, 1_001, 0) == Decimal("0.004004")


HELLO = ChatMessage.user("hello")
SPOKEN = ChatMessage(role=ChatRole.USER, parts=[AudioPart(media_type="audio/wav", data=b"RIFF")])


@pytest.mark.parametrize(
    ("request_", "usd"),
    [
        pytest.param(ChatRequest(messages=[HELLO]), "11", id="plain"),
        pytest.param(ChatRequest(messages=[HELLO, SPOKEN]), "120", id="a recording"),
        pytest.param(ChatRequest(messages=[HELLO], cache_hints=[CacheHint()]), "11", id="kept for minutes"),
        pytest.param(
            ChatRequest(messages=[HELLO], cache_hints=[CacheHint(lifetime=CacheLifetime.ONE_HOUR)]), "13", id="an hour"
        ),
        pytest.param(
            ChatRequest(messages=[HELLO], extra={"modalities": ["audio"]}), "120", id="whatever the vendor has"
        ),
    ],
)
def test_rare_tokens_are_reserved_for_where_they_may_come(request_: ChatRequest, usd: str) -> None:
    """Sound and an hour's cache cost a text nothing; whoever may take them reserves at their price."""
    prices = Prices(
        input_usd_per_mtok=Decimal(1),
        output_usd_per_mtok=Decimal(10),
        input_audio_usd_per_mtok=Decimal(40),
        cache_write_1h_usd_per_mtok=Decimal(3),
        output_audio_usd_per_mtok=Decimal(80),
    )

    assert most_usd(prices, 1_000_000, 1_000_000, rare=rare_kinds(request_)) == Decimal(usd)


async def test_unknown_price_is_refused_unless_told_otherwise() -> None:
    """Money that nobody can count is not spent, and the reason says what to do; allowed, it counts as nothing."""
    engine, backend, _ = budgeted("never", prices=None, usd=Decimal(5))
    free, _, _ = budgeted("yes", "yes", prices=None, usd=Decimal(0), allow_unknown_prices=True)
    text = await refusal(engine, asking(6))

    assert "nobody has stated the backend's prices" in text
    assert "allow_unknown_prices" in text
    assert backend.calls == []
    assert (await free.chat(asking(6))).content == "yes"


async def test_each_key_has_an_account_of_its_own() -> None:
    """One user's spending leaves the others theirs; requests without the label share one account."""
    engine, backend, _ = budgeted(*[answer(100)] * 9, tokens=100, scope="key", key="user")
    for request in (asking(90, user="ann"), asking(90, user="bob"), asking(90)):
        await engine.chat(request)
        await refusal(engine, request)

    assert len(backend.calls) == 3


async def test_window_frees_what_was_spent_in_it() -> None:
    """An hour's budget is there again after the hour."""
    engine, _, clock = budgeted(*[answer(100)] * 9, tokens=100, window_s=3_600)
    await engine.chat(asking(90))
    await refusal(engine, asking(90))
    clock.advance(3_661)

    assert (await engine.chat(asking(90))).content == "yes"


async def test_request_has_one_account_for_all_its_attempts() -> None:
    """A second attempt is charged too: what the first one took is gone; the next request starts afresh."""
    clock = ManualClock(autojump=True)
    wrong, right = answer(61), evolve(answer(20), content='{"a": 1}')
    first = ScriptedBackend(*[wrong] * 2, id="a/1", quality=1.0, clock=clock)
    second = ScriptedBackend(right, id="b/1", quality=0.1, clock=clock)
    budget = BudgetSettings(name="each", tokens=150, scope="request")
    engine = Engine(catalogue_of(first, second), clock=clock, resilience=Resilience(budgets=(budget,)))

    with pytest.raises(ResponseFormatMismatch) as caught:
        await engine.chat(evolve(asking(90), response_format=ResponseFormat.JSON), on_mismatch="next")
    reply = await engine.chat(evolve(asking(70), response_format=ResponseFormat.JSON), on_mismatch="next")

    assert len(caught.value.attempts) == 1
    assert [call.max_tokens for call in second.calls] == [70]
    assert [attempt.backend for attempt in reply.attempts] == ["a/1", "b/1"]


async def test_cancelled_call_gives_its_reservation_back() -> None:
    """Whoever is cancelled has spent nothing that anybody knows of."""
    engine, _, clock = budgeted([HANG], answer(100), tokens=100)
    with clock.limit(5.0):
        await engine.chat(asking(90))

    assert (await engine.chat(asking(90))).content == "yes"


async def test_refused_call_goes_to_a_backend_that_the_budget_allows() -> None:
    """A budget that has no room for the dear one may have room for the cheap one."""
    dear = ScriptedBackend("never", id="a/1", quality=1.0, claims=Claims(prices=PRICES))
    free = Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))
    cheap = ScriptedBackend("yes", id="b/1", quality=0.1, claims=Claims(prices=free))
    heard: list[BudgetRefused] = []

    class Listener:
        name = "listener"
        inline = True

        def observe(self, event: object) -> None:
            if isinstance(event, BudgetRefused):
                heard.append(event)

    budget = BudgetSettings(name="cent", usd=Decimal("0.0001"))
    engine = Engine(catalogue_of(dear, cheap), observers=[Listener()], resilience=Resilience(budgets=(budget,)))
    reply = await engine.chat(asking(90))

    assert (reply.backend, len(reply.attempts), dear.calls) == ("b/1", 1, [])
    assert [(event.backend, event.budget) for event in heard] == [("a/1", "cent")]


async def test_budgets_hold_together() -> None:
    """A call needs room in each; one that refuses leaves the others as they were."""
    store, clock = MemoryStore(), ManualClock()
    backend = ScriptedBackend(*[answer(10)] * 9, id="a/1", clock=clock)
    budgets = (BudgetSettings(name="wide", tokens=1_000), BudgetSettings(name="tight", tokens=15))
    engine = Engine(catalogue_of(backend), clock=clock, store=store, resilience=Resilience(budgets=budgets))
    text = await refusal(engine, asking(90))

    assert "'tight'" in text
    assert store.used("budget 'wide' tokens", float("inf"), now_s=clock.now_s()) == 0


async def test_refusal_by_a_shared_budget_leaves_the_requests_own_account() -> None:
    """What one candidate was refused is there for the next one."""
    dear = ScriptedBackend("never", id="a/1", quality=1.0, claims=Claims(prices=PRICES))
    free = Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))
    cheap = ScriptedBackend("yes", id="b/1", quality=0.1, claims=Claims(prices=free))
    budgets = (
        BudgetSettings(name="each", tokens=150, scope="request"),
        BudgetSettings(name="cent", usd=Decimal("0.0001")),
    )

    reply = await Engine(catalogue_of(dear, cheap), resilience=Resilience(budgets=budgets)).chat(asking(90))

    assert reply.backend == "b/1"


async def test_answer_of_unknown_size_costs_what_was_reserved() -> None:
    """A backend that does not say what it used is charged with the estimate."""
    engine, backend, _ = budgeted("yes", "no", tokens=100)
    await engine.chat(asking(90))
    await refusal(engine, asking(90))

    assert len(backend.calls) == 1


async def test_stream_that_is_left_is_not_free() -> None:
    """Reading all but the end of an answer costs what was reserved, since nobody says what it took."""
    engine, backend, _ = budgeted(["Hel", "lo", HANG], "no", tokens=100)
    async with engine.stream(asking(90)) as events:
        assert await anext(aiter(events)) == TextDelta("Hel")
    await refusal(engine, asking(90))

    assert len(backend.calls) == 1


async def test_accounts_of_requests_are_forgotten() -> None:
    """A budget for each request keeps nothing of requests that are over."""
    engine, _, _ = budgeted(*[answer(10)] * 50, NetworkError("cut"), tokens=100, scope="request")
    for _ in range(50):
        await engine.chat(asking(50))
    with pytest.raises(NetworkError):
        await engine.chat(asking(50))
    (guard,) = [one for one in engine._parts.guards._guards if hasattr(one, "_requests")]

    assert guard._requests == {}  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


async def spending(
    calls: Sequence[tuple[int, int, float, float, bool]], limit: int, store: MemoryStore
) -> tuple[int, int, int]:
    """Make calls at once, some of which fail or are cancelled; give what was spent, what is held, what was made."""
    clock = ManualClock(autojump=True)
    spent = 0

    class Metered(ScriptedBackend):
        async def chat(self, request: ChatRequest) -> ChatResponse:
            nonlocal spent
            i = int(request.messages[0].content)
            most, used, works_s, _, fails = calls[i]
            self.calls.append(request)
            await clock.sleep(works_s)
            if fails:
                message = "cut"
                raise NetworkError(message)
            spent += min(most, used) + 1
            return answer(min(most, used) + 1)

    backend = Metered(id="a/1", clock=clock)
    budget = BudgetSettings(name="purse", tokens=limit)
    engine = Engine(catalogue_of(backend), clock=clock, store=store, resilience=Resilience(budgets=(budget,)))

    async def call(i: int) -> None:
        with clock.limit(calls[i][3]):
            try:
                await engine.chat(ChatRequest(messages=(ChatMessage.user(str(i)),), max_tokens=calls[i][0]))
            except LlmError:
                return

    async with anyio.create_task_group() as tasks:
        for i in range(len(calls)):
            tasks.start_soon(call, i)
    held = store.used("budget 'purse' tokens", float("inf"), now_s=clock.now_s())
    return spent, held, len(backend.calls)


calls = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 60), st.floats(0.1, 5), st.floats(0.2, 9), st.booleans()),
    min_size=1,
    max_size=14,
)


@settings(max_examples=80, deadline=None)
@given(calls=calls, limit=st.integers(1, 300))
async def test_no_interleaving_spends_more_than_there_is(
    calls: list[tuple[int, int, float, float, bool]], limit: int
) -> None:
    """Never over the budget; at rest nothing is reserved beyond what was spent."""
    spent, held, _ = await spending(calls, limit, MemoryStore())

    assert spent <= limit
    assert held == spent


class Forgetful(MemoryStore):
    """A broken store: reservations of calls that came to nothing stay."""

    def settle(self, name: str, amounts: Sequence[int] | None, *, now_s: float) -> None:
        """Settle only what was used."""
        if amounts is not None and any(amounts):
            super().settle(name, amounts, now_s=now_s)


class Blind(MemoryStore):
    """A broken store: there is room for everybody."""

    async def reserve(self, name: str, holds: Sequence[Hold], *, now_s: float) -> Shortage | None:
        """Note what is wanted, whether there is room or not."""
        return await super().reserve(name, [evolve(hold, limit=10**9) for hold in holds], now_s=now_s)


async def test_check_of_spending_catches_a_forgotten_reservation() -> None:
    """The check above fails when a failed call keeps what it reserved."""
    spent, held, _ = await spending([(50, 50, 1.0, 9.0, True)], 100, Forgetful())

    assert (spent, held > spent) == (0, True)


async def test_check_of_spending_catches_an_eleventh_call() -> None:
    """The check above fails when nobody looks at what is reserved."""
    spent, _, made = await spending([(50, 50, 1.0, 9.0, False)] * 11, 610, Blind())

    assert (made, spent) == (11, 561)
    assert (await spending([(50, 50, 1.0, 9.0, False)] * 11, 610, MemoryStore()))[2] == 10
