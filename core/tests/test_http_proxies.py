"""Proxies and certificate authorities from the usual variables: real tunnels, real TLS, an authority of our own."""

import base64
import logging
import select
import socket
import socketserver
import ssl
import threading
from pathlib import Path
from typing import Any, Self
from urllib.request import getproxies

import pytest
import trustme
from attrs import define, field

from converge_provider import NetworkError, Secret
from converge_provider.http import HttpRequest, Timeouts
from converge_provider.http.routes import proxy_for
from converge_provider.testing.canned import CannedServer, answer, json_answer
from converge_provider.testing.transports import TRANSPORTS, opened, use_transport

pytestmark = pytest.mark.anyio

HOST = "api.converge.test"
KEY = "sk-planted-0123456789abcdef"
LOGIN, PASSWORD = "me@home", "pw:planted/0123"
QUOTED = "me%40home:pw%3Aplanted%2F0123"
BASIC = "Basic " + base64.b64encode(f"{LOGIN}:{PASSWORD}".encode()).decode()
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(params=TRANSPORTS)
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test of this file over every library, on both event loops, with no variable set."""
    for name in (*VARIABLES, *(f"{scheme}_PROXY" for scheme in ("HTTP", "HTTPS", "ALL", "NO"))):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return use_transport(request.param, monkeypatch)


@pytest.fixture(name="authority", scope="module")
def _authority() -> trustme.CA:
    """Make an authority that nobody knows."""
    return trustme.CA()


@pytest.fixture(name="pem")
def _pem(authority: trustme.CA, tmp_path: Path) -> Path:
    """Give the authority's certificate in a file."""
    path = tmp_path / "authorities" / "own.pem"
    path.parent.mkdir()
    authority.cert_pem.write_to_path(str(path))
    return path


def context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Make a server's context with a certificate for these names."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(made)  # pyright: ignore[reportUnknownMemberType]  # of pyOpenSSL's
    return made


@define
class TunnelProxy:
    """A proxy that opens tunnels to one place, whatever is asked for, once it sees the right login."""

    to: int
    """The port on this machine where all tunnels lead."""
    wants: str = ""
    """The ``Proxy-Authorization`` without which nobody passes."""
    tls: ssl.SSLContext | None = None
    heads: list[str] = field(factory=list[str], init=False)
    """What it was asked, as it came."""
    _server: Any = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Start to listen on a free port."""
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                owner._serve(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop to listen."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def _serve(self, plain: socket.socket) -> None:
        with plain if self.tls is None else self.tls.wrap_socket(plain, server_side=True) as client:
            self._open_way(client)

    def _open_way(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65_536)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode("latin-1"))
        if self.wants and f"proxy-authorization: {self.wants}".lower() not in self.heads[-1].lower():
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.to)) as there:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pump(client, there)


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until either side has enough."""
    ways = {one: other, other: one}
    while True:
        pending = [side for side in ways if isinstance(side, ssl.SSLSocket) and side.pending()]
        for side in pending or select.select([one, other], [], [], 5)[0] or [None]:
            data = side.recv(65_536) if side else b""
            if not side or not data:
                return
            ways[side].sendall(data)


def port_of(server: CannedServer) -> int:
    """Give the port of a server."""
    return int(server.url.rpartition(":")[2])


def ask(url: str) -> HttpRequest:
    """Make a request with credentials."""
    headers = {"authorization": Secret(f"Bearer {KEY}")}
    return HttpRequest(url=url, headers=headers, timeouts=Timeouts(connect_s=3, total_s=5))


