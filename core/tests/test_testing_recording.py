"""Recordings of real servers: nothing secret is in them, nothing else is changed, and they play as they were."""

import base64
import json
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from converge_provider import Secret, codec
from converge_provider.testing.canned import CannedServer, Step, answer, event_stream, json_answer
from converge_provider.testing.recording import (
    Exchange,
    Piece,
    Recorder,
    Recording,
    Replay,
    Scrubber,
    UnscrubbedError,
    replayed,
)
from converge_provider.testing.recording.scrubbing import is_private

CANARY = "sk-canary/0123+456=789 ü"
NAMED = "named-canary"
"""It is no secret that the recorder is told of: what it stands under must give it away."""
EVENTS = [b'data: {"delta": "Hel"}\n\n', b'data: {"delta": "lo"}\n\n', b"data: [DONE]\n\n"]


def ask(
    url: str, path: str = "/v1/chat", headers: Mapping[str, str] = {}, body: bytes = b"", method: str = "POST"
) -> httpx.Response:
    """Ask once, over a connection of its own."""
    with httpx.Client(timeout=5) as client:
        return client.request(method, url + path, headers=headers, content=body)


def recorded(
    steps: Sequence[Step], *, path: str = "/v1/chat", headers: Mapping[str, str] = {}, body: bytes = b""
) -> Recording:
    """Record one exchange with a server that answers in these steps."""
    with CannedServer([steps]) as real, Recorder(real.url, secrets=[Secret(CANARY)]) as recorder:
        recorder.label = "one"
        ask(recorder.url, path, headers, body)
        return recorder.recording(server="example 1.0", about={"model": "m1"})


def written(recording: Recording) -> str:
    """Give a recording as it would be written, with what is in base64 laid open."""
    pieces = [piece.data.decode("utf-8", "replace") for one in recording.exchanges for piece in [one.body, *one.answer]]
    return json.dumps(codec.dump(recording), ensure_ascii=False) + "".join(pieces)


