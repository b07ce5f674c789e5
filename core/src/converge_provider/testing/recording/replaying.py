"""Answer as a recorded server did, where the same is asked."""

import json
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field

from converge_provider.testing.canned import CannedRequest, CannedServer, Step, json_answer
from converge_provider.testing.recording.exchanges import Exchange, Recording
from converge_provider.testing.recording.scrubbing import Scrubber

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Replay", "replayed")


@define
class Replay:
    """
    What a :class:`~converge_provider.testing.canned.CannedServer` answers with.

    A request gets the answer to the recorded one of the same method, path and body; what is asked more often than it
    was recorded gets the last answer again.  What was never recorded gets the status 501, and says how it differs from
    what comes nearest.  Headers are not compared: keys are not in a recording.
    """

    recording: Recording
    timed: bool = False
    """Whether pieces come at the pace they came at."""
    strangers: list[str] = field(factory=list[str], init=False)
    """What was asked and never recorded, in words."""
    _asked: Counter[int] = field(factory=Counter[int], init=False)

    def __call__(self, request: CannedRequest) -> Sequence[Step]:
        """Give the answer to a request."""
        scrubber = Scrubber()
        path, body = scrubber.path(request.path), _document(scrubber.body(request.body))
        near = [one for one in self.recording.exchanges if (one.method, one.path) == (request.method, path)]
        same = [one for one in near if _document(one.body.data) == body]
        if same:
            first = id(same[0])
            self._asked[first] += 1
            return same[min(self._asked[first], len(same)) - 1].steps(timed=self.timed)
        stranger = f"{request.method} {path} was not recorded{_nearest(near, body)}"
        self.strangers.append(stranger)
        return json_answer({"error": {"message": stranger, "code": 501}}, status=501)


@contextmanager
def replayed(recording: Recording, *, timed: bool = False) -> Generator[CannedServer, None, None]:
    """
    Serve a recording on loopback.

    Raises:
        AssertionError: In the end, something was asked that was never recorded.

    """
    replay = Replay(recording, timed)
    with CannedServer(replay) as server:
        yield server
    assert not replay.strangers, f"at the recorded {recording.server}: {'; '.join(replay.strangers)}"


def _document(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(body)
    except ValueError:
        return body


def _nearest(near: Sequence[Exchange], body: object) -> str:
    """Say how a body differs from the recorded one that differs least."""
    told = [(_differences(_document(one.body.data), body, ""), one.label) for one in near]
    if not told:
        return ""
    found, label = min(told, key=lambda one: len(one[0]))
    return f"; nearest is {label!r}, which differs in {', '.join(found[:3])}"


def _differences(recorded: object, asked: object, place: str) -> Sequence[str]:
    if isinstance(recorded, dict) and isinstance(asked, dict):
        ours, theirs = cast("Mapping[str, object]", recorded), cast("Mapping[str, object]", asked)
        names = [*ours, *(name for name in theirs if name not in ours)]
        return [text for name in names for text in _differences(ours.get(name), theirs.get(name), f"{place}/{name}")]
    return [] if recorded == asked else [place or "its body"]
