"""What a check works with: the subject, opened at a double that says what the check tells it, or live."""

import json
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.to_thread
from attrs import define, field, frozen

from converge_provider.contract.backends import ChatBackend
from converge_provider.http.messages import HttpResponse, Timeouts
from converge_provider.http.shapes import as_list, as_object
from converge_provider.testing.canned import CannedRequest, CannedServer, Step, answer, event_stream
from converge_provider.testing.conformance.answers import CannedAnswer, CannedFailure
from converge_provider.testing.conformance.checks.check import NotApplicableError, expect
from converge_provider.testing.conformance.doubles import WireDouble
from converge_provider.testing.conformance.purses import Metered, Purse
from converge_provider.testing.conformance.subjects import Endpoint, Subject
from converge_provider.values.events import Finished, StreamEvent
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest
from converge_provider.values.secret import Secret

__all__ = ("Cut", "Desk", "Rendered", "Trial", "holds")


@frozen
class Rendered:
    """An answer in the double's wire, whole and as a stream."""

    whole: bytes
    events: Sequence[bytes]


Cut = Callable[[Rendered], Sequence[Step]]
"""How a streamed answer is served when not as it is: cut, delayed, broken off."""


@define
class Desk:
    """A backend at a double that says what the check tells it."""

    backend: ChatBackend
    server: CannedServer
    _double: WireDouble

    @property
    def asked(self) -> Sequence[CannedRequest]:
        """The requests for an answer that arrived, oldest first."""
        return [request for request in self.server.requests if self._double.is_chat(request)]

    @property
    def body(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The body of the last request for an answer, parsed."""
        expect(self.asked, "no request for an answer arrived at the service")
        return self.asked[-1].document

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Ask for an answer at once."""
        return await self.backend.chat(request)

    async def stream(self, request: ChatRequest) -> list[StreamEvent]:
        """Ask for an answer in pieces, and read it to its end."""
        async with aclosing(self.open_stream(request)) as events:
            return [event async for event in events]

    def open_stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Ask for an answer in pieces."""
        return opened(self.backend, request)

    def close_door(self) -> None:
        """Let nobody listen at the address any more."""
        self.server.stop()

    async def hung_up(self, *, within_s: float = 2.0) -> bool:
        """Say whether the client goes away from a connection that the server holds."""
        import queue

        try:
            await anyio.to_thread.run_sync(lambda: self.server.wait_until_left(within_s=within_s))
        except queue.Empty:
            return False
        return True


def opened(backend: ChatBackend, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
    """
    Ask a backend for an answer in pieces.

    Raises:
        NotApplicableError: It gives none.

    """
    stream = getattr(backend, "stream", None)
    if stream is None:
        message = "the backend has no stream()"
        raise NotApplicableError(message)
    events: AsyncGenerator[StreamEvent, None] = stream(request)
    return events


def finished(events: Sequence[StreamEvent]) -> ChatResponse:
    """Give the answer that a stream ended with, which must be its last event and the only one of its kind."""
    ends = [place for place, event in enumerate(events) if isinstance(event, Finished)]
    expect(len(ends) == 1, f"the stream gave {len(ends)} Finished, expected one")
    expect(ends[0] == len(events) - 1, f"{len(events) - 1 - ends[0]} events came after Finished")
    last = events[-1]
    assert isinstance(last, Finished)
    return last.response


@frozen(kw_only=True)
class Trial:
    """One run of one check."""

    subject: Subject
    purse: Purse
    key: Secret = field(factory=lambda: Secret(f"canary-{secrets.token_hex(12)}"), init=False)
    """The key of this run, which nothing else in the world resembles."""

    @property
    def double(self) -> WireDouble:
        """The vendor's side of the wire, of a scripted check."""
        assert self.subject.double is not None
        return self.subject.double

    @asynccontextmanager
    async def desk(
        self,
        *script: CannedAnswer | CannedFailure,
        cut: Cut | None = None,
        timeouts: Timeouts | None = None,
        respond: Callable[[CannedRequest], Sequence[Step]] | None = None,
    ) -> AsyncGenerator[Desk, None]:
        """
        Serve a script, and open the backend there.

        Args:
            script: What the service says to one chat after the other; the last for ever.
            cut: How streamed answers are served; ``None``: as they are.
            timeouts: How long each stretch of a call may take.
            respond: What the service does instead of the script.

        Raises:
            NotOnThisWireError: The wire has no way to say this.

        """
        double = self.double
        steps = [self._steps(turn, cut) for turn in script or (CannedAnswer(),)]
        turns = iter(steps)

        def play(request: CannedRequest) -> Sequence[Step]:
            if not double.is_chat(request):
                return whole_steps(double.aside(request, [str(self.subject.descriptor.model)]))
            if respond is not None:
                return respond(request)
            return next(turns, steps[-1])(request)

        with CannedServer(play) as server:
            endpoint = Endpoint(url=server.url, key=self.key, timeouts=timeouts or Timeouts(total_s=20.0))
            backend = self._opened(endpoint)
            try:
                yield Desk(backend, server, double)
            finally:
                await closed(backend)

    @asynccontextmanager
    async def live(self) -> AsyncGenerator[ChatBackend, None]:
        """Open the live backend; what it answers is counted."""
        assert self.subject.live is not None
        backend = self.subject.live()
        try:
            yield Metered(backend, self.purse)
        finally:
            await closed(backend)

    def render(self, said: CannedAnswer) -> Rendered:
        """Say an answer in the double's wire."""
        return Rendered(self.double.whole(said), self.double.events(said))

    def serve(self, rendered: Rendered, request: CannedRequest, cut: Cut | None = None) -> Sequence[Step]:
        """Give the steps of a server that answers a request well."""
        headers = {"content-type": self.double.stream_type}
        if not self.double.wants_stream(request):
            return answer(rendered.whole, headers={"content-type": "application/json"})
        steps = rendered.events if cut is None else cut(rendered)
        ended = not any(isinstance(step, str) for step in steps)
        return event_stream(*steps, headers=headers)[: None if ended else -1]

    def _steps(self, turn: CannedAnswer | CannedFailure, cut: Cut | None) -> Callable[[CannedRequest], Sequence[Step]]:
        """Render a turn at once, so that what the wire cannot say is known before anything is asked."""
        if isinstance(turn, CannedFailure):
            refused = whole_steps(self.double.failure(turn))
            return lambda _request: refused
        rendered = self.render(turn)
        return lambda request: self.serve(rendered, request, cut)

    def _opened(self, endpoint: Endpoint) -> ChatBackend:
        assert self.subject.backend is not None
        return self.subject.backend(endpoint)


def whole_steps(response: HttpResponse) -> Sequence[Step]:
    """Give the steps of a server that answers with a whole response."""
    headers = {"content-type": "application/json", **response.headers}
    return answer(response.body, status=response.status, headers=headers)


async def closed(backend: ChatBackend) -> None:
    """Close a backend that can be closed, within a second and also under cancellation; another check looks at how."""
    aclose = getattr(backend, "aclose", None)
    if aclose is not None:
        with anyio.move_on_after(1.0, shield=True), suppress(Exception):
            await aclose()


def holds(document: object, wanted: object) -> bool:
    """
    Say whether a value stands anywhere in a JSON document: a text as part of any text or key, a number as it is.

    Example:
        >>> holds({"contents": [{"parts": [{"text": "say: hello"}]}]}, "hello"), holds({"n": 12}, 1)
        (True, False)

    """
    if isinstance(document, str):
        return isinstance(wanted, str) and (wanted in document or json.dumps(wanted)[1:-1] in document)
    members = [*as_object(document), *as_object(document).values(), *as_list(document)]
    return any(holds(one, wanted) for one in members) or (type(document) is not bool and document == wanted)
