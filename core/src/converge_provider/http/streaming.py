"""What the streams of every HTTP library share: the order of things, timeouts, limits, and words for failures."""

import os
import ssl
from abc import ABC, abstractmethod
from contextlib import aclosing, suppress
from math import inf
from typing import TYPE_CHECKING, Self

import anyio
from attrs import define

from converge_provider.errors import LlmError, NetworkError, Timeout
from converge_provider.http.bodies import ACCEPTED_ENCODING, decoder_for
from converge_provider.http.messages import HttpResponse, HttpStatusError
from converge_provider.http.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from converge_provider.http.bodies import Decoder
    from converge_provider.http.messages import HttpRequest, Limits

__all__ = ("OWN_HEADERS", "BodyStream", "system_error", "system_words")

OWN_HEADERS: "Mapping[str, str]" = {"accept-encoding": ACCEPTED_ENCODING, "user-agent": "converge-provider"}
"""The headers that every request has, unless it sets them itself."""

_LONGEST_URL = 65_536


class BodyStream(ABC):
    """
    The body of one response; :class:`~converge_provider.http.HttpStream` says what it promises.

    A library's own stream says how a request is sent, how bytes are read, and how a connection is closed.
    """

    def __init__(self, request: "HttpRequest", limits: "Limits") -> None:
        """Keep the request; send nothing yet."""
        self.status: int = 0
        self.headers: Mapping[str, str] = {}
        self.request = request
        self.place = place_of(request.url)
        """What may be shown of the URL."""
        self._limits = limits
        self._began = 0.0
        self._is_open = self._is_over = False
        self._read_any = False
        self._decoder: Decoder
        self._ready: Iterator[bytes] = iter(())

    @abstractmethod
    def now(self) -> float:
        """Give the event loop's time in seconds."""

    @abstractmethod
    async def ask(self, left_s: float) -> "tuple[int, Sequence[tuple[bytes, bytes]]]":
        """
        Send the request; give the status and the headers.

        Raises:
            NetworkError: No answer came.
            Timeout: The connection was not made in its time.
            TimeoutError: The seconds that are left went by.

        """

    @abstractmethod
    async def read(self, left_s: float) -> bytes | None:
        """
        Give the next bytes as they travel; ``None`` at the end.

        Raises:
            NetworkError: The answer broke off.
            TimeoutError: The seconds that are left went by.

        """

    @abstractmethod
    async def aclose(self) -> None:
        """Give the connection back when the body was read to its end, else close it."""

    def __aiter__(self) -> Self:
        """Give the stream itself."""
        return self

    async def start(self) -> None:
        """Send the request, unless that is done already; a status other than 2xx is an error."""
        if self._is_open:
            return
        await self.open()
        if not 200 <= self.status < 300:
            async with aclosing(self):
                raise HttpStatusError(await self.whole())

    async def open(self) -> None:
        """Send the request and wait for the status, whatever it is."""
        if len(self.request.url) > _LONGEST_URL:
            message = f"{self.place} cannot be asked: URL too long"
            raise NetworkError(message)
        self._began = self.now()
        limit = self._limit()
        try:
            self.status, raw = await self.ask(limit.left_s)
        except TimeoutError:
            raise self._timeout(limit) from None
        self._is_open = True
        self.headers = _joined(raw)
        self._decoder = decoder_for(self.headers, limits=self._limits, url=self.place)

    async def __anext__(self) -> bytes:
        """Give the next piece."""
        if not self._is_open:
            await self.start()
        while True:
            for piece in self._ready:
                return piece
            if self._is_over:
                raise StopAsyncIteration
            raw = await self._next_raw()
            if raw is None:
                self._decoder.finish()
                self._is_over = True
                await self.aclose()
                raise StopAsyncIteration
            self._ready = self._decoder.feed(raw)

    async def whole(self) -> HttpResponse:
        """Read to the end; a body that explains a failure is cut at its limit."""
        limit = self._limits.max_error_bytes
        good = 200 <= self.status < 300
        body = bytearray()
        async for piece in self:
            body += piece
            if not good and len(body) >= limit:
                break
        return HttpResponse(
            status=self.status,
            headers=self.headers,
            body=bytes(body if good else body[:limit]),
            url=self.place,
            secrets=self.request.secrets,
        )

    async def drain(self, *, within_s: float = 0.05) -> None:
        """Read on to the end for a moment, then close."""
        with suppress(LlmError), anyio.move_on_after(within_s):
            async for _ in self:
                pass
        await self.aclose()

    async def _next_raw(self) -> bytes | None:
        limit = self._limit()
        try:
            piece = await self.read(limit.left_s)
        except TimeoutError:
            raise self._timeout(limit) from None
        self._read_any = True
        return piece

    def _limit(self) -> "_Limit":
        """Give the nearest limit of the next step."""
        timeouts = self.request.timeouts
        gone_s = self.now() - self._began
        if self._read_any:
            step = _Limit(timeouts.between_bytes_s, 0.0, "waiting for the next piece of")
        else:
            step = _Limit(timeouts.first_byte_s, gone_s, "waiting for the first byte of")
        whole = _Limit(timeouts.total_s, gone_s, "waiting for the whole answer of")
        return whole if whole.left_s <= step.left_s else step

    def _timeout(self, limit: "_Limit") -> Timeout:
        """Say which limit was reached; the place stands in a note, since the contract's text has no room for it."""
        assert limit.allowed_s is not None
        error = Timeout(max(limit.gone_s + limit.left_s, 0.0), limit.allowed_s)
        error.add_note(f"while {limit.doing} {self.place}")
        return error

    def slow_to_connect(self) -> Timeout:
        """Say that the connection was not made in its time."""
        error = Timeout(self.now() - self._began, self.request.timeouts.connect_s or 0.0)
        error.add_note(f"while connecting to {self.place}")
        return error


@define
class _Limit:
    """One limit of a step: how long it may take, and how much of that is gone."""

    allowed_s: float | None
    gone_s: float
    doing: str

    @property
    def left_s(self) -> float:
        return inf if self.allowed_s is None else max(0.0, self.allowed_s - self.gone_s)


def system_error(exc: BaseException) -> OSError | None:
    """Find the error of the system, which stands deepest in the chain; of several attempts to connect, the first."""
    deepest: OSError | None = None
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, OSError) and (cause.strerror or isinstance(cause, ssl.SSLError)):
            deepest = cause
        several: Sequence[BaseException] = getattr(cause, "exceptions", ())  # of an ExceptionGroup
        cause = several[0] if several else cause.__cause__ or cause.__context__
    return deepest


def system_words(error: OSError) -> str:
    """Say in the system's words, or those of TLS, what went wrong."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if not isinstance(error, ssl.SSLError) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # event loops put addresses into its own words
    return (error.strerror or str(error)).rstrip(".") or type(error).__name__


def _joined(raw: "Sequence[tuple[bytes, bytes]]") -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("ascii", "replace").lower(), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined
