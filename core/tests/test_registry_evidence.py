"""What was measured, in its file: bounded, replaced in one step, read strictly."""

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import evolve

from converge_provider import Capability, Claims, Configuration, ConfigurationError
from converge_provider.registry.evidence import FILE, Measurement, forget, place_of, read_evidence, record
from converge_provider.registry.measuring import measured_for

TODAY = date(2026, 11, 20)
ONE = Measurement(
    as_of=TODAY,
    until=TODAY + timedelta(days=30),
    distribution="converge-acme",
    version="1.2",
    place="0123456789abcdef",
    suite="1.0",
    checks=("live.chat", "live.tools"),
    capabilities={Capability.TOOL_USE: False, Capability.STREAMING: True},
    supports_replay=True,
)
WRITTEN: dict[str, Any] = {
    "as_of": "2026-11-20",
    "until": "2026-12-20",
    "distribution": "converge-acme",
    "version": "1.2",
    "place": "0123456789abcdef",
    "suite": "1.0",
    "checks": ["live.chat", "live.tools"],
    "capabilities": {"ToolUse": False, "Streaming": True},
    "supports_replay": True,
}


def test_measurement_comes_back_equal(tmp_path: Path) -> None:
    """What is written is one readable document, and states claims with source and date."""
    folder = tmp_path / "state"
    path = record(folder, "acme/one", ONE, today=TODAY)

    assert read_evidence(folder, today=TODAY) == ({"acme/one": ONE}, None)
    assert json.loads(path.read_text("utf-8")) == {"acme/one": WRITTEN}
    assert [one.name for one in folder.iterdir()] == [FILE]
    assert ONE.claims == Claims(
        source="converge verify, converge-acme 1.2, suite 1.0",
        as_of=TODAY,
        capabilities={Capability.TOOL_USE: False, Capability.STREAMING: True},
        supports_replay=True,
    )


def test_nothing_measured_is_no_problem(tmp_path: Path) -> None:
    """Without a file, or a folder, nothing is known and nothing said."""
    assert read_evidence(tmp_path / "nowhere", today=TODAY) == ({}, None)


def test_measurement_counts_until_its_last_day(tmp_path: Path) -> None:
    """On the day after, it is as if nothing had been measured."""
    record(tmp_path, "acme/one", ONE, today=TODAY)

    known = [read_evidence(tmp_path, today=ONE.until + timedelta(days=days)).measurements for days in (0, 1)]
    assert known == [{"acme/one": ONE}, {}]


@pytest.mark.parametrize(
    ("version", "address", "counts"),
    [
        pytest.param("1.2", "http://a", True, id="as it was"),
        pytest.param("1.3", "http://a", False, id="another version"),
        pytest.param(None, "http://a", False, id="unknown version"),
        pytest.param("1.2", "http://b", False, id="another address"),
        pytest.param("1.2", 7, False, id="no address"),
    ],
)
def test_measurement_counts_for_what_was_measured(version: str | None, address: object, counts: bool) -> None:
    """Another version of the adapter, or another address, may do something else."""
    made = evolve(ONE, place=place_of(SimpleNamespace(base_url="http://a")))

    assert made.counts(version, SimpleNamespace(base_url=address)) is counts


