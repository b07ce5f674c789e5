"""Relaying Messages through this adapter."""

from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from converge_anthropic.provider import Anthropic
from converge_anthropic.settings import Settings
from converge_provider import BackendDescriptor, Job, Secret, UsageDetail, WireFormat
from converge_provider.testing.canned import CannedServer, event_stream

if TYPE_CHECKING:
    from converge_provider import JsonObject

pytestmark = pytest.mark.anyio

KEY = "sk-ant-planted-0123456789"
EVENTS = (
    b"event: message_start\n",
    b'data: {"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":9,',
    b'"output_tokens_details":{"thinking_tokens":4}}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n',
)


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@define
class Taken:
    """A sink that keeps what it is given."""

    chunks: list[bytes] = field(factory=list[bytes])

    async def send_chunk(self, chunk: bytes) -> None:
        """Keep a piece."""
        self.chunks.append(chunk)


async def test_messages_are_relayed_as_they_are() -> None:
    """Bytes pass untouched, the key travels in its header, and usage is sorted as this vendor counts."""
    asked: JsonObject = {"max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}], "service_tier": "auto"}
    job = Job(id="j1", model="one", request=asked, format="anthropic")
    sink = Taken()
    with CannedServer([event_stream(*EVENTS)]) as server:
        backend = Anthropic().open(
            BackendDescriptor.unstated("anthropic", "one"), Settings(base_url=server.url, api_key=Secret(KEY))
        )
        result = await backend.execute(job, sink)
        await backend.aclose()

    (request,) = server.requests
    assert b"".join(sink.chunks) == b"".join(EVENTS)
    assert request.path == "/v1/messages"
    assert request.headers["x-api-key"] == KEY
    assert request.document == {**asked, "model": "one", "stream": True}
    assert result.usage_detail == UsageDetail(input_uncached=7, output=5, reasoning=4)


def test_every_model_claims_to_relay_messages_alone() -> None:
    """The capability is named as the contract does, and Chat Completions are not claimed."""
    models = Anthropic().descriptors(Settings(api_key=Secret(KEY)))

    assert models
    for model in models:
        assert isinstance(model, BackendDescriptor)
        claimed = {wire for wire in WireFormat if model.claims.capabilities.get(wire.capability)}
        assert claimed == {WireFormat.ANTHROPIC}
