"""The table of services, the models in it, and what they become."""

import tomllib
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs
import pytest
from attrs import evolve

from converge_openai.addresses import base_of
from converge_openai.backend import ChatCompletions
from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible, provider_types
from converge_openai.services import Service, services
from converge_openai.settings import Settings
from converge_openai.wire.dialect import FEATURES
from converge_provider import (
    BackendDescriptor,
    Capability,
    ConfigurationError,
    CostClass,
    DataSovereignty,
    Prices,
    ReasoningEffort,
    Secret,
    codec,
)
from converge_provider.http import Timeouts

GPT = {"gpt": ModelFacts()}
PRICES = Prices(input_usd_per_mtok=Decimal(5), output_usd_per_mtok=Decimal(40))
TYPES = {one.name: one for one in provider_types()}
README = Path(__file__).parents[1] / "README.md"


def table(name: str) -> dict[str, Any]:
    """Read a table as it is."""
    return tomllib.loads(files("converge_openai").joinpath(name).read_text("utf-8"))


def described(name: str, **settings: Any) -> dict[str, BackendDescriptor]:
    """Describe the models of a service."""
    kind = TYPES[name]
    found = kind.descriptors(kind.settings(**settings))
    return {str(one.model): one for one in found if isinstance(one, BackendDescriptor)}


def opened(name: str, *, api_key: str = "k", **settings: Any) -> ChatCompletions:
    """Open the first model of a service, and give its wire."""
    kind = TYPES[name]
    chosen = kind.settings(api_key=Secret(api_key), **settings)
    wire = kind.open(kind.descriptors(chosen)[0], chosen).wire
    assert isinstance(wire, ChatCompletions)
    return wire


@pytest.mark.parametrize("name", services())
def test_service_row_is_what_the_strict_codec_reads(name: str) -> None:
    """A row holds no unknown key and no wrong type, and the quick way of reading it gives the same value."""
    row = {"name": name, **table("services.toml")[name], "models": table("models.toml").get(name, {})}

    assert attrs.asdict(codec.load(Service, row)) == attrs.asdict(services()[name])


@pytest.mark.parametrize("name", services())
def test_service_row_names_what_exists(name: str) -> None:
    """Features, media, formats and efforts of a row are ones that the wire knows."""
    row = services()[name]

    assert set(row.refuses) <= set(FEATURES)
    assert set(row.media) <= {"images", "image_urls", "documents", "audio"}
    assert set(row.formats) <= {"json_object", "json_schema"}
    assert set(row.tool_choices) <= {"auto", "none", "required", "named"}
    assert set(row.header_variables) <= set(row.headers)
    assert set(row.efforts) <= {effort.value for effort in ReasoningEffort}
    assert row.reasoning_back in {"", "reasoning", "reasoning_content", "parts", "tags"}
    assert row.default_model is None or row.default_model in row.models
    for facts in row.models.values():
        assert set(facts.refuses) <= set(FEATURES)
        assert set(facts.efforts) <= {effort.value for effort in ReasoningEffort}


@pytest.mark.parametrize("name", services())
def test_service_row_says_where_its_facts_are_from(name: str) -> None:
    """No fact about a service stands in the table without saying where it is from and when it was read."""
    row = services()[name]

    if name != "openai_compatible":
        assert row.source is not None
        assert row.source.startswith("https://")
        assert isinstance(row.as_of, date)
    assert all(one.source.startswith("https://") for one in row.certifications)
    assert all(note.endswith(".") for note in row.notes)


@pytest.mark.parametrize(("service", "model"), [(s.name, m) for s in services().values() for m in s.models])
def test_model_row_has_source_and_date(service: str, model: str) -> None:
    """No fact stands in the table without saying where it is from and when it was true."""
    facts = services()[service].models[model]

    assert facts.source is not None
    assert facts.source.startswith("https://")
    assert isinstance(facts.as_of, date)


