"""Cache hints → marks on blocks, each of which says that the vendor should cache the prompt up to there."""

from collections.abc import Sequence
from itertools import pairwise

from converge_anthropic.wire.blocks import Block
from converge_anthropic.wire.turns import Conversation
from converge_provider import CacheHint, CacheLifetime, InvalidRequest

__all__ = ("mark_caches",)

_MOST = 4


def mark_caches(
    hints: Sequence[CacheHint], conversation: Conversation, *, messages: int, system: list[Block], tools: list[Block]
) -> None:
    """
    Mark the blocks up to which the vendor should cache.

    Args:
        hints: Where, and for how long.
        conversation: The turns.
        messages: How many messages the request has.
        system: The system text, which stands after the tools in the vendor's order.
        tools: The tools.

    Raises:
        InvalidRequest: A place does not exist, there are more than four, or a shorter lifetime precedes a longer one.

    """
    ordered = sorted(hints, key=lambda hint: hint.after_message)
    if len(ordered) > _MOST:
        message = f"this wire caches up to at most {_MOST} places, got {len(ordered)} cache hints"
        raise InvalidRequest(message)
    for earlier, later in pairwise(ordered):
        if earlier.lifetime is CacheLifetime.FIVE_MINUTES and later.lifetime is CacheLifetime.ONE_HOUR:
            message = "a cache of 1h cannot follow one of 5m on this wire: let the earlier one live as long"
            raise InvalidRequest(message)
    for hint in ordered:
        place = hint.after_message
        if place >= messages:
            message = f"a cache hint is after message {place}, but the last message is {messages - 1}"
            raise InvalidRequest(message)
        block = next(reversed(system or tools), None) if place < 0 else conversation.last_blocks.get(place)
        if block is None:
            where = "no system text and no tools" if place < 0 else f"nothing up to message {place}"
            message = f"a cache hint finds {where} that could be cached"
            raise InvalidRequest(message)
        block["cache_control"] = _mark(hint.lifetime)


def _mark(lifetime: CacheLifetime) -> dict[str, str]:
    """Give the mark; the shorter lifetime is the wire's own."""
    return {"type": "ephemeral"} | ({"ttl": lifetime.value} if lifetime is CacheLifetime.ONE_HOUR else {})
