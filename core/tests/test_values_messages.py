"""Messages, requests, replies, usage and money, where they are more than fields."""

from decimal import Decimal
from typing import Any, cast

import attrs
import pytest

from converge_provider import (
    ChatMessage,
    ChatRequest,
    ChatResponse,
    ChatRole,
    Conversation,
    Cost,
    ImagePart,
    Prices,
    ReasoningPart,
    ResponseFormat,
    TextPart,
    TokenUsage,
    ToolCall,
    ToolChoice,
    UsageDetail,
    codec,
)

PARTS = (TextPart(text="look: "), ImagePart(media_type="image/png", data=b"x"), TextPart(text="there"))


def test_message_with_parts_has_their_text_as_its_content() -> None:
    """The content is the concatenated text of the parts; pictures and reasoning add nothing to it."""
    message = ChatMessage(role=ChatRole.USER, parts=(*PARTS, ReasoningPart(text="hm")))

    assert message.content == "look: there"
    assert ChatMessage(role=ChatRole.USER, content="look: there", parts=PARTS).content == "look: there"


def test_message_refuses_a_content_that_its_parts_do_not_say() -> None:
    """Two different texts for one message are refused."""
    with pytest.raises(ValueError, match="content must be the concatenated text of the parts"):
        ChatMessage(role=ChatRole.USER, content="listen", parts=PARTS)


def test_message_constructors_give_their_role() -> None:
    """Each of the four speakers has a constructor."""
    call = ToolCall(id="c1", name="f", arguments="{}")

    assert ChatMessage.system("a") == ChatMessage(role=ChatRole.SYSTEM, content="a")
    assert ChatMessage.user("a") == ChatMessage(role=ChatRole.USER, content="a")
    assert ChatMessage.assistant("a", tool_calls=[call]).tool_calls == (call,)
    assert ChatMessage.tool("c1", "a") == ChatMessage(role=ChatRole.TOOL, content="a", tool_call_id="c1")


def test_tool_call_keeps_its_arguments_as_they_were_written() -> None:
    """The arguments are text: the contract never parses them, however malformed they are."""
    assert ToolCall(id="c", name="f", arguments='{"a": ').arguments == '{"a": '


def test_request_asks_one_thing() -> None:
    """The short form asks as the user, and leaves everything else to the backend."""
    request = ChatRequest.of("Why?", system="Be brief.")

    assert request.messages == (ChatMessage.user("Why?"),)
    assert request.system == "Be brief."
    assert request.response_format is ResponseFormat.TEXT
    unset = {field.name for field in attrs.fields(ChatRequest)} - {"messages", "system", "response_format"}
    assert [name for name in unset if getattr(request, name)] == []


def test_tool_choice_names_a_mode_or_a_tool() -> None:
    """Three modes, and a tool by name."""
    assert [choice.mode for choice in (ToolChoice.AUTO, ToolChoice.NONE, ToolChoice.REQUIRED)] == [
        "auto",
        "none",
        "required",
    ]
    assert (ToolChoice.named("f").mode, ToolChoice.named("f").name) == ("named", "f")
    assert ToolChoice.named("auto") != ToolChoice.AUTO


def test_response_needs_only_its_text() -> None:
    """Everything but the content is optional."""
    response = ChatResponse(content="")

    assert (response.tool_calls, response.usage, response.model, response.finish_reason) == ((), None, None, None)
    assert (response.metadata, response.parts, response.usage_detail) == ({}, (), None)


def test_result_of_a_tool_may_be_an_error() -> None:
    """Only the result of a tool can be an error; a document says it only then."""
    failed = ChatMessage.tool("c1", "the station is down", is_error=True)
    document = {"role": "tool", "content": "the station is down", "tool_call_id": "c1"}

    assert codec.dump(failed) == document | {"is_error": True}
    assert codec.load(ChatMessage, document | {"is_error": True}) == failed
    assert codec.dump(ChatMessage.tool("c1", "the station is down")) == document
    assert Conversation().tool("c1", "the station is down", is_error=True).messages == (failed,)
    with pytest.raises(ValueError, match="is_error is said of the result of a tool, not of a message of the user"):
        ChatMessage(role=ChatRole.USER, content="no", is_error=True)


