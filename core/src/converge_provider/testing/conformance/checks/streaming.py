"""Streams: their order, their end, and what happens when somebody leaves."""

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

import anyio

from converge_provider.testing.canned import HANG
from converge_provider.testing.conformance.answers import CannedAnswer
from converge_provider.testing.conformance.checks.check import check, expect
from converge_provider.testing.conformance.checks.requests import HELLO, expect_same
from converge_provider.testing.conformance.trials import Rendered, Trial, finished
from converge_provider.values.events import Finished, TextDelta
from converge_provider.values.replies import FinishReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.testing.canned import Step

__all__ = ("STREAMING",)

_MANY: Final = CannedAnswer(pieces=[f"piece {number}, " for number in range(20)])
_SOON_S: Final = 2.0
_HEARD_S: Final = 1.5


def _half(rendered: Rendered) -> "Sequence[Step]":
    """Send half of the answer, and then nothing any more."""
    return [*rendered.events[: len(rendered.events) // 2], HANG]


@check("stream.order", "streaming")
async def _order(trial: Trial) -> None:
    """The pieces of the text come in order, joined they are the whole text, and one Finished ends the stream."""
    async with trial.desk(_MANY) as desk:
        events = await desk.stream(HELLO)
        expect(len(desk.asked) == 1, f"{len(desk.asked)} requests arrived for one call, expected one")
    response = finished(events)
    joined = "".join(event.text for event in events if isinstance(event, TextDelta))
    expect(joined == _MANY.text, f"the pieces make {joined!r}, the answer is {_MANY.text!r}")
    expect(response.content == _MANY.text, f"Finished says {response.content!r}, the answer is {_MANY.text!r}")


@check("stream.same-as-whole", "streaming")
async def _same(trial: Trial) -> None:
    """Streamed or not, the same answer becomes the same response."""
    for said in (_MANY, CannedAnswer(finish=FinishReason.LENGTH)):
        async with trial.desk(said) as desk:
            expect_same(await desk.chat(HELLO), finished(await desk.stream(HELLO)))


@check("stream.as-it-comes", "streaming")
async def _as_it_comes(trial: Trial) -> None:
    """A piece is given when it arrives, not when the answer is over."""
    given = False
    async with trial.desk(_MANY, cut=_half) as desk:
        with anyio.move_on_after(_SOON_S):
            async with aclosing(desk.open_stream(HELLO)) as events:
                async for event in events:
                    given = isinstance(event, TextDelta)
                    if given:
                        break
    expect(given, f"half of the answer had arrived, and after {_SOON_S:g} s none of it was given")


@check("stream.left-early", "streaming")
async def _left_early(trial: Trial) -> None:
    """Whoever closes a stream early hangs up, so that the service stops to generate."""
    async with trial.desk(_MANY, cut=_half) as desk:
        async with aclosing(desk.open_stream(HELLO)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        expect(await desk.hung_up(), "the stream was closed, and the connection was left open")


@check("stream.cancelled", "streaming")
async def _cancelled(trial: Trial) -> None:
    """A task that is cancelled while it reads a stream hangs up."""
    async with trial.desk(_MANY, cut=_half) as desk:
        with anyio.CancelScope() as scope:
            async with aclosing(desk.open_stream(HELLO)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        scope.deadline = anyio.current_time() + 0.05
        expect(scope.cancelled_caught, "the stream swallowed the cancellation")
        expect(await desk.hung_up(), "the task was cancelled, and the connection was left open")


@check("chat.cancelled", "chat")
async def _chat_cancelled(trial: Trial) -> None:
    """A task that is cancelled while it waits for a whole answer hangs up."""
    async with trial.desk(respond=lambda _request: [HANG]) as desk:
        began_s = anyio.current_time()
        with anyio.move_on_after(0.2) as scope:
            await desk.chat(HELLO)
        expect(scope.cancelled_caught, "the call swallowed the cancellation")
        expect(anyio.current_time() - began_s < _HEARD_S, f"the cancellation was not heard within {_HEARD_S:g} s")
        expect(await desk.hung_up(), "the task was cancelled, and the connection was left open")


@check("stream.unicode", "streaming")
async def _unicode(trial: Trial) -> None:
    """Bytes may be cut anywhere, also inside a character: the text stays the same."""
    said = CannedAnswer(pieces=("naïve ", "日本", " 🙂👩‍👩‍👧", " e\u0301", "\u2028 end"))

    def cut(rendered: Rendered) -> "Sequence[Step]":
        whole = b"".join(rendered.events)
        expect(not whole.isascii(), "the double escapes what is beyond ASCII, so that nothing can be cut; write UTF-8")
        return [whole[place : place + 1] for place in range(len(whole))]

    async with trial.desk(said, cut=cut) as desk:
        response = finished(await desk.stream(HELLO))
    expect(response.content == said.text, f"the text is {said.text!r}, cut bytes made {response.content!r}")


@check("stream.no-early-end", "streaming")
async def _no_early_end(trial: Trial) -> None:
    """The last event is not given before the service has ended the answer."""
    async with trial.desk(_MANY, cut=_half) as desk:
        seen = 0
        with anyio.move_on_after(_SOON_S) as scope:
            async with aclosing(desk.open_stream(HELLO)) as events:
                async for event in events:
                    expect(not isinstance(event, Finished), "Finished came while half of the answer was under way")
                    seen += 1
                    scope.deadline = min(scope.deadline, anyio.current_time() + 0.1)
    expect(seen, "no event came although half of the answer had arrived")


STREAMING: Final = (
    _order,
    _same,
    _as_it_comes,
    _left_early,
    _cancelled,
    _chat_cancelled,
    _unicode,
    _no_early_end,
)
"""The checks, in the suite's order."""
