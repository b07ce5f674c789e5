"""Prices of every model, compared with what the library that brings them calculates itself."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Usage

from converge_catalogue import genai
from converge_catalogue.offers import RATES, DatedPrices, Offer, Service
from converge_catalogue.shapes import RejectedError
from converge_catalogue.sources import parsed
from converge_provider import CostClass, Prices, UsageDetail

D = Decimal
LIVE = "gemini-live-2.5-flash"
LIBRARY = {provider.id: provider for provider in providers}
REJECTED: list[str] = []
SERVICES = {service.id: service for service in genai.services_of(genai.plain(providers), REJECTED)}
MOMENTS = [
    datetime(2025, 6, 1, 12, tzinfo=UTC),
    datetime(2026, 8, 20, 2, 30, tzinfo=UTC),
    datetime(2026, 11, 20, 0, 59, 59, tzinfo=UTC),
    datetime(2026, 11, 20, 1, 0, tzinfo=UTC),
    datetime(2026, 11, 20, 9, 59, tzinfo=UTC),
    datetime(2026, 11, 20, 20, 0, tzinfo=UTC),
    datetime(2027, 6, 1, 0, 0, tzinfo=UTC),
]
USAGES = [
    UsageDetail(input_uncached=1_000, output=500),
    UsageDetail(input_uncached=10_000, cache_read=90_000, cache_write=5_000, output=2_000, reasoning=300),
    UsageDetail(input_uncached=300_000, cache_read=100_000, output=1_000),
    UsageDetail(cache_read=272_000, output=1),
    UsageDetail(cache_read=272_001, output=1),
    UsageDetail(input_uncached=2_000_000, cache_write=1, output=7),
    UsageDetail(input_uncached=1_000, cache_write=30, cache_write_1h=5_000, output=2),
    UsageDetail(input_uncached=1_000, input_audio=50_000, cache_read=7, output=2_000, output_audio=9_000),
    UsageDetail(input_audio=300_000, cache_read_audio=40_000, reasoning=3),
]


def offers() -> Iterator[tuple[Offer, ModelInfo]]:
    """Give every offer, and the library's own object."""
    for service in SERVICES.values():
        models = {model.id: model for model in LIBRARY[service.id].models}
        yield from ((offer, models[offer.id]) for offer in service.offers)


def test_nothing_of_the_library_is_left_out() -> None:
    """Every model that the library brings is read, none of them makes no sense."""
    assert REJECTED == []
    assert {service: len(found.offers) for service, found in SERVICES.items()} == {
        provider.id: len(provider.models) for provider in providers
    }


def test_costs_are_those_that_the_library_calculates() -> None:
    """Whatever the model, the size, the date and the hour, a cost that we know is the library's, to the last digit."""
    compared = differing = 0
    asked = ((*one, moment) for one in offers() for moment in (MOMENTS if len(one[0].prices) > 1 else MOMENTS[-2:-1]))
    for offer, model, moment in asked:
        prices = offer.prices_at(moment)
        if prices is None:
            continue
        theirs = model.get_prices(moment)
        for usage in USAGES:
            ours = prices.cost_of(usage, at_s=moment.timestamp())
            if ours.usd is not None:
                compared += 1
                differing += ours.usd != theirs.calc_price(library_usage(usage))["total_price"]

    assert differing == 0
    assert compared > 15_000


def library_usage(usage: UsageDetail) -> Usage:
    """Say the same in the library's words: its counts contain each other."""
    return Usage(
        input_tokens=usage.totals().prompt_tokens,
        cache_read_tokens=usage.cache_read + usage.cache_read_audio,
        cache_write_tokens=usage.cache_write + usage.cache_write_1h,
        cache_write_1h_tokens=usage.cache_write_1h,
        input_audio_tokens=usage.input_audio + usage.cache_read_audio,
        cache_audio_read_tokens=usage.cache_read_audio,
        output_tokens=usage.totals().completion_tokens,
        output_audio_tokens=usage.output_audio,
        output_reasoning_tokens=usage.reasoning,
    )


def test_prices_of_most_models_are_known() -> None:
    """What cannot be said in our prices is the exception: a fee per call, or other units than tokens."""
    moment = MOMENTS[-2]
    unknown = [offer for offer, _ in offers() if offer.prices_at(moment) is None]

    assert len(unknown) < 0.1 * sum(len(found.offers) for found in SERVICES.values())
    assert all(offer.prices[0].unfit or "input" not in offer.prices[0].rates for offer in unknown)


def test_fee_per_call_leaves_the_price_unknown() -> None:
    """Tokens alone would be too cheap where every call costs a fee, so nothing is said."""
    sonar = named("perplexity", "sonar")

    assert sonar.prices_at(MOMENTS[-2]) is None
    assert sonar.prices[0].unfit == "every call costs something beside its tokens"


