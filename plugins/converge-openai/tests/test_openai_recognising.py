"""Recognising engines: llama.cpp's own server, and the documented answers of those that cannot be had here."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import converge_openai
from converge_openai.provider import provider_types
from converge_provider import Configuration, LocalEngine, LocalSearch, PluginRegistry, ProviderType, find_local_engines
from converge_provider.configuration import ProviderTable
from converge_provider.testing.canned import HANG, CannedRequest, CannedServer, answer, json_answer
from converge_provider.testing.llamacpp import llamacpp_server

pytestmark = pytest.mark.anyio

KEY = "sk-planted-recognised-0123456789"
Pages = Mapping[str, Any]
VLLM: Pages = {
    "/v1/models": {"object": "list", "data": [{"id": "org/a", "owned_by": "vllm", "max_model_len": 32_768}]},
    "/version": {"version": "0.19.0"},
}
LLAMACPP: Pages = {
    "/props": {"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1},
    "/v1/models": {"data": [{"id": "a", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131_072}}]},
    "/api/tags": {"models": [{"name": "a", "model": "a"}]},
}
LMSTUDIO: Pages = {
    "/api/v0/models": {
        "object": "list",
        "data": [
            {
                "id": "loaded",
                "type": "llm",
                "state": "loaded",
                "max_context_length": 65_536,
                "loaded_context_length": 9,
            },
            {"id": "eyes", "type": "vlm", "state": "not-loaded", "max_context_length": 32_768},
            {"id": "nomic", "type": "embeddings", "state": "not-loaded", "max_context_length": 2_048},
        ],
    },
}
OLLAMA: Pages = {
    "/api/version": {"version": "0.40.12"},
    "/api/tags": {"models": [{"model": name} for name in ("a:8b", "b:1b", "nomic:latest", "c:cloud")]},
    "/api/ps": {"models": [{"model": "a:8b", "context_length": 8192}]},
    "a:8b": {"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 131_072}},
    "b:1b": {"capabilities": ["completion", "vision"], "parameters": "stop x\nnum_ctx    2048"},
    "nomic:latest": {"capabilities": ["embedding"]},
    "c:cloud": {},
}


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


def speaking(pages: Pages, otherwise: int = 404) -> Callable[[CannedRequest], Any]:
    """Make a server's answers of its pages; Ollama's questions about a model are answered by the model's name."""

    def answered(request: CannedRequest) -> Any:
        if request.path == "/api/show":
            return json_answer(pages[request.document["model"]])
        if request.path in pages:
            return json_answer(pages[request.path])
        return json_answer({"error": f"Unexpected endpoint or method. ({request.path})"}, status=otherwise)

    return answered


def types() -> Mapping[str, ProviderType]:
    """Give this plugin's provider types."""
    return {kind.name: kind for kind in provider_types()}


async def found_at(server: CannedServer) -> LocalSearch:
    """Look at one server with every type."""
    port = int(server.url.rpartition(":")[2])
    return await find_local_engines(types(), hosts=["127.0.0.1"], ports=[port], within_s=5.0)


async def only(pages: Pages, otherwise: int = 404) -> tuple[str, LocalEngine]:
    """Give who is recognised, and as what; nobody is sent a credential."""
    with CannedServer(speaking(pages, otherwise)) as server:
        search = await found_at(server)
    (one,) = search.engines
    assert not [request for request in server.requests if {"authorization", "x-api-key"} & set(request.headers)]
    return one.type_name, one.engine


def windows(engine: LocalEngine) -> dict[str, int | None]:
    """Give the context window of each model."""
    return {str(model.model): model.capabilities.context_tokens for model in engine.models}


@pytest.mark.parametrize("otherwise", [404, 200], ids=["not-found", "always-well"])
@pytest.mark.parametrize(
    ("pages", "name", "expected"),
    [
        (VLLM, "vllm", {"org/a": 32_768}),
        (LLAMACPP, "llamacpp", {"a": 4_096}),
        (LMSTUDIO, "lmstudio", {"loaded": 9, "eyes": 32_768}),
        (OLLAMA, "ollama", {"a:8b": 8_192, "b:1b": 2_048, "c:cloud": None}),
    ],
    ids=["vllm", "llamacpp", "lmstudio", "ollama"],
)
async def test_engine_is_told_by_what_only_it_answers(
    pages: Pages, name: str, expected: dict[str, int | None], otherwise: int
) -> None:
    """Each is recognised on any port, also where pages that are not there are said to be well, as LM Studio does."""
    found, engine = await only(pages, otherwise)

    assert found == name
    assert windows(engine) == expected
    assert engine.lacks is None
    assert engine.latency_s > 0


async def test_settings_configure_a_provider_that_knows_the_models() -> None:
    """What is found is what must be configured, and then the models are known without asking."""
    _, engine = await only(OLLAMA)
    assert engine.settings["models"] == {
        "a:8b": {"context_tokens": 8192},
        "b:1b": {"context_tokens": 2048},
        "c:cloud": {},
    }
    table = ProviderTable(type="ollama", settings=dict(engine.settings))
    catalogue = PluginRegistry.of(converge_openai).catalogue(Configuration(providers={"found": table}))
    entry = catalogue.get("found/a:8b")
    assert entry is not None
    assert (entry.missing, entry.descriptor.capabilities.context_tokens) == ((), 8192)


