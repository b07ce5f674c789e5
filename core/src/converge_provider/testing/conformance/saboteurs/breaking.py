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

__all__ = ("Ask", "Broken", "Raised", "Saboteur", "Tell", "Whole", "broken", "wrapping")

Ask: TypeAlias = Callable[[ChatRequest], ChatRequest]
"""What it asks instead of what it was asked."""

Whole: TypeAlias = Callable[[ChatResponse], ChatResponse]
"""What it answers instead of the response, streamed or not."""

Tell: TypeAlias = Callable[[AsyncIterator[StreamEvent]], AsyncGenerator[StreamEvent, None]]
"""What it tells instead of the events of a stream."""

Raised: TypeAlias = Callable[[LlmError], Exception]
"""What it raises instead of an error."""


@frozen
class Saboteur:
    """A subject that is broken in exactly the way that one check is there to notice."""

    check: str
    """The check's id."""
    does: str
    """What is broken, in a few words."""
    subject: Subject

    def __str__(self) -> str:
        """Name the check and the deed."""
        return f"{self.check}: {self.does}"


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


def wrapping(check: str, does: str, wrap: Callable[[Any], Any], *, of: Subject | None = None) -> Saboteur:
    """
    Break a good subject by something around its backend.

    Args:
        check: The check that must notice.
        does: What is broken.
        wrap: Makes the broken backend of the good one.
        of: The good subject; by default the one that passes every check of that kind.

    """
    good = of or (obedient_subject() if check.startswith("live.") else reference_subject())
    opened, live = good.backend, good.live

    def backend(endpoint: Endpoint) -> ChatBackend:
        assert opened is not None
        made: ChatBackend = wrap(opened(endpoint))
        return made

    subject = evolve(
        good,
        backend=None if opened is None else backend,
        live=None if live is None else lambda: wrap(live()),
    )
    return Saboteur(check, does, subject)


def broken(
    check: str,
    does: str,
    *,
    ask: Ask | None = None,
    whole: Whole | None = None,
    tell: Tell | None = None,
    raised: Raised | None = None,
    of: Subject | None = None,
) -> Saboteur:
    """Break a good subject by altering what goes in or comes out; see :class:`Broken`."""
    return wrapping(check, does, lambda inner: Broken(inner, ask=ask, whole=whole, tell=tell, raised=raised), of=of)
