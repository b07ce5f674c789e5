"""The policy cost: what a request is expected to cost, and what that scores."""

from decimal import Decimal
from time import tzset
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import converge_policy_cost
from converge_policy_cost.policy import CostOptions, cost
from converge_provider import (
    BackendDescriptor,
    ChatMessage,
    ChatRequest,
    Claims,
    CostClass,
    PluginRegistry,
    PriceHours,
    Prices,
    PriceTier,
    RegisteredChatBackend,
    UsageDetail,
    codec,
)
from converge_provider.testing import ScriptedBackend, terms_of

ASKED = ChatRequest(messages=(ChatMessage.user("x" * 3_984),))
"""A request of 1 000 tokens, as they are estimated."""


def priced(name: str = "a/b", *, most: int | None = None, **prices: Any) -> ScriptedBackend:
    """Make a backend that states some prices, and nothing else about money."""
    return ScriptedBackend(
        id=name, cost_class=CostClass.HIGH, claims=Claims(max_output_tokens=most, prices=Prices(**prices))
    )


def scored(
    backend: ScriptedBackend | RegisteredChatBackend, request: ChatRequest | None = ASKED, **options: Any
) -> tuple[float, str | None]:
    """Score one backend by some options, and say why."""
    (term,) = terms_of(cost, backend, options=CostOptions(**options), request=request).values()
    return term.score, term.text


def test_cost_is_the_price_of_question_and_answer() -> None:
    """At $2 in and $16 out, 1 000 tokens and 500 tokens are one cent, which scores one half."""
    score, words = scored(priced(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(16)))

    assert score == 0.5
    assert words == "about $0.01 for 1000 tokens of question and 500 of answer; $0.01 scores 0.5"


@pytest.mark.parametrize(
    ("limit", "most", "options", "answer"),
    [
        pytest.param(None, None, {"output_tokens": 300}, 300, id="as expected"),
        pytest.param(200, None, {"output_tokens": 300}, 200, id="limited by the request"),
        pytest.param(1_000, None, {"output_tokens": 300}, 300, id="limited far above"),
        pytest.param(800, None, {"output_share": 0.25}, 200, id="a share of the limit"),
        pytest.param(None, None, {"output_share": 0.1}, 500, id="a share of no limit"),
        pytest.param(None, 100, {}, 100, id="limited by the backend"),
        pytest.param(None, 0, {}, 0, id="no answer at all"),
    ],
)
def test_cost_expects_an_answer_within_every_limit(
    limit: int | None, most: int | None, options: dict[str, Any], answer: int
) -> None:
    """The expected answer is the option's, never more than the request or the backend admits."""
    asked = ChatRequest(messages=ASKED.messages, max_tokens=limit)
    score, words = scored(
        priced(most=most, input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(1)), asked, **options
    )

    assert score == pytest.approx(0.01 / (0.01 + answer / 1e6))
    assert f"and {answer} of answer" in str(words)


def test_cost_reads_a_share_out_of_the_cache() -> None:
    """What is expected in the cache costs the cache's price, or the full one where no other is stated."""
    cheap = priced(input_usd_per_mtok=Decimal(10), cache_read_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(0))
    plain = priced(input_usd_per_mtok=Decimal(10), output_usd_per_mtok=Decimal(0))
    amounts = [scored(one, cached_share=0.5, reference_usd=1.0)[1] for one in (cheap, plain)]

    assert [words.split(" for ")[0] for words in amounts if words] == ["about $0.0055", "about $0.01"]
    assert "(50% out of the cache)" in str(amounts[0])


UNPRICED = RegisteredChatBackend(BackendDescriptor.unstated("a", "b"), ScriptedBackend())


@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(ScriptedBackend(cost_class=CostClass.VERY_LOW), id="no prices"),
        pytest.param(UNPRICED, id="nothing stated"),
        pytest.param(priced(input_usd_per_mtok=Decimal(1)), id="no price of the answer"),
        pytest.param(priced(output_usd_per_mtok=Decimal(1)), id="no price of the question"),
        pytest.param(priced(), id="prices without a price"),
    ],
)
def test_cost_takes_an_unknown_price_for_the_worst(backend: ScriptedBackend | RegisteredChatBackend) -> None:
    """Who does not say what is charged scores what the options say, nothing by default."""
    assert scored(backend) == (0.0, "nobody has stated what it charges for this")
    assert scored(backend, unknown=0.25)[0] == 0.25


def test_cost_believes_a_backend_that_is_free() -> None:
    """A backend that says it is free costs nothing, without any prices; a price that it states counts first."""
    assert scored(ScriptedBackend(cost_class=CostClass.FREE))[0] == 1.0
    stated = Claims(prices=Prices(input_usd_per_mtok=Decimal(2), output_usd_per_mtok=Decimal(16)))
    assert scored(ScriptedBackend(cost_class=CostClass.FREE, claims=stated))[0] == 0.5


