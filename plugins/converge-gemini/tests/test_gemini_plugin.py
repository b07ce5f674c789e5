"""The plugin as a host meets it: registered, configured, listed, opened, asked; and the table of models."""

import subprocess
import sys
import tomllib
from datetime import date
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio
import pytest

import converge_gemini
from converge_gemini.backend import GenerateContent
from converge_gemini.facts import ModelFacts, known_models
from converge_gemini.provider import Gemini, Settings
from converge_gemini.wire.dialect import FEATURES
from converge_provider import (
    BackendDescriptor,
    Capability,
    ChatRequest,
    Configuration,
    ConfigurationError,
    DataSovereignty,
    Engine,
    PluginRegistry,
    ReasoningEffort,
    Secret,
    codec,
    load_configuration,
)
from converge_provider.http import HttpChatBackend
from converge_provider.testing.canned import CannedServer, json_answer

KEY = "AIza-planted-0123456789abcdef"
README = Path(__file__).parents[1] / "README.md"
ANSWER = {
    "candidates": [{"content": {"parts": [{"text": "Hi!"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
}
WORDS = {
    "reasoning", "web_search", "tool_use", "vision", "structured_output", "code", "multilingual",
    "content_generation", "business_acumen", "documents", "audio",
}  # fmt: skip


def configuration(**environ: str) -> Configuration:
    """Configure from an environment alone."""
    return load_configuration(environ={"CONVERGE_HOME": "/nowhere", **environ})


def described(**settings: Any) -> dict[str, BackendDescriptor]:
    """Describe the models."""
    found = Gemini().descriptors(Settings(**settings))
    return {str(one.model): one for one in found if isinstance(one, BackendDescriptor)}


def opened(model: str = "gemini-3.8-flash", **settings: Any) -> GenerateContent:
    """Open a model, and give its wire."""
    given: dict[str, Any] = {"api_key": Secret(KEY), **settings}
    chosen = Settings(**given)
    descriptor = next(one for one in Gemini().descriptors(chosen) if one.model == model)
    wire = Gemini().open(descriptor, chosen).wire
    assert isinstance(wire, GenerateContent)
    return wire


def test_gemini_plugin_is_announced_under_its_name() -> None:
    """The installed distribution announces the package under the name ``gemini``."""
    (found,) = entry_points(group="converge_provider", name="gemini")

    assert found.value == "converge_gemini"


def test_gemini_plugin_registers_without_loading_a_transport() -> None:
    """Registering, and describing the models, imports neither httpx nor the strict codec's library nor the wire."""
    code = (
        "import sys, converge_gemini\n"
        "from converge_provider import Configuration, PluginRegistry\n"
        "print(len(PluginRegistry.of(converge_gemini).catalogue(Configuration()).entries))\n"
        "print([name for name in ('httpx', 'converge_gemini.backend', 'converge_gemini.wire.answers') "
        "if name in sys.modules])"
    )
    count, loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert int(count) == len(known_models())
    assert loaded == "[]"


def test_gemini_is_not_configured_without_a_key() -> None:
    """Known models are listed, none of them is configured, and each says what is missing; blank is missing too."""
    catalogue = PluginRegistry.of(converge_gemini).catalogue(configuration(GEMINI_API_KEY="  "))

    entry = catalogue.get("gemini/gemini-3.8-flash")
    assert entry is not None
    assert entry.missing == ("GEMINI_API_KEY",)
    with pytest.raises(ConfigurationError, match="GEMINI_API_KEY missing"):
        entry.open()
    with pytest.raises(ConfigurationError, match="Gemini is not configured: GEMINI_API_KEY missing"):
        Gemini().open(entry.descriptor, Settings())


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"GEMINI_API_KEY": f" {KEY}\n"}, KEY),
        ({"GOOGLE_API_KEY": "g"}, "g"),
        ({"GEMINI_API_KEY": KEY, "GOOGLE_API_KEY": "g"}, KEY),
        ({"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": "g"}, "g"),
    ],
    ids=["gemini", "google", "both", "blank"],
)
def test_gemini_key_has_two_names(environ: dict[str, str], key: str) -> None:
    """Gemini's own name wins over Google's; blank space around the key is none of it, and nothing prints it."""
    entry = PluginRegistry.of(converge_gemini).catalogue(configuration(**environ)).get("gemini/gemini-3.8-flash")
    assert entry is not None
    backend = entry.open()

    assert isinstance(backend, HttpChatBackend)
    sent = backend.wire.health().headers["x-goog-api-key"]
    assert isinstance(sent, Secret)
    assert sent.reveal() == key
    assert KEY not in repr(backend)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("", "https://generativelanguage.googleapis.com/v1beta"),
        ("generativelanguage.googleapis.com", "https://generativelanguage.googleapis.com/v1beta"),
        ("https://proxy.example/gemini/", "https://proxy.example/gemini/v1beta"),
        ("https://proxy.example/v1/", "https://proxy.example/v1"),
        ("http://[::1]:80/v1alpha/models", "http://[::1]:80/v1alpha"),
    ],
    ids=repr,
)
def test_gemini_address_may_be_written_in_many_ways(written: str, url: str) -> None:
    """With or without scheme, version and endpoint it is one address; without a scheme it is that of TLS."""
    assert opened(base_url=written).template.url == url


