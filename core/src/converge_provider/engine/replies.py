"""What an engine's caller gets: the backend's answer, and how it came about."""

from collections.abc import Sequence

from attrs import field

from converge_provider.engine.outcomes import Attempt
from converge_provider.selection import Decision
from converge_provider.values.classes import frozen
from converge_provider.values.money import Cost
from converge_provider.values.replies import ChatResponse

__all__ = ("Reply",)


@frozen(kw_only=True)
class Reply(ChatResponse):
    """An answer together with who gave it, why it was asked, what was tried before and what it cost."""

    decision: Decision = field(repr=False)
    """The selection that chose the backend that answered."""
    attempts: Sequence[Attempt] = field(converter=tuple[Attempt, ...])
    """Every attempt, oldest first; the last one answered."""
    backend: str
    """The id of the backend that answered."""
    cost: Cost
    """What the attempt that answered cost, or why that is unknown; the others have their own."""
    value: object | None = None
    """The parsed, validated answer when one was asked for with ``response_type`` or a format, else ``None``."""

    @classmethod
    def to(
        cls, response: ChatResponse, *, decision: Decision, attempts: Sequence[Attempt], value: object | None
    ) -> "Reply":
        """
        Add to a backend's answer how it came about.

        Args:
            response: The answer.
            decision: The selection that chose the backend.
            attempts: Every attempt; the last one answered.
            value: The parsed answer, if one was asked for.

        """
        return cls(
            content=response.content,
            tool_calls=response.tool_calls,
            usage=response.usage,
            model=response.model,
            finish_reason=response.finish_reason,
            metadata=response.metadata,
            parts=response.parts,
            usage_detail=response.usage_detail,
            decision=decision,
            attempts=attempts,
            backend=attempts[-1].backend,
            cost=attempts[-1].cost,
            value=value,
        )
