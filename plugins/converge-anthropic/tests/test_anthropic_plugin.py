"""The plugin as a host meets it: registered, configured, listed, opened, asked."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import fields

import converge_anthropic
from converge_anthropic.facts import ModelFacts, known_models
from converge_anthropic.provider import Anthropic
from converge_anthropic.settings import Settings
from converge_anthropic.wire.dialect import FEATURES
from converge_provider import (
    BackendDescriptor,
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
from converge_provider.testing.canned import CannedServer, json_answer

KEY = "sk-ant-planted-0123456789abcdef"
ANSWER = {
    "model": "small",
    "content": [{"type": "text", "text": "Hi!"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
README = Path(__file__).parents[1] / "README.md"


def configuration(**environ: str) -> Configuration:
    """Configure from an environment alone."""
    return load_configuration(environ={"CONVERGE_HOME": "/nowhere", **environ})


def described(**settings: Any) -> dict[str, BackendDescriptor]:
    """Describe the known models, by name."""
    found = Anthropic().descriptors(Settings(**settings))
    return {str(one.model): one for one in found if isinstance(one, BackendDescriptor)}


def test_plugin_is_announced_under_its_name() -> None:
    """The installed distribution announces the package under the name ``anthropic``."""
    (found,) = entry_points(group="converge_provider", name="anthropic")

    assert found.value == "converge_anthropic"


def test_plugin_registers_without_loading_a_transport() -> None:
    """Registering imports neither httpx nor the strict codec's library nor the wire's answers."""
    code = (
        "import sys, converge_anthropic\n"
        "from converge_provider import PluginRegistry\n"
        "print(sorted(PluginRegistry.of(converge_anthropic).provider_types))\n"
        "print([name for name in ('httpx', 'cattrs', 'converge_anthropic.backend') if name in sys.modules])"
    )
    types, loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert (types, loaded) == ("['anthropic']", "[]")


@pytest.mark.parametrize(
    "environ", [{}, {"ANTHROPIC_API_KEY": "  ", "ANTHROPIC_AUTH_TOKEN": ""}], ids=["none", "blank"]
)
def test_nothing_is_configured_without_a_key(environ: dict[str, str]) -> None:
    """Known models are listed, none of them is configured, and each says what is missing; a blank key is none."""
    catalogue = PluginRegistry.of(converge_anthropic).catalogue(configuration(**environ))
    entry = catalogue.get("anthropic/claude-opus-5-5")

    assert entry is not None
    assert entry.missing == ("ANTHROPIC_API_KEY",)
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY missing"):
        entry.open()


def test_opening_without_a_key_says_what_is_missing() -> None:
    """Whoever opens a model without a catalogue is told the same."""
    settings = Settings()
    with pytest.raises(ConfigurationError, match="Anthropic is not configured: ANTHROPIC_API_KEY missing"):
        Anthropic().open(Anthropic().descriptors(settings)[0], settings)


@pytest.mark.parametrize("variable", ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"])
def test_environment_configures_the_vendor(variable: str) -> None:
    """A key or a token is enough; neither appears in what is listed, nor in the handle."""
    catalogue = PluginRegistry.of(converge_anthropic).catalogue(configuration(**{variable: KEY}))

    entry = catalogue.get("anthropic/claude-opus-5-5")
    assert entry is not None
    assert entry.missing == ()
    assert KEY not in repr(catalogue)
    assert KEY not in repr(entry.open())


def test_address_of_ones_own_needs_no_key() -> None:
    """A server of one's own counts as configured; known models are taken to be at a gateway, not on this machine."""
    registry = PluginRegistry.of(converge_anthropic)
    here = registry.catalogue(configuration(ANTHROPIC_BASE_URL="localhost:8080"))
    gateway = registry.catalogue(configuration(ANTHROPIC_BASE_URL="https://gateway.example/anthropic"))

    assert here.providers["anthropic"].missing == ()
    assert here.entries == ()
    assert {str(entry.descriptor.model) for entry in gateway.entries} == set(known_models())
    assert all(entry.missing == () for entry in gateway.entries)


