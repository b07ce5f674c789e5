"""What live checks may cost, and have cost."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field

from converge_provider.contract.backends import ChatBackend
from converge_provider.values.events import Finished, StreamEvent
from converge_provider.values.money import Prices
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest
from converge_provider.values.usage import UsageDetail

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Metered", "Purse")


@define(kw_only=True)
class Purse:
    """
    Estimate before a check what it costs at most, and count afterwards what it took.

    Example:
        >>> purse = Purse(cap_usd=Decimal("0.01"), prices=Prices(input_usd_per_mtok=Decimal(1)))
        >>> purse.refusal((20_000, 0))
        'it may cost $0.02, and $0.01 is left of the cap'

    """

    cap_usd: Decimal | None = None
    """The most that all may cost together; ``None``: no limit."""
    prices: Prices | None = None
    spent: UsageDetail = UsageDetail()
    """The tokens so far."""
    _calls_without_usage: int = field(default=0, init=False)
    _calls: int = field(default=0, init=False)

    @property
    def spent_usd(self) -> Decimal | None:
        """What the tokens so far cost, or ``None`` when a price is unknown."""
        return None if self.prices is None else self.prices.cost_of(self.spent).usd

    def refusal(self, tokens: tuple[int, int]) -> str | None:
        """Say why a check of so many tokens of input and output may not run, or give ``None``."""
        if self.cap_usd is None:
            return None
        estimate = (self.prices or Prices()).cost_of(_usage(tokens))
        if estimate.usd is None or self.spent_usd is None:
            return f"a cap is set, and {estimate.unknown or 'the price of what was taken so far is unknown'}"
        left = self.cap_usd - self.spent_usd
        if estimate.usd > left:
            rest = max(left, Decimal(0)).normalize()
            return f"it may cost ${estimate.usd.normalize():f}, and ${rest:f} is left of the cap"
        return None

    def count(self, response: ChatResponse | None) -> None:
        """Count what an answer took; a call without usage, or that failed, is counted when the check is settled."""
        self._calls += 1
        usage = None if response is None else _usage_of(response)
        if usage is None:
            self._calls_without_usage += 1
        else:
            self.spent = self.spent.plus(usage)

    def settle(self, tokens: tuple[int, int]) -> None:
        """End a check: if any of its calls did not say what it took, the whole estimate is counted on top."""
        if self._calls_without_usage:
            self.spent = self.spent.plus(_usage(tokens))
        self._calls = self._calls_without_usage = 0


def _usage(tokens: tuple[int, int]) -> UsageDetail:
    return UsageDetail(input_uncached=tokens[0], output=tokens[1])


def _usage_of(response: ChatResponse) -> UsageDetail | None:
    if response.usage_detail is not None or response.usage is None:
        return response.usage_detail
    return _usage((response.usage.prompt_tokens, response.usage.completion_tokens))


class Metered:
    """A backend whose answers are counted."""

    def __init__(self, backend: ChatBackend, purse: Purse) -> None:
        """Take the backend and who pays."""
        self._backend = backend
        self._purse = purse
        if hasattr(backend, "stream"):
            self.stream: Callable[[ChatRequest], AsyncGenerator[StreamEvent, None]] = self._stream

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Ask, and count."""
        try:
            response = await self._backend.chat(request)
        except BaseException:
            self._purse.count(None)
            raise
        self._purse.count(response)
        return response

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[StreamEvent, None]:
        response: ChatResponse | None = None
        stream = cast("Any", self._backend).stream  # it has one
        try:
            async with aclosing(stream(request)) as events:
                async for event in events:
                    if isinstance(event, Finished):
                        response = event.response
                    yield event
        finally:
            self._purse.count(response)

    def __repr__(self) -> str:
        """Give the backend's own."""
        return repr(self._backend)

    def __getattr__(self, name: str) -> object:
        """Leave everything else to the backend."""
        return getattr(self._backend, name)