def named(service: str, model: str) -> Offer:
    """Give one offer by its own id."""
    return next(offer for offer in SERVICES[service].offers if offer.id == model)


def test_tiers_hours_and_dates_become_prices() -> None:
    """Real models show each: a tier by size, hours of the day, and a price that changed."""
    sol = named("openai", "gpt-6-sol").prices_at(MOMENTS[-2])
    pro = named("deepseek", "deepseek-v4-pro")
    before, now = (pro.prices_at(moment) for moment in (MOMENTS[0], MOMENTS[-2]))

    assert sol is not None
    assert before is not None
    assert now is not None
    assert [(tier.above_input_tokens, tier.input_usd_per_mtok) for tier in sol.tiers] == [(272_000, D(4))]
    assert [(hours.from_utc_min, hours.until_utc_min) for hours in now.hours] == [(60, 240), (360, 600)]
    assert (before.input_usd_per_mtok, now.input_usd_per_mtok) == (D("0.435"), D("0.66"))
    assert sol.cost_class() is CostClass.MEDIUM


BASE = DatedPrices(rates={"input": D(2), "output": D(4)})
LATER = DatedPrices(since=date(2026, 5, 1), rates={"input": D(1), "output": D(2)})
NIGHT = DatedPrices(minutes=(1_380, 60), rates={"input": D("0.5"), "output": D(1)})


@pytest.mark.parametrize(
    ("prices", "day", "price"),
    [
        pytest.param([BASE, LATER], 30, D(2), id="before"),
        pytest.param([BASE, LATER], 31, D(1), id="on the day"),
        pytest.param([LATER], 30, D(1), id="none holds: the first"),
        pytest.param([NIGHT], 31, None, id="only hours"),
        pytest.param([], 31, None, id="none"),
    ],
)
def test_prices_of_a_day_are_the_last_that_hold(prices: list[DatedPrices], day: int, price: Decimal | None) -> None:
    """Of the prices that hold all day the last counts, from its date on, in UTC."""
    moment = datetime.combine(date(2026, 4, 1), time(23, 59), tzinfo=UTC).replace(day=1)
    moment = datetime.fromtimestamp(moment.timestamp() + (day - 1) * 86_400, UTC)
    found = Offer(id="m", prices=prices).prices_at(moment)

    assert (None if found is None else found.input_usd_per_mtok) == price


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param([DatedPrices(rates=BASE.rates, tiers=[(5, {"input": D(9)})]), NIGHT], id="tiers and hours"),
        pytest.param([BASE, DatedPrices(minutes=(0, 5), rates={"input": D(1)})], id="hours that state less"),
        pytest.param([BASE, DatedPrices(minutes=(0, 5), rates=BASE.rates, unfit="a fee")], id="hours with a fee"),
    ],
)
def test_prices_that_ours_cannot_say_are_unknown(prices: list[DatedPrices]) -> None:
    """Where our prices would say something else than the source does, they say nothing."""
    assert Offer(id="m", prices=prices).prices_at(MOMENTS[0]) is None


def document(**changes: Any) -> list[dict[str, Any]]:
    """Give a document of one model, with changes."""
    model = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1, "output_mtok": D("2.5")}}
    return [{"id": "acme", "pricing_urls": ["https://acme.invalid/prices"], "models": [model | changes]}]


def read(**changes: Any) -> tuple[Service, list[str]]:
    """Read a document of one model, with changes."""
    rejected: list[str] = []
    (service,) = genai.services_of(document(**changes), rejected)
    return service, rejected


def test_document_of_one_model_is_read() -> None:
    """The published form is read as the library's objects are."""
    service, rejected = read()

    assert rejected == []
    assert service.url == "https://acme.invalid/prices"
    assert service.offers[0].prices_at(MOMENTS[0]) == Prices(input_usd_per_mtok=D(1), output_usd_per_mtok=D("2.5"))


def test_every_kind_of_token_has_its_price() -> None:
    """Real models show the rare kinds, and the published form names each of them."""
    claude, live = (
        named(*one).prices_at(MOMENTS[-2]) for one in (("anthropic", "claude-sonnet-4-5"), ("google", LIVE))
    )
    names = [
        *("input", "output", "cache_read", "cache_write", "output_reasoning"),
        *("input_audio", "cache_audio_read", "cache_write_1h", "output_audio"),
    ]
    service, _ = read(prices={f"{name}_mtok": D(place) for place, name in enumerate(names)})

    assert claude is not None
    assert live is not None
    assert (claude.cache_write_usd_per_mtok, claude.cache_write_1h_usd_per_mtok) == (D("3.75"), D(6))
    assert (live.input_audio_usd_per_mtok, live.output_audio_usd_per_mtok) == (D(3), D(12))
    assert service.offers[0].prices[0].rates == {name: D(place) for place, name in enumerate(RATES)}
    assert service.offers[0].prices[0].beside == ()


