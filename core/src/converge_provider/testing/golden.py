"""
Whole bodies of a wire, both ways, in files that are compared and seen in review.

Each file of ``requests/`` is what a request becomes; each file of ``answers/`` holds the documents that a server sends
and the events that they become.
"""

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from converge_provider import codec
from converge_provider.values.events import Finished, StreamEvent, TextDelta

__all__ = ("GoldenWire",)

_HINT = "if that is meant: tox -e golden"


@frozen(kw_only=True)
class GoldenWire:
    """The files of one adapter, and how each is made: its tests check them, ``tox -e golden`` writes them."""

    folder: Path
    """Where ``requests`` and ``answers`` lie."""
    names: Collection[str]
    """The requests."""
    body: Callable[[str], object]
    """Makes the body of a request."""
    events: Callable[[Sequence[Any]], Sequence[StreamEvent]]
    """Makes the events of the documents of an answer."""
    documents: str = "documents"
    """Where an answer's file holds its documents."""

    @property
    def answers(self) -> list[str]:
        """The answers, by the files that there are."""
        return sorted(path.stem for path in (self.folder / "answers").glob("*.json"))

    def recorded(self, name: str) -> Sequence[Any]:
        """Give the documents of an answer."""
        found: Sequence[Any] = json.loads(self._answer(name).read_text("utf-8"))[self.documents]
        return found

    def check_request(self, name: str) -> None:
        """Assert that a request still becomes what its file says."""
        written = self._request(name).read_text("utf-8")
        assert _text(self.body(name)) == written, f"the body {name} changed; {_HINT}"

    def check_answer(self, name: str) -> None:
        """Assert that an answer is still read as its file says."""
        written = self._answer(name).read_text("utf-8")
        assert self._read(name) == written, f"the answer {name} is read differently; {_HINT}"

    def check_form(self, name: str) -> Finished:
        """
        Assert that an answer ends with its only ``Finished``, whose text is that of the deltas and whose sums agree.

        Returns:
            That end.

        """
        events = self.events(self.recorded(name))
        ends = [event for event in events if isinstance(event, Finished)]
        assert ends == list(events[-1:]), f"the answer {name} has {len(ends)} ends"
        response = ends[0].response
        assert response.content == "".join(event.text for event in events if isinstance(event, TextDelta))
        usage = response.usage
        assert usage is None or usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        return ends[0]

    def check_used(self) -> None:
        """Assert that no file lies there that nothing compares with."""
        assert {path.stem for path in (self.folder / "requests").glob("*.json")} == set(self.names)

    def write(self) -> None:
        """Write the files; of an answer, its events."""
        for name in self.names:
            self._request(name).write_text(_text(self.body(name)), "utf-8")
        for name in self.answers:
            self._answer(name).write_text(self._read(name), "utf-8")

    def _read(self, name: str) -> str:
        documents = self.recorded(name)
        return _text({self.documents: documents, "events": [codec.dump(event) for event in self.events(documents)]})

    def _request(self, name: str) -> Path:
        return self.folder / "requests" / f"{name}.json"

    def _answer(self, name: str) -> Path:
        return self.folder / "answers" / f"{name}.json"


def _text(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
