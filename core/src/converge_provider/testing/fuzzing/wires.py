"""Giving a wire whatever bytes there are, through the seam, without a socket and without waiting."""

import json
import re
import zlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from attrs import field, frozen

from converge_provider.http import HttpChatBackend, HttpRequest, HttpResponse, Limits, Wire, as_list, as_object
from converge_provider.http.streaming import BodyStream
from converge_provider.testing.fuzzing.laws import check_error, check_events, check_response, expect
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.events import StreamEvent
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest
from converge_provider.values.vocabulary import CostClass

__all__ = ("FuzzedWire", "check_body")

T = TypeVar("T")

_REQUEST = ChatRequest.of("Hi")
_LIMITS = Limits(max_event_bytes=64 * 1024, max_line_bytes=64 * 1024)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_STATUSES = (400, 401, 404, 429, 500, 503, 307)


@frozen(kw_only=True)
class FuzzedWire:
    """A wire, and what must be known of it beside its code to judge what the code makes of bytes."""

    wire: Wire
    ends: Callable[[Sequence[object]], bool]
    """Says whether the documents of a stream (``"[DONE]"`` is one too) hold the answer's end."""
    counters: Sequence[str] = field(converter=tuple[str, ...])
    """Keys of counts that overlap with none of the others: together they are as much as a call can have taken."""
    secret: str = ""
    """The credentials that the wire sends, which nothing may repeat."""


def check_body(fuzzed: FuzzedWire, body: bytes) -> str:
    """
    Have a wire read a body as a stream, cut anyhow and broken off, as a whole answer and as an explained failure.

    Returns:
        ``answered`` when the stream ended well, else ``refused``.

    Raises:
        LawBrokenError: What came out breaks a law; :func:`check_events` and :func:`check_error` name most of them.

    """
    mark = zlib.crc32(body)
    told = _streamed(fuzzed, [body])
    cut = _streamed(fuzzed, list(_pieces(body, 1 + mark % 7)))
    expect(_same(told, cut), f"where a body is cut makes no difference: {told!r}, {cut!r}")
    _check_told(fuzzed, body, told)
    short = body[: mark % (len(body) + 1)]
    _check_told(fuzzed, short, _streamed(fuzzed, [short]))
    for status in (200, _STATUSES[mark % len(_STATUSES)]):
        answer = _finished(_chat(_backend(fuzzed, [body], status=status, kind="application/json")))
        if isinstance(answer, ChatResponse):
            check_response(answer)
        else:
            check_error(answer, secret=fuzzed.secret)
    return "answered" if told[1] is None else "refused"


_Told = tuple[list[StreamEvent], Exception | None]


def _check_told(fuzzed: FuzzedWire, body: bytes, told: _Told) -> None:
    events, error = told
    if error is not None:
        check_error(error, secret=fuzzed.secret)
        return
    response = check_events(events)
    documents = list(_documents(fuzzed, body))
    expect(fuzzed.ends(documents), f"a stream without its end is no answer: {response!r}")
    if response.usage is not None:
        most = sum(max((0, *_counts(documents, name))) for name in fuzzed.counters)
        expect(response.usage.total_tokens <= most, f"no token is counted twice: {response.usage!r}, at most {most}")


def _same(one: _Told, other: _Told) -> bool:
    return one[0] == other[0] and type(one[1]) is type(other[1]) and str(one[1]) == str(other[1])


def _streamed(fuzzed: FuzzedWire, pieces: Sequence[bytes]) -> _Told:
    kind = "text/event-stream" if fuzzed.wire.framing == "sse" else "application/x-ndjson"
    return _finished(_stream(_backend(fuzzed, pieces, status=200, kind=kind)))


async def _stream(backend: HttpChatBackend) -> _Told:
    events: list[StreamEvent] = []
    try:
        async with aclosing(backend.stream(_REQUEST)) as stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401 - what came before a failure counts
    except Exception as exc:  # noqa: BLE001 - which one is judged
        return events, exc
    return events, None


async def _chat(backend: HttpChatBackend) -> ChatResponse | Exception:
    try:
        return await backend.chat(_REQUEST)
    except Exception as exc:  # noqa: BLE001 - which one is judged
        return exc


def _finished(work: Coroutine[Any, Any, T]) -> T:
    """Run what never waits, without an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    work.close()
    message = "nothing here waits"
    raise AssertionError(message)


def _backend(fuzzed: FuzzedWire, pieces: Sequence[bytes], *, status: int, kind: str) -> HttpChatBackend:
    backend = HttpChatBackend(descriptor=_DESCRIPTOR, wire=fuzzed.wire, clock=lambda: 1.8e9)
    backend._transport = _Recorded(pieces, status, kind)  # noqa: SLF001 - in place of sockets
    return backend


_DESCRIPTOR = ChatBackendDescriptor(
    provider="fuzzed", model="fuzzed-1", cost_class=CostClass.FREE, typical_latency_ms=10, quality=0.5
)


@frozen
class _Recorded:
    """A transport whose every answer is the same."""

    pieces: Sequence[bytes]
    status: int
    kind: str

    async def send(self, request: HttpRequest, /) -> HttpResponse:
        stream = self.stream(request)
        await stream.open()
        return await stream.whole()

    def stream(self, request: HttpRequest, /) -> "_Pieces":
        return _Pieces(request, self)

    async def aclose(self) -> None:
        pass


class _Pieces(BodyStream):
    """A body that is there already."""

    def __init__(self, request: HttpRequest, recorded: _Recorded) -> None:
        super().__init__(request, _LIMITS)
        self._recorded = recorded
        self._left = iter(recorded.pieces)

    def now(self) -> float:
        return 0.0

    async def ask(self, left_s: float) -> tuple[int, Sequence[tuple[bytes, bytes]]]:
        del left_s
        return self._recorded.status, [(b"content-type", self._recorded.kind.encode("ascii"))]

    async def read(self, left_s: float) -> bytes | None:
        del left_s
        return next(self._left, None)

    async def drain(self, *, within_s: float = 0.05) -> None:
        del within_s

    async def aclose(self) -> None:
        pass


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def _documents(fuzzed: FuzzedWire, body: bytes) -> Iterator[object]:
    """Give the documents of a stream, read in another way than the seam reads them."""
    is_sse = fuzzed.wire.framing == "sse"
    body = body.removeprefix(b"\xef\xbb\xbf")
    for block in _LINE_END.sub(b"\n", body).split(b"\n\n") if is_sse else body.split(b"\n"):
        fields = [line.partition(b":") for line in block.split(b"\n")]
        text = b"\n".join(value.removeprefix(b" ") for name, _, value in fields if name == b"data") if is_sse else block
        with suppress(ValueError, RecursionError):
            yield "[DONE]" if text == b"[DONE]" else json.loads(text)


def _counts(value: object, name: str) -> Iterator[int]:
    """Give every count of a name, wherever it stands."""
    found = as_object(value)
    if type(found.get(name)) is int:
        yield found[name]
    for member in (*found.values(), *as_list(value)):
        yield from _counts(member, name)