def test_services_are_those_promised() -> None:
    """The provider types are there, each with a class of settings of its own."""
    assert set(TYPES) == {
        "openai", "azure_openai", "openrouter", "venice", "vllm", "llamacpp", "lmstudio", "ollama", "groq", "together",
        "fireworks", "deepseek", "mistral", "kimi", "qwen", "perplexity", "grok", "minimax", "staik", "kong", "arcee",
        "writer", "zhipu", "apertus", "cerebras", "nvidia", "huggingface", "litellm", "openai_compatible",
    }  # fmt: skip
    assert len({one.settings for one in TYPES.values()}) == len(TYPES)
    assert all(issubclass(one.settings, Settings) for one in TYPES.values())


@pytest.mark.parametrize("name", TYPES)
def test_settings_class_takes_the_variables_of_its_row(name: str) -> None:
    """A class that inherits the compiled methods loads, compares and evolves as one that attrs compiled."""
    row, kind = services()[name], TYPES[name].settings
    variables = {field.name: next(iter(field.metadata.values()), None) for field in attrs.fields(kind)}
    loaded = codec.load(kind, {"base_url": "http://a.example", "models": {"m": {"tool_use": True}}})

    assert (variables["api_key"], variables["base_url"]) == (row.key_variable, row.base_url_variable)
    assert variables["models"] is None
    assert loaded == evolve(kind(base_url="http://a.example"), models={"m": ModelFacts(tool_use=True)})
    assert loaded != kind()
    assert repr(kind(api_key=Secret("sk-planted"))).startswith(f"{kind.__name__}(api_key=Secret('***')")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(loaded, "base_url", "other")  # noqa: B010 - the checkers know that it is frozen


@pytest.mark.parametrize(
    ("name", "settings", "missing"),
    [
        ("openai", {}, ["OPENAI_API_KEY"]),
        ("openai", {"api_key": Secret("  ")}, ["OPENAI_API_KEY"]),
        ("openai", {"api_key": Secret("k")}, []),
        ("openai", {"base_url": "http://localhost:1"}, ["OPENAI_API_KEY"]),
        ("openrouter", {}, ["OPENROUTER_API_KEY"]),
        ("venice", {}, ["VENICE_API_KEY"]),
        ("vllm", {}, ["VLLM_BASE_URL"]),
        ("llamacpp", {}, ["LLAMACPP_BASE_URL"]),
        ("lmstudio", {"base_url": " "}, ["LMSTUDIO_BASE_URL"]),
        ("ollama", {}, ["OLLAMA_HOST"]),
        ("ollama", {"base_url": "localhost"}, []),
        ("openai_compatible", {"api_key": Secret("k")}, ["OPENAI_COMPATIBLE_BASE_URL"]),
        ("azure_openai", {}, ["AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"]),
        ("azure_openai", {"base_url": "https://acme.openai.azure.com", "token": Secret("t")}, []),
        ("grok", {"api_key": Secret("\t")}, ["XAI_API_KEY"]),
        ("kong", {"api_key": Secret("k")}, ["KONG_AI_GATEWAY_URL"]),
        ("huggingface", {}, ["HF_TOKEN"]),
    ],
    ids=repr,
)
def test_missing_names_the_variable_exactly(name: str, settings: dict[str, Any], missing: list[str]) -> None:
    """A vendor needs its key, an engine of one's own its address; blank counts as missing."""
    kind = TYPES[name]

    assert kind.missing(kind.settings(**settings)) == missing


@pytest.mark.parametrize("name", TYPES)
def test_open_without_what_is_needed_is_refused(name: str) -> None:
    """A handle that could not call anything is not made."""
    kind = TYPES[name]
    descriptor = BackendDescriptor.unstated(name, "m1")

    with pytest.raises(ConfigurationError, match=f"is not configured: {kind.missing(kind.settings())[0]}.* missing"):
        kind.open(descriptor, kind.settings())


