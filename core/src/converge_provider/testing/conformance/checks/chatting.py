"""Plain chats: what of a request reaches the service, and what of its answer comes back."""

from typing import Final

from attrs import evolve

from converge_provider.errors import ContentFiltered, InvalidRequest
from converge_provider.testing.conformance.answers import CannedAnswer
from converge_provider.testing.conformance.checks.check import NotApplicableError, check, expect
from converge_provider.testing.conformance.features import FEATURES, claimed_features
from converge_provider.testing.conformance.trials import Desk, Trial, holds
from converge_provider.values.messages import ChatMessage, ToolDefinition
from converge_provider.values.parts import AudioPart, DocumentPart, ImagePart, TextPart
from converge_provider.values.replies import FinishReason
from converge_provider.values.requests import CacheHint, ChatRequest, ReasoningEffort, ResponseFormat, ToolChoice
from converge_provider.values.usage import UsageDetail

__all__ = ("CHATTING", "HELLO")

HELLO: Final = ChatRequest.of("marker-question")
"""The plainest request that there is."""

TOOL: Final = ToolDefinition(
    name="weather",
    description="marker-description",
    parameters={
        "type": "object",
        "properties": {"marker_city": {"type": "string", "description": "The city."}},
        "required": ["marker_city"],
        "additionalProperties": False,
    },
)

SCHEMA: Final = {
    "type": "object",
    "properties": {"marker_city": {"type": "string"}},
    "required": ["marker_city"],
    "additionalProperties": False,
}


async def sent(desk: Desk, request: ChatRequest) -> object:
    """Ask, and give the body that arrived."""
    before = len(desk.asked)
    await desk.chat(request)
    expect(len(desk.asked) == before + 1, f"{len(desk.asked) - before} requests arrived for one call, expected one")
    return desk.body


async def expect_sent(desk: Desk, request: ChatRequest, *values: object) -> object:
    """Ask, and find each value somewhere in the body that arrived."""
    body = await sent(desk, request)
    for value in values:
        expect(holds(body, value), f"{value!r} of the request did not reach the service")
    return body


async def expect_told_apart(desk: Desk, *requests: ChatRequest) -> None:
    """Ask several things, and see that no two of them look alike to the service."""
    bodies = [(request, await sent(desk, request)) for request in requests]
    for place, (request, body) in enumerate(bodies):
        for other, other_body in bodies[:place]:
            expect(body != other_body, f"two requests look alike to the service: {_difference(request, other)}")