def test_configured_provider_is_chosen_and_asked() -> None:
    """A provider of one's own, with a model that is declared in the configuration, answers through the engine."""
    with CannedServer([json_answer(ANSWER)]) as server:
        gateway = {
            "type": "anthropic",
            "base_url": f"{server.url}/anthropic/v1/messages",
            "auth_token": {"env": "MY_TOKEN"},
            "models": {"small": {"context_tokens": 4096}},
        }
        configured = load_configuration(
            environ={"CONVERGE_HOME": "/nowhere", "MY_TOKEN": KEY}, overrides={"providers": {"gateway": gateway}}
        )

        async def run() -> object:
            async with Engine(PluginRegistry.of(converge_anthropic).catalogue(configured)) as engine:
                return await engine.chat(ChatRequest.of("Hello"))

        reply = anyio.run(run)

    assert getattr(reply, "content", None) == "Hi!"
    assert getattr(reply, "backend", None) == "gateway/small"
    assert server.requests[0].path == "/anthropic/v1/messages"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_configuration_of_the_readme_is_taken() -> None:
    """The example of the README configures a provider as it says."""
    example = tomllib.loads(README.read_text("utf-8").partition("```toml\n")[2].partition("```")[0])
    environ = {"CONVERGE_HOME": "/nowhere", "GATEWAY_TOKEN": KEY}
    configured = load_configuration(environ=environ, overrides=example)

    entry = PluginRegistry.of(converge_anthropic).catalogue(configured).get("gateway/claude-opus-4-5")

    assert entry is not None
    assert entry.missing == ()
    assert entry.descriptor.capabilities.context_tokens == 200_000
    assert KEY not in repr(entry.open())


def test_readme_names_every_setting_and_fact() -> None:
    """No setting, and no fact of a model, is left out of the README."""
    text = README.read_text("utf-8")

    names = [attribute.name for kind in (Settings, ModelFacts) for attribute in fields(kind)]
    assert [name for name in names if f"`{name}" not in text] == []


@pytest.mark.parametrize("name", known_models())
def test_row_of_the_table_is_strict_and_sourced(name: str) -> None:
    """Each row is what the strict codec takes, has a source and a date, and speaks only of what there is."""
    rows = tomllib.loads(files("converge_anthropic").joinpath("models.toml").read_text("utf-8"))
    row = {key: value.isoformat() if key == "as_of" else value for key, value in rows[name].items()}

    facts = codec.load(ModelFacts, row)

    assert facts == known_models()[name]
    assert facts.source is not None
    assert facts.source.startswith("https://platform.claude.com/")
    assert facts.as_of is not None
    assert set(facts.refuses) <= set(FEATURES)
    assert set(facts.efforts) <= {effort.value for effort in ReasoningEffort}
    assert facts.thinking in {"adaptive", "budget"}
    assert ("none" in facts.efforts) is (facts.no_thinking is not None)
    assert (facts.max_output_tokens or 0) < (facts.context_tokens or 0)


def test_vendor_is_described_by_what_it_documents() -> None:
    """At Anthropic's own address its terms are claimed, with sources; where it computes is unknown."""
    claims = described()["claude-opus-5-5"].claims

    assert (claims.country, claims.trains_on_inputs, claims.retention_days) == ("US", False, 30)
    assert {one.name for one in claims.certifications or ()} == {"SOC2", "ISO27001", "ISO42001"}
    assert all(one.source and one.as_of for one in claims.certifications or ())
    assert (claims.data_sovereignty, claims.processing_countries, claims.requires_network) == (None, None, True)


def test_default_model_is_known() -> None:
    """The model that is taken when nobody says which stands in the table."""
    assert Anthropic().default_model in known_models()


def test_other_address_is_described_by_nothing_of_the_vendor() -> None:
    """What Anthropic promises is not claimed of another server; one on loopback stays on this machine."""
    models = {"m1": ModelFacts()}
    here = described(base_url="http://127.0.0.1:8080", models=models)["m1"].claims
    there = described(base_url="https://gateway.example", models=models)["m1"].claims

    assert (here.data_sovereignty, here.requires_network) == (frozenset({DataSovereignty.ON_PREMISES}), False)
    assert (there.data_sovereignty, there.requires_network) == (None, True)
    for claims in (here, there):
        assert (claims.country, claims.trains_on_inputs, claims.retention_days) == (None, None, None)
        assert claims.certifications is None


def test_address_that_is_none_is_told_when_a_model_is_opened() -> None:
    """Listing survives an address that cannot be one; opening says so in one line."""
    settings = Settings(base_url="ftp://a.example", api_key=Secret(KEY), models={"m1": ModelFacts()})
    descriptor = Anthropic().descriptors(settings)[-1]

    with pytest.raises(ConfigurationError, match="base_url of Anthropic is not the address of a server"):
        Anthropic().open(descriptor, settings)
