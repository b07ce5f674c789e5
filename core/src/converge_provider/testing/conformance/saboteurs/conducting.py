"""Saboteurs that misbehave beside their answers."""

import logging
import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import anyio
from attrs import evolve

from converge_provider.contract.backends import ChatBackend, Health
from converge_provider.testing.conformance.saboteurs.breaking import (
    Broken,
    Opened,
    Saboteur,
    good_for,
    opening,
    wrapping,
)
from converge_provider.testing.conformance.subjects import Endpoint
from converge_provider.values.descriptors import ChatBackendDescriptor
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest
from converge_provider.values.secret import Secret

__all__ = ("CONDUCTING", "ClosesOnce", "FeelsIll", "lists_nothing")

_NOBODY = 9
"""The port at which the kit opens a backend only to look at it."""


class FeelsIll(Broken):
    """Never is well."""

    async def health(self) -> Health:
        """Complain."""
        return Health(reachable=True, healthy=False, detail="not today")


class _Nods(Broken):
    """Says yes when asked how it is."""

    async def health(self) -> bool:
        """Say yes."""
        return True


class _AsksTheModel(Broken):
    """Has the model say how it is."""

    async def health(self) -> Health:
        """Spend tokens on it."""
        await self.inner.chat(ChatRequest.of("How are you?"))
        return Health(reachable=True, healthy=True)


class _FeelsFarAway(Broken):
    """Can never be reached."""

    async def health(self) -> Health:
        """Ask nobody."""
        return Health(reachable=False, healthy=True, detail="somewhere")


class _Rambles(Broken):
    """Tells what is wrong at length."""

    async def health(self) -> Health:
        """Ask nobody."""
        return Health(reachable=False, healthy=False, detail="nobody\nis\nthere")


class _FeelsWell(Broken):
    """Is well whatever happens."""

    async def health(self) -> Health:
        """Ask nobody."""
        return Health(reachable=True, healthy=True)


class ClosesOnce(Broken):
    """Cannot be closed twice."""

    closed: bool = False

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

    key = Secret("")

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Log, then ask."""
        logging.getLogger("saboteur").debug("asking with %s", self.key.reveal())
        return await super().chat(request)


def _talking(opened: Opened, endpoint: Endpoint) -> Broken:
    made = _Talks(opened(endpoint))
    made.key = endpoint.key
    return made


async def _nothing(_endpoint: Endpoint | None) -> Sequence[ChatBackendDescriptor]:
    return []


def lists_nothing(check: str) -> Saboteur:
    """Find no model."""
    return Saboteur(check, "finds none", lambda good: evolve(good, discover=_nothing), good_for(check))


def _hasty(opened: Opened, endpoint: Endpoint) -> ChatBackend:
    place = urlsplit(endpoint.url)
    if place.port != _NOBODY:
        socket.create_connection((str(place.hostname), place.port or 80)).close()
    return opened(endpoint)


def _in_the_url(opened: Opened, endpoint: Endpoint) -> ChatBackend:
    return opened(evolve(endpoint, url=f"{endpoint.url}/{endpoint.key.reveal()}"))


def _in_the_body(opened: Opened, endpoint: Endpoint) -> ChatBackend:
    return Broken(opened(endpoint), ask=lambda request: evolve(request, extra={"key": endpoint.key.reveal()}))


def _with_another_key(opened: Opened, endpoint: Endpoint) -> ChatBackend:
    return opened(evolve(endpoint, key=Secret("another")))


CONDUCTING: Final[tuple[Saboteur, ...]] = (
    wrapping("conduct.health", "never is well", FeelsIll),
    wrapping("conduct.health", "says yes", _Nods),
    wrapping("conduct.health", "asks the model", _AsksTheModel),
    wrapping("conduct.health", "can never be reached", _FeelsFarAway),
    wrapping("conduct.health-of-the-absent", "tells it at length", _Rambles),
    wrapping("conduct.health-of-the-absent", "asks nobody", _FeelsWell),
    lists_nothing("conduct.list-models"),
    wrapping("conduct.close-twice", "cannot be closed twice", ClosesOnce),
    opening("conduct.open-without-io", "connects when it is opened", _hasty),
    wrapping("conduct.concurrent", "mixes calls up", _Mixes),
    opening("conduct.key-in-headers", "puts the key into the URL", _in_the_url),
    opening("conduct.key-in-headers", "puts the key into the body", _in_the_body),
    opening("conduct.key-in-headers", "uses another key", _with_another_key),
    opening("conduct.secrets", "logs the key", _talking),
)
"""One or more for each check of conduct."""