@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        ("groq", "https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("groq", "https://api.groq.com/v1/", "https://api.groq.com/openai/v1"),
        ("groq", "https://proxy.example/groq", "https://proxy.example/groq/v1"),
        ("fireworks", "api.fireworks.ai", "https://api.fireworks.ai/inference/v1"),
        ("zhipu", "https://api.z.ai/api/paas/v4", "https://api.z.ai/api/paas/v4"),
        ("zhipu", "https://open.bigmodel.cn", "https://open.bigmodel.cn/api/paas/v4"),
        ("deepseek", "https://api.deepseek.com/v1", "https://api.deepseek.com"),
        ("perplexity", "https://api.perplexity.ai/chat/completions", "https://api.perplexity.ai"),
        ("azure_openai", "https://acme.openai.azure.com/", "https://acme.openai.azure.com/openai/v1"),
        ("azure_openai", "https://acme.openai.azure.com/openai", "https://acme.openai.azure.com/openai/v1"),
        ("azure_openai", "https://acme.openai.azure.com/openai/v1/", "https://acme.openai.azure.com/openai/v1"),
        ("kong", "https://gateway.example/", "https://gateway.example"),
        ("litellm", "proxy", "http://proxy:4000/v1"),
        ("writer", "https://api.writer.com", "https://api.writer.com/v1"),
        ("openrouter", "https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1"),
    ],
    ids=repr,
)
def test_base_url_is_found_with_or_without_its_path(name: str, written: str, expected: str) -> None:
    """Of the vendor's own host the path is known; elsewhere only the version is added."""
    assert base_of(services()[name], written) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("", "/openai/v1/chat/completions"),
        ("preview", "/openai/v1/chat/completions?api-version=preview"),
        ("2024-10-21", "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
        ("2025-04-01-preview", "/openai/deployments/gpt/chat/completions?api-version=2025-04-01-preview"),
    ],
)
def test_azure_is_asked_where_its_version_has_it(version: str, expected: str) -> None:
    """Without a date the present interface is spoken, with one the older whose path names the deployment."""
    wire = opened("azure_openai", base_url="https://acme.openai.azure.com", api_version=version, models=GPT)

    assert wire.chat_url == f"https://acme.openai.azure.com{expected}"
    assert wire.template.headers["api-key"] == Secret("k")
    assert wire.health().url == "https://acme.openai.azure.com/openai/v1/models"


def test_azure_takes_a_token_in_place_of_a_key() -> None:
    """A token of Entra ID goes where bearer tokens go, and wins over a key."""
    wire = opened("azure_openai", base_url="https://acme.openai.azure.com", token=Secret("t\n"), models=GPT)

    assert wire.template.headers["authorization"] == Secret("Bearer t")
    assert "api-key" not in wire.template.headers


def test_kong_is_asked_on_the_route_that_its_operator_made() -> None:
    """The route is a setting, the key goes into Kong's own header, and any answer says that the gateway is there."""
    usual = opened("kong", base_url="https://gateway.example", models=GPT)
    own = opened("kong", base_url="https://gateway.example/ai/", chat_path="/team/chat/", models=GPT)

    assert usual.chat_url == "https://gateway.example/llm/v1/chat"
    assert own.chat_url == "https://gateway.example/ai/team/chat"
    assert usual.template.headers["apikey"] == Secret("k")
    assert (usual.health().method, usual.health().url) == ("HEAD", "https://gateway.example/")


@pytest.mark.anyio
async def test_service_that_lists_no_models_says_so() -> None:
    """Where there is no list, discovery says what to do instead of asking in vain."""
    kind = TYPES["kong"]

    with pytest.raises(ConfigurationError, match="does not say which models it has: name them under models"):
        await kind.discover(kind.settings(base_url="https://gateway.example"))


@pytest.mark.parametrize(
    "written",
    [
        "ftp://a.example",
        "http://a b.example",
        "http://me:pw@a.example",
        "http://a.example/v1?key=1",
        "http://a:99999",
        "http://ä.example",
        "http://[::1",
    ],
    ids=repr,
)
def test_address_that_is_none_is_refused(written: str) -> None:
    """What is no address is refused in one line that does not quote it, since it may hold a password."""
    with pytest.raises(ConfigurationError, match="base_url of vLLM is not the address of a server") as caught:
        TYPES["vllm"].open(BackendDescriptor.unstated("vllm", "m1"), TYPES["vllm"].settings(base_url=written))

    assert written not in str(caught.value)


