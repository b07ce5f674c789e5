"""The data of models.dev: what is taken from it, and what is left out."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from converge_catalogue import modelsdev
from converge_catalogue.offers import Offer
from converge_catalogue.shapes import RejectedError
from converge_catalogue.sources import FACTS, parsed
from converge_provider import Prices, PriceTier

D = Decimal
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_nothing_of_the_library_is_left_out() -> None:
    """Every model that the library brings makes sense, and nearly all have a window."""
    rejected: list[str] = []
    services = {service.id: service for service in modelsdev.services_of(FACTS.bundled(), rejected)}
    found = [offer for service in services.values() for offer in service.offers]

    assert rejected == []
    assert len(found) > FACTS.fewest
    assert sum(offer.context_tokens is None for offer in found) < 0.05 * len(found)
    mini = next(offer for offer in services["openai"].offers if offer.id == "gpt-5.4-mini")
    assert (mini.context_tokens, mini.max_output_tokens, mini.inputs) == (400_000, 128_000, ["image", "text"])
    assert mini.abilities == {"reasoning": True, "tool_use": True, "structured_output": True}


FULL: dict[str, Any] = {
    "name": "Model One",
    "limit": {"context": 200_000, "output": 8_000},
    "modalities": {"input": ["text", "image", "pdf", "smell"], "output": ["text"]},
    "reasoning": False,
    "tool_call": True,
    "last_updated": "2026-05-01",
    "status": "deprecated",
    "cost": {"input": 1, "output": D("2.5"), "cache_read": D("0.1"), "context_over_200k": {"input": 2, "output": 5}},
}


def read(**changes: Any) -> tuple[list[Offer], list[str]]:
    """Read a document of one model, with changes."""
    rejected: list[str] = []
    document = {"acme": {"doc": "https://acme.invalid", "models": {"m-1": FULL | changes}}}
    (service,) = modelsdev.services_of(document, rejected)
    return list(service.offers), rejected


def test_model_is_read() -> None:
    """Windows, limits, senses, abilities, prices and dates are read; a sense without a word of ours is left out."""
    (offer,), rejected = read()

    assert rejected == []
    assert (offer.name, offer.context_tokens, offer.max_output_tokens) == ("Model One", 200_000, 8_000)
    assert (offer.inputs, offer.outputs) == (["document", "image", "text"], ["text"])
    assert offer.abilities == {"reasoning": False, "tool_use": True}
    assert (offer.updated, offer.deprecated) == (date(2026, 5, 1), True)
    assert offer.prices_at(NOON) == Prices(
        input_usd_per_mtok=D(1),
        output_usd_per_mtok=D("2.5"),
        cache_read_usd_per_mtok=D("0.1"),
        tiers=[PriceTier(above_input_tokens=200_000, input_usd_per_mtok=D(2), output_usd_per_mtok=D(5))],
    )


def test_price_of_sound_is_read() -> None:
    """Sound has a price of its own in both directions, and so it may have in a tier."""
    sound = {"input_audio": 7, "output_audio": 9, "context_over_200k": {"input_audio": 8}}
    (offer,), _ = read(cost=FULL["cost"] | sound)
    prices = offer.prices_at(NOON)

    assert prices is not None
    assert (prices.input_audio_usd_per_mtok, prices.output_audio_usd_per_mtok) == (D(7), D(9))
    assert prices.tiers[0].input_audio_usd_per_mtok == D(8)


def test_tiers_are_read_rather_than_the_older_field() -> None:
    """Where the source states tiers, they count, and the field of its older form does not."""
    tiers = [{"input": 3, "output": 6, "tier": {"type": "context", "size": 128_000}}]
    (offer,), _ = read(cost=FULL["cost"] | {"tiers": tiers})
    prices = offer.prices_at(NOON)

    assert prices is not None
    assert [(tier.above_input_tokens, tier.input_usd_per_mtok) for tier in prices.tiers] == [(128_000, D(3))]


def test_what_is_not_stated_is_unknown() -> None:
    """A window of 0, no senses, no cost and a month instead of a day say nothing."""
    (offer,), _ = read(limit={"context": 0}, modalities=None, cost=None, last_updated="2026-05", reasoning=None)

    assert offer == Offer(id="m-1", name="Model One", abilities={"tool_use": True}, deprecated=True)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "window": ({"limit": {"context": "large"}}, "context of m-1: expected a whole number"),
    "float window": ({"limit": {"context": D("1.5")}}, "context of m-1: expected a whole number"),
    "flag": ({"tool_call": 1}, "tool_call of m-1: expected true or false, got '1'"),
    "senses": ({"modalities": {"input": "text"}}, "modalities of m-1: expected a list"),
    "cost": ({"cost": 5}, "cost of m-1: expected an object"),
    "price": ({"cost": {"input": -1}}, "input of m-1: expected an amount"),
    "tier": ({"cost": {"tiers": [{"tier": {"type": "moon"}}]}}, "expected one of context, got 'moon'"),
    "date": ({"last_updated": "2026-02-31"}, "last_updated of m-1: expected a date"),
    "name": ({"name": 7}, "name of m-1: expected a printable text"),
}


@pytest.mark.parametrize(("changes", "problem"), BAD.values(), ids=BAD)
def test_model_that_makes_no_sense_is_left_out(changes: dict[str, Any], problem: str) -> None:
    """A model with any wrong value is left out whole, and what is wrong is said."""
    offers, (rejected,) = read(**changes)

    assert offers == []
    assert problem in rejected


@pytest.mark.parametrize("body", [b"[]", b'{"a": 1}', b'{"a": {"models": []}}', b'{"\\n": {"models": {}}}'])
def test_document_of_another_form_is_refused(body: bytes) -> None:
    """JSON that is no table of services with models is refused whole."""
    with pytest.raises(RejectedError):
        list(modelsdev.services_of(parsed(body), []))