@pytest.mark.parametrize(
    "written",
    [
        "ftp://x.example",
        "https://me:pw@x.example",
        "https://x.example/?key=1",
        "http://[::1",
        "https://a b",
        "https://:x",
    ],
)
def test_gemini_address_that_is_none_is_refused_when_opened(written: str) -> None:
    """A wrong address is one clear line where a model is opened, and does not hide the models before that."""
    assert described(base_url=written).keys() == known_models().keys()
    with pytest.raises(ConfigurationError) as caught:
        opened(base_url=written)

    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_gemini_key_with_a_line_break_is_refused_when_opened() -> None:
    """A key that no header may hold is told when it is configured, and not repeated."""
    with pytest.raises(ConfigurationError, match="x-goog-api-key") as caught:
        opened(api_key=Secret("AIza\nX"))

    assert "AIza" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "path"),
    [("gemini-3.8-flash", "models/gemini-3.8-flash"), ("tunedModels/my model", "tunedModels/my%20model")],
)
def test_gemini_tuned_models_have_a_place_of_their_own(model: str, path: str) -> None:
    """A name with a slash is a place by itself; others stand among the models."""
    wire = opened(model, models={model: ModelFacts()})

    assert wire.request(ChatRequest.of("?"), stream=False).url.endswith(f"/v1beta/{path}:generateContent")


def test_gemini_claims_say_what_is_known_and_nothing_more() -> None:
    """Facts of the table become claims with source and date; what nobody states is unknown."""
    found = described()["gemini-3.8-flash"]

    assert found.capabilities.context_tokens == 1_048_576
    assert found.capabilities.tool_use
    assert found.unknown >= {"cost_class", "typical_latency_ms", "quality", "web_search", "code"}
    claims = found.claims
    assert claims.honours == frozenset(FEATURES)
    assert claims.input_modalities == frozenset({"text", "image", "document", "audio"})
    assert claims.capabilities[Capability.other("AudioUnderstanding")]
    assert (claims.prices, claims.country, claims.trains_on_inputs, claims.retention_days) == (None,) * 4
    assert (claims.requires_network, claims.supports_replay, claims.data_sovereignty) == (True, False, None)
    assert claims.source is not None
    here = described(base_url="http://localhost:8080")["gemini-3.8-flash"].claims
    assert (claims.service, here.service) == ("gemini", None)
    assert here.requires_network is False
    assert here.data_sovereignty == frozenset({DataSovereignty.ON_PREMISES})


def test_gemini_model_of_the_configuration_is_as_stated() -> None:
    """A model that only the user knows is described by the user's facts alone."""
    facts = ModelFacts(able=("tool_use",), unable=("vision",), refuses=("seed",))
    found = described(models={"new": facts, "bare": ModelFacts()})

    assert found["new"].capabilities.tool_use
    assert "vision" not in found["new"].unknown
    assert found["new"].claims.input_modalities == frozenset({"text"})
    assert found["new"].claims.source == "the provider's configuration"
    assert "seed" not in (found["new"].claims.honours or ())
    assert found["bare"].claims.input_modalities is None


@pytest.mark.parametrize("name", known_models())
def test_gemini_model_row_is_what_the_strict_codec_reads(name: str) -> None:
    """A row holds no unknown key, no wrong type and no unknown word, and says where it is from and when."""
    row = tomllib.loads(files("converge_gemini").joinpath("models.toml").read_text("utf-8"))[name]
    facts = known_models()[name]

    assert codec.load(ModelFacts, row) == facts
    assert {*facts.able, *facts.unable} <= WORDS
    assert set(facts.efforts) <= {effort.value for effort in ReasoningEffort}
    assert set(facts.refuses) <= set(FEATURES)
    assert str(facts.source).startswith("https://")
    assert isinstance(facts.as_of, date)


def test_gemini_default_model_is_known() -> None:
    """The model that is taken when nobody says which is one of the table."""
    assert Gemini().default_model in known_models()


def test_gemini_is_asked_through_the_engine() -> None:
    """A host that has a key configured gets an answer, from a provider of its own name."""
    with CannedServer([json_answer(ANSWER)]) as server:
        overrides = {
            "providers": {"mine": {"type": "gemini", "base_url": server.url, "api_key": {"env": "MY_KEY"}}},
        }
        configured = load_configuration(environ={"CONVERGE_HOME": "/nowhere", "MY_KEY": KEY}, overrides=overrides)

        async def run() -> object:
            async with Engine(PluginRegistry.of(converge_gemini).catalogue(configured)) as engine:
                return await engine.chat(ChatRequest.of("Hello"), backend="mine/gemini-3.6-flash")

        reply = anyio.run(run)

    assert getattr(reply, "content", None) == "Hi!"
    assert getattr(reply, "backend", None) == "mine/gemini-3.6-flash"
    assert server.requests[0].headers["x-goog-api-key"] == KEY


def test_gemini_configuration_of_the_readme_is_taken() -> None:
    """The example of the README configures a provider as it says."""
    example = tomllib.loads(README.read_text("utf-8").partition("```toml\n")[2].partition("```")[0])
    configured = load_configuration(environ={"CONVERGE_HOME": "/nowhere", "GEMINI_API_KEY": KEY}, overrides=example)

    entry = PluginRegistry.of(converge_gemini).catalogue(configured).get("gemini/gemini-9-neon")

    assert entry is not None
    assert entry.missing == ()
    assert entry.descriptor.capabilities.context_tokens == 2_000_000
    backend = entry.open()
    assert isinstance(backend, HttpChatBackend)
    assert backend.wire.health().timeouts.first_byte_s == 60
