"""The plugin as a host meets it: registered, configured, listed, opened, asked."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import anyio
import pytest

import converge_ollama
from converge_ollama.backend import Chat
from converge_ollama.facts import ModelFacts
from converge_ollama.provider import Ollama, Settings
from converge_ollama.wire.dialect import FEATURES
from converge_provider import (
    BackendDescriptor,
    ChatRequest,
    Configuration,
    ConfigurationError,
    CostClass,
    Engine,
    PluginRegistry,
    Secret,
    load_configuration,
)
from converge_provider.http import HttpChatBackend
from converge_provider.testing.canned import CannedServer, json_answer

KEY = "planted-0123456789abcdef"
README = Path(__file__).parents[1] / "README.md"
ANSWER = {"model": "small", "message": {"content": "Hi!"}, "done": True, "done_reason": "stop", "eval_count": 2}


def configuration(**environ: str) -> Configuration:
    """Configure from an environment alone."""
    return load_configuration(environ={"CONVERGE_HOME": "/nowhere", **environ})


def described(**settings: Any) -> BackendDescriptor:
    """Describe one model of the configuration."""
    fields: dict[str, Any] = {"models": {"m1": ModelFacts()}, "base_url": "localhost", **settings}
    (found,) = Ollama().descriptors(Settings(**fields))
    assert isinstance(found, BackendDescriptor)
    return found


def opened(**settings: Any) -> Chat:
    """Open a model, and give its wire."""
    fields: dict[str, Any] = {"models": {"m1": ModelFacts()}, "base_url": "localhost", **settings}
    chosen = Settings(**fields)
    wire = Ollama().open(Ollama().descriptors(chosen)[0], chosen).wire
    assert isinstance(wire, Chat)
    return wire


def test_ollama_plugin_is_announced_under_its_name() -> None:
    """The installed distribution announces the package under the name ``ollama``."""
    (found,) = entry_points(group="converge_provider", name="ollama")

    assert found.value == "converge_ollama"


def test_ollama_plugin_registers_without_loading_a_transport() -> None:
    """Registering imports neither httpx nor the wire, and takes another name than the OpenAI route."""
    code = (
        "import sys, converge_ollama\n"
        "from converge_provider import Configuration, PluginRegistry\n"
        "registry = PluginRegistry.of(converge_ollama)\n"
        "registry.catalogue(Configuration())\n"
        "print(*registry.provider_types)\n"
        "print([name for name in ('httpx', 'converge_ollama.backend', 'converge_ollama.wire.answers') "
        "if name in sys.modules])"
    )
    types, loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.splitlines()

    assert types == "ollama_native"
    assert loaded == "[]"


def test_ollama_is_not_configured_without_an_address() -> None:
    """A server that just happens to run is not chosen silently; blank is missing too."""
    catalogue = PluginRegistry.of(converge_ollama).catalogue(configuration(OLLAMA_HOST="  "))

    assert catalogue.providers["ollama_native"].missing == ("OLLAMA_HOST",)
    settings = Settings(models={"m1": ModelFacts()})
    (descriptor,) = Ollama().descriptors(settings)
    assert isinstance(descriptor, BackendDescriptor)
    assert descriptor.claims.requires_network is None
    with pytest.raises(ConfigurationError, match="not configured: OLLAMA_HOST missing"):
        Ollama().open(descriptor, settings)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("localhost", "http://localhost:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("1.2.3.4:56789", "http://1.2.3.4:56789"),
        (":56789", "http://127.0.0.1:56789"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:80/", "http://127.0.0.1:80"),
        ("http://1.2.3.4", "http://1.2.3.4"),
        ("https://desk.example", "https://desk.example"),
        ("https://desk.example:56789/path/", "https://desk.example:56789/path"),
        ("desk.example/path/api", "http://desk.example:11434/path"),
        ("http://desk.example:1/api/chat", "http://desk.example:1"),
        ("http://desk.example:1/v1", "http://desk.example:1"),
        ("[fe80::1]", "http://[fe80::1]:11434"),
        ("fe80::1", "http://[fe80::1]:11434"),
        ("[::]:80", "http://[::1]:80"),
        ("ollama.com", "https://ollama.com"),
    ],
    ids=repr,
)
def test_ollama_host_may_be_written_in_many_ways(written: str, url: str) -> None:
    """What Ollama's own programs take as a host is taken here, and leads to the same place."""
    assert opened(base_url=written).template.url == url


@pytest.mark.parametrize("written", ["ftp://x.example", "me:pw@x.example", "x.example?key=1", "http://[::1", "a b"])
def test_ollama_host_that_is_none_is_refused_when_opened(written: str) -> None:
    """A wrong address is one clear line where a model is opened, and does not hide the models before that."""
    assert described(base_url=written).model == "m1"
    with pytest.raises(ConfigurationError) as caught:
        opened(base_url=written)

    assert "\n" not in str(caught.value)
    assert "pw" not in str(caught.value)


def test_ollama_key_goes_into_the_header_alone() -> None:
    """A server without a key gets no header; nothing prints the one that there is."""
    assert "authorization" not in opened().template.headers
    template = opened(api_key=Secret(f" {KEY} ")).template
    sent = template.headers["authorization"]

    assert isinstance(sent, Secret)
    assert sent.reveal() == f"Bearer {KEY}"
    assert KEY not in repr(template)


