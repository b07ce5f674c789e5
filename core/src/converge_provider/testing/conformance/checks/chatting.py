"""Plain chats: what of a request reaches the service, and what of its answer comes back."""

from typing import Final

from attrs import evolve

from converge_provider.errors import ContentFiltered, InvalidRequest
from converge_provider.testing.conformance.answers import CannedAnswer
from converge_provider.testing.conformance.checks.check import NotApplicableError, check, expect
from converge_provider.testing.conformance.checks.requests import (
    HELLO,
    OPTIONAL,
    expect_sent,
    expect_told_apart,
    sent,
)
from converge_provider.testing.conformance.features import claimed_features
from converge_provider.testing.conformance.trials import Desk, Trial, holds
from converge_provider.values.messages import ChatMessage
from converge_provider.values.replies import FinishReason
from converge_provider.values.requests import CacheHint, ChatRequest, ReasoningEffort
from converge_provider.values.usage import UsageDetail

__all__ = ("CHATTING",)


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
    """Stop sequences reach the service, all of them."""
    async with trial.desk() as desk:
        wanted = ("marker-stop", "marker-other")
        await expect_sent(desk, evolve(HELLO, stop_sequences=wanted), *wanted)


@check("chat.stopped", "stop_sequences")
async def _stopped(trial: Trial) -> None:
    """An answer that a stop sequence ended says that it stopped."""
    said = CannedAnswer(finish=FinishReason.STOP_SEQUENCE, stop_sequence="marker-stop")
    async with trial.desk(said) as desk:
        got = (await desk.chat(evolve(HELLO, stop_sequences=["marker-stop"]))).finish_reason
    expect(got in {FinishReason.STOP, FinishReason.STOP_SEQUENCE}, f"the finish reason is {got}, expected a stop")


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
    """An answer that ended by itself, or met the limit, says which."""
    for reason in (FinishReason.STOP, FinishReason.LENGTH):
        async with trial.desk(CannedAnswer(finish=reason)) as desk:
            got = (await desk.chat(HELLO)).finish_reason
        expect(got is reason, f"the answer ended by {reason}, the backend says {got}")


@check("chat.filtered", "filtering")
async def _filtered(trial: Trial) -> None:
    """An answer that the service cut off because of what it says is told so, or is ContentFiltered."""
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


@check("usage.cache-written", "cached_usage")
async def _written_usage(trial: Trial) -> None:
    """Tokens that were put into the vendor's cache are told apart, and counted once."""
    await _expect_usage(trial, UsageDetail(input_uncached=100, cache_write=800, output=50))


@check("usage.reasoning", "reasoning_usage")
async def _reasoning_usage(trial: Trial) -> None:
    """Tokens of reasoning are told apart, and counted once."""
    await _expect_usage(trial, UsageDetail(input_uncached=100, output=50, reasoning=300))


@check("chat.unhonoured-refused", "conduct")
async def _unhonoured(trial: Trial) -> None:
    """What is not claimed is honoured nevertheless, or refused before anything is sent; never lost silently."""
    async with trial.desk() as desk:
        unclaimed = sorted(OPTIONAL.keys() - claimed_features(trial.subject, desk.backend))
        if not unclaimed:
            message = "it claims everything that a request can ask for"
            raise NotApplicableError(message)
        for name in unclaimed:
            without, wish = OPTIONAL[name]
            await _expect_refused_or_sent(desk, name, without, wish)


async def _expect_refused_or_sent(desk: Desk, name: str, without: ChatRequest, wish: ChatRequest) -> None:
    before = len(desk.asked)
    try:
        await desk.chat(wish)
    except InvalidRequest:
        expect(len(desk.asked) == before, f"{name} was refused only after the request was sent")
        return
    body = desk.body
    expect(body != await sent(desk, without), f"{name} is not claimed, and a request that asks for it lost it silently")


CHATTING: Final = (
    _plain,
    _system,
    _multi_turn,
    _stop_sequences,
    _stopped,
    _max_tokens,
    _temperature,
    _top_p,
    _seed,
    _reasoning_effort,
    _cache_hints,
    _extra,
    _metadata,
    _finish_reasons,
    _filtered,
    _usage,
    _cached_usage,
    _written_usage,
    _reasoning_usage,
    _unhonoured,
)
"""The checks, in the suite's order."""
