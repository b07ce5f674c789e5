"""``converge why`` reads the record of another process."""

import json
import re
from pathlib import Path

import pytest

from converge_provider import ChatResponse, Cost, Engine, NetworkError, UsageDetail, cli, codec
from converge_provider.cli.exits import ExitCode
from converge_provider.configuration import user_paths
from converge_provider.engine.journal import FileJournal, JournalRow
from converge_provider.engine.journal.attempts import AttemptRow
from converge_provider.http import as_object
from converge_provider.testing import ScriptedBackend, catalogue_of


@pytest.fixture(name="journal")
def _journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileJournal:
    """Give the journal that the command line reads."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("CONVERGE_HOME", str(home))
    return FileJournal(user_paths({"CONVERGE_HOME": str(home)}).state_dir / "journal", content_bytes=0)


def ask(journal: FileJournal, times: int = 1) -> list[JournalRow]:
    """Make requests whose first backend fails, and give their rows, oldest first."""
    failing = ScriptedBackend(*[NetworkError("cut")] * times, id="a/1", quality=1.0)
    answering = ScriptedBackend(*["Hello"] * times, id="b/1", quality=0.5)
    with Engine(catalogue_of(failing, answering), journal=journal).sync as engine:
        for _ in range(times):
            engine.chat("Hi")
    return list(journal.latest(times))[::-1]


def test_whole_story_of_the_last_request_is_told(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an id it is the last request: each decision, each attempt with what it is to the one before, the sum."""
    _, row = ask(journal, 2)

    assert cli.main(["why"]) == 0

    out = capsys.readouterr().out
    assert out.count("Chosen: ") == 2
    assert re.search(r"attempt 1: a/1 failed after \d\.\d\d s: NetworkError: network error: cut\n", out)
    assert re.search(r"attempt 2 \(switch\): b/1 answered after \d\.\d\d s", out)
    assert re.search(rf"request {row.request_id}: answered after \S+ s, 2 decisions, 2 attempts, cost unknown\n", out)