def test_ollama_key_with_a_line_break_is_refused_when_opened() -> None:
    """A key that no header may hold is told when it is configured, with what sets it, and not repeated."""
    with pytest.raises(ConfigurationError, match="OLLAMA_API_KEY, unless configured otherwise") as caught:
        opened(api_key=Secret("planted\nX"))

    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "sent"), [("", None), ("10m", "10m"), ("300", 300), ("-1", -1), (" 0 ", 0), ("1h30m", "1h30m")]
)
def test_ollama_keep_alive_is_sent_as_the_server_reads_it(written: str, sent: object) -> None:
    """Seconds are a number on the wire, a duration with a unit is text, and nothing is nothing."""
    assert opened(keep_alive=written).dialect.keep_alive == sent


def test_ollama_context_of_a_model_is_stronger_than_the_provider_s() -> None:
    """What is asked for is what is claimed, for the model before the provider."""
    assert opened(num_ctx=8).dialect.num_ctx == 8
    own = {"m1": ModelFacts(num_ctx=16, trained_tokens=12)}
    assert opened(num_ctx=8, models=own).dialect.num_ctx == 16

    assert described(num_ctx=8).capabilities.context_tokens == 8
    assert described(num_ctx=8, models=own).capabilities.context_tokens == 12
    assert described(models={"m1": ModelFacts(trained_tokens=12)}).capabilities.context_tokens is None
    with pytest.raises(ConfigurationError, match="num_ctx must be a number of tokens, at least 1, got 0"):
        Settings(num_ctx=0)


@pytest.mark.parametrize(
    ("host", "model", "is_here", "is_free"),
    [
        ("localhost", "m1", True, True),
        ("desk.example", "m1", False, True),
        ("localhost", "gpt-oss:120b-cloud", False, False),
        ("https://ollama.com", "m1", False, False),
    ],
    ids=["here", "desk", "cloud-through-here", "cloud"],
)
def test_ollama_claims_where_answers_are_computed(host: str, model: str, *, is_here: bool, is_free: bool) -> None:
    """A model of the cloud leaves the machine whatever server hands it on, and is not free."""
    found = described(base_url=host, models={model: ModelFacts()})

    assert found.claims.requires_network is not is_here
    assert (found.claims.data_sovereignty is not None) is is_here
    assert (found.cost_class is CostClass.FREE) is is_free
    assert (found.claims.prices is not None) is is_free
    assert found.capabilities.structured_output is is_free
    assert "structured_output" not in found.unknown
    honours = opened(base_url=host, models={model: ModelFacts()}).dialect.honours
    assert ("response_schema" in honours) is is_free
    assert honours == found.claims.honours


def test_ollama_claims_say_what_is_known_and_nothing_more() -> None:
    """Facts of the configuration become claims; what nobody states is unknown."""
    facts = ModelFacts(able=("tool_use",), unable=("vision", "reasoning"), refuses=("seed",))
    found = described(models={"m1": facts})

    assert found.capabilities.tool_use
    assert not {"tool_use", "vision", "reasoning", "cost_class"} & found.unknown
    assert found.unknown >= {"quality", "typical_latency_ms", "code"}
    assert found.claims.honours == frozenset(FEATURES) - {"seed", "reasoning_effort"}
    assert found.claims.input_modalities == frozenset({"text"})
    assert found.claims.source == "the provider's configuration"
    assert described().claims.input_modalities is None


def test_ollama_is_asked_through_the_engine() -> None:
    """A provider of one's own, with a model that is declared in the configuration, answers, and costs nothing."""
    with CannedServer([json_answer(ANSWER)]) as server:
        provider: dict[str, Any] = {
            "type": "ollama_native",
            "base_url": server.url,
            "num_ctx": 4096,
            "models": {"small": {}},
        }
        configured = load_configuration(
            environ={"CONVERGE_HOME": "/nowhere"}, overrides={"providers": {"desk": provider}}
        )

        async def run() -> object:
            async with Engine(PluginRegistry.of(converge_ollama).catalogue(configured)) as engine:
                return await engine.chat(ChatRequest.of("Hello"))

        reply = anyio.run(run)

    assert getattr(reply, "content", None) == "Hi!"
    assert getattr(reply, "backend", None) == "desk/small"
    assert str(getattr(reply, "cost", None)) == "$0"
    assert server.requests[0].document["options"] == {"num_ctx": 4096}


def test_ollama_configuration_of_the_readme_is_taken() -> None:
    """The example of the README configures a provider as it says."""
    example = tomllib.loads(README.read_text("utf-8").partition("```toml\n")[2].partition("```")[0])
    configured = load_configuration(environ={"CONVERGE_HOME": "/nowhere"}, overrides=example)

    entry = PluginRegistry.of(converge_ollama).catalogue(configured).get("desk/qwen3:8b")

    assert entry is not None
    assert entry.missing == ()
    assert entry.descriptor.capabilities.context_tokens == 32_768
    backend = entry.open()
    assert isinstance(backend, HttpChatBackend)
    sent = backend.wire.request(ChatRequest.of("?"), stream=False)
    assert sent.url == "http://desk.example:11434/api/chat"
    assert b'"num_ctx":32768' in (sent.body or b"")
    assert b'"keep_alive":"30m"' in (sent.body or b"")
