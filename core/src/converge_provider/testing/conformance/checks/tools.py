"""Tools: how they are offered and demanded, how calls come back, and how results are given."""

from typing import Final

from attrs import evolve

from converge_provider.errors import InvalidRequest
from converge_provider.http.shapes import as_list, as_object, parsed
from converge_provider.testing.conformance.answers import CannedAnswer, CannedCall
from converge_provider.testing.conformance.checks.check import check, expect, fail
from converge_provider.testing.conformance.checks.requests import (
    HELLO,
    TOOL,
    expect_same,
    expect_sent,
    expect_told_apart,
)
from converge_provider.testing.conformance.trials import Trial, finished
from converge_provider.values.events import (
    StreamEvent,
    ToolCallDelta,
    ToolCallFinished,
    ToolCallMalformed,
    ToolCallStarted,
)
from converge_provider.values.messages import ChatMessage, ToolCall, ToolDefinition
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest, ToolChoice

__all__ = ("TOOLS",)

_OFFER: Final = evolve(HELLO, tools=[TOOL])
_OTHER: Final = ToolDefinition(name="population", description="marker-other", parameters=TOOL.parameters)
_FIRST: Final = CannedCall(id="A1b2C3d4E", pieces=('{"marker_', 'city": "Os', 'lo"}'))
_SECOND: Final = CannedCall(id="Z9y8X7w6V", name="population", pieces=('{"marker_city": ', '"Bergen"}'))


def _calling(*calls: CannedCall) -> CannedAnswer:
    return CannedAnswer(pieces=(), calls=calls, finish=FinishReason.TOOL_CALLS)


def _expect_calls(trial: Trial, response: ChatResponse, *calls: CannedCall) -> None:
    expect(
        len(response.tool_calls) == len(calls), f"{len(calls)} calls were made, {len(response.tool_calls)} came back"
    )
    for made, call in zip(calls, response.tool_calls, strict=True):
        expect(call.name == made.name, f"{made.name!r} was called, the backend says {call.name!r}")
        expect(
            parsed(call.arguments.encode()) == parsed(made.arguments.encode()),
            f"{made.arguments} were given, got {call.arguments}",
        )
        expect(call.id, "a call came back without an id, so that no result can be sent for it")
    ids = [call.id for call in response.tool_calls]
    expect(len({*ids}) == len(ids), f"calls share ids: {ids}")
    wanted = [made.id for made in calls]
    expect(ids == wanted or not trial.double.call_ids, f"the ids of the calls are {wanted}, the backend says {ids}")


@check("tools.offered", "tools")
async def _offered(trial: Trial) -> None:
    """The name, the description and the schema of each tool reach the service."""
    async with trial.desk() as desk:
        wanted = (TOOL.name, TOOL.description, "marker_city", _OTHER.name, _OTHER.description)
        await expect_sent(desk, evolve(HELLO, tools=[TOOL, _OTHER]), *wanted)


@check("tools.single", "tools")
async def _single(trial: Trial) -> None:
    """A call of a tool comes back with its id, name and arguments, and the answer says that it ended in one."""
    async with trial.desk(_calling(_FIRST)) as desk:
        response = await desk.chat(_OFFER)
    _expect_calls(trial, response, _FIRST)
    reason = response.finish_reason
    expect(reason is FinishReason.TOOL_CALLS, f"the finish reason is {reason}, expected tool_calls")


@check("tools.parallel", "tools")
async def _parallel(trial: Trial) -> None:
    """Several calls come back in order, each with its own id; two of the same tool stay two."""
    same = evolve(_FIRST, id="Q5r6S7t8U")
    async with trial.desk(_calling(_FIRST, _SECOND, same)) as desk:
        response = await desk.chat(evolve(HELLO, tools=[TOOL, _OTHER]))
    _expect_calls(trial, response, _FIRST, _SECOND, same)


@check("tools.streamed", "tools")
async def _streamed(trial: Trial) -> None:
    """Each call of a stream is begun, its pieces make its arguments, and it is finished once, whole."""
    request = evolve(HELLO, tools=[TOOL, _OTHER])
    async with trial.desk(_calling(_FIRST, _SECOND)) as desk:
        events = await desk.stream(request)
        expect_same(await desk.chat(request), finished(events))
    _expect_calls(trial, finished(events), _FIRST, _SECOND)
    for index, call in enumerate(finished(events).tool_calls):
        _expect_told(events, index, call)


def _expect_told(events: list[StreamEvent], index: int, call: ToolCall) -> None:
    begun = [place for place, event in enumerate(events) if isinstance(event, ToolCallStarted) and event.index == index]
    deltas = [place for place, event in enumerate(events) if isinstance(event, ToolCallDelta) and event.index == index]
    done = [place for place, event in enumerate(events) if isinstance(event, ToolCallFinished) and event.index == index]
    counts = f"call {index} was begun {len(begun)} times and finished {len(done)} times, expected once each"
    expect(len(begun) == len(done) == 1, counts)
    expect(all(begun[0] < place < done[0] for place in deltas), f"pieces of call {index} came before or after it")
    started, ended = events[begun[0]], events[done[0]]
    assert isinstance(started, ToolCallStarted)
    assert isinstance(ended, ToolCallFinished)
    expect((started.id, started.name) == (call.id, call.name), f"call {index} began as {started}, and ended as {call}")
    expect(ended.call == call, f"call {index} ended as {ended.call}, the answer says {call}")
    pieces = [event.arguments for event in events if isinstance(event, ToolCallDelta) and event.index == index]
    joined = "".join(pieces)
    expect(
        joined == call.arguments, f"the pieces of call {index} make {joined!r}, its arguments are {call.arguments!r}"
    )


