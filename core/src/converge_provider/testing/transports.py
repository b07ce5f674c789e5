"""What the HTTP seam can stand on, so that its tests run over each: a fixture of anyio's backends is parametrised."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from converge_provider.http import Limits, Transport, open_transport

__all__ = ("TRANSPORTS", "opened", "use_transport")

TRANSPORTS = ("asyncio-aiohttp", "asyncio-httpx", "trio-httpx")
"""An event loop and the library on it."""


def use_transport(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """
    Have transports stand on a library until the test ends.

    Args:
        name: One of :data:`TRANSPORTS`.
        monkeypatch: What undoes it.

    Returns:
        The event loop, as ``anyio_backend`` gives it.

    """
    loop, _, library = name.partition("-")
    monkeypatch.setenv("CONVERGE_HTTP", library)
    return loop


@asynccontextmanager
async def opened(limits: Limits = Limits()) -> AsyncGenerator[Transport, None]:  # noqa: B008 - frozen
    """Open a transport and close it."""
    transport = open_transport(limits=limits)
    try:
        yield transport
    finally:
        await transport.aclose()