def changed(**changes: object) -> str:
    """Give a file whose only measurement is changed."""
    return json.dumps({"acme/one": {**WRITTEN, **changes}})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("[]", "expected", id="a list"),
        pytest.param('{"acme/one": ', "", id="torn"),
        pytest.param("\udcff", "", id="not UTF-8"),
        pytest.param("[" * 200_000, "", id="deep"),
        pytest.param(" " * (2**20 + 1), "longer than 1048576 bytes", id="long"),
        pytest.param(changed(prices={"input_usd_per_mtok": 0}), "prices", id="a fact that nobody measures"),
        pytest.param(changed(country="AT"), "country", id="a place"),
        pytest.param(changed(capabilities={"WebSearch": True}), "nobody measures WebSearch", id="a strange capability"),
        pytest.param(changed(capabilities={"ToolUse": "no"}), "ToolUse", id="a word for a truth value"),
        pytest.param(changed(version="1" * 129), "at most 128 printable", id="a long text"),
        pytest.param(changed(distribution="\x1b[2J"), "printable characters", id="a text that drives a terminal"),
        pytest.param(changed(checks=["live.chat"] * 300), "at most 256 texts", id="many checks"),
        pytest.param(json.dumps({"\x1b[2J": {}}), "", id="a name that drives a terminal"),
        pytest.param(changed(as_of="2027-01-01", until="2027-01-02"), "still to come", id="from the future"),
        pytest.param(changed(until="2026-11-19"), "counts from", id="over before it began"),
        pytest.param(changed(until="2999-01-01"), "at most 3650 days", id="for ever"),
        pytest.param(json.dumps({f"acme/{i}": WRITTEN for i in range(1_001)}), "more than 1000", id="many"),
    ],
)
def test_hostile_or_broken_file_is_told_and_ignored(text: str, words: str, tmp_path: Path) -> None:
    """Nothing of it counts; the problem is one line that names the file and the remedy; the next record replaces it."""
    (tmp_path / FILE).write_text(text, "utf-8", errors="surrogateescape")
    found, problem = read_evidence(tmp_path, today=TODAY)

    assert found == {}
    assert problem is not None
    assert problem.startswith(f"{tmp_path / FILE}: ignored what was measured: ")
    assert words in problem
    assert problem.endswith("converge verify --forget")
    assert problem.isprintable()
    assert len(problem) < 600
    record(tmp_path, "acme/two", ONE, today=TODAY)
    assert read_evidence(tmp_path, today=TODAY) == ({"acme/two": ONE}, None)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "words"), [(_pipe, "it is no regular file"), (Path.mkdir, "Is a directory")], ids=["a pipe", "a folder"]
)
def test_what_is_no_file_is_not_waited_for(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    """A pipe that nobody writes to, or a folder, is a problem like any other."""
    make(tmp_path / FILE)

    found, problem = read_evidence(tmp_path, today=TODAY)
    assert found == {}
    assert words in (problem or "")


def test_oldest_measurements_make_room(tmp_path: Path) -> None:
    """The file holds 1000 backends at most, the newest."""
    many = {f"acme/{number}": WRITTEN for number in range(999)}
    old = {**WRITTEN, "as_of": "2026-11-01"}
    (tmp_path / FILE).write_text(json.dumps({"acme/old": old, **many}), "utf-8")
    record(tmp_path, "acme/new", ONE, today=TODAY)

    found = read_evidence(tmp_path, today=TODAY).measurements
    assert len(found) == 1_000
    assert "acme/new" in found
    assert "acme/old" not in found


def test_backend_that_is_measured_again_takes_nobodys_room(tmp_path: Path) -> None:
    """A full file stays full."""
    (tmp_path / FILE).write_text(json.dumps({f"acme/{number}": WRITTEN for number in range(1_000)}), "utf-8")
    record(tmp_path, "acme/999", ONE, today=TODAY)

    assert len(read_evidence(tmp_path, today=TODAY).measurements) == 1_000


def test_configuration_made_by_hand_looks_into_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that reads no user's configuration reads nothing else of a user's either."""

    def asked(_environ: object) -> object:
        raise AssertionError

    monkeypatch.setattr("converge_provider.registry.measuring.user_paths", asked)
    assert measured_for(Configuration()) == ({}, None)


def test_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is replaced at the end or not at all, no draft stays, and the error names the file."""
    record(tmp_path, "acme/one", ONE, today=TODAY)
    before = (tmp_path / FILE).read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigurationError, match=r"measured\.json: cannot be written: No space left"):
        record(tmp_path, "acme/two", ONE, today=TODAY)
    assert [one.name for one in tmp_path.iterdir()] == [FILE]
    assert (tmp_path / FILE).read_bytes() == before


def test_one_backend_is_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    """Forgetting says what is gone; forgetting all removes the file, a broken one too."""
    for name in ("acme/one", "acme/two", "acme/three"):
        record(tmp_path, name, ONE, today=TODAY)

    assert forget(tmp_path, "acme/two", today=TODAY) == ["acme/two"]
    assert forget(tmp_path, "acme/two", today=TODAY) == []
    assert set(read_evidence(tmp_path, today=TODAY).measurements) == {"acme/one", "acme/three"}
    assert forget(tmp_path, today=TODAY) == ["acme/one", "acme/three"]
    assert not (tmp_path / FILE).exists()
    (tmp_path / FILE).write_text("{", "utf-8")
    assert forget(tmp_path, today=TODAY) == []
    assert not (tmp_path / FILE).exists()


def test_folder_in_the_place_of_the_file_is_not_removed(tmp_path: Path) -> None:
    """The error says which."""
    (tmp_path / FILE).mkdir()

    with pytest.raises(ConfigurationError, match=r"measured\.json: cannot be removed"):
        forget(tmp_path, today=TODAY)
