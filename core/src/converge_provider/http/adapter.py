"""One model of one HTTP service: the shell around a wire that every adapter shares."""

import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, cast, final

from attrs import define, evolve, field

from converge_provider.contract.backends import Health
from converge_provider.errors import InvalidRequest, LlmError, NetworkError, ProviderError
from converge_provider.http.classifying import classify
from converge_provider.http.documents import event_document_of, has_halves
from converge_provider.http.mending import Mending
from converge_provider.http.messages import HttpRequest, HttpResponse, HttpStatusError, Timeouts
from converge_provider.http.ndjson import ndjson_events
from converge_provider.http.shapes import as_object, parsed
from converge_provider.http.sse import SseEvent, sse_events
from converge_provider.http.transport import HttpStream, Transport, open_transport
from converge_provider.http.wires import Answer, Wire
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.events import Finished, StreamEvent
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest

if TYPE_CHECKING:  # only who relays needs them
    from converge_provider.contract.jobs import JobSink
    from converge_provider.http.relay import NativeRoute
    from converge_provider.values.jobs import Job, JobResult

__all__ = ("HttpChatBackend",)

_DONE = "[DONE]"
_HEALTH_TIMEOUTS = Timeouts(connect_s=3.0, first_byte_s=5.0, between_bytes_s=5.0, total_s=10.0)
_WHOLE_TYPES = frozenset({"application/json", "text/html"})