PLACES: Mapping[str, Mapping[str, Any]] = {
    "authorization": {"headers": {"authorization": f"Bearer {NAMED}"}},
    "x-api-key": {"headers": {"X-Api-Key": NAMED}},
    "x-goog-api-key": {"headers": {"x-goog-api-key": NAMED}},
    "security token": {"headers": {"x-amz-security-token": NAMED}},
    "cookie": {"headers": {"cookie": f"session={NAMED}"}},
    "organization": {"headers": {"OpenAI-Organization": NAMED}},
    "project": {"headers": {"OpenAI-Project": NAMED}},
    "value in a header": {"headers": {"x-note": f"seen {quote(CANARY)} here"}},
    "query by name": {"path": f"/v1/chat?a=1&api_key={NAMED}&b=2"},
    "query by value": {"path": f"/v1/chat?q={quote(CANARY, safe='')}"},
    "path by value": {"path": f"/v1/{quote(CANARY, safe='')}/chat"},
    "body by name": {"body": json.dumps({"a": 1, "apiKey": NAMED}).encode()},
    "body by value": {"body": json.dumps({"text": f"my key is {CANARY}"}).encode()},
    "body by value, plain": {"body": json.dumps({"text": f"my key is {CANARY}"}, ensure_ascii=False).encode()},
    "body within a name": {"body": json.dumps({"account": {"id": NAMED, "names": [NAMED]}}).encode()},
    "body in a text": {"body": json.dumps({"arguments": json.dumps({"password": NAMED})}).encode()},
    "body by value, escaped": {"body": "".join(f"\\u{ord(one):04X}" for one in CANARY).encode()},
    "body by value, with slashes escaped": {"body": CANARY.replace("/", "\\/").encode()},
    "body in base64": {"body": base64.b64encode(f"user:{CANARY}".encode())},
    "body in hexadecimal": {"body": CANARY.encode().hex().encode()},
    "form": {
        "body": f"grant=x&client_secret={NAMED}".encode(),
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
}
"""Where a request may hold a secret."""

ANSWERS: Mapping[str, Sequence[Step]] = {
    "set-cookie": json_answer({}, headers={"Set-Cookie": f"id={NAMED}; HttpOnly"}),
    "organization": json_answer({}, headers={"openai-organization": NAMED}),
    "redirect": json_answer({}, headers={"Location": f"/v1/chat?session={NAMED}"}, status=400),
    "header by value": json_answer({}, headers={"x-seen": quote(CANARY)}),
    "body by name": json_answer({"data": [{"account_id": NAMED, "id": "m1"}]}),
    "body by value": json_answer({"error": {"message": f"Incorrect API key provided: {CANARY}"}}, status=401),
    "number": answer(b'{"account_id": 7070707070707, "n": 7}'),
    "nested number": answer(json.dumps({"arguments": '{"account_id": 7070707070707}'}).encode()),
    "event": event_stream(b'data: {"user_id": "' + NAMED.encode() + b'"}\n\n', *EVENTS),
    "event cut by chunks": event_stream(b'data: {"t": "' + CANARY.encode()[:9], CANARY.encode()[9:] + b'"}\n\n'),
}
"""Where an answer may hold a secret."""
UNWANTED = (NAMED, "7070707070707", "sk-canary", quote(CANARY, safe=""), base64.b64encode(CANARY.encode()).decode())


@pytest.mark.parametrize("place", PLACES)
def test_secret_of_a_request_is_scrubbed(place: str) -> None:
    """Wherever a request holds a secret, the recording does not."""
    found = written(recorded(json_answer({"ok": True}), **PLACES[place]))

    assert not [one for one in (*UNWANTED, CANARY.encode().hex(), "canary", "\\u0073\\u006B") if one in found]
    assert "REDACTED" in found


@pytest.mark.parametrize("place", ANSWERS)
def test_secret_of_an_answer_is_scrubbed(place: str) -> None:
    """Wherever an answer holds a secret, the recording does not, and the answer is as long as it was."""
    recording = recorded(ANSWERS[place])
    (exchange,) = recording.exchanges
    found = written(recording)

    assert not [one for one in (*UNWANTED, "canary") if one in found]
    assert "REDACTED" in found or "1111111111111" in found
    sent = sum(len(step) for step in ANSWERS[place] if isinstance(step, bytes))
    assert sum(len(piece.data) for piece in exchange.answer) == sent


def test_base64_of_any_alignment_is_scrubbed() -> None:
    """A secret within a longer text in base64 is found wherever it begins."""
    scrubber = Scrubber(secrets=[Secret(CANARY)])

    for ahead in range(4):
        long = b"u" * ahead + CANARY.encode() + b"tail"
        text = base64.b64encode(long + b"!" * (-len(long) % 3))
        clean = scrubber.body(text)
        assert clean != text
        assert CANARY.encode()[3:-3] not in base64.b64decode(clean.replace(b"-", b"A"))


def test_secret_scattered_over_events_is_refused() -> None:
    """What a model repeats piece by piece no mask can reach: nothing is given out."""
    halves = [json.dumps({"delta": part}).encode() for part in (CANARY[:11], CANARY[11:])]

    with pytest.raises(UnscrubbedError, match="in pieces over several events") as caught:
        recorded(event_stream(*(b"data: " + half + b"\n\n" for half in halves)))
    assert "canary" not in str(caught.value)


def test_compressed_answer_is_refused() -> None:
    """In compressed bytes nothing can be found, so they are not recorded; the client's wish for them is not sent on."""
    with pytest.raises(UnscrubbedError, match="compressed"):
        recorded(answer(b"\x1f\x8b", headers={"content-encoding": "gzip", "content-length": "2"}))


def test_short_secret_is_refused() -> None:
    """A secret of a few letters would be found everywhere."""
    with pytest.raises(ValueError, match="less than 8 bytes"):
        Scrubber(secrets=[Secret("abc")])


def test_innocent_bytes_stay() -> None:
    """What is no secret is recorded as it was: numbers of tokens, texts, names of tools, broken JSON."""
    body = b'{"max_tokens": 7, "text": "keys, {\\"n\\": \\"1\\"}", "tools": [{"name": "key"}], "\\x": 1, "x": [-1.5e3]]'

    assert Scrubber(secrets=[Secret(CANARY)]).body(body) == body


def test_names_are_told_apart() -> None:
    """A name is private by its words, in whatever way they are joined."""
    private = (
        "apiKey",
        "api_key",
        "X-Api-Key",
        "id_token",
        "token",
        "Set-Cookie",
        "user",
        "userId",
        "x-litellm-key-spend",
    )
    public = ("max_tokens", "prompt_token_ids", "monkey", "content-type", "tools", "user-agent", "author", "role")

    assert [name for name in private if not is_private(name)] == []
    assert [name for name in public if is_private(name)] == []


def test_client_gets_the_real_answer() -> None:
    """Scrubbing is for the recording: the client sees what the server said, when it said it, and its status."""
    with CannedServer([json_answer({"key": NAMED}, status=418)]) as real, Recorder(real.url) as recorder:
        got = ask(recorder.url, headers={"authorization": f"Bearer {NAMED}", "accept-encoding": "gzip"}, body=b"{}")
    asked = real.requests[0].headers

    assert (got.status_code, got.json()) == (418, {"key": NAMED})
    assert asked["authorization"] == f"Bearer {NAMED}"
    assert (asked["connection"], asked["accept-encoding"]) == ("close", "identity")
    assert f"http://{asked['host']}" == real.url


def test_recording_says_when_pieces_came(tmp_path: Path) -> None:
    """A pause of the server stands in the recording, and is made again when asked for."""
    path = tmp_path / "recorded" / "example.json"
    recorded(event_stream(EVENTS[0], 0.2, EVENTS[1], EVENTS[2]), body=b"{}").save(path)
    recording = Recording.load(path)
    (exchange,) = recording.exchanges

    assert sum(piece.after_s for piece in exchange.answer) == pytest.approx(0.2, abs=0.15)
    assert exchange.is_whole
    assert (recording.server, recording.about, exchange.label) == ("example 1.0", {"model": "m1"}, "one")
    began_s = time.monotonic()
    with CannedServer(Replay(recording)) as server:
        assert ask(server.url, body=b"{}").content == b"".join(EVENTS)
    quick_s = time.monotonic() - began_s
    with CannedServer(Replay(recording, timed=True)) as server:
        assert ask(server.url, body=b"{}").content == b"".join(EVENTS)
    assert time.monotonic() - began_s - quick_s > 0.15


def test_replay_answers_what_was_asked(tmp_path: Path) -> None:
    """The same request gets its own answer, in turn where there were several; JSON is compared as JSON."""
    with CannedServer([json_answer({"n": n}) for n in range(3)]) as real, Recorder(real.url) as recorder:
        for question in (b'{"a": 1, "b": "x"}', b'{"a": 2}', b'{"a": 1, "b": "x"}'):
            ask(recorder.url, body=question)
        recording = recorder.recording(server="example 1.0")

    with replayed(recording) as server:
        said = [ask(server.url, body=one).json()["n"] for one in (b'{"a": 2}', *[b'{"b":"x","a":1}'] * 3)]
    assert said == [1, 0, 2, 2]


def test_replay_tells_what_was_never_asked() -> None:
    """A request that differs is told apart, with where it differs from the nearest; another path has no nearest."""
    replay = Replay(recorded(json_answer({}), body=b'{"model": "m1", "messages": [], "top_p": 1}'))

    with CannedServer(replay) as server:
        near = ask(server.url, body=b'{"model": "m1", "messages": [1], "seed": 0, "top_p": 1}')
        far = ask(server.url, path="/v2", body=b"plain")
    assert (near.status_code, far.status_code) == (501, 501)
    assert replay.strangers == [
        "POST /v1/chat was not recorded; nearest is 'one', which differs in /messages, /seed",
        "POST /v2 was not recorded",
    ]
    assert near.json()["error"]["message"] == replay.strangers[0]


def test_stranger_fails_the_test_that_replays() -> None:
    """Who replays in a test learns what was asked beside the recording, even when nothing came of it."""
    recording = recorded(json_answer({}))

    with (
        pytest.raises(AssertionError, match=r"at the recorded example 1\.0: POST /v3 was not recorded"),
        replayed(recording) as server,
    ):
        ask(server.url, path="/v3")


def test_replay_masks_as_the_recorder_did() -> None:
    """A request whose secret was masked is known again, whatever its secret is now, if it is as long."""
    replay = Replay(recorded(json_answer({"ok": 1}), path=f"/v1?key={NAMED}", body=b'{"user": "ada-1"}'))

    with CannedServer(replay) as server:
        assert ask(server.url, path=f"/v1?key={NAMED[::-1]}", body=b'{"user": "bob-2"}').json() == {"ok": 1}


def test_answer_that_was_left_is_left_open() -> None:
    """Where the client went away, the recording says so, and the replay waits for it to go again."""
    slowly: list[Step] = [0.02, EVENTS[1]] * 50
    with CannedServer([event_stream(EVENTS[0], *slowly)]) as real, Recorder(real.url) as recorder:
        with socket.create_connection(("127.0.0.1", int(recorder.url.rpartition(":")[2]))) as client:
            client.sendall(b"GET /v1/chat HTTP/1.1\r\nhost: x\r\n\r\n")
            client.recv(10)
        real.wait_until_left()
        recording = recorder.recording(server="example 1.0")
    (exchange,) = recording.exchanges

    assert not exchange.is_whole
    assert exchange.steps()[-1] == "hang"


def test_bytes_that_are_no_text_are_kept() -> None:
    """A piece that ends within a character, or is no text, is written in base64 and comes back the same."""
    for data in (b"caf\xc3", b"\xff\x00", "日本".encode(), b""):
        piece = Piece.of(data)

        assert codec.load(Piece, codec.dump(piece)).data == data


def test_folder_is_kept_small(tmp_path: Path) -> None:
    """All recordings of a folder have one limit together; what goes beyond it is not written."""
    large = Exchange(label="", method="GET", path="/", headers={}, body=Piece(), answer=[Piece(text="x" * 120_000)])
    recording = Recording(server="example 1.0", exchanges=[large])
    recording.save(tmp_path / "a.json")
    recording.save(tmp_path / "a.json")

    with pytest.raises(ValueError, match=r"with 'b\.json' the recordings .* expected at most 200000; record less"):
        recording.save(tmp_path / "b.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_real_server_may_speak_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vendors are reached over TLS, their certificate is verified, and the client needs none."""
    certificate = Path(__file__).parent / "tls" / "localhost.pem"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with CannedServer([json_answer({"ok": 1})], tls=context) as real, Recorder(real.url) as recorder:
        with pytest.raises(httpx.RemoteProtocolError):
            ask(recorder.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

        assert ask(recorder.url).json() == {"ok": 1}


@pytest.mark.parametrize("address", ["ftp://x", "http://", "http://x/v1", "x"])
def test_wrong_address_is_refused(address: str) -> None:
    """The real server is named without a path: the client's own is asked."""
    with pytest.raises(ValueError, match="with a host and no path"):
        Recorder(address)


def test_repr_shows_no_secret() -> None:
    """Neither the recorder nor what it keeps shows what passed."""
    with CannedServer([json_answer({})]) as real, Recorder(real.url, secrets=[Secret(CANARY)]) as recorder:
        ask(recorder.url, headers={"authorization": NAMED}, body=CANARY.encode())

        assert "canary" not in repr(recorder)
