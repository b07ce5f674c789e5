"""From an engine that happens to run to an answer and a relayed request, without a line written by hand."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest

import converge_ollama
import converge_openai
from converge_provider import Engine, Job, JobReply, PluginRegistry, cli, load_configuration
from converge_provider.testing.canned import CannedRequest, CannedServer, event_stream, json_answer

CHUNKS = (
    b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n',
    b'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}\n\n',
    b"data: [DONE]\n\n",
)
MODELS = {"data": [{"id": "org/small", "owned_by": "vllm", "max_model_len": 4_096}]}
REGISTRY = (converge_openai, converge_ollama)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def vllm(request: CannedRequest) -> Any:
    """Answer as vLLM does."""
    if request.path == "/v1/models":
        return json_answer(MODELS)
    if request.path == "/v1/chat/completions":
        return event_stream(*CHUNKS)
    return json_answer({"detail": "Not Found"}, status=404)


class Taken:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.body = b""

    async def send_chunk(self, chunk: bytes) -> None:
        """Keep a piece."""
        self.body += chunk


async def relayed(sink: Taken) -> JobReply:
    """Relay a request with whatever is configured."""
    async with Engine.of(PluginRegistry.of(*REGISTRY), load_configuration()) as engine:
        asked = {"messages": [{"role": "user", "content": "Hi"}]}
        return await engine.relay().execute(Job(id="j", model="org/small", request=asked, format="openai"), sink)


def test_engine_that_runs_is_found_configured_listed_and_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """What discover writes is enough for every other command, and for a program that relays."""
    registry = PluginRegistry.of(*REGISTRY)
    sink = Taken()
    with CannedServer(vllm) as server:
        port = server.url.rpartition(":")[2]
        found = cli.main(
            ["discover", "--host", "127.0.0.1", "--port", port, "--timeout", "5", "--write"], registry=registry
        )
        assert found == 0
        capsys.readouterr()
        assert cli.main(["list", "--json"], registry=registry) == 0
        listed = {one["id"]: one for one in json.loads(capsys.readouterr().out)["backends"]}
        assert cli.main(["chat", "--provider", "vllm", "Hi"], registry=registry) == 0
        assert capsys.readouterr().out.startswith("Hello")
        reply = anyio.run(relayed, sink)

    assert listed["vllm/org/small"]["missing"] == []
    assert listed["vllm/org/small"]["descriptor"]["capabilities"]["context_tokens"] == 4_096
    assert sink.body == b"".join(CHUNKS)
    assert (reply.backend, reply.usage and reply.usage.total_tokens) == ("vllm/org/small", 4)


def test_all_plugins_together_recognise_an_engine_once(capsys: pytest.CaptureFixture[str]) -> None:
    """However many plugins look, an engine that runs is one engine."""
    with CannedServer(vllm) as server:
        port = server.url.rpartition(":")[2]
        code = cli.main(["discover", "--host", "127.0.0.1", "--port", port, "--timeout", "5", "--json"])
    (engine,) = json.loads(capsys.readouterr().out)["engines"]

    assert code == 0
    assert engine["type"] == "vllm"
