"""The conversation: messages → turns, which alternate between user and assistant."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen

from converge_anthropic.wire.blocks import Block, call_block, part_block, text_block
from converge_anthropic.wire.dialect import Dialect
from converge_anthropic.wire.refusing import in_message
from converge_provider import ChatMessage, ChatRole, ReasoningPart

__all__ = ("Conversation", "Inner", "conversation_to_wire")

Turn = dict[str, Any]
"""One turn, with its ``role`` and its blocks as ``content``."""

_TURN_OF = {ChatRole.USER: "user", ChatRole.TOOL: "user", ChatRole.ASSISTANT: "assistant"}


@frozen(kw_only=True)
class Inner:
    """What the vendor states inside of blocks, and callers beside the request."""

    citations: object = None
    """What every document says of citations, as the vendor writes it."""


@define
class Conversation:
    """What the messages become."""

    system: list[Block] = field(factory=list[Block])
    """What system messages say, wherever they stand."""
    turns: list[Turn] = field(factory=list[Turn])
    last_blocks: dict[int, Block] = field(factory=dict[int, Block])
    """By the index of a message, the last block of the prefix that it ends, where a cache may be marked."""


def conversation_to_wire(messages: Sequence[ChatMessage], dialect: Dialect, inner: Inner) -> Conversation:
    """
    Turn messages into turns; consecutive ones of one side become a single turn, in their order.

    Args:
        messages: The conversation, oldest first.
        dialect: What the model takes.
        inner: What goes into blocks.

    Raises:
        InvalidRequest: A message holds what its role, the wire or the model has no place for.

    """
    made = Conversation()
    markable: Block | None = None
    for place, message in enumerate(messages):
        blocks = _blocks(message, place, dialect, inner)
        if message.role is ChatRole.SYSTEM:
            made.system += blocks
        elif blocks:
            _add(made.turns, _TURN_OF[message.role], blocks)
            markable = next((block for block in reversed(blocks) if _is_markable(block)), markable)
        if markable is not None:
            made.last_blocks[place] = markable
    return made


def _add(turns: list[Turn], role: str, blocks: list[Block]) -> None:
    """Go on with the last turn when it is of the same side."""
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _is_markable(block: Block) -> bool:
    return block["type"] not in {"thinking", "redacted_thinking"}


def _blocks(message: ChatMessage, place: int, dialect: Dialect, inner: Inner) -> list[Block]:
    _check(message, place)
    if message.parts:
        found = [part_block(part, place, dialect, citations=inner.citations) for part in message.parts]
        blocks = [block for several in found for block in several]
    else:
        blocks = text_block(message.content)
    match message.role:
        case ChatRole.ASSISTANT:
            return [*blocks, *(call_block(call) for call in message.tool_calls)]
        case ChatRole.TOOL:
            return [_result(message, blocks)]
        case ChatRole.SYSTEM | ChatRole.USER:
            return blocks


def _result(message: ChatMessage, blocks: list[Block]) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": message.tool_call_id}
    if blocks:
        block["content"] = blocks
    if message.is_error:
        block["is_error"] = True
    return block


def _check(message: ChatMessage, place: int) -> None:
    is_assistant = message.role is ChatRole.ASSISTANT
    if message.tool_calls and not is_assistant:
        raise in_message(place, f"{message.role} messages call no tools; only assistant messages do")
    if message.role is ChatRole.TOOL and not message.tool_call_id:
        raise in_message(place, "a tool message needs the tool_call_id of the call that it answers")
    kinds = {type(part).__name__ for part in message.parts}
    if ReasoningPart.__name__ in kinds and not is_assistant:
        raise in_message(place, "reasoning stands in assistant messages")
    if message.role in {ChatRole.ASSISTANT, ChatRole.SYSTEM} and not kinds <= {"TextPart", "ReasoningPart"}:
        raise in_message(
            place, f"{message.role} messages hold text only; images and documents stand in user and tool messages"
        )
