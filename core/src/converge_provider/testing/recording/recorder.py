"""A relay on loopback that writes down what a real server is asked, and says."""

import socket
import ssl
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

from attrs import define, field, frozen

from converge_provider.testing.canned import CLOSE, CannedRequest, CannedServer, Step
from converge_provider.testing.recording.exchanges import Exchange, Piece, Recording
from converge_provider.testing.recording.scrubbing import Scrubber, UnscrubbedError, payload_spans, split_head
from converge_provider.values.secret import Secret

__all__ = ("Recorder",)

_PATIENCE_S = 120.0
"""Seconds without a byte after which the real server counts as dead."""
_LAST_S = 2.0
"""Seconds that a client may have its answer before the relay has seen that nothing more comes."""
_OURS = {"host", "connection", "accept-encoding"}
"""Headers that the relay writes itself: one request per connection, and nothing compressed."""


@frozen
class _Raw:
    """An exchange as it was, with all its secrets; nobody prints it."""

    label: str
    request: CannedRequest = field(repr=False)
    pieces: list[tuple[float, bytes]] = field(factory=list[tuple[float, bytes]], repr=False)
    is_whole: threading.Event = field(factory=threading.Event)
    is_over: threading.Event = field(factory=threading.Event)
    """Whether nothing more will come: it is whole, or somebody has gone."""


@define
class Recorder:
    """
    Stands between a client and a real server, and gives a scrubbed recording of what passed.

    Example:
        >>> from converge_provider.testing.canned import json_answer
        >>> from urllib.request import urlopen
        >>> with CannedServer([json_answer({"api_key": "abc"})]) as real, Recorder(real.url) as recorder:
        ...     recorder.label = "hello"
        ...     with urlopen(f"{recorder.url}/v1/models") as answer:
        ...         _ = answer.read()
        ...     (exchange,) = recorder.recording(server="example 1.0").exchanges
        >>> exchange.label, exchange.path, exchange.answer[0].text.splitlines()[-1]
        ('hello', '/v1/models', '{"api_key": "RED"}')

    """

    upstream: str
    """Where the real server answers, ``https://api.example.com``; without a path."""
    secrets: Sequence[Secret] = ()
    """What must not be written, besides what stands under a private name."""
    label: str = ""
    """What is asked for now; it is written to each exchange."""
    _raw: list[_Raw] = field(factory=list[_Raw], init=False, repr=False)
    _server: CannedServer = field(init=False, repr=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        address = urlsplit(self.upstream)
        if address.scheme not in {"http", "https"} or not address.hostname or address.path.strip("/"):
            message = f"the server's address {self.upstream!r} must be http:// or https:// with a host and no path"
            raise ValueError(message)
        self._server = CannedServer(self._relayed)

    @property
    def url(self) -> str:
        """Where the recorder listens."""
        return self._server.url

    def __enter__(self) -> Self:
        """Start to listen on a free port."""
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to listen."""
        self._server.stop()

    def recording(self, *, server: str, about: Mapping[str, Any] = {}) -> Recording:
        """
        Give what has passed so far, without the secrets.

        Args:
            server: Who answers, with the version.
            about: What whoever replays it needs to know.

        Raises:
            UnscrubbedError: A secret is left that masking cannot reach; nothing may be written.

        """
        scrubber = Scrubber(secrets=self.secrets)
        with self._lock:
            passed = list(self._raw)
        for raw in passed:
            raw.is_over.wait(_LAST_S)
        return Recording(server=server, about=about, exchanges=[_exchange(raw, scrubber) for raw in passed])

    def _relayed(self, request: CannedRequest) -> Generator[Step, None, None]:
        """Ask the real server, and hand on what comes as it comes."""
        raw = _Raw(self.label, request)
        with self._lock:
            self._raw.append(raw)
        try:
            with self._connected() as upstream:
                upstream.sendall(_written(request, urlsplit(self.upstream).netloc))
                yield from _received(upstream, raw)
            raw.is_whole.set()
        finally:
            raw.is_over.set()
        yield CLOSE

    def _connected(self) -> socket.socket:
        address = urlsplit(self.upstream)
        host, is_tls = address.hostname or "", address.scheme == "https"
        plain = socket.create_connection((host, address.port or (443 if is_tls else 80)), timeout=_PATIENCE_S)
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_tls else plain


def _received(upstream: socket.socket, raw: _Raw) -> Generator[bytes, None, None]:
    """Write down what comes, and hand it on."""
    before_s = time.monotonic()
    while data := upstream.recv(65_536):
        now_s = time.monotonic()
        raw.pieces.append((round(now_s - before_s, 3), data))
        before_s = now_s
        yield data


def _written(request: CannedRequest, host: str) -> bytes:
    """Write the request anew, with the same body."""
    own = {"host": host, "connection": "close", "accept-encoding": "identity"}
    headers = {**{name: value for name, value in request.headers.items() if name not in _OURS}, **own}
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + request.body


def _exchange(raw: _Raw, scrubber: Scrubber) -> Exchange:
    request, pieces = raw.request, list(raw.pieces)
    answer = scrubber.answer(b"".join(data for _, data in pieces))
    is_form = "form-urlencoded" in request.headers.get("content-type", "")
    body = scrubber.form(request.body) if is_form else scrubber.body(request.body)
    path, headers = scrubber.path(request.path), scrubber.headers(request.headers)
    told = "\n".join([raw.label, path, *(f"{name}: {value}" for name, value in headers.items())])
    head, content = split_head(answer)
    payload = b"".join(content[start:end] for start, end in payload_spans(head, content))
    if any(scrubber.holds_secret(data) for data in (told.encode(), body, answer, payload)):
        message = f"the exchange {request.method} {path.partition('?')[0]} still holds a secret where no mask reaches, "
        message += "such as in pieces over several events; record something else"
        raise UnscrubbedError(message)
    return Exchange(
        label=raw.label,
        method=request.method,
        path=path,
        headers={name: value for name, value in headers.items() if name not in _OURS},
        body=Piece.of(body),
        answer=_cut(answer, pieces),
        is_whole=raw.is_whole.is_set(),
    )


def _cut(answer: bytes, pieces: Sequence[tuple[float, bytes]]) -> Sequence[Piece]:
    """Cut an answer as it came."""
    cut: list[Piece] = []
    place = 0
    for after_s, data in pieces:
        cut.append(Piece.of(answer[place : place + len(data)], after_s=after_s))
        place += len(data)
    return cut