async def test_https_goes_through_a_tunnel_that_cannot_look_inside(
    authority: trustme.CA, pem: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The proxy gets its own login and the host's name; the key travels within TLS, and nothing is written down."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with (
        caplog.at_level(logging.DEBUG),
        CannedServer([json_answer({"ok": True})], tls=context(authority, HOST)) as server,
        TunnelProxy(port_of(server), wants=BASIC) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{QUOTED}@{proxy.place}")
        async with opened() as transport:
            response = await transport.send(ask(f"https://{HOST}/v1/chat"))
            again = await transport.send(ask(f"https://{HOST}/v1/chat"))

    assert response.body == again.body == b'{"ok": true}'
    assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"] * 2
    assert all("proxy-authorization" not in request.headers for request in server.requests)
    (head,) = proxy.heads
    assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n")
    assert KEY not in head
    written = caplog.text + repr(response)
    assert not any(secret in written for secret in (KEY, PASSWORD, QUOTED, BASIC.removeprefix("Basic ")))


async def test_proxy_may_speak_tls_itself(authority: trustme.CA, pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy under https is verified by the same authorities, and TLS to the server runs within."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with (
        CannedServer([answer(b"ok")], tls=context(authority, HOST)) as server,
        TunnelProxy(port_of(server), tls=context(authority, "localhost")) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{proxy.place.rpartition(':')[2]}")
        async with opened() as transport:
            assert (await transport.send(ask(f"https://{HOST}/v1/chat"))).body == b"ok"

    assert proxy.heads[0].startswith(f"CONNECT {HOST}:443 ")


@pytest.mark.parametrize("login", ["", "me:wrong-planted@"], ids=["none", "wrong"])
async def test_proxy_that_wants_another_login_says_so_without_it(
    login: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy's refusal names the place behind it and the status; the login stands nowhere."""
    with caplog.at_level(logging.DEBUG), TunnelProxy(9, wants=BASIC) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{login}{proxy.place}")
        async with opened() as transport:
            with pytest.raises(NetworkError, match=rf"the proxy in front of https://{HOST}/v1 refused: 407") as caught:
                await transport.send(ask(f"https://{HOST}/v1"))

    assert "planted" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caplog.text}"


async def test_plain_http_goes_to_the_proxy_with_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS the proxy gets the whole request, and its login beside it."""
    with CannedServer([answer(b"ok")]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{QUOTED}@{proxy.url.removeprefix('http://')}")
        async with opened() as transport:
            assert (await transport.send(ask(f"http://{HOST}/v1"))).body == b"ok"

    (seen,) = proxy.requests
    assert seen.path == f"http://{HOST}/v1"
    assert seen.headers["proxy-authorization"] == BASIC
    assert seen.headers["host"] == HOST


async def test_proxy_that_is_not_there_is_named_without_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listening where the proxy should be is a network error without credentials."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://{QUOTED}@127.0.0.1:{port}")
    async with opened() as transport:
        with pytest.raises(NetworkError, match="could not connect to") as caught:
            await transport.send(ask(f"https://{HOST}/v1"))

    assert PASSWORD not in str(caught.value)
    assert QUOTED not in f"{caught.value} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("variables", "url", "through"),
    [
        ({"HTTPS_PROXY": "http://a.test:1"}, "https://x.test", "http://a.test:1"),
        ({"https_proxy": "http://a.test:1"}, "https://x.test", "http://a.test:1"),
        ({"HTTP_PROXY": "http://a.test:1"}, "https://x.test", None),
        ({"ALL_PROXY": "a.test:1"}, "http://x.test", "http://a.test:1"),
        ({"ALL_PROXY": "http://a.test:1", "HTTP_PROXY": "http://b.test:1"}, "http://x.test", "http://b.test:1"),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": "x.test"}, "http://x.test", None),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": "x.test"}, "http://deep.x.test", None),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": ".x.test, y.test"}, "http://y.test", None),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": "x.test"}, "http://notx.test", "http://a.test:1"),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": "x.test:8080"}, "http://x.test:8080", None),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": "x.test:8080"}, "http://x.test", "http://a.test:1"),
        ({"ALL_PROXY": "http://a.test:1", "NO_PROXY": "*"}, "http://x.test", None),
        ({"ALL_PROXY": "http://a.test:1"}, "http://127.0.0.1:8080", None),
        ({"ALL_PROXY": "http://a.test:1"}, "http://[::1]:8080", None),
        ({}, "http://x.test", None),
    ],
    ids=str,
)
def test_variables_say_which_way_a_request_takes(
    variables: dict[str, str], url: str, through: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheme's own variable holds before the one for all, what is exempt goes straight, and so does loopback."""
    for name in getproxies():
        monkeypatch.delenv(f"{name}_proxy", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    request = HttpRequest(url=url)
    scheme, _, rest = request.url.partition("://")
    host, _, port = rest.rpartition(":") if rest.rpartition(":")[2].isdigit() else (rest, "", "")

    assert proxy_for(scheme, host.strip("[]"), int(port) if port else None) == through


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("form", ["file", "folder"])
async def test_authority_of_our_own_is_believed(
    variable: str, form: str, authority: trustme.CA, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private authority vouches for a server once a variable names its file, or a folder where that lies."""
    (pem.parent / "notes.txt").write_text("no certificate")
    (pem.parent / "broken.pem").write_text("no certificate either")
    with CannedServer([answer(b"ok")], tls=context(authority, "localhost")) as server:
        request = ask(server.url.replace("127.0.0.1", "localhost"))
        async with opened() as transport:
            with pytest.raises(NetworkError, match="its certificate is not trusted: "):
                await transport.send(request)
        monkeypatch.setenv(variable, str(pem if form == "file" else pem.parent))
        async with opened() as transport:
            assert (await transport.send(request)).body == b"ok"

    assert len(server.requests) == 1


async def test_both_variables_count_and_so_does_every_folder(
    authority: trustme.CA, pem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Authorities of SSL_CERT_FILE and of every folder of SSL_CERT_DIR are believed together."""
    second, empty = trustme.CA(), tmp_path / "empty"
    (tmp_path / "more").mkdir()
    empty.mkdir()
    second.cert_pem.write_to_path(str(tmp_path / "more" / "second.crt"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setenv("SSL_CERT_DIR", f"{empty}:{tmp_path / 'more'}")
    for signer in (authority, second):
        with CannedServer([answer(b"ok")], tls=context(signer, "127.0.0.1")) as server:
            async with opened() as transport:
                assert (await transport.send(ask(server.url))).body == b"ok"


@pytest.mark.parametrize("name", ["other.test", "localhost"], ids=["name", "expected"])
async def test_certificate_must_bear_the_hosts_name(
    name: str, authority: trustme.CA, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate of a believed authority for another name is refused."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with CannedServer([answer(b"ok")], tls=context(authority, name)) as server:
        async with opened() as transport:
            request = ask(server.url.replace("127.0.0.1", "localhost"))
            if name == "localhost":
                assert (await transport.send(request)).body == b"ok"
                return
            with pytest.raises(NetworkError, match="its certificate is not trusted: Hostname mismatch"):
                await transport.send(request)

    assert server.requests == []


@pytest.mark.parametrize(
    ("variable", "content"),
    [("SSL_CERT_FILE", None), ("SSL_CERT_DIR", None), ("SSL_CERT_FILE", "rubbish"), ("CURL_CA_BUNDLE", "")],
    ids=["no-file", "no-folder", "rubbish", "empty"],
)
async def test_authorities_that_cannot_be_read_are_named(
    variable: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that leads to no certificate is said to, before anything is sent."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(variable, str(path))
    async with opened() as transport:
        with pytest.raises(NetworkError, match=f"{variable} names '.*ca.pem', from which no certificates can be read"):
            await transport.send(ask("https://api.invalid/"))