def test_cost_needs_no_price_for_what_is_not_expected() -> None:
    """Where no answer is expected, its unknown price does not matter."""
    assert scored(priced(input_usd_per_mtok=Decimal(0)), output_tokens=0)[0] == 1.0


def test_cost_assumes_a_question_where_there_is_no_request() -> None:
    """A selection without a request is scored for the question that the options assume."""
    backend = priced(input_usd_per_mtok=Decimal(5), output_usd_per_mtok=Decimal(0))

    assert scored(backend, None, input_tokens=2_000)[0] == 0.5
    assert scored(backend, ASKED, input_tokens=2_000)[0] > 0.5


def test_cost_follows_rates_that_change_with_the_size() -> None:
    """Above a tier's limit the whole question is charged at the tier's rate."""
    long = PriceTier(above_input_tokens=999, input_usd_per_mtok=Decimal(20))
    tiered: dict[str, Any] = {"output_usd_per_mtok": Decimal(0), "input_usd_per_mtok": Decimal(10)}

    assert scored(priced(**tiered))[0] == 0.5
    assert scored(priced(**tiered, tiers=[long]))[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("time", "score"),
    [
        pytest.param("2026-11-20T03:00:00.000000+00:00", 2 / 3, id="at night"),
        pytest.param("2026-11-20T03:00:00", 2 / 3, id="at night, no zone said"),
        pytest.param("2026-11-20T03:00:00.000000-05:00", 0.5, id="by day"),
        pytest.param("", 0.0, id="nobody knows when"),
    ],
)
def test_cost_follows_rates_that_change_with_the_hour(time: str, score: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate is that of the decision's own time, wherever the machine is; without a time there is no price."""
    night = PriceHours(from_utc_min=0, until_utc_min=360, input_usd_per_mtok=Decimal(5))
    backend = priced(input_usd_per_mtok=Decimal(10), output_usd_per_mtok=Decimal(0), hours=[night])
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        tzset()
        (term,) = terms_of(cost, backend, request=ASKED, time=time).values()
    tzset()

    assert term.score == pytest.approx(score)


PRICE = st.none() | st.decimals(0, 1_000, places=3)
PRICES = st.builds(Prices, input_usd_per_mtok=PRICE, output_usd_per_mtok=PRICE, cache_read_usd_per_mtok=PRICE)


@settings(derandomize=True, database=None, deadline=None)
@given(prices=PRICES, share=st.floats(0, 1), answer=st.integers(0, 100_000))
def test_cost_agrees_with_the_bill(prices: Prices, share: float, answer: int) -> None:
    """The fast amounts are those by which a call with just these tokens is billed."""
    cached = round(share * 1_000)
    bill = prices.cost_of(UsageDetail(input_uncached=1_000 - cached, cache_read=cached, output=answer)).usd
    score, _ = scored(
        ScriptedBackend(cost_class=CostClass.LOW, claims=Claims(prices=prices)),
        output_tokens=answer,
        cached_share=share,
    )

    assert score == pytest.approx(0.0 if bill is None else 0.01 / (0.01 + float(bill)))


@settings(derandomize=True, database=None, deadline=None)
@given(
    price=st.decimals(0, 1_000, places=3), more=st.decimals("0.001", 1_000, places=3), reference=st.floats(0.001, 10)
)
def test_cost_falls_with_every_price(price: Decimal, more: Decimal, reference: float) -> None:
    """Whoever charges more for the same scores less, whatever amount scores one half."""
    both: dict[str, Any] = {"output_usd_per_mtok": Decimal(1), "input_usd_per_mtok": Decimal(1)}

    for name in both:
        cheap: dict[str, Any] = {**both, name: price}
        dear: dict[str, Any] = {**both, name: price + more}
        terms = terms_of(
            cost,
            priced("a/cheap", **cheap),
            priced("a/dear", **dear),
            options=CostOptions(reference_usd=reference),
            request=ASKED,
        )
        assert terms["a/cheap"].score > terms["a/dear"].score


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("reference_usd", 0),
        ("output_tokens", -1),
        ("output_share", 1.5),
        ("input_tokens", 2**32),
        ("cached_share", -0.1),
        ("unknown", 2),
    ],
)
def test_cost_refuses_an_option_out_of_range(option: str, value: float) -> None:
    """An option that makes no sense is refused in one line that names it."""
    with pytest.raises(codec.DocumentError, match=option) as refused:
        codec.load(CostOptions, {option: value})

    assert "\n" not in str(refused.value)


def test_cost_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_cost).policies == {"cost": cost}