def test_usage_buckets_add_up_to_the_contracts_numbers() -> None:
    """Prompt is all that was read or kept, completion all that was made, and no token is counted twice."""
    usage = UsageDetail(
        input_uncached=1,
        cache_read=10,
        cache_write=100,
        output=1_000,
        reasoning=10_000,
        input_audio=2,
        cache_read_audio=20,
        cache_write_1h=200,
        output_audio=2_000,
    )

    assert usage.totals() == TokenUsage(prompt_tokens=333, completion_tokens=13_000, total_tokens=13_333)
    assert usage.plus(usage).totals().total_tokens == 2 * 13_333
    assert UsageDetail().totals() == TokenUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)


def test_usage_of_before_has_the_same_document() -> None:
    """Empty buckets that few calls have are not written, and a document without them is read."""
    plain, sound = UsageDetail(input_uncached=1), UsageDetail(input_audio=3)
    names = ["input_uncached", "cache_read", "cache_write", "output", "reasoning"]

    assert list(cast("dict[str, int]", codec.dump(plain))) == names
    assert codec.load(UsageDetail, dict.fromkeys(names, 7)).totals().prompt_tokens == 21
    assert codec.load(UsageDetail, codec.dump(sound)) == sound


USAGE = UsageDetail(input_uncached=1_000, cache_read=400, cache_write=200, output=500, reasoning=100)


def test_cost_is_exact() -> None:
    """Each bucket is priced by its own price, exactly, without binary rounding."""
    prices = Prices(
        input_usd_per_mtok=Decimal("2.50"),
        output_usd_per_mtok=Decimal(10),
        cache_read_usd_per_mtok=Decimal("0.25"),
        cache_write_usd_per_mtok=Decimal("3.125"),
        reasoning_usd_per_mtok=Decimal(20),
    )

    assert prices.cost_of(USAGE) == Cost(usd=Decimal("0.010225"))
    assert str(prices.cost_of(USAGE)) == "$0.010225"


def test_cost_takes_related_prices_where_none_is_stated() -> None:
    """Cached input costs as input, and reasoning as output, unless a price says otherwise."""
    prices = Prices(input_usd_per_mtok=Decimal(1), output_usd_per_mtok=Decimal(2))

    assert prices.cost_of(USAGE) == Cost(usd=Decimal("0.0028"))


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ({}, "nobody has stated a price for input tokens"),
        ({"output_usd_per_mtok": Decimal(1)}, "nobody has stated a price for input tokens"),
        ({"input_usd_per_mtok": Decimal(1)}, "nobody has stated a price for output tokens"),
        (
            {"cache_read_usd_per_mtok": Decimal(1), "output_usd_per_mtok": Decimal(1)},
            "nobody has stated a price for input tokens",
        ),
    ],
    ids=["nothing", "output", "input", "cache"],
)
def test_cost_is_unknown_rather_than_wrong(prices: dict[str, Any], why: str) -> None:
    """A bucket that is not empty and has no price makes the whole cost unknown."""
    cost = Prices(**prices).cost_of(USAGE)

    assert (cost.usd, cost.unknown, str(cost)) == (None, why, f"unknown: {why}")


def test_cost_of_nothing_is_zero_without_prices() -> None:
    """A call that took no tokens cost nothing, whatever the prices are."""
    assert Prices().cost_of(UsageDetail()) == Cost(usd=Decimal(0))
    assert Prices(input_usd_per_mtok=Decimal(0)).cost_of(UsageDetail(input_uncached=5)) == Cost(usd=Decimal(0))


@pytest.mark.parametrize(
    ("usd", "text"),
    [("0", "$0"), ("0.000000125", "$0.000000125"), ("100", "$100"), ("1.50", "$1.5"), ("12345678.9", "$12345678.9")],
    ids=str,
)
def test_cost_prints_without_exponent_or_trailing_zeros(usd: str, text: str) -> None:
    """An amount prints as a person writes it."""
    assert str(Cost(usd=Decimal(usd))) == text