def test_key_with_a_line_break_is_refused_unseen() -> None:
    """A key that would split the header is refused when the handle is made; a line break at its end is taken off."""
    assert opened("openai", api_key="sk-planted\n").template.headers["authorization"] == Secret("Bearer sk-planted")
    with pytest.raises(ConfigurationError, match="the value of the header 'authorization' holds") as caught:
        opened("openai", api_key="sk-pla\nnted")
    assert "sk-pla" not in str(caught.value)


def test_settings_become_headers_where_the_service_has_them() -> None:
    """The organisation and the project, or the site's name and address, go into the service's own headers."""
    first = opened("openai", organization="org-1", timeouts=Timeouts(connect_s=1))
    second = opened("openrouter", site_url="https://me.example", site_name="Me")

    assert first.template.headers["openai-organization"] == "org-1"
    assert "openai-project" not in first.template.headers
    assert first.template.timeouts.connect_s == 1
    assert second.template.headers["http-referer"] == "https://me.example"
    assert second.template.headers["x-title"] == "Me"


def test_what_nobody_states_is_unknown() -> None:
    """Quality and latency stand in no table, so they are unknown, not bad; a model without facts has none at all."""
    model = described("openai")["gpt-5.4-mini"]
    bare = described("vllm", models={"m": ModelFacts()})["m"]

    assert {"quality", "typical_latency_ms"} <= model.unknown
    assert {"tool_use", "vision", "reasoning"} <= bare.unknown
    assert "cost_class" not in bare.unknown
    assert model.claims.supports_replay is False


def test_claims_say_what_is_honoured() -> None:
    """What a model does not honour is not claimed, so that selection passes it over."""
    models = described("openai")

    assert {"temperature", "seed"} <= (models["gpt-4.1-mini"].claims.honours or frozenset())
    assert "reasoning_effort" not in (models["gpt-4.1-mini"].claims.honours or frozenset())
    assert "temperature" not in (models["gpt-5.4-mini"].claims.honours or frozenset())
    assert "tool_choice" not in (described("ollama", models={"m": ModelFacts()})["m"].claims.honours or frozenset())
    assert models["gpt-4.1-mini"].claims.input_modalities == frozenset({"text", "image", "document"})
    assert models["gpt-5.4-mini"].claims.input_modalities is None  # nobody says whether it reads documents
    assert models["gpt-5.4-mini"].claims.capabilities[Capability.STREAMING] is True
    assert models["gpt-5.4-mini"].claims.capabilities[Capability.other("AudioUnderstanding")] is False


def test_prices_are_the_users_or_none() -> None:
    """The table states no price, since prices change; the user's give the class of cost; an engine's own are zero."""
    models = described("openai", models={"m": ModelFacts(prices=PRICES)})
    known = [facts for row in services().values() for facts in row.models.values()]

    assert {(facts.prices, facts.cost_class) for facts in known} == {(None, None)}
    assert models["gpt-6-sol"].claims.prices is None
    assert "cost_class" in models["gpt-6-sol"].unknown
    assert (models["m"].claims.prices, models["m"].cost_class) == (PRICES, CostClass.MEDIUM)
    local = described("vllm", models={"m": ModelFacts()})["m"]
    assert local.cost_class is CostClass.FREE
    assert local.claims.prices == Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))


