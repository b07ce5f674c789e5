"""Updates over a real socket: what is fetched, when, what is refused, and what stays in use."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from converge_catalogue import updating
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Snapshot
from converge_catalogue.sources import FACTS, PRICES
from converge_catalogue.updating import TTL_S, Update, update
from converge_provider import ConfigurationError
from converge_provider.http import Limits, Timeouts
from converge_provider.testing.canned import HANG, RESET, CannedRequest, CannedServer, Step, answer, json_answer

NOW_S = 1_800_000_000.0


def prices(count: int = 600, **changes: Any) -> list[dict[str, Any]]:
    """Publish prices of some models."""
    names = [f"m-{number}" for number in range(count)]
    models = [
        {"id": name, "match": {"equals": name}, "prices": {"input_mtok": 1, "output_mtok": 2.5}} for name in names
    ]
    return [{"id": "acme", "models": [model | changes for model in models]}]


def facts(count: int = 1_200) -> dict[str, Any]:
    """Publish other facts of some models."""
    names = [f"m-{number}" for number in range(count)]
    return {"acme": {"models": {name: {"limit": {"context": 8_192}, "tool_call": True} for name in names}}}


def serving(**answers: Sequence[Step]) -> Callable[[CannedRequest], Sequence[Step]]:
    """Answer by path."""
    given = {"prices": json_answer(prices()), "facts": json_answer(facts()), **answers}
    return lambda request: given[request.path.strip("/")]


def urls(server: CannedServer) -> Mapping[str, str]:
    """Say where that is."""
    return {"prices": f"{server.url}/prices", "facts": f"{server.url}/facts"}


@cache
def bundled() -> Sequence[tuple[str, Snapshot]]:
    """Read the libraries once for all tests of this file."""
    return [(source.name, source.bundled_snapshot(today=date(2026, 11, 20))) for source in (PRICES, FACTS)]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Give a shelf on which the libraries' data lies already."""
    for name, made in bundled():
        made.save(tmp_path / f"{name}-bundled.jsonl")
    return Shelf(folder=tmp_path, today_s=NOW_S)


def later(shelf: Shelf, seconds: float) -> Shelf:
    """Give the same shelf at another time."""
    return Shelf(folder=shelf.folder, today_s=shelf.today_s + seconds)


def run(shelf: Shelf, server: CannedServer, *, force: bool = False) -> tuple[Update, Update]:
    """Update both sources."""
    priced, known = update(shelf, urls=urls(server), force=force)
    return priced, known


def test_update_fetches_both_and_they_count_from_then_on(shelf: Shelf) -> None:
    """What is fetched is in use at once, says when it is from, and asks once each, for JSON."""
    with CannedServer(serving()) as server:
        priced, known = run(shelf, server)

    assert (priced.outcome, known.outcome) == ("fetched", "fetched")
    assert sorted(request.path for request in server.requests) == ["/facts", "/prices"]
    assert {request.headers["accept"] for request in server.requests} == {"application/json"}
    newest = shelf.newest(PRICES)
    assert (newest.head.models, newest.head.as_of, newest.head.fetched_s) == (600, date(2027, 1, 15), NOW_S)
    acme = newest.service("acme")
    assert acme is not None
    assert acme.offers[599].id == "m-599"


@pytest.mark.parametrize(
    ("seconds", "force", "outcome"),
    [
        pytest.param(TTL_S - 1, False, "fresh", id="young"),
        pytest.param(TTL_S - 1, True, "fetched", id="forced"),
        pytest.param(TTL_S, False, "fetched", id="old"),
        pytest.param(-3_600, False, "fetched", id="from the future"),
    ],
)
def test_what_is_fresh_is_not_fetched_again(shelf: Shelf, seconds: float, force: bool, outcome: str) -> None:
    """Within a day nothing is asked, unless somebody insists; a clock that was set back does not count as fresh."""
    with CannedServer(serving()) as server:
        run(shelf, server)
        asked = len(server.requests)
        again = run(later(shelf, seconds), server, force=force)

    assert [one.outcome for one in again] == [outcome] * 2
    assert len(server.requests) - asked == (0 if outcome == "fresh" else 2)


def test_other_address_is_asked_at_once(shelf: Shelf) -> None:
    """What came from elsewhere is not fresh here."""
    with CannedServer(serving()) as first, CannedServer(serving()) as second:
        run(shelf, first)
        again = run(shelf, second)

    assert [one.outcome for one in again] == ["fetched", "fetched"]