def test_any_id_and_the_beginning_of_one_find_the_request(
    journal: FileJournal, capsys: pytest.CaptureFixture[str]
) -> None:
    """The id of the request, those of its decisions and the first letters of each lead to the same row."""
    row, _ = ask(journal, 2)
    ids = [row.request_id, *(one.decision.id for one in row.decisions)]

    for name in [*ids, *(one[:9] for one in ids)]:
        assert cli.main(["why", name, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["request_id"] == row.request_id


def test_beginning_of_several_lists_them(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """A beginning that several requests share is no name, and the line says which they are."""
    rows = ask(journal, 2)

    assert cli.main(["why", ""]) == ExitCode.USAGE

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert all(row.request_id in err for row in rows)


def test_unknown_id_names_the_nearest(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """A slip of the pen is one line, with what was probably meant."""
    (row,) = ask(journal)
    slip = row.request_id[:-1] + ("0" if row.request_id[-1] != "0" else "1")

    assert cli.main(["why", slip]) == ExitCode.USAGE

    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert row.request_id in err
    assert "converge why --list 10" in err


def test_latest_requests_stand_in_a_table(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """One line per request, the newest first, no more than asked for."""
    rows = ask(journal, 3)

    assert cli.main(["why", "--list", "2"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["REQUEST", "TIME"]
    assert [line.split()[0] for line in lines] == [rows[2].request_id, rows[1].request_id]
    assert [line.split()[3:6] for line in lines] == [["answered", "b/1", "2"]] * 2

    assert cli.main(["why", "--list", "2", "--json"]) == 0
    assert [one["request_id"] for one in json.loads(capsys.readouterr().out)] == [one.request_id for one in rows[:0:-1]]


def test_every_backend_is_told_of_on_request(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """The masks of a row are expanded with the ids of its catalogue."""
    ask(journal)

    assert cli.main(["why", "--all"]) == 0

    out = capsys.readouterr().out
    assert re.search(r"  a/1: eligible \d\.\d+\n  b/1: eligible \d\.\d+\n", out)
    assert "  a/1: tried\n" in out or re.search(r"  a/1: [a-z-]+\n", out)


def test_empty_journal_and_contradictory_options_are_one_line(
    journal: FileJournal, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing to show says how to get something; an id with a list makes no sense."""
    assert cli.main(["why"]) == ExitCode.USAGE
    assert f"the journal in {journal.folder} is empty" in capsys.readouterr().err
    assert cli.main(["why", "0123", "--list", "3"]) == ExitCode.USAGE
    assert "give one of them" in capsys.readouterr().err


def test_torn_line_is_reported_and_the_rest_is_told(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """What a dying process left half written is said on standard error; the answer stands."""
    ask(journal)
    with (journal.folder / "requests.jsonl").open("ab") as file:
        file.write(b'{"request_id":"ab')

    assert cli.main(["why"]) == 0

    printed = capsys.readouterr()
    assert "request " in printed.out
    assert printed.err == "converge: 1 line of the journal cannot be read, torn or of a newer version: skipped\n"


def test_content_is_shown_when_the_configuration_keeps_it(
    journal: FileJournal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``journal.content`` a host sees what was said; without it there is nothing to see."""
    from converge_provider import load_configuration
    from converge_provider.engine.composing import journal_of

    ask(journal)
    cli.main(["why"])
    assert "Hello" not in capsys.readouterr().out

    (tmp_path / "home" / "config.toml").write_text("[journal]\ncontent = true\n", "utf-8")
    told = journal_of(load_configuration(environ={"CONVERGE_HOME": str(tmp_path / "home")}), unless_told=True)
    assert told is not None
    ask(told)
    cli.main(["why"])

    out = capsys.readouterr().out
    assert "asked:\nuser: Hi\n" in out
    assert "answered:\nHello\n" in out


def test_costs_are_added_up_as_far_as_they_are_known() -> None:
    """A sum says when an attempt's cost is unknown."""
    from decimal import Decimal

    from attrs import evolve

    from converge_provider.cli.why import _cost
    from converge_provider.engine.journal import MemoryJournal

    journal = MemoryJournal()
    with Engine(catalogue_of(ScriptedBackend(ChatResponse(content="Hello"))), journal=journal).sync as engine:
        engine.chat("Hi")
    (attempt,) = journal.latest(1)[0].attempts
    paid = evolve(attempt, cost=Cost(usd=Decimal("0.25")))

    assert [_cost([]), _cost([attempt]), _cost([paid]), _cost([paid, attempt, paid])] == [
        "none",
        "unknown",
        "$0.25",
        "$0.5 or more",
    ]


def test_tokens_that_are_billed_apart_are_told(journal: FileJournal, capsys: pytest.CaptureFixture[str]) -> None:
    """What each attempt took stands in the record in disjoint buckets, and the line names those that have something."""
    usage = UsageDetail(input_uncached=4, input_audio=90, cache_write_1h=6, output=5)
    response = ChatResponse(content="Hello", usage=usage.totals(), usage_detail=usage)
    with Engine(catalogue_of(ScriptedBackend(response, id="a/1")), journal=journal).sync as engine:
        engine.chat("Hi")
    (row,) = journal.latest(1)

    assert row.attempts[0].usage_detail == usage
    assert cli.main(["why"]) == 0
    assert "[100 + 5 tokens (90 input audio, 6 cache write 1h)]" in capsys.readouterr().out


def test_attempt_recorded_before_there_were_buckets_is_read(journal: FileJournal) -> None:
    """A row of an older version says the same as it did, and a row without buckets is written as it was."""
    (row,) = ask(journal)
    written = codec.dump(row.attempts[-1])

    assert "usage_detail" not in as_object(written)
    assert codec.load(AttemptRow, written) == row.attempts[-1]