@pytest.mark.parametrize(
    ("name", "url", "network", "sovereignty", "region"),
    [
        ("llamacpp", "http://127.0.0.1:8080", False, DataSovereignty.ON_PREMISES, None),
        ("ollama", "localhost", False, DataSovereignty.ON_PREMISES, None),
        ("vllm", "http://gpu2:8000", True, DataSovereignty.ANY, None),
        ("openai", "", True, DataSovereignty.ANY, None),
        ("openai", "https://eu.api.openai.com/v1", True, DataSovereignty.EU, "EU"),
        ("openai", "https://us.api.openai.com/v1", True, DataSovereignty.US, "US"),
        ("mistral", "", True, DataSovereignty.EU, "EU"),
        ("staik", "", True, DataSovereignty.EU, "EU"),
        ("grok", "https://us.api.x.ai", True, DataSovereignty.US, "US"),
        ("qwen", "", True, DataSovereignty.ANY, None),
        ("qwen", "https://w1.cn-beijing.maas.aliyuncs.com/compatible-mode/v1", True, DataSovereignty.CHINA, "CN"),
        ("qwen", "https://w1.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1", True, DataSovereignty.ANY, None),
    ],
    ids=repr,
)
def test_place_follows_from_the_address(
    name: str, url: str, sovereignty: DataSovereignty, region: str | None, *, network: bool
) -> None:
    """What is asked of this machine never leaves it; of other places only what the vendor promises is claimed."""
    model = next(iter(described(name, base_url=url, models={"m": ModelFacts()}).values()))

    assert model.claims.requires_network is network
    assert model.data_sovereignty is sovereignty
    assert model.claims.processing_regions == (None if region is None else frozenset({region}))


def test_vendor_facts_do_not_hold_elsewhere() -> None:
    """Behind another address than the vendor's, its name, promises and places are not claimed."""
    own = described("openai")["gpt-5.4-mini"]
    elsewhere = described("openai", base_url="https://proxy.example/v1")["gpt-5.4-mini"]

    assert (own.claims.retention_days, own.claims.trains_on_inputs) == (30, False)
    assert (own.claims.country, own.claims.region, own.claims.service) == ("US", "US", "openai")
    assert {one.name for one in own.claims.certifications or ()} == {"SOC2", "ISO27001"}
    assert elsewhere.claims.certifications is None
    assert (elsewhere.claims.retention_days, elsewhere.claims.trains_on_inputs) == (None, None)
    assert (elsewhere.claims.country, elsewhere.claims.region, elsewhere.claims.service) == (None, None, None)
    assert "cost_class" in elsewhere.unknown
    assert elsewhere.capabilities.tool_use


def test_configured_facts_beat_the_table_and_need_no_source() -> None:
    """A user who declares a model, or knows better, is believed."""
    facts = codec.load(
        ModelFacts,
        {
            "context_tokens": 32_768,
            "tool_use": True,
            "quality": 0.7,
            "typical_latency_ms": 900,
            "prices": {"input_usd_per_mtok": "1", "output_usd_per_mtok": "2"},
        },
    )
    model = described("openai", base_url="https://proxy.example", models={"gpt-5.4-mini": facts})["gpt-5.4-mini"]

    assert (model.capabilities.context_tokens, model.quality, model.typical_latency_ms) == (32_768, 0.7, 900)
    assert model.claims.prices == facts.prices
    assert model.claims.source == "the provider's configuration"
    assert not model.capabilities.vision
    assert "vision" in model.unknown


def test_address_that_is_none_does_not_hide_the_models() -> None:
    """A mistyped address is said when the model is opened; until then its models are listed."""
    assert "m" in described("vllm", base_url="ftp://x", models={"m": ModelFacts()})


@pytest.mark.parametrize("name", TYPES)
def test_readme_documents_every_service(name: str) -> None:
    """Each provider type, its variables and its usual address stand in the README."""
    text, row = README.read_text("utf-8"), services()[name]

    for word in (f"`{name}`", row.key_variable, row.base_url_variable, row.base_url):
        assert word in text


def test_type_is_made_of_its_row() -> None:
    """A service that is not in the table can be spoken to as well, by making a row for it."""
    row = Service(
        name="acme",
        display_name="Acme",
        base_url="https://acme.example/v1",
        key_variable="ACME_KEY",
        base_url_variable="ACME_URL",
    )

    assert OpenAiCompatible(row).missing(OpenAiCompatible(row).settings()) == ["ACME_KEY"]