FAILURES: dict[str, tuple[Sequence[Step], str]] = {
    "status": (answer(b"gone", status=404), "answered with status 404, expected 200"),
    "redirect": (answer(b"", status=302, headers={"location": "http://127.0.0.1:1/"}), "answered with status 302"),
    "reset": ([RESET], "network error"),
    "cut": ([b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1", RESET], "network error"),
    "no JSON": (answer(b"<html>"), "the document is no JSON"),
    "no number": (answer(b"[NaN]"), "the document is no JSON: NaN is no number"),
    "other form": (json_answer({"error": "later"}), "the document: expected a list"),
    "half": (json_answer(prices(100)), "expected at least 500 models, got 100 and 0 that make no sense"),
    "nonsense": (json_answer(prices(prices={"input_mtok": -1})), "got 0 and 600 that make no sense"),
    "bomb": (answer(b"x" * 3_000), "is longer than 2000 bytes"),
}


@pytest.mark.parametrize(("failing", "problem"), FAILURES.values(), ids=FAILURES)
def test_failed_fetch_leaves_in_use_what_was_there(
    shelf: Shelf, failing: Sequence[Step], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one source, its old data stays in use however old it is, and the other is updated."""
    with CannedServer(serving()) as server:
        run(shelf, server)
    if failing is FAILURES["bomb"][0]:
        monkeypatch.setattr(updating, "_LIMITS", Limits(max_body_bytes=2_000))
    month = later(shelf, 30 * 86_400)
    with CannedServer(serving(prices=failing, facts=json_answer(facts(1_000)))) as server:
        priced, known = run(month, server)

    assert priced.outcome == "failed"
    assert problem in str(priced.problem)
    assert "\n" not in str(priced.problem)
    assert priced.head is not None
    assert priced.head.fetched_s == NOW_S
    assert month.newest(PRICES).head.models == 600
    assert known.outcome == ("failed" if problem == FAILURES["bomb"][1] else "fetched")


def test_server_that_hangs_is_given_up(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers costs a bounded time."""
    monkeypatch.setattr(updating, "_TIMEOUTS", Timeouts(first_byte_s=0.2, total_s=0.5))
    with CannedServer(serving(prices=[HANG])) as server:
        priced, known = run(shelf, server)

    assert (priced.outcome, known.outcome) == ("failed", "fetched")
    assert priced.head == dict(bundled())["prices"].head


def test_models_that_make_no_sense_are_left_out_and_said(shelf: Shelf) -> None:
    """A few bad models among many do not stop an update; they are left out by name."""
    published = prices()
    published[0]["models"][7]["prices"] = {"input_mtok": "free"}
    with CannedServer(serving(prices=json_answer(published))) as server:
        priced, _ = run(shelf, server)

    assert priced.outcome == "fetched"
    assert priced.rejected == ("acme: input of m-7: expected an amount from 0 to 1000000, got 'free'",)
    assert priced.head is not None
    assert priced.head.models == 599


def test_folder_that_cannot_be_written_fails_the_update(tmp_path: Path) -> None:
    """An update that cannot be kept has failed, and what the library brings stays in use."""
    (tmp_path / "file").write_bytes(b"")
    with CannedServer(serving()) as server:
        priced, _ = run(Shelf(folder=tmp_path / "file" / "below", today_s=NOW_S), server)

    assert priced.outcome == "failed"
    assert priced.head is not None
    assert priced.head.key == PRICES.key()


@pytest.mark.parametrize("url", ["http://prices.example/data.json", "ftp://127.0.0.1/x", "prices"])
def test_address_that_anybody_could_answer_for_is_refused(shelf: Shelf, url: str) -> None:
    """Prices decide what is paid, so they come over TLS or from this machine, and nothing else is asked."""
    with pytest.raises(ConfigurationError):
        update(shelf, urls={"prices": url})


def test_published_addresses_are_used_unless_others_are_given(shelf: Shelf) -> None:
    """Both sources say where they are published, over TLS."""
    assert [source.url.partition("://")[0] for source in (PRICES, FACTS)] == ["https", "https"]
    assert json.dumps([PRICES.url, FACTS.url]).count("models") == 1
    assert shelf.fetched(PRICES) is None
