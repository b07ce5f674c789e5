"""Prices that change with the size of the input or the time of day."""

from decimal import Decimal
from itertools import product
from typing import Any, cast

import pytest
from attrs import fields
from hypothesis import given, settings, strategies as st

from converge_provider import Cost, CostClass, PriceHours, Prices, PriceTier, Rates, UsageDetail, codec

D = Decimal
HOUR_S = 3_600
LONG = PriceTier(above_input_tokens=200_000, input_usd_per_mtok=D(4), output_usd_per_mtok=D(15))
LONGER = PriceTier(above_input_tokens=500_000, input_usd_per_mtok=D(6))
NIGHT = PriceHours(from_utc_min=1_380, until_utc_min=60, input_usd_per_mtok=D(1))
RATES: dict[str, Any] = {"input_usd_per_mtok": D(2), "output_usd_per_mtok": D(10), "cache_read_usd_per_mtok": D("0.2")}


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        pytest.param(UsageDetail(input_uncached=200_000, output=1_000_000), "10.4", id="at the limit"),
        pytest.param(UsageDetail(input_uncached=1, cache_read=200_000, output=1_000_000), "15.040004", id="past it"),
        pytest.param(UsageDetail(input_uncached=500_001), "3.000006", id="past the second"),
        pytest.param(UsageDetail(cache_write=200_001), "0.800004", id="a write costs as input of its tier"),
    ],
)
def test_cost_is_that_of_the_tier_for_all_tokens(usage: UsageDetail, usd: str) -> None:
    """A request whose input, cached or not, is past a limit pays the tier for all tokens; the rest is as otherwise."""
    prices = Prices(**RATES, tiers=[LONGER, LONG])

    assert [tier.above_input_tokens for tier in prices.tiers] == [200_000, 500_000]
    assert prices.cost_of(usage) == Cost(usd=D(usd))


@pytest.mark.parametrize(
    ("hour", "usd"), [(0, "1"), (0.99, "1"), (1, "2"), (12, "2"), (22.99, "2"), (23, "1"), (24 * 400 + 23.5, "1")]
)
def test_cost_is_that_of_the_hour(hour: float, usd: str) -> None:
    """Hours may pass midnight; the minute at which they end is not theirs."""
    prices = Prices(**RATES, hours=[NIGHT])

    assert prices.cost_of(UsageDetail(input_uncached=1_000_000), at_s=hour * HOUR_S) == Cost(usd=D(usd))


def test_cost_at_an_unknown_hour_is_unknown_where_it_matters() -> None:
    """Without a moment the cost is known only if every hour gives the same."""
    prices = Prices(**RATES, hours=[NIGHT])
    unknown = Cost(unknown="the price depends on the time of day, and the time is not known")

    assert prices.cost_of(UsageDetail(input_uncached=5)) == unknown
    assert prices.cost_of(UsageDetail(output=1_000_000)) == Cost(usd=D(10))


def test_hours_count_before_tiers_and_the_last_hours_before_the_first() -> None:
    """The last hours that cover a moment replace the rates, and a tier replaces those."""
    noon = PriceHours(from_utc_min=720, until_utc_min=780, input_usd_per_mtok=D(7))
    always = PriceHours(from_utc_min=0, until_utc_min=0, input_usd_per_mtok=D(3))
    usage = UsageDetail(input_uncached=100_000, output=10)

    assert Prices(**RATES, hours=[always, noon]).cost_of(usage, at_s=12 * HOUR_S).usd == D("0.7001")
    assert Prices(**RATES, hours=[noon, always]).cost_of(usage, at_s=12 * HOUR_S).usd == D("0.3001")
    assert Prices(**RATES, hours=[always], tiers=[LONG]).cost_of(
        UsageDetail(input_uncached=300_000), at_s=0.0
    ).usd == D("1.2")


