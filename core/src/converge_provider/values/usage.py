"""How many tokens a call took."""

from attrs import field, fields

from converge_provider.values.classes import frozen
from converge_provider.values.scalars import U32

__all__ = ("TokenUsage", "UsageDetail")


@frozen(kw_only=True)
class TokenUsage:
    """The contract's three numbers, in tokens."""

    prompt_tokens: U32
    completion_tokens: U32
    total_tokens: U32


@frozen(kw_only=True)
class UsageDetail:
    """
    Tokens in disjoint buckets: no token is counted twice, whatever the vendor's own counts contain.

    A vendor that does not tell sound from text, or one lifetime from another, leaves the rarer bucket empty.

    Example:
        >>> UsageDetail(input_uncached=10, cache_read=90, output=5).totals()
        TokenUsage(prompt_tokens=100, completion_tokens=5, total_tokens=105)

    """

    input_uncached: U32 = 0
    """Tokens of the prompt that were read at full price, sound left out."""
    cache_read: U32 = 0
    """Tokens of the prompt that came out of the vendor's cache, sound left out."""
    cache_write: U32 = 0
    """Tokens of the prompt that were put into the vendor's cache, for its ordinary time."""
    output: U32 = 0
    """Tokens of the visible answer, tool calls included, sound left out."""
    reasoning: U32 = 0
    """Tokens of reasoning that the vendor bills, visible or not."""
    input_audio: U32 = field(default=0, metadata={"omit_empty": True})
    """Tokens of sound in the prompt that were read at full price."""
    cache_read_audio: U32 = field(default=0, metadata={"omit_empty": True})
    """Tokens of sound in the prompt that came out of the vendor's cache."""
    cache_write_1h: U32 = field(default=0, metadata={"omit_empty": True})
    """Tokens of the prompt that were put into the vendor's cache for an hour."""
    output_audio: U32 = field(default=0, metadata={"omit_empty": True})
    """Tokens of sound in the answer."""

    def totals(self) -> TokenUsage:
        """Add the buckets up to the contract's three numbers."""
        uncached, cached = self.input_uncached + self.input_audio, self.cache_read + self.cache_read_audio
        prompt = uncached + cached + self.cache_write + self.cache_write_1h
        completion = self.output + self.output_audio + self.reasoning
        return TokenUsage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)

    def plus(self, other: "UsageDetail") -> "UsageDetail":
        """
        Add what two calls took, bucket by bucket.

        Example:
            >>> UsageDetail(output=5).plus(UsageDetail(output=2, output_audio=1)).totals().completion_tokens
            8

        """
        return UsageDetail(**{name: getattr(self, name) + getattr(other, name) for name in _BUCKETS})


_BUCKETS = tuple(attribute.name for attribute in fields(UsageDetail))
