"""Which offer a backend's name means: the library's own answers, and nothing where there is doubt."""

from typing import Any

import pytest
from genai_prices.data import providers

from converge_catalogue import genai, modelsdev
from converge_catalogue.matching import find_offer, service_ids, service_name
from converge_catalogue.offers import Offer, Service, unique_names
from converge_catalogue.sources import FACTS

LIBRARY = {provider.id: provider for provider in providers}
SERVICES = {service.id: service for service in genai.services_of(genai.plain(providers), [])}


def test_every_name_means_what_the_library_says() -> None:
    """No name that is listed means another model than the library's own rules say."""
    names = [(service, name, place) for service in SERVICES.values() for name, place in service.names.items()]
    differing = [
        (service.id, name)
        for service, name, place in names
        if (found := LIBRARY[service.id].find_model(name)) is None or found.id != service.offers[place].id
    ]

    assert differing == []
    assert len(names) > 3_000


def test_no_dated_name_means_another_model() -> None:
    """A name with a date means what the library's own rules say, or they say nothing of that form."""
    wrong = [
        (service.id, name, found.id)
        for service in SERVICES.values()
        for name, place in service.dated.items()
        for dated in (f"{name}-20270102", f"{name}-2027-01-02")
        if (found := LIBRARY[service.id].find_model(dated)) is not None
        and (offer := find_offer(service, dated)) is not None
        and found.id != offer.id != service.offers[place].id
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("service", "model", "expected"),
    [
        ("openai", "gpt-5.4-mini", "gpt-5.4-mini"),
        ("openai", "GPT-5.4-Mini", "gpt-5.4-mini"),
        ("openai", "gpt-5.4-mini-2026-03-17", "gpt-5.4-mini"),
        ("openai", "gpt-6-sol-2026-12-24", "gpt-6-sol"),
        ("openai", "gpt-5.4-mini-2099-01-01", None),
        ("openai", "gpt-5.4-mini-turbo", None),
        ("openai", "gpt-5.4-min", None),
        ("openai", "my-fine-tune", None),
        ("openai", "", None),
        ("anthropic", "claude-haiku-4-5", "claude-haiku-4-5"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic", "claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("anthropic", "claude-haiku-4-5-turbo", None),
        ("openrouter", "openai/gpt-5.4-mini", "openai/gpt-5.4-mini"),
        ("openrouter", "openai/gpt-5.4-mini:nitro", None),
    ],
)
def test_real_name_means_a_model_or_nothing(service: str, model: str, expected: str | None) -> None:
    """A name in any case, or with the date of a version where the source says so, is found; anything near is not."""
    found = find_offer(SERVICES[service], model)

    assert (None if found is None else found.id) == expected


def model(name: str, **rule: Any) -> dict[str, Any]:
    """Give a model with a rule."""
    return {"id": name, "match": rule, "prices": {"input_mtok": 1}}


def acme(*models: dict[str, Any]) -> Service:
    """Read a service of some models."""
    (service,) = genai.services_of([{"id": "acme", "models": list(models)}], [])
    return service


RULES: dict[str, tuple[Service, str, str | None]] = {
    "two equal": (acme(model("a", equals="x"), model("b", equals="x")), "x", None),
    "two in another case": (acme(model("a", equals="x"), model("b", equals="X")), "x", None),
    "two begin": (acme(model("a", starts_with="x"), model("b", starts_with="x")), "x-20260101", None),
    "own name before a beginning": (acme(model("x", equals="x"), model("b", starts_with="x")), "x", "x"),
    "beginning that is another's name": (
        acme(model("x", equals="x"), model("b", starts_with="x")),
        "x-20260101",
        None,
    ),
    "beginning that two are called": (
        acme(model("a", equals="x"), model("b", equals="x"), model("c", starts_with="x")),
        "x-20260101",
        None,
    ),
    "id that its rule does not match": (acme(model("label", equals="full/label")), "label", None),
    "id that its end matches": (acme(model("full/label", ends_with="/label")), "full/label", "full/label"),
    "id that a part matches": (acme(model("a-b-c", contains="b")), "a-b-c", "a-b-c"),
    "likeness": (acme(model("a-b-c", contains="b")), "x-b-y", None),
    "pattern": (acme(model("a", regex="^x.*$")), "xyz", None),
    "pattern of a date": (acme(model("x.1", regex=r"^x\.1-\d{8}$")), "x.1-20260101", "x.1"),
    "pattern that would never end": (acme(model("a", regex="^(a+)+$")), "a" * 40 + "!", None),
    "both": (acme(model("a", **{"and": [{"starts_with": "x"}, {"contains": "y"}]})), "x", None),
    "month": (acme(model("x", starts_with="x")), "x-202601", None),
}


@pytest.mark.parametrize(("service", "name", "expected"), RULES.values(), ids=RULES)
def test_doubtful_name_means_nothing(service: Service, name: str, expected: str | None) -> None:
    """A name that may mean two models, or that only a likeness or a pattern leads to, means none."""
    found = find_offer(service, name)

    assert (None if found is None else found.id) == expected


def test_place_beyond_the_offers_means_nothing() -> None:
    """A broken table of names leads nowhere, rather than to an error or to another offer."""
    service = Service(id="acme", offers=[Offer(id="a")], names={"x": 1, "y": -1})

    assert find_offer(service, "x") is None
    assert find_offer(service, "y") is None


def test_unique_names_are_what_one_alone_is_called() -> None:
    """A name of two is nobody's; one that is said twice of one is its."""
    assert unique_names([("A", 0), ("a", 1), ("b", 0), ("B", 0)]) == {"b": 0}


def test_services_of_the_table_are_in_the_sources() -> None:
    """Every service whose name differs is there under the name that the table says, in one source at least."""
    facts = {service.id for service in modelsdev.services_of(FACTS.bundled(), [])}
    for name in ("bedrock", "fireworks", "gemini", "grok", "kimi", "novita", "qwen", "together", "zhipu", "openai"):
        priced, known = service_ids(name)

        assert known in facts
        assert priced in SERVICES or name == "qwen"
        assert service_name(priced, "prices") == service_name(known, "facts") == name