def _difference(one: ChatRequest, other: ChatRequest) -> str:
    names = ("tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "cache_hints", "tools")
    found = [name for name in names if getattr(one, name) != getattr(other, name)]
    return "; ".join(f"{name} {getattr(other, name)} and {getattr(one, name)}" for name in found)


@check("chat.plain", "chat")
async def _plain(trial: Trial) -> None:
    """One call sends one request with the user's text, and gives the answer's text unaltered."""
    said = CannedAnswer(pieces=("  Good ", "morning:\n", "naïve, 日本, 🙂 \n"))
    async with trial.desk(said) as desk:
        response = await desk.chat(HELLO)
        expect(len(desk.asked) == 1, f"{len(desk.asked)} requests arrived for one call, expected one")
        expect(holds(desk.body, "marker-question"), "the user's text did not reach the service")
    expect(response.content == said.text, f"the answer is {said.text!r}, the backend gave {response.content!r}")
    expect(not response.tool_calls, f"the backend gave {len(response.tool_calls)} calls of tools, the answer has none")


@check("chat.system", "system")
async def _system(trial: Trial) -> None:
    """The system text reaches the service, beside the user's."""
    async with trial.desk() as desk:
        request = ChatRequest.of("marker-question", system="marker-system")
        await expect_sent(desk, request, "marker-system", "marker-question")


@check("chat.multi-turn", "multi_turn")
async def _multi_turn(trial: Trial) -> None:
    """Every message of a conversation reaches the service, in order."""
    texts = ("marker-1st", "marker-2nd", "marker-3rd")
    first, second, third = texts
    messages = (ChatMessage.user(first), ChatMessage.assistant(second), ChatMessage.user(third))
    async with trial.desk() as desk:
        await expect_sent(desk, ChatRequest(messages=messages), *texts)
        raw = desk.asked[-1].body
    places = [raw.index(text.encode()) for text in texts]
    expect(places == sorted(places), "the messages reached the service in another order")


@check("chat.stop-sequences", "stop_sequences")
async def _stop_sequences(trial: Trial) -> None:
    """Stop sequences reach the service, and an answer that one of them ended says that it was stopped."""
    said = CannedAnswer(finish=FinishReason.STOP_SEQUENCE, stop_sequence="marker-stop")
    async with trial.desk(said) as desk:
        await expect_sent(
            desk, evolve(HELLO, stop_sequences=["marker-stop", "marker-other"]), "marker-stop", "marker-other"
        )
        response = await desk.chat(evolve(HELLO, stop_sequences=["marker-stop"]))
    wanted = {FinishReason.STOP, FinishReason.STOP_SEQUENCE}
    expect(response.finish_reason in wanted, f"the finish reason is {response.finish_reason}, expected a stop")


@check("chat.max-tokens", "max_tokens")
async def _max_tokens(trial: Trial) -> None:
    """The limit of the answer reaches the service, and an answer that met it says so."""
    async with trial.desk(CannedAnswer(finish=FinishReason.LENGTH)) as desk:
        await expect_sent(desk, evolve(HELLO, max_tokens=4321), 4321)
        response = await desk.chat(evolve(HELLO, max_tokens=4321))
    expect(response.finish_reason is FinishReason.LENGTH, f"the finish reason is {response.finish_reason}, not length")


@check("chat.temperature", "temperature")
async def _temperature(trial: Trial) -> None:
    """The temperature reaches the service as it is, also when it is 0."""
    async with trial.desk() as desk:
        await expect_sent(desk, evolve(HELLO, temperature=0.375), 0.375)
        without, with_zero = await sent(desk, HELLO), await sent(desk, evolve(HELLO, temperature=0.0))
    expect(without != with_zero, "a temperature of 0 is dropped")


@check("chat.top-p", "top_p")
async def _top_p(trial: Trial) -> None:
    """The share of likely tokens to sample from reaches the service."""
    async with trial.desk() as desk:
        await expect_sent(desk, evolve(HELLO, top_p=0.625), 0.625)


@check("chat.seed", "seed")
async def _seed(trial: Trial) -> None:
    """The seed reaches the service as it is, also when it is 0."""
    async with trial.desk() as desk:
        await expect_sent(desk, evolve(HELLO, seed=54321), 54321)
        without, with_zero = await sent(desk, HELLO), await sent(desk, evolve(HELLO, seed=0))
    expect(without != with_zero, "a seed of 0 is dropped")


@check("chat.reasoning-effort", "reasoning_effort")
async def _reasoning_effort(trial: Trial) -> None:
    """A wish for reasoning makes a difference to the service; an effort that it does not know is refused."""
    async with trial.desk() as desk:
        bodies = [await sent(desk, HELLO)]
        for effort in ReasoningEffort:
            try:
                bodies.append(await sent(desk, evolve(HELLO, reasoning_effort=effort)))
            except InvalidRequest:
                continue
    expect(len(bodies) > 1, "every effort is refused")
    expect(any(body != bodies[0] for body in bodies[1:]), "no effort makes any difference to the service")


@check("chat.cache-hints", "cache_hints")
async def _cache_hints(trial: Trial) -> None:
    """A place to cache up to makes a difference to the service."""
    request = ChatRequest.of("marker-question", system="marker-system")
    async with trial.desk() as desk:
        await expect_told_apart(desk, request, evolve(request, cache_hints=[CacheHint(after_message=0)]))


@check("chat.extra", "extra")
async def _extra(trial: Trial) -> None:
    """Fields of the vendor's own reach the service as they are."""
    async with trial.desk() as desk:
        await expect_sent(desk, evolve(HELLO, extra={"marker_field": "marker-value"}), "marker_field", "marker-value")


@check("chat.metadata-stays", "conduct")
async def _metadata(trial: Trial) -> None:
    """The host's own labels of a request are not sent."""
    async with trial.desk() as desk:
        await desk.chat(evolve(HELLO, metadata={"marker-label": "marker-tenant"}))
        raw = [request.body + repr(request.headers).encode() + request.path.encode() for request in desk.asked]
    expect(not any(b"marker-label" in one or b"marker-tenant" in one for one in raw), "the host's labels were sent")


@check("chat.finish-reasons", "finish_reasons")
async def _finish_reasons(trial: Trial) -> None:
    """An answer that ended by itself, or met the limit, says which; a filtered one says so or is an error."""
    for reason in (FinishReason.STOP, FinishReason.LENGTH):
        async with trial.desk(CannedAnswer(finish=reason)) as desk:
            got = (await desk.chat(HELLO)).finish_reason
        expect(got is reason, f"the answer ended by {reason}, the backend says {got}")
    async with trial.desk(CannedAnswer(finish=FinishReason.CONTENT_FILTER)) as desk:
        try:
            got = (await desk.chat(HELLO)).finish_reason
        except ContentFiltered:
            return
    expect(got is FinishReason.CONTENT_FILTER, f"the answer was filtered, the backend says {got}")


async def _expect_usage(trial: Trial, usage: UsageDetail) -> None:
    async with trial.desk(CannedAnswer(usage=usage)) as desk:
        response = await desk.chat(HELLO)
    expect(response.usage_detail == usage, f"{usage} was taken, the backend says {response.usage_detail}")
    total = usage.totals()
    expect(response.usage == total, f"{total} was taken in all, the backend says {response.usage}")


@check("usage.plain", "usage")
async def _usage(trial: Trial) -> None:
    """Tokens read and written are told, in disjoint buckets that add up to the contract's three numbers."""
    await _expect_usage(trial, UsageDetail(input_uncached=1234, output=567))


@check("usage.cached", "cached_usage")
async def _cached_usage(trial: Trial) -> None:
    """Tokens that came out of the vendor's cache are told apart, and counted once."""
    await _expect_usage(trial, UsageDetail(input_uncached=100, cache_read=900, output=50))


@check("usage.reasoning", "reasoning_usage")
async def _reasoning_usage(trial: Trial) -> None:
    """Tokens of reasoning are told apart, and counted once."""
    await _expect_usage(trial, UsageDetail(input_uncached=100, output=50, reasoning=300))


_PICTURE = ImagePart(media_type="image/png", data=b"\x89PNG marker")
_UNHONOURED: Final[dict[str, ChatRequest]] = {
    "temperature": evolve(HELLO, temperature=0.5),
    "stop_sequences": evolve(HELLO, stop_sequences=["x"]),
    "top_p": evolve(HELLO, top_p=0.5),
    "seed": evolve(HELLO, seed=1),
    "reasoning_effort": evolve(HELLO, reasoning_effort=ReasoningEffort.LOW),
    "cache_hints": evolve(HELLO, cache_hints=[CacheHint()]),
    "response_schema": evolve(HELLO, response_schema=SCHEMA, response_format=ResponseFormat.JSON),
    "tool_choice": evolve(HELLO, tools=[TOOL], tool_choice=ToolChoice.REQUIRED),
    "parallel_tool_calls": evolve(HELLO, tools=[TOOL], parallel_tool_calls=False),
    "images": ChatRequest(messages=[ChatMessage(role=HELLO.messages[0].role, parts=[_PICTURE])]),
    "documents": ChatRequest(
        messages=[
            ChatMessage(
                role=HELLO.messages[0].role,
                parts=[TextPart(text="?"), DocumentPart(media_type="application/pdf", data=b"%PDF-1.4", name="a.pdf")],
            )
        ]
    ),
    "audio": ChatRequest(
        messages=[ChatMessage(role=HELLO.messages[0].role, parts=[AudioPart(media_type="audio/wav", data=b"RIFF")])]
    ),
}
assert _UNHONOURED.keys() <= FEATURES.keys()


@check("chat.unhonoured-refused", "conduct")
async def _unhonoured(trial: Trial) -> None:
    """A request that sets what the backend does not claim is honoured nevertheless, or refused before it is sent."""
    async with trial.desk() as desk:
        unclaimed = sorted(_UNHONOURED.keys() - claimed_features(trial.subject, desk.backend))
        if not unclaimed:
            message = "it claims everything that a request can set"
            raise NotApplicableError(message)
        plain = {name: await sent(desk, _without(name)) for name in unclaimed}
        for name in unclaimed:
            before = len(desk.asked)
            try:
                await desk.chat(_UNHONOURED[name])
            except InvalidRequest:
                expect(len(desk.asked) == before, f"{name} was refused only after the request was sent")
                continue
            expect(desk.body != plain[name], f"{name} is not claimed, and a request that sets it lost it silently")


def _without(name: str) -> ChatRequest:
    """Give the request that a silent loss of a field would leave."""
    request = _UNHONOURED[name]
    if name in {"images", "documents", "audio"}:
        texts = [part for part in request.messages[0].parts if isinstance(part, TextPart)]
        return ChatRequest(
            messages=[ChatMessage(role=request.messages[0].role, content="".join(t.text for t in texts))]
        )
    empty: object = () if name in {"stop_sequences", "cache_hints"} else None
    return evolve(request, **{name: empty})


CHATTING: Final = (
    _plain,
    _system,
    _multi_turn,
    _stop_sequences,
    _max_tokens,
    _temperature,
    _top_p,
    _seed,
    _reasoning_effort,
    _cache_hints,
    _extra,
    _metadata,
    _finish_reasons,
    _usage,
    _cached_usage,
    _reasoning_usage,
    _unhonoured,
)
"""The checks, in the suite's order."""