def test_dearest_is_the_most_over_hours_and_reached_tiers() -> None:
    """The most is taken over every hour, and over the tiers that an input of this size may reach."""
    prices = Prices(**RATES, tiers=[LONG, LONGER], hours=[NIGHT])

    assert prices.dearest().input_usd_per_mtok == D(2)
    assert prices.dearest(200_000).input_usd_per_mtok == D(2)
    assert prices.dearest(200_001) == Rates(
        input_usd_per_mtok=D(4),
        output_usd_per_mtok=D(15),
        cache_read_usd_per_mtok=D("0.2"),
        cache_write_usd_per_mtok=D(4),
        reasoning_usd_per_mtok=D(15),
        input_audio_usd_per_mtok=D(4),
        cache_read_audio_usd_per_mtok=D("0.2"),
        cache_write_1h_usd_per_mtok=D(4),
        output_audio_usd_per_mtok=D(15),
    )
    assert prices.dearest(10**9).input_usd_per_mtok == D(6)
    assert Prices(tiers=[LONG]).dearest(10**9).input_usd_per_mtok is None


MILLION = 1_000_000
INPUT, READ, WRITE, OUTPUT = (
    {f"{kind}_usd_per_mtok": D(usd)}
    for kind, usd in (("input", 1), ("cache_read", 2), ("cache_write", 3), ("output", 4))
)
PLAIN: dict[str, Any] = INPUT | OUTPUT


@pytest.mark.parametrize(
    ("bucket", "stated", "usd"),
    [
        ("input_audio", PLAIN, 1),
        ("input_audio", PLAIN | {"input_audio_usd_per_mtok": D(9)}, 9),
        ("cache_read_audio", PLAIN, 1),
        ("cache_read_audio", PLAIN | READ, 2),
        ("cache_read_audio", PLAIN | READ | {"cache_read_audio_usd_per_mtok": D(9)}, 9),
        ("cache_read_audio", PLAIN | {"input_audio_usd_per_mtok": D(9)}, 9),
        ("cache_read_audio", PLAIN | READ | {"input_audio_usd_per_mtok": D(9)}, 2),
        ("cache_write_1h", PLAIN, 1),
        ("cache_write_1h", PLAIN | WRITE, 3),
        ("cache_write_1h", PLAIN | WRITE | {"cache_write_1h_usd_per_mtok": D(0)}, 0),
        ("output_audio", PLAIN, 4),
        ("output_audio", PLAIN | {"output_audio_usd_per_mtok": D(9)}, 9),
        ("output_audio", INPUT, None),
        ("input_audio", OUTPUT, None),
    ],
)
def test_rare_tokens_cost_as_their_next_of_kin(bucket: str, stated: dict[str, Any], usd: int | None) -> None:
    """Sound, and what is kept for an hour, has a price of its own or that of what it would otherwise count as."""
    cost = Prices(**stated).cost_of(UsageDetail(**{bucket: MILLION}))

    assert cost.usd == usd
    assert cost.unknown == (
        None if usd is not None else f"nobody has stated a price for {bucket.replace('_', ' ')} tokens"
    )


def test_rare_tokens_count_for_size_tier_and_hour() -> None:
    """Every bucket of the prompt makes a request larger, and tiers and hours may state every price."""
    long = PriceTier(above_input_tokens=3_999_999, input_audio_usd_per_mtok=D(20), cache_write_1h_usd_per_mtok=D(30))
    night = PriceHours(from_utc_min=0, until_utc_min=60, output_audio_usd_per_mtok=D(50))
    usage = dict.fromkeys(("input_audio", "cache_read_audio", "cache_write_1h", "output_audio"), MILLION)
    prices = Prices(**PLAIN, tiers=[long], hours=[night])

    assert prices.cost_of(UsageDetail(**usage), at_s=7_200.0).usd == D(1 + 1 + 1 + 4)
    assert prices.cost_of(UsageDetail(**usage, cache_write=MILLION), at_s=7_200.0).usd == D(20 + 20 + 30 + 4 + 1)
    assert prices.cost_of(UsageDetail(**usage), at_s=0.0).usd == D(1 + 1 + 1 + 50)
    assert prices.dearest(5 * MILLION).cost_of(UsageDetail(**usage)).usd == D(20 + 20 + 30 + 50)


def test_prices_of_before_have_the_same_document() -> None:
    """Prices that nobody stated of rare tokens are not written; one that is nothing is."""
    plain, free = Prices(**PLAIN), Prices(**PLAIN, input_audio_usd_per_mtok=D(0))
    written = cast("dict[str, object]", codec.dump(plain))

    assert [name for name in written if "audio" in name or "1h" in name] == []
    assert codec.load(Prices, written) == plain
    assert codec.load(Prices, codec.dump(free)) == free