@check("tools.malformed", "tools")
async def _malformed(trial: Trial) -> None:
    """Arguments that are not JSON are kept as they are, and a stream says that they are malformed; nothing raises."""
    broken = CannedCall(pieces=('{"marker_city": ', '"Os'))
    async with trial.desk(_calling(broken)) as desk:
        response = await desk.chat(_OFFER)
        events = await desk.stream(_OFFER)
    got = [call.arguments for call in response.tool_calls]
    expect(got == [broken.arguments], f"the model wrote {broken.arguments!r}, the backend gave {got}")
    told = [event for event in events if isinstance(event, ToolCallMalformed | ToolCallFinished)]
    expect(len(told) == 1, f"{len(told)} ends of one call were told")
    expect(isinstance(told[0], ToolCallMalformed), f"malformed arguments were told as {type(told[0]).__name__}")


@check("tools.results", "tools")
async def _results(trial: Trial) -> None:
    """Calls and their results go back to the service, each result under its call's id."""
    calls = [ToolCall(id=made.id, name=made.name, arguments=made.arguments) for made in (_FIRST, _SECOND)]
    messages = (
        ChatMessage.user("marker-question"),
        ChatMessage.assistant("marker-said", tool_calls=calls),
        ChatMessage.tool(_FIRST.id, "marker-sunny"),
        ChatMessage.tool(_SECOND.id, "marker-many"),
    )
    wanted = ["marker-said", "Oslo", "Bergen", "population", "marker-sunny", "marker-many"]
    wanted += [_FIRST.id, _SECOND.id] if trial.double.call_ids else []
    async with trial.desk() as desk:
        body = await expect_sent(desk, ChatRequest(messages=messages, tools=[TOOL, _OTHER]), *wanted)
    if trial.double.call_ids:
        for call in calls:
            told = _count(body, call.id)
            expect(
                told == 2, f"the id {call.id!r} reached the service {told} times, expected at the call and its result"
            )


def _count(document: object, wanted: str) -> int:
    members = [*as_object(document).values(), *as_list(document)]
    return sum(_count(one, wanted) for one in members) + (document == wanted)


async def _expect_choice(trial: Trial, choice: ToolChoice) -> None:
    """Compare a choice with what the service sees when the model is free to choose."""
    offer = evolve(HELLO, tools=[TOOL, _OTHER])
    async with trial.desk() as desk:
        await expect_told_apart(desk, offer, evolve(offer, tool_choice=choice))
        await expect_told_apart(desk, evolve(offer, tool_choice=ToolChoice.AUTO), evolve(offer, tool_choice=choice))


@check("tools.choice-required", "tool_choice")
async def _required(trial: Trial) -> None:
    """A demand for some tool makes a difference to the service."""
    await _expect_choice(trial, ToolChoice.REQUIRED)


@check("tools.choice-none", "tool_choice")
async def _none(trial: Trial) -> None:
    """A ban of tools makes a difference to the service."""
    await _expect_choice(trial, ToolChoice.NONE)


@check("tools.choice-named", "tool_choice")
async def _named(trial: Trial) -> None:
    """A demand for one tool tells the service which, and is no demand for just any."""
    await _expect_choice(trial, ToolChoice.named("weather"))
    offer = evolve(HELLO, tools=[TOOL, _OTHER])
    async with trial.desk() as desk:
        for name in ("weather", "population"):
            await desk.chat(evolve(offer, tool_choice=ToolChoice.named(name)))
        weather, population = (request.document for request in desk.asked[-2:])
        expect(weather != population, "demands for two different tools look alike to the service")
        await expect_told_apart(
            desk, evolve(offer, tool_choice=ToolChoice.REQUIRED), evolve(offer, tool_choice=ToolChoice.named("weather"))
        )


@check("tools.choice-of-a-stranger", "tool_choice")
async def _stranger(trial: Trial) -> None:
    """A demand for a tool that the request does not offer is refused before anything is sent."""
    async with trial.desk() as desk:
        await desk.chat(evolve(_OFFER, tool_choice=ToolChoice.named(TOOL.name)))
        try:
            await desk.chat(evolve(_OFFER, tool_choice=ToolChoice.named("marker-stranger")))
        except InvalidRequest:
            expect(len(desk.asked) == 1, "it was refused only after the request was sent")
            return
    fail("a demand for a tool that is not offered was accepted")


@check("tools.one-at-a-time", "parallel_tool_calls")
async def _one_at_a_time(trial: Trial) -> None:
    """A ban of several calls at once makes a difference to the service."""
    async with trial.desk() as desk:
        await expect_told_apart(desk, _OFFER, evolve(_OFFER, parallel_tool_calls=False))


TOOLS: Final = (
    _offered,
    _single,
    _parallel,
    _streamed,
    _malformed,
    _results,
    _required,
    _none,
    _named,
    _stranger,
    _one_at_a_time,
)
"""The checks, in the suite's order."""
