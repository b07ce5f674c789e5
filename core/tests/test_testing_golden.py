"""The golden files of an adapter: what they hold, and that each check catches what it is there for."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_provider import ChatResponse, Finished, StreamEvent, TextDelta, TokenUsage
from converge_provider.testing.golden import GoldenWire

Reader = Callable[[Sequence[Any]], list[StreamEvent]]
USAGE = TokenUsage(prompt_tokens=1, completion_tokens=2, total_tokens=3)


def said(documents: Sequence[Any]) -> list[StreamEvent]:
    """Read texts."""
    return [*map(TextDelta, documents), Finished(ChatResponse(content="".join(documents), usage=USAGE))]


@pytest.fixture
def golden(tmp_path: Path) -> GoldenWire:
    """Give written files."""
    for kind in ("requests", "answers"):
        (tmp_path / kind).mkdir()
    (tmp_path / "answers" / "hello.json").write_text(json.dumps({"documents": ["Grüße ", "🙂"]}), "utf-8")
    made = GoldenWire(folder=tmp_path, names=["plain"], body=_body, events=said)
    made.write()
    return made


def _body(name: str) -> object:
    return {"b": name, "a": "é"}


def _other_body(name: str) -> object:
    return {"other": name}


def _half(documents: Sequence[Any]) -> list[StreamEvent]:
    return said(documents[:1])


def test_golden_files_that_are_fresh_pass_every_check(golden: GoldenWire) -> None:
    """What was just written is what is made; files are sorted, indented, and hold characters as they are."""
    golden.check_request("plain")
    golden.check_answer("hello")
    golden.check_used()

    assert golden.check_form("hello").response.content == "Grüße 🙂"
    assert golden.answers == ["hello"]
    assert (golden.folder / "requests" / "plain.json").read_text("utf-8") == '{\n  "a": "é",\n  "b": "plain"\n}\n'


def test_golden_check_catches_another_body(golden: GoldenWire) -> None:
    """A request that becomes something else is caught, and told how to accept it."""
    with pytest.raises(AssertionError, match="the body plain changed; if that is meant: tox -e golden"):
        evolve(golden, body=_other_body).check_request("plain")


def test_golden_check_catches_another_reading(golden: GoldenWire) -> None:
    """An answer that is read differently is caught."""
    with pytest.raises(AssertionError, match="the answer hello is read differently"):
        evolve(golden, events=_half).check_answer("hello")


def test_golden_check_catches_a_file_without_a_request(golden: GoldenWire) -> None:
    """A file that nothing compares with is caught."""
    with pytest.raises(AssertionError):
        evolve(golden, names=[]).check_used()


def _no_end(documents: Sequence[Any]) -> list[StreamEvent]:
    return said(documents)[:-1]


def _end_first(documents: Sequence[Any]) -> list[StreamEvent]:
    return said(documents)[::-1]


def _lost_delta(documents: Sequence[Any]) -> list[StreamEvent]:
    return said(documents)[1:]


def _wrong_sum(documents: Sequence[Any]) -> list[StreamEvent]:
    response = ChatResponse(content="".join(documents), usage=evolve(USAGE, total_tokens=9))
    return [*said(documents)[:-1], Finished(response)]


@pytest.mark.parametrize("broken", [_no_end, _end_first, _lost_delta, _wrong_sum])
def test_golden_check_catches_an_ill_formed_answer(golden: GoldenWire, broken: Reader) -> None:
    """An answer without its one end, whose text is not that of its deltas, or whose sums disagree, is caught."""
    with pytest.raises(AssertionError):
        evolve(golden, events=broken).check_form("hello")
