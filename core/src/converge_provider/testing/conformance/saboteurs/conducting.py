"""Saboteurs that misbehave beside their answers."""

import logging
import socket
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
from attrs import evolve, frozen

from converge_provider.contract.backends import Health
from converge_provider.http import HttpChatBackend, HttpRequest
from converge_provider.testing.conformance.reference import REFERENCE, ReferenceWire, reference_subject
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur, wrapping
from converge_provider.testing.conformance.subjects import Endpoint
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest

__all__ = ("CONDUCTING", "ClosesOnce", "FeelsIll", "lists_nothing")


class FeelsIll(Broken):
    """Never is well."""

    async def health(self) -> Health:
        """Complain."""
        return Health(reachable=True, healthy=False, detail="not today")


class _FeelsWell(Broken):
    """Is well whatever happens."""

    async def health(self) -> Health:
        """Ask nobody."""
        return Health(reachable=True, healthy=True)


class ClosesOnce(Broken):
    """Cannot be closed twice."""

    closed = False

    async def aclose(self) -> None:
        """Fail at the second time."""
        if self.closed:
            message = "closed already"
            raise RuntimeError(message)
        self.closed = True
        await self.inner.aclose()


class _Mixes(Broken):
    """Keeps the request of a call where the next call finds it."""

    request: ChatRequest

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Send whatever was asked last."""
        self.request = request
        await anyio.sleep(0.01)
        return await super().chat(self.request)


class _Talks(Broken):
    """Writes the key into the log."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Log, then ask."""
        logging.getLogger("saboteur").debug("asking with %s", self.inner.wire.endpoint.key.reveal())
        return await super().chat(request)


async def lists_nothing(_endpoint: Endpoint | None) -> Sequence[ChatBackendDescriptor]:
    """Find no model."""
    return []


def _hasty(inner: HttpChatBackend) -> Any:  # noqa: ANN401 - the backend as it is
    assert isinstance(inner.wire, ReferenceWire)
    place = urlsplit(inner.wire.endpoint.url)
    if place.port != 9:
        socket.create_connection((str(place.hostname), place.port or 80)).close()
    return inner


@frozen
class _InTheUrl(ReferenceWire):
    """Puts the key where every log keeps it."""

    def request(self, request: ChatRequest, *, stream: bool) -> HttpRequest:
        """Add a query."""
        made = super().request(request, stream=stream)
        return evolve(made, url=f"{made.url}?key={self.endpoint.key.reveal()}")


def _in_the_url(inner: HttpChatBackend) -> HttpChatBackend:
    assert isinstance(inner.wire, ReferenceWire)
    return HttpChatBackend(descriptor=REFERENCE, wire=_InTheUrl(inner.wire.endpoint))


CONDUCTING: Final[tuple[Saboteur, ...]] = (
    wrapping("conduct.health", "never is well", FeelsIll),
    wrapping("conduct.health-of-the-absent", "asks nobody", _FeelsWell),
    Saboteur("conduct.list-models", "finds none", evolve(reference_subject(), discover=lists_nothing)),
    wrapping("conduct.close-twice", "cannot be closed twice", ClosesOnce),
    wrapping("conduct.open-without-io", "connects when it is opened", _hasty),
    wrapping("conduct.concurrent", "mixes calls up", _Mixes),
    wrapping("conduct.key-in-headers", "puts the key into the URL", _in_the_url),
    wrapping("conduct.secrets", "logs the key", _Talks),
)
"""One or more for each check of conduct."""
