"""How a good backend is broken in exactly one way."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

from attrs import evolve, frozen

from converge_provider.contract.backends import ChatBackend
from converge_provider.errors import LlmError
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.reference import reference_subject
from converge_provider.testing.conformance.subjects import Endpoint, Subject
from converge_provider.values.events import Finished, StreamEvent
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest

__all__ = ("Ask", "Broken", "Raised", "Saboteur", "Tell", "Whole", "broken", "good_for", "opening", "wrapping")

Ask: TypeAlias = Callable[[ChatRequest], ChatRequest]
"""What it asks instead of what it was asked."""

Whole: TypeAlias = Callable[[ChatResponse], ChatResponse]
"""What it answers instead of the response, streamed or not."""

Tell: TypeAlias = Callable[[AsyncIterator[StreamEvent]], AsyncGenerator[StreamEvent, None]]
"""What it tells instead of the events of a stream."""

Opened: TypeAlias = Callable[[Endpoint], ChatBackend]
"""How a good backend is opened."""

Raised: TypeAlias = Callable[[LlmError], Exception]
"""What it raises instead of an error."""


@frozen
class Saboteur:
    """One way to break a good subject, and the check that is there to notice it."""

    check: str
    """The check's id."""
    does: str
    """What is broken, in a few words."""
    breaks: Callable[[Subject], Subject]
    """Breaks a subject in this way, whatever its wire."""
    good: Callable[[], Subject]
    """Gives the kit's own subject that passes the check."""

    def __str__(self) -> str:
        """Name the check and the deed."""
        return f"{self.check}: {self.does}"

    @property
    def subject(self) -> Subject:
        """The kit's own subject, broken."""
        return self.breaks(self.good())


def good_for(check: str) -> Callable[[], Subject]:
    """Give the kit's own subject that passes every check of the same kind."""
    return obedient_subject if check.startswith("live.") else reference_subject


class Broken:
    """A backend around a good one, which alters what goes in or comes out."""

    def __init__(
        self,
        inner: Any,  # noqa: ANN401 - a backend with whatever methods it has
        *,
        ask: Ask | None = None,
        whole: Whole | None = None,
        tell: Tell | None = None,
        raised: Raised | None = None,
    ) -> None:
        """Take the good backend, and what is altered."""
        self.inner = inner
        self._ask = ask
        self._whole = whole
        self._tell = tell
        self._raised = raised

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Answer wrongly."""
        try:
            response: ChatResponse = await self.inner.chat(request if self._ask is None else self._ask(request))
        except LlmError as exc:
            raise (exc if self._raised is None else self._raised(exc)) from None
        return response if self._whole is None else self._whole(response)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        """Answer wrongly, piece by piece."""
        source = self._altered(request if self._ask is None else self._ask(request))
        told = source if self._tell is None else self._tell(source)
        async with aclosing(source), aclosing(told) as events:
            async for event in events:
                yield event

    async def _altered(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        try:
            async with aclosing(self.inner.stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finished) and self._whole is not None:
                        yield Finished(self._whole(event.response))
                    else:
                        yield event
        except LlmError as exc:
            raise (exc if self._raised is None else self._raised(exc)) from None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the good one has
        """Leave everything else as it is."""
        return getattr(self.inner, name)


def wrapping(check: str, does: str, wrap: Callable[[Any], Any], *, of: Callable[[], Subject] | None = None) -> Saboteur:
    """
    Break a subject by something around its backend.

    Args:
        check: The check that must notice.
        does: What is broken.
        wrap: Makes the broken backend of the good one.
        of: Gives the kit's own good subject; by default the one that passes every check of that kind.

    """

    def breaks(good: Subject) -> Subject:
        live = good.live
        return evolve(
            _reopened(good, lambda opened, endpoint: wrap(opened(endpoint))),
            live=None if live is None else lambda: wrap(live()),
        )

    return Saboteur(check, does, breaks, of or good_for(check))


def opening(check: str, does: str, open_otherwise: "Callable[[Opened, Endpoint], Any]") -> Saboteur:
    """
    Break a subject by opening it otherwise.

    Args:
        check: The check that must notice.
        does: What is broken.
        open_otherwise: Opens it, given how it is opened and where.

    """
    return Saboteur(check, does, lambda good: _reopened(good, open_otherwise), good_for(check))


def _reopened(good: Subject, open_otherwise: "Callable[[Opened, Endpoint], Any]") -> Subject:
    opened = good.backend
    if opened is None:
        return good

    def backend(endpoint: Endpoint) -> ChatBackend:
        made: ChatBackend = open_otherwise(opened, endpoint)
        return made

    return evolve(good, backend=backend)


def broken(
    check: str,
    does: str,
    *,
    ask: Ask | None = None,
    whole: Whole | None = None,
    tell: Tell | None = None,
    raised: Raised | None = None,
    of: Callable[[], Subject] | None = None,
) -> Saboteur:
    """Break a subject by altering what goes in or comes out; see :class:`Broken`."""
    return wrapping(check, does, lambda inner: Broken(inner, ask=ask, whole=whole, tell=tell, raised=raised), of=of)