AMOUNT = st.decimals(0, 100, places=3)
SIZES = st.integers(0, 1_000)
BUCKETS = tuple(attribute.name for attribute in fields(UsageDetail))


@settings(derandomize=True, database=None, deadline=None)
@given(
    base=st.tuples(AMOUNT, AMOUNT),
    tiers=st.lists(st.tuples(SIZES, AMOUNT, AMOUNT), max_size=3),
    hours=st.lists(st.tuples(st.integers(0, 1_439), st.integers(0, 1_440), AMOUNT), max_size=3),
    tokens=st.tuples(*[SIZES] * len(BUCKETS)),
    rare=st.tuples(*[st.none() | AMOUNT] * 4),
)
def test_no_call_costs_more_than_the_dearest(
    base: tuple[Decimal, Decimal],
    tiers: list[tuple[int, Decimal, Decimal]],
    hours: list[tuple[int, int, Decimal]],
    tokens: tuple[int, ...],
    rare: tuple[Decimal | None, ...],
) -> None:
    """Whatever the tiers and hours are, no moment and no smaller input costs more than the dearest rates say."""
    prices = Prices(
        input_usd_per_mtok=base[0],
        output_usd_per_mtok=base[1],
        input_audio_usd_per_mtok=rare[0],
        cache_read_audio_usd_per_mtok=rare[1],
        cache_write_1h_usd_per_mtok=rare[2],
        output_audio_usd_per_mtok=rare[3],
        tiers=[PriceTier(above_input_tokens=n, input_usd_per_mtok=a, cache_read_usd_per_mtok=b) for n, a, b in tiers],
        hours=[PriceHours(from_utc_min=a, until_utc_min=b, output_usd_per_mtok=c) for a, b, c in hours],
    )
    usage = UsageDetail(**dict(zip(BUCKETS, tokens, strict=True)))
    asked = usage.totals().prompt_tokens
    most = prices.dearest(asked).cost_of(usage).usd

    for hour, larger in product(range(0, 24, 5), (0, 500)):
        cost = prices.cost_of(usage, at_s=hour * HOUR_S).usd
        further = prices.dearest(asked + larger).cost_of(usage).usd
        assert cost is not None
        assert most is not None
        assert further is not None
        assert cost <= most <= further


@pytest.mark.parametrize(
    ("prices", "name"),
    [
        pytest.param(Prices(), None, id="unknown"),
        pytest.param(Prices(input_usd_per_mtok=D(1)), None, id="half known"),
        pytest.param(Prices(input_usd_per_mtok=D(0), output_usd_per_mtok=D(0)), CostClass.FREE, id="free"),
        pytest.param(Prices(input_usd_per_mtok=D(0), output_usd_per_mtok=D(1)), CostClass.VERY_LOW, id="free input"),
        pytest.param(Prices(input_usd_per_mtok=D("0.5"), output_usd_per_mtok=D(9)), CostClass.VERY_LOW, id="0.5"),
        pytest.param(Prices(input_usd_per_mtok=D("0.501"), output_usd_per_mtok=D(9)), CostClass.LOW, id="0.501"),
        pytest.param(Prices(input_usd_per_mtok=D("1.51"), output_usd_per_mtok=D(9)), CostClass.MEDIUM, id="1.51"),
        pytest.param(Prices(input_usd_per_mtok=D(15), output_usd_per_mtok=D(9)), CostClass.HIGH, id="15"),
        pytest.param(Prices(input_usd_per_mtok=D("15.01"), output_usd_per_mtok=D(9)), CostClass.VERY_HIGH, id="15.01"),
        pytest.param(Prices(**RATES, tiers=[LONGER], hours=[NIGHT]), CostClass.MEDIUM, id="small, by day"),
    ],
)
def test_cost_class_is_that_of_the_input(prices: Prices, name: CostClass | None) -> None:
    """A class ends at its price for input; only what costs nothing is free, and what is unknown has none."""
    assert prices.cost_class() is name
