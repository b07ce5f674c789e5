"""What the streams of every HTTP library share: the order of things, timeouts, limits, and words for failures."""

import os
import ssl
from abc import ABC, abstractmethod
from contextlib import aclosing, suppress
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Self

import anyio

from converge_provider.errors import LlmError, NetworkError, ProviderError, Timeout
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
        self.place: str = place_of(request.url)
        """What may be shown of the URL."""
        self._limits = limits
        self._began = self._gone_s = 0.0
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
        try:
            self.status, raw = await self.ask(self._left_s())
        except TimeoutError:
            raise self._timeout() from None
        self._is_open = True
        self._check_headers(raw)
        self.headers = _joined(raw)
        self._decoder = decoder_for(self.headers, limits=self._limits, url=self.place)

    def _check_headers(self, raw: "Sequence[tuple[bytes, bytes]]") -> None:
        limits = self._limits
        if len(raw) > limits.max_headers or sum(map(len, chain.from_iterable(raw))) > limits.max_header_bytes:
            most = f"{limits.max_headers} headers or {limits.max_header_bytes} bytes of them"
            message = f"the answer of {self.place} has more than {most}; it was not read"
            raise ProviderError(message)

    async def __anext__(self) -> bytes:
        """Give the next piece."""
        if not self._is_open:
            await self.start()
        while True:
            for piece in self._ready:
                return piece
            raw = None if self._is_over else await self._next_raw()
            if raw is None:
                await self.aclose()
                raise StopAsyncIteration
            self._ready = self._decoder.feed(raw)

    async def whole(self) -> HttpResponse:
        """Read to the end; a body that explains a failure is cut at its limit."""
        limit = self._limits.max_error_bytes
        good = 200 <= self.status < 300
        body = bytearray()
        while (good or len(body) < limit) and (raw := await self._next_raw()) is not None:
            for piece in self._decoder.feed(raw):
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
        try:
            piece = await self.read(self._left_s())
        except TimeoutError:
            raise self._timeout() from None
        self._read_any = True
        if piece is None:
            self._decoder.finish()
            self._is_over = True
        return piece

    def _left_s(self) -> float:
        """Give the seconds that the next step may take, ≥ 0, by the nearest of its limits."""
        timeouts, gone_s = self.request.timeouts, self.now() - self._began
        self._gone_s = gone_s
        left_s = inf if timeouts.total_s is None else timeouts.total_s - gone_s
        step_s = timeouts.between_bytes_s if self._read_any else timeouts.first_byte_s
        if step_s is not None:
            left_s = min(left_s, step_s if self._read_any else step_s - gone_s)
        return max(left_s, 0.0)

    def _timeout(self) -> Timeout:
        """Say which limit of a step was reached; the place is a note, since the contract's text has no room for it."""
        timeouts, gone_s = self.request.timeouts, self._gone_s
        if self._read_any:
            limits = [(timeouts.between_bytes_s, 0.0, "waiting for the next piece of")]
        else:
            limits = [(timeouts.first_byte_s, gone_s, "waiting for the first byte of")]
        limits.append((timeouts.total_s, gone_s, "waiting for the whole answer of"))
        known = [(allowed_s - gone_s, allowed_s, doing) for allowed_s, gone_s, doing in limits if allowed_s is not None]
        left_s, allowed_s, doing = min(known)
        error = Timeout(allowed_s - min(left_s, 0.0), allowed_s)
        error.add_note(f"while {doing} {self.place}")
        return error

    def slow_to_connect(self) -> Timeout:
        """Say that the connection was not made in its time."""
        error = Timeout(self.now() - self._began, self.request.timeouts.connect_s or 0.0)
        error.add_note(f"while connecting to {self.place}")
        return error


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