def test_tiers_of_each_kind_of_token_are_joined() -> None:
    """Where kinds of tokens have tiers of their own, each tier of ours holds what has begun by then."""
    one, two = {"start": 10, "price": 2}, {"start": 20, "price": 3}
    tiered = {
        "input_mtok": {"base": 1, "tiers": [two, one]},
        "output_mtok": {"base": 5, "tiers": [{**one, "price": 6}]},
    }
    service, _ = read(prices=tiered)

    assert service.offers[0].prices[0].tiers == (
        (10, {"input": D(2), "output": D(6)}),
        (20, {"input": D(3), "output": D(6)}),
    )


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "negative": ({"prices": {"input_mtok": -1}}, "input of m: expected an amount from 0 to 1000000, got '-1'"),
    "infinite": ({"prices": {"input_mtok": D("inf")}}, "expected an amount"),
    "not a number": ({"prices": {"input_mtok": D("nan")}}, "expected an amount"),
    "text": ({"prices": {"input_mtok": "1"}}, "expected an amount"),
    "truth": ({"prices": {"input_mtok": True}}, "expected an amount"),
    "float": ({"prices": {"input_mtok": 0.1}}, "expected an amount"),
    "astronomical": ({"prices": {"input_mtok": D("1e7")}}, "expected an amount"),
    "endless": ({"prices": {"input_mtok": D("0." + "1" * 60)}}, "expected an amount"),
    "no prices": ({"prices": None}, "prices of m: expected an object, got 'None'"),
    "no base": ({"prices": {"input_mtok": {"tiers": []}}}, "input of m: expected an amount"),
    "tiers of nothing": ({"prices": {"input_mtok": {"base": 1, "tiers": {}}}}, "tiers of m: expected a list"),
    "negative tier": (
        {"prices": {"input_mtok": {"base": 1, "tiers": [{"start": -1, "price": 1}]}}},
        "start of a tier of m: expected a whole number",
    ),
    "condition": (
        {"prices": [{"constraint": {"moon": "full"}, "prices": {}}]},
        "constraint of m: expected end_time, start_date, start_time, got moon",
    ),
    "both": (
        {"prices": [{"constraint": {"start_date": "2026-01-01", "start_time": "01:00:00"}, "prices": {}}]},
        "constraint of m: expected a date or hours, got both",
    ),
    "date": ({"prices": [{"constraint": {"start_date": "2026-13-01"}, "prices": {}}]}, "expected a date"),
    "time": (
        {"prices": [{"constraint": {"start_time": "25:00", "end_time": "1:00"}, "prices": {}}]},
        "hours of m: expected a time, got '25:00'",
    ),
    "seconds": (
        {"prices": [{"constraint": {"start_time": "01:00:30", "end_time": "02:00:00"}, "prices": {}}]},
        "expected whole minutes",
    ),
    "window": ({"context_window": -5}, "context_window of m: expected a whole number"),
    "name": ({"name": "\x1b[31mred"}, "name of m: expected a printable text"),
    "rule": ({"match": "m"}, "match: expected an object"),
    "rules": ({"match": {"or": [{"equals": str(n)} for n in range(300)]}}, "expected at most 200 members"),
    "id": ({"id": ""}, "id: expected a printable text"),
}


@pytest.mark.parametrize(("changes", "problem"), BAD.values(), ids=BAD)
def test_model_that_makes_no_sense_is_left_out(changes: dict[str, Any], problem: str) -> None:
    """A model with any wrong value is left out whole, and what is wrong is said."""
    service, (rejected,) = read(**changes)

    assert list(service.offers) == []
    assert service.names == {}
    assert problem in rejected


def test_hours_elsewhere_are_turned_into_utc() -> None:
    """A time of day with an offset means the same moment."""
    hours = {"start_time": "01:00:00+08:00", "end_time": "23:30:00Z"}
    service, _ = read(prices=[{"prices": {"input_mtok": 1}}, {"constraint": hours, "prices": {"input_mtok": 2}}])

    assert service.offers[0].prices[1].minutes == (17 * 60, 23 * 60 + 30)


@pytest.mark.parametrize("body", [b"", b"{", b"[1, NaN]", b"\xff", b"[" * 100_000], ids=repr)
def test_document_that_is_no_json_is_refused(body: bytes) -> None:
    """What is no JSON is refused with one line, also when it is nested without end."""
    with pytest.raises(RejectedError, match="the document is no JSON"):
        parsed(body)


@pytest.mark.parametrize("body", [b"{}", b"[7]", b'[{"id": "x"}]', b"null"])
def test_document_of_another_form_is_refused(body: bytes) -> None:
    """JSON that is no list of services with models is refused whole."""
    with pytest.raises(RejectedError):
        list(genai.services_of(parsed(body), []))
