"""The plugin as a host meets it: registered, configured, listed, opened, asked."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import anyio
import pytest

import converge_openai
from converge_openai.backend import ChatCompletions
from converge_openai.services import services
from converge_provider import ChatRequest, Configuration, ConfigurationError, Engine, PluginRegistry, load_configuration
from converge_provider.http import HttpChatBackend
from converge_provider.testing.canned import CannedServer, json_answer

KEY = "sk-planted-0123456789abcdef"
ANSWER = {
    "model": "small",
    "choices": [{"index": 0, "message": {"content": "Hi!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def configuration(**environ: str) -> Configuration:
    """Configure from an environment alone."""
    return load_configuration(environ={"CONVERGE_HOME": "/nowhere", **environ})


def test_plugin_is_announced_under_its_name() -> None:
    """The installed distribution announces the package under the name ``openai``."""
    (found,) = entry_points(group="converge_provider", name="openai")

    assert found.value == "converge_openai"


def test_plugin_registers_every_service_without_loading_a_transport() -> None:
    """Registering imports neither httpx nor the strict codec's library, and takes little time."""
    code = (
        "import sys, converge_openai\n"
        "from converge_provider import PluginRegistry\n"
        "print(sorted(PluginRegistry.of(converge_openai).provider_types))\n"
        "print([name for name in ('httpx', 'cattrs', 'converge_openai.backend') if name in sys.modules])"
    )
    types, loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert types == str(sorted(services()))
    assert loaded == "[]"


def test_nothing_is_configured_without_a_key_or_an_address() -> None:
    """Known models are listed, none of them is configured, and each says what is missing."""
    catalogue = PluginRegistry.of(converge_openai).catalogue(configuration())

    entry = catalogue.get("openai/gpt-5.4-mini")
    assert entry is not None
    assert entry.missing == ("OPENAI_API_KEY",)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY missing"):
        entry.open()
    assert catalogue.providers["ollama"].missing == ("OLLAMA_HOST",)


def test_environment_configures_a_vendor_and_an_engine() -> None:
    """A key configures a vendor, an address an engine; no secret appears in what is listed."""
    catalogue = PluginRegistry.of(converge_openai).catalogue(configuration(OPENAI_API_KEY=KEY, OLLAMA_HOST="0.0.0.0"))

    entry = catalogue.get("openai/gpt-5.4-mini")
    assert entry is not None
    assert entry.missing == ()
    assert catalogue.providers["ollama"].missing == ()
    assert KEY not in repr(catalogue)
    assert KEY not in repr(entry.open())


def test_configured_provider_is_chosen_and_asked() -> None:
    """A provider of one's own, with a model that is declared in the configuration, answers through the engine."""
    with CannedServer([json_answer(ANSWER)]) as server:
        configured = load_configuration(
            environ={"CONVERGE_HOME": "/nowhere", "MY_KEY": KEY},
            overrides={
                "providers": {
                    "gpu2": {
                        "type": "vllm",
                        "base_url": server.url,
                        "api_key": {"env": "MY_KEY"},
                        "models": {"small": {"context_tokens": 4096}},
                    }
                }
            },
        )

        async def run() -> object:
            async with Engine(PluginRegistry.of(converge_openai).catalogue(configured)) as engine:
                return await engine.chat(ChatRequest.of("Hello"))

        reply = anyio.run(run)

    assert getattr(reply, "content", None) == "Hi!"
    assert getattr(reply, "backend", None) == "gpu2/small"
    assert str(getattr(reply, "cost", None)) == "$0"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_configuration_of_the_readme_is_taken() -> None:
    """The example of the README configures a provider as it says."""
    text = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    example = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])
    configured = load_configuration(environ={"CONVERGE_HOME": "/nowhere"}, overrides=example)

    entry = PluginRegistry.of(converge_openai).catalogue(configured).get("gpu2/Qwen/Qwen3-8B")

    assert entry is not None
    assert entry.missing == ()
    assert entry.descriptor.capabilities.tool_use
    assert entry.descriptor.capabilities.context_tokens == 32_768
    backend = entry.open()
    assert isinstance(backend, HttpChatBackend)
    assert isinstance(backend.wire, ChatCompletions)
    assert backend.wire.template.url == "http://gpu2:8000/v1"
    assert backend.wire.template.timeouts.first_byte_s == 30
