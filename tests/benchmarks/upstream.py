"""
Serve canned answers of Chat Completions on loopback, as fast as plain Python can.

``python tests/benchmarks/upstream.py`` prints its address and serves until standard input ends.  The first part of a
path is the number of events that a streamed answer has: ``http://127.0.0.1:PORT/200/v1/chat/completions``.  Requests
are hardly looked at, answers are made once; connections stay open.  It stands on its own, so that any Python can run
it, and the process that is measured is not the one that serves.
"""

import asyncio
import json
import sys
from functools import lru_cache

BURST = 10
"""Events of a stream that are written at once; then the other streams have their turn."""
MOST_EVENTS = 100_000

USAGE = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21}
CONTENT = "The sky is blue because air scatters short waves of light more than long ones."


def _document(kind: str, **more: object) -> dict[str, object]:
    return {"id": "chatcmpl-bench", "object": kind, "created": 1_790_000_000, "model": "m", **more}


def _head(content_type: str, *more: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", f"content-type: {content_type}", *more, "", "")).encode()


def _json(document: object) -> bytes:
    body = json.dumps(document, separators=(",", ":")).encode()
    return _head("application/json", f"content-length: {len(body)}") + body


WHOLE = _json(
    _document(
        "chat.completion",
        choices=[{"index": 0, "message": {"role": "assistant", "content": CONTENT}, "finish_reason": "stop"}],
        usage=USAGE,
    )
)
MODELS = _json({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "bench"}]})
STREAM_HEAD = _head("text/event-stream", "transfer-encoding: chunked")


def _chunk(data: bytes) -> bytes:
    """Give one event, as one chunk of HTTP."""
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    document = _document("chat.completion.chunk", choices=choices, **more)
    return _chunk(json.dumps(document, separators=(",", ":")).encode())


@lru_cache(maxsize=16)
def bursts(events: int, *, usage: bool) -> tuple[bytes, ...]:
    """
    Give what is written of a streamed answer, burst by burst.

    Args:
        events: How many events carry text; one with the role comes before them and one with the reason to stop after.
        usage: Whether an event with the usage follows, as those get it who ask for it.

    """
    said = [_event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])]
    said += [
        _event([{"index": 0, "delta": {"content": f" word{number}"}, "finish_reason": None}])
        for number in range(events)
    ]
    said.append(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    if usage:
        said.append(_event([], usage=USAGE))
    said.append(_chunk(b"[DONE]") + b"0\r\n\r\n")
    cut = [b"".join(said[place : place + BURST]) for place in range(0, len(said), BURST)]
    return (STREAM_HEAD + cut[0], *cut[1:])


class Conversation(asyncio.Protocol):
    """One connection, kept open for one request after the other."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self._read = b""
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Write nothing more."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            size = end + 4 + _length(self._read[:end])
            if len(self._read) < size:
                return
            request, self._read = self._read[:size], self._read[size:]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        assert self._transport is not None
        if request.startswith(b"GET"):
            self._transport.write(MODELS)
        elif b'"stream":true' in request or b'"stream": true' in request:
            events = int(request.split(b"/", 2)[1])
            self._stream(bursts(min(events, MOST_EVENTS), usage=b'"include_usage"' in request), 0)
        else:
            self._transport.write(WHOLE)

    def _stream(self, burst: tuple[bytes, ...], place: int) -> None:
        if self._transport is not None and place < len(burst):
            self._transport.write(burst[place])
            self._loop.call_soon(self._stream, burst, place + 1)


def _length(head: bytes) -> int:
    """Give the length of a request's body, which every client here states."""
    lower = head.lower()
    at = lower.find(b"content-length:")
    return 0 if at < 0 else int(lower[at + 15 :].split(b"\r\n", 1)[0])


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Conversation, "127.0.0.1", 0, backlog=4_096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