@pytest.mark.parametrize(
    "pages",
    [
        {},
        {"/v1/models": {"data": [{"id": "a", "owned_by": "me"}]}},
        {"/v1/models": {"data": []}, "/api/v0/models": {"data": []}, "/props": []},
        {"/api/version": {"version": 3}, "/api/tags": {"models": []}},
        {"/api/tags": {"models": [{"model": "a"}]}},
        {"/api/v0/models": {"data": [{"id": "a"}]}},
    ],
    ids=["nothing", "another-engine", "empty", "odd-version", "tags-alone", "odd-list"],
)
async def test_something_else_is_no_engine(pages: Pages) -> None:
    """Whoever answers otherwise is not taken for an engine."""
    with CannedServer(speaking(pages)) as server:
        assert (await found_at(server)).engines == ()


async def test_web_server_is_no_engine() -> None:
    """A page for people says nothing."""
    with CannedServer([answer(b"<html>", headers={"content-type": "text/html"})]) as server:
        assert (await found_at(server)).engines == ()


async def test_locked_vllm_says_which_variable_to_set() -> None:
    """With a key vLLM still tells its version to everybody."""
    locked = {"error": {"message": "Unauthorized"}}

    def answered(request: CannedRequest) -> Any:
        return json_answer(VLLM["/version"]) if request.path == "/version" else json_answer(locked, status=401)

    with CannedServer(answered) as server:
        (one,) = (await found_at(server)).engines

    assert (one.type_name, one.engine.lacks, one.engine.models) == ("vllm", "a key: set VLLM_API_KEY", ())
    assert set(one.engine.settings) == {"base_url"}


async def test_somebody_elses_lock_is_no_engine() -> None:
    """A refusal alone says nothing of who refuses."""
    with CannedServer([json_answer({"error": "no"}, status=401)]) as server:
        assert (await found_at(server)).engines == ()


async def test_hostile_list_is_bounded() -> None:
    """Names that could drive a terminal are left out, and no list is longer than it may be."""
    names = ["ok", "\x1b[31mred", " padded", *map(str, range(1_000))]
    pages = {"/v1/models": {"data": [{"id": name, "owned_by": "vllm"} for name in names]}}
    _, engine = await only(pages)

    assert len(engine.models) == 200
    assert {"\x1b[31mred", " padded"}.isdisjoint(windows(engine))


async def test_served_model_without_a_name_harms_nobody() -> None:
    """What is no text names no model; the window of the others is known all the same."""
    served: list[object] = [{"model": ["a:8b"], "context_length": 1}, {"model": {}}, *OLLAMA["/api/ps"]["models"]]
    _, engine = await only({**OLLAMA, "/api/ps": {"models": served}})

    assert windows(engine) == {"a:8b": 8_192, "b:1b": 2_048, "c:cloud": None}


async def test_many_models_of_ollama_are_there_in_time() -> None:
    """Only so many models are asked about one by one; the others are listed without their facts."""
    names = [f"m{number}" for number in range(60)]
    pages = {
        **OLLAMA,
        "/api/tags": {"models": [{"model": name} for name in names]},
        **{name: {"capabilities": ["completion"], "parameters": "num_ctx 1024"} for name in names},
    }
    _, engine = await only(pages)

    assert len(engine.models) == 60
    assert list(windows(engine).values()) == [1024] * 16 + [None] * 44


async def test_silent_servers_cost_less_than_a_second_together() -> None:
    """Four ports that take the connection and say nothing are given up within a second in all."""
    with CannedServer([[HANG]]) as one, CannedServer([[HANG]]) as two, CannedServer([[HANG]]) as three:
        ports = [int(server.url.rpartition(":")[2]) for server in (one, two, three)]
        await find_local_engines(types(), ports=[1])
        began = time.monotonic()
        search = await find_local_engines(types(), hosts=["127.0.0.1"], ports=[*ports, 1])

    assert search.engines == ()
    assert time.monotonic() - began < 1.6  # one after the other they would take more than 2 s


def test_only_local_engines_are_looked_for() -> None:
    """The four have their usual ports and an order; nobody looks for a vendor on this machine."""
    places = {kind.name: kind.local for kind in provider_types() if kind.local is not None}

    assert {name: place.port for name, place in places.items()} == {
        "vllm": 8000,
        "llamacpp": 8080,
        "lmstudio": 1234,
        "ollama": 11434,
    }
    assert sorted(places, key=lambda name: places[name].rank) == ["vllm", "llamacpp", "lmstudio", "ollama"]
    assert all(place.start for place in places.values())


@pytest.mark.real
@pytest.mark.parametrize("key", ["", KEY], ids=["open", "locked"])
async def test_real_server_is_recognised(key: str) -> None:
    """llama.cpp's own server is told apart with the window that it serves, and with a key asks for the variable."""
    with llamacpp_server(key=key) as url:
        port = int(url.rpartition(":")[2])
        search = await find_local_engines(types(), hosts=["127.0.0.1"], ports=[port], within_s=5.0)

    (one,) = search.engines
    assert (one.type_name, one.engine.url) == ("llamacpp", f"{url}/v1")
    if key:
        assert (one.engine.lacks, one.engine.models) == ("a key: set LLAMA_API_KEY", ())
    else:
        assert windows(one.engine) == {"smollm2": 1024}