@final
@define(kw_only=True)
class HttpChatBackend:
    """
    Calls one model over HTTP; each call is one attempt.

    What differs between services stands in the wire.  Errors name the backend; connections are opened at the first
    call and shared by concurrent ones; a closed backend opens them again.
    """

    descriptor: ChatBackendDescriptor
    wire: Wire
    kept_headers: Sequence[str] = field(default=("x-request-id", "request-id"), converter=tuple[str, ...])
    """Headers of the answer that go into the response's metadata, by the beginnings of their names in lower case."""
    key: str = "the API key"
    """What the user has set as the key, for errors that tell what to check."""
    address: str = "the base URL"
    """What the user has set as the address, likewise."""
    routes: "Sequence[NativeRoute]" = ()
    """Where requests are relayed to as they are, for each wire format that the service speaks."""
    clock: Callable[[], float] = time.time
    """Seconds since 1970, for dates in answers."""
    _transport: Transport | None = field(default=None, init=False)

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """
        Answer a request at once.

        Raises:
            LlmError: The call failed.

        """
        with self._named():
            response = await self._open().send(self.wire.request(request, stream=False))
            if not 200 <= response.status < 300:
                raise self._classified(response)
            last = self._whole(response)[-1]
            assert isinstance(last, Finished)
            return last.response

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """
        Answer a request piece by piece.

        Raises:
            LlmError: The call failed; a stream that ends before the answer does is a ``NetworkError``.

        """
        with self._named():
            post = self.wire.request(request, stream=True)
            async with aclosing(self._open().stream(post)) as pieces:
                await self._start(pieces)
                if _as_response(pieces, post).content_type in _WHOLE_TYPES:
                    for made in self._whole(await _collected(pieces, post)):
                        yield made
                    return
                answer, mend = self.wire.answer(), Mending()
                async with aclosing(self._events(pieces)) as events:
                    try:
                        async for event in events:
                            if event.data == _DONE:
                                break
                            document = self._document(answer, event, pieces, post)
                            mend.is_needed = mend.is_needed or has_halves(event.data)
                            for made in mend(answer.take(document, event=event.event)):
                                yield made
                            if answer.is_over:
                                break
                        else:
                            _expect_complete(answer, post)
                    except NetworkError:
                        if not answer.is_complete:
                            raise
                    last = self._with_headers(mend(answer.finish()), pieces.headers)
                    await pieces.drain()
                for made in last:
                    yield made

    async def execute(self, job: "Job", sink: "JobSink") -> "JobResult":
        """
        Relay a request byte for byte; :class:`~converge_provider.JobBackend` says what that owes.

        Raises:
            LlmError: The call failed, or this service does not speak the job's format natively.

        """
        from converge_provider.http.relay import relay

        with self._named():
            route = next((route for route in self.routes if route.format is job.format), None)
            if route is None:
                message = f"{self.descriptor.id} does not speak the wire format {str(job.format)!r} natively"
                raise InvalidRequest(message)
            return await relay(
                job,
                sink,
                route=route,
                transport=self._open(),
                classified=self._classified,
                wrong_place=self._wrong_place,
            )

    async def health(self) -> Health:
        """Ask the service how it is; every failure is an answer too."""
        began = time.monotonic()
        asked = evolve(self.wire.health(), timeouts=_HEALTH_TIMEOUTS)
        try:
            response = await self._open().send(asked)
        except LlmError as exc:
            return Health(reachable=False, healthy=False, detail=str(exc))
        latency_s = time.monotonic() - began
        detail = None
        if asked.method == "HEAD" and response.status < 500:
            pass  # somebody is there, and the service has no better place to ask
        elif not 200 <= response.status < 300:
            detail = str(self._classified(response))
        elif response.content_type == "text/html":
            detail = f"{response.url} answers with a web page. {self._wrong_place}"
        return Health(reachable=True, healthy=detail is None, latency_s=latency_s, detail=detail)

    async def aclose(self) -> None:
        """Close the connections; may be called twice."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    def _open(self) -> Transport:
        if self._transport is None:
            self._transport = open_transport()
        return self._transport

    @contextmanager
    def _named(self) -> Generator[None, None, None]:
        """Say on every error which backend was called."""
        try:
            yield
        except LlmError as exc:
            exc.annotate(provider=str(self.descriptor.provider), backend=self.descriptor.id)
            raise

    def _classified(self, response: HttpResponse) -> LlmError:
        return classify(
            response,
            self.wire.rules,
            provider=str(self.descriptor.provider),
            backend=self.descriptor.id,
            model=str(self.descriptor.model),
            now=self.clock(),
            key=self.key,
            address=self.address,
        )

    @property
    def _wrong_place(self) -> str:
        return f"Check {self.address}, with or without /v1: no service that speaks this wire answers there."

    async def _start(self, pieces: HttpStream) -> None:
        try:
            await pieces.start()
        except HttpStatusError as exc:
            raise self._classified(exc.response) from None

    def _events(self, pieces: HttpStream) -> AsyncGenerator[SseEvent, None]:
        return sse_events(pieces) if self.wire.framing == "sse" else ndjson_events(pieces)

    def _document(self, answer: Answer, event: SseEvent, pieces: HttpStream, post: HttpRequest) -> Mapping[str, Any]:
        """Read one event; an error in place of an answer is raised."""
        try:
            document = event_document_of(event.data)
        except ValueError as exc:
            if not event.ended:
                raise _truncated(post) from exc
            message = f"an event of the stream of {post.url} is not JSON: {exc}"
            raise ProviderError(message) from exc
        found = as_object(document)
        if not found:
            message = f"an event of the stream of {post.url} holds no JSON object with members"
            raise ProviderError(message)
        if answer.error(found, event=event.event):
            raise self._classified(evolve(_as_response(pieces, post), body=event.data.encode()))
        return found

    def _whole(self, response: HttpResponse) -> Sequence[StreamEvent]:
        """Read an answer that came at once, into the events that it would have had."""
        body = as_object(parsed(response.body))
        if not body:
            kind = response.content_type or "missing"
            message = f"{response.url} did not answer with a JSON object (content type {kind})"
            raise ProviderError(message).with_remedy(self._wrong_place)
        answer = self.wire.answer()
        if answer.error(body, event=None):
            raise self._classified(response)
        return self._with_headers(answer.whole(body), response.headers)

    def _with_headers(self, events: Sequence[StreamEvent], headers: Mapping[str, str]) -> Sequence[StreamEvent]:
        """Add what the headers say to what the body said of the answer; the body's own fields stay."""
        beginnings = cast("tuple[str, ...]", self.kept_headers)
        kept = {name: value for name, value in headers.items() if name.startswith(beginnings)}
        last = events[-1]
        if not kept or not isinstance(last, Finished):
            return events
        response = evolve(last.response, metadata={**kept, **last.response.metadata})
        return [*events[:-1], Finished(response)]


def _as_response(pieces: HttpStream, post: HttpRequest) -> HttpResponse:
    """Give what is known of a stream's answer, without its body."""
    return HttpResponse(status=pieces.status, headers=pieces.headers, url=post.url, secrets=post.secrets)


async def _collected(pieces: HttpStream, post: HttpRequest) -> HttpResponse:
    body = bytearray()
    async for piece in pieces:
        body += piece
    return evolve(_as_response(pieces, post), body=bytes(body))


def _expect_complete(answer: Answer, post: HttpRequest) -> None:
    if not answer.is_complete:
        raise _truncated(post)


def _truncated(post: HttpRequest) -> NetworkError:
    return NetworkError(f"the stream of {post.url} ended before the answer did")
