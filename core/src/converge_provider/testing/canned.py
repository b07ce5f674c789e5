"""
A real HTTP server on loopback that sends exactly the bytes that a test says.

Where :mod:`converge_provider.testing.faults` speaks the OpenAI wire and misbehaves by script, this one knows no wire:
recorded or hand-written answers of any service go over a real socket with it.
"""

import json
import queue
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self

from attrs import define, field, frozen

__all__ = ("CLOSE", "HANG", "RESET", "CannedRequest", "CannedServer", "answer", "event_stream", "json_answer")

RESET = "reset"
"""A step that closes the connection with a reset."""

CLOSE = "close"
"""A step that closes the connection in good order."""

HANG = "hang"
"""A step that sends nothing until the client goes away."""

Step = bytes | float | str
"""Bytes to send as they are, seconds to wait, :data:`RESET`, :data:`CLOSE` or :data:`HANG`."""

_LONGEST_HEAD = 64 * 1024


@frozen(kw_only=True)
class CannedRequest:
    """One request that arrived whole."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes
    connection: int
    """Which connection brought it, from 0."""

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """The body, parsed as JSON."""
        return json.loads(self.body)


def answer(body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> Sequence[Step]:
    """Give a whole answer."""
    lines = {"content-length": str(len(body)), **(headers or {})}
    return [_head(status, lines) + body]


def json_answer(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Sequence[Step]:
    """Give a whole answer in JSON."""
    return answer(
        json.dumps(document).encode(), status=status, headers={"content-type": "application/json", **(headers or {})}
    )


def event_stream(*steps: Step, headers: Mapping[str, str] | None = None, ended: bool = True) -> Sequence[Step]:
    """
    Give a streamed answer.

    Args:
        steps: The bytes of events, each sent as one chunk, and pauses between them.
        headers: Further headers.
        ended: Whether the body is closed as HTTP wants it; otherwise the connection breaks off.

    """
    lines = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **(headers or {})}
    chunks = [f"{len(step):x}\r\n".encode() + step + b"\r\n" if isinstance(step, bytes) else step for step in steps]
    return [_head(200, lines), *chunks, b"0\r\n\r\n" if ended else RESET]


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Canned", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


@define
class CannedServer:
    """
    Gives the answers in order, the last one for ever, and remembers what was asked.

    Where the answer hangs on what is asked, a function of the request says it.

    Example:
        >>> with CannedServer([json_answer({"data": []})]) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True

    """

    answers: Sequence[Sequence[Step]] | Callable[[CannedRequest], Iterable[Step]]
    tls: ssl.SSLContext | None = None
    """The server's context, when it shall speak TLS."""
    requests: list[CannedRequest] = field(factory=list[CannedRequest], init=False)
    """What was asked, in order of arrival."""
    connections: int = field(default=0, init=False)
    """How many connections there have been."""
    _left: "queue.SimpleQueue[float]" = field(factory=queue.SimpleQueue[float], init=False)
    _server: socketserver.ThreadingTCPServer | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        assert self._server is not None
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._server.server_address[1]}"

    def wait_until_left(self, *, within_s: float = 5.0) -> float:
        """
        Wait until a client goes away during a :data:`HANG`, or from what it is being sent, and say when that was.

        Returns:
            Seconds on the monotonic clock.

        Raises:
            queue.Empty: None did in that time.

        """
        return self._left.get(timeout=within_s)

    def __enter__(self) -> Self:
        """Start to listen on a free port."""
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                owner._serve(self.request)

        self._server = _Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to listen."""
        self.stop()

    def stop(self) -> None:
        """Stop to listen; connections that are open stay so."""
        assert self._server is not None
        self._server.shutdown()
        self._server.socket.close()

    def _serve(self, plain: socket.socket) -> None:
        number, self.connections = self.connections, self.connections + 1
        client = plain
        try:
            if self.tls is not None:
                client = self.tls.wrap_socket(plain, server_side=True)
            while (request := _read_request(client, number)) is not None:
                self.requests.append(request)
                self._play(client, self._answer_to(request, len(self.requests)))
                if request.headers.get("connection") == "close":
                    break
        except OSError:
            pass  # the client has gone
        finally:
            client.close()

    def _answer_to(self, request: CannedRequest, number: int) -> Iterable[Step]:
        if callable(self.answers):
            return self.answers(request)
        return self.answers[min(number, len(self.answers)) - 1]

    def _play(self, client: socket.socket, steps: Iterable[Step]) -> None:
        for step in steps:
            if isinstance(step, bytes):
                self._send(client, step)
            elif isinstance(step, str):
                self._end(client, step)
            else:
                time.sleep(step)

    def _send(self, client: socket.socket, data: bytes) -> None:
        try:
            client.sendall(data)
        except OSError:
            self._left.put(time.monotonic())
            raise

    def _end(self, client: socket.socket, step: str) -> None:
        if step == HANG:
            try:
                client.recv(1)
            finally:  # a reset is one way to go
                self._left.put(time.monotonic())
        elif step == RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionError


def _read_request(client: socket.socket, number: int) -> CannedRequest | None:
    """Read one request, or nothing when the client has closed."""
    data = b""
    while b"\r\n\r\n" not in data and len(data) < _LONGEST_HEAD:
        piece = client.recv(65_536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += client.recv(65_536)
    method, path, _ = first.split(" ", 2)
    return CannedRequest(method=method, path=path, headers=headers, body=body, connection=number)
