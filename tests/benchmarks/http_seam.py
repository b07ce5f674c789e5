"""
Measure the HTTP seam and the Chat Completions adapter: parser throughput, and time per streamed event.

Run ``python tests/benchmarks/http_seam.py``.  The floor is a bare loop over the same bytes: split at blank lines, parse
the JSON, take the text.  Every figure is the best of several runs, since a shared machine only ever adds to it.
"""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import aclosing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rounds import best_s

from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_openai.wire.answers import Assembler
from converge_provider import ChatRequest, Finished, TextDelta
from converge_provider.http import HttpRequest, SseParser, open_transport, sse_events

EVENTS = 20_000
RUNS = 5
PIECE = 64 * 1024


def chunk(text: str, reason: str | None = None) -> bytes:
    """Give one event as OpenAI sends it."""
    body = {
        "id": "chatcmpl-Bx1y2z3A4B5C6D7E8F9G0H1I2J3K",
        "object": "chat.completion.chunk",
        "created": 1_763_000_000,
        "model": "gpt-5.4-mini-2026-03-17",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [{"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": reason}],
        "usage": None,
    }
    return b"data: " + json.dumps(body).encode() + b"\n\n"


STREAM = b"".join(chunk(f" word{i}") for i in range(EVENTS)) + chunk("", "stop") + b"data: [DONE]\n\n"


def pieces(data: bytes) -> list[bytes]:
    """Cut bytes as a socket would give them."""
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


def bare() -> None:
    """Parse as little as possible."""
    texts: list[str] = []
    for event in STREAM.split(b"\n\n"):
        data = event[6:]
        if data and data != b"[DONE]":
            texts.append(json.loads(data)["choices"][0]["delta"]["content"])


def parse(data: list[bytes]) -> int:
    """Parse events and nothing more."""
    parser = SseParser()
    return sum(1 for piece in data for _ in parser.feed(piece))


def assemble() -> None:
    """Parse, and make events of the contract."""
    parser, assembler = SseParser(), Assembler()
    for piece in pieces(STREAM):
        for event in parser.feed(piece):
            if event.data != "[DONE]":
                assembler.take(json.loads(event.data))
    assembler.finish()


class _Replay(BaseHTTPRequestHandler):
    """Answer every request with the stream."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(STREAM)))
        self.end_headers()
        self.wfile.write(STREAM)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Say nothing."""


@contextmanager
def server() -> Generator[str, None, None]:
    """Serve the stream on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Replay) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/v1"
        listening.shutdown()


async def _bytes_of(url: str) -> AsyncIterator[bytes]:
    transport = open_transport()
    request = HttpRequest(method="POST", url=f"{url}/chat/completions", body=b"{}")
    async with aclosing(transport.stream(request)) as body:
        async for piece in body:
            yield piece
    await transport.aclose()


async def transport_loop(url: str) -> None:
    """Parse as little as possible, from the socket."""
    texts: list[str] = []
    rest = b""
    async for piece in _bytes_of(url):
        *whole, rest = (rest + piece).split(b"\n\n")
        texts += [json.loads(one[6:])["choices"][0]["delta"]["content"] for one in whole if one[6:] != b"[DONE]"]


async def seam_loop(url: str) -> None:
    """Read events through the seam, from the socket."""
    length = 0
    async with aclosing(sse_events(_bytes_of(url))) as events:
        async for event in events:
            if event.data != "[DONE]":
                length += len(json.loads(event.data)["choices"][0]["delta"]["content"])


async def adapter_loop(url: str) -> None:
    """Stream through the adapter, from the socket."""
    kind = OpenAiCompatible(services()["vllm"])
    settings = kind.settings(base_url=url, models={"replay": ModelFacts()})
    backend = kind.open(kind.descriptors(settings)[0], settings)
    seen = 0
    async for event in backend.stream(ChatRequest.of("go")):
        seen += isinstance(event, TextDelta | Finished)
    await backend.aclose()
    assert seen == EVENTS + 1


def figures() -> Iterator[str]:
    """Measure, line by line."""
    long_event = [b"data: " + b"x" * (4 * 2**20) + b"\n\n"] * 8
    long_data = [piece for event in long_event for piece in pieces(event)]
    megabytes = sum(map(len, long_data)) / 1e6
    yield f"parser, events of 4 MiB:            {megabytes / best_s(lambda: parse(long_data), rounds=RUNS):8.0f} MB/s"
    short = pieces(STREAM)
    took = best_s(lambda: parse(short), rounds=RUNS)
    yield f"parser, events of {len(STREAM) // EVENTS} B:             {len(STREAM) / 1e6 / took:8.0f} MB/s"
    floor = best_s(bare, rounds=RUNS)
    yield f"bare loop:                          {floor / EVENTS * 1e6:8.2f} µs per event"
    yield f"parser alone:                       {took / EVENTS * 1e6:8.2f} µs per event"
    above = best_s(assemble, rounds=RUNS) - floor
    yield f"parser + assembler, above bare:     {above / EVENTS * 1e6:8.2f} µs per event"
    with server() as url:
        floor = best_s(lambda: asyncio.run(transport_loop(url)), rounds=RUNS)
        yield f"bare loop from a socket:            {floor / EVENTS * 1e6:8.2f} µs per event"
        seam = best_s(lambda: asyncio.run(seam_loop(url)), rounds=RUNS) - floor
        yield f"seam from a socket, above bare:     {seam / EVENTS * 1e6:8.2f} µs per event"
        adapter = best_s(lambda: asyncio.run(adapter_loop(url)), rounds=RUNS) - floor
        yield f"adapter from a socket, above bare:  {adapter / EVENTS * 1e6:8.2f} µs per event"


if __name__ == "__main__":
    for line in figures():
        sys.stdout.write(f"{line}\n")
