"""Call one backend many times through an engine, and tell the engine's time from the backend's."""

import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import anyio
from attrs import define, field, frozen

from converge_provider.contract.registered import RegisteredChatBackend
from converge_provider.engine import Engine, Reply
from converge_provider.engine.settings import BreakerSettings, ParkingSettings, Resilience
from converge_provider.errors import AuthDenied, ConfigurationError, InvalidRequest, LlmError, ModelNotFound
from converge_provider.registry import Catalogue
from converge_provider.selection.needs import estimate_tokens
from converge_provider.testing.verifying import subjected
from converge_provider.values.events import Finished, ReasoningDelta, TextDelta
from converge_provider.values.messages import ChatMessage
from converge_provider.values.money import Cost, Prices
from converge_provider.values.requests import ChatRequest
from converge_provider.values.usage import UsageDetail

if TYPE_CHECKING:
    from converge_provider.contract.backends import ChatBackend
    from converge_provider.registry import CatalogueEntry
    from converge_provider.values.replies import ChatResponse

__all__ = ("BenchPlan", "BenchReport", "Percentiles", "needs_network", "price", "run_bench")

_HOPELESS = (AuthDenied, ModelNotFound, InvalidRequest)
"""What every further call would meet as well."""


@frozen(kw_only=True)
class BenchPlan:
    """What is to be measured."""

    calls: int = 20
    concurrency: int = 1
    stream: bool = False
    prompt: str = "Write four sentences about the sea."
    max_tokens: int = 64
    """The longest answer, in tokens."""
    deadline_s: float = 60.0
    """How long each call may take."""

    @property
    def request(self) -> ChatRequest:
        """The request, the same each time."""
        return ChatRequest(messages=(ChatMessage.user(self.prompt),), max_tokens=self.max_tokens)


@frozen(kw_only=True)
class Percentiles:
    """How some values are spread."""

    p50: float
    p90: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self | None:
        """
        Take the value that so many are not above; ``None``: there are no values.

        Example:
            >>> Percentiles.of([4.0, 1.0, 3.0, 2.0])
            Percentiles(p50=2.0, p90=4.0, p99=4.0, most=4.0)

        """
        if not values:
            return None
        ordered = sorted(values)
        p50, p90, p99 = (ordered[-(-len(ordered) * share // 100) - 1] for share in (50, 90, 99))
        return cls(p50=p50, p90=p90, p99=p99, most=ordered[-1])


@frozen(kw_only=True)
class BenchReport:
    """What was measured; times are in seconds, of calls that were answered."""

    backend: str
    calls: int
    """How many were made."""
    answered: int
    failed: Mapping[str, int]
    """How many failed, by the name of the error."""
    stopped: str | None
    """Why not all were made; ``None``: they were."""
    wall_s: float
    """From the first call to the end of the last."""
    calls_per_s: float
    """Of those that were answered."""
    total: Percentiles | None
    """From the call to the whole answer."""
    first_text: Percentiles | None
    """From the call to the first piece of text or thought; ``None``: nothing was streamed."""
    backend_time: Percentiles | None
    """Of that, what was spent within the backend: its adapter, the network, the service."""
    engine_time: Percentiles | None
    """The rest: the engine's own, and at many calls at once what the others took of this process meanwhile."""
    tokens_per_s: Percentiles | None
    """Of one answer, after its first text when it was streamed; ``None``: nobody said how many tokens there were."""
    all_tokens_per_s: float | None
    """Of all answers together."""
    input_tokens: int
    output_tokens: int
    cost: Cost
    """What all answers cost, by the claimed prices."""


@define
class _Stopwatch:
    """The seconds of one call that were spent within the backend."""

    backend_s: float = 0.0


_STOPWATCH: ContextVar[_Stopwatch] = ContextVar("stopwatch")


class _Timed:
    """A backend whose time is taken, call by call."""

    def __init__(self, backend: "ChatBackend") -> None:
        self._backend = backend
        if hasattr(backend, "stream"):
            self.stream = self._stream

    async def chat(self, request: ChatRequest) -> "ChatResponse":
        """Ask, and take the time."""
        began = time.perf_counter()
        try:
            return await self._backend.chat(request)
        finally:
            _STOPWATCH.get().backend_s += time.perf_counter() - began

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[Any, None]:
        stream: Any = getattr(self._backend, "stream")  # noqa: B009 - it has one
        watch = _STOPWATCH.get()
        async with aclosing(stream(request)) as events:
            began = time.perf_counter()
            async for event in events:
                watch.backend_s += time.perf_counter() - began
                yield event
                began = time.perf_counter()
            watch.backend_s += time.perf_counter() - began

    def __getattr__(self, name: str) -> object:
        """Leave everything else to the backend."""
        return getattr(self._backend, name)


@frozen(kw_only=True)
class _Call:
    """One call that was answered."""

    total_s: float
    first_s: float | None
    backend_s: float
    usage: UsageDetail | None
    cost: Cost

    @property
    def tokens_per_s(self) -> float | None:
        """The tokens of the answer by the seconds in which they came."""
        seconds = self.total_s - (self.first_s or 0.0)
        return None if self.usage is None or seconds <= 0 else self.usage.totals().completion_tokens / seconds


def needs_network(entry: "CatalogueEntry") -> bool:
    """Say whether calls of a backend leave this machine, or may."""
    return entry.claims.requires_network is not False


def price(entry: "CatalogueEntry", plan: BenchPlan) -> Cost:
    """Say what one call costs at most, by the claimed prices."""
    usage = UsageDetail(input_uncached=estimate_tokens(plan.request), output=plan.max_tokens)
    return (entry.claims.prices or Prices()).cost_of(usage)


@define(kw_only=True)
class _Bench:
    """One run."""

    engine: Engine
    plan: BenchPlan
    each_usd: Decimal | None
    cap_usd: Decimal | None
    report: Callable[[], None]
    waiting: int
    answered: list[_Call] = field(factory=list["_Call"])
    failed: Counter[str] = field(factory=Counter[str])
    under_way: int = 0
    stopped: str | None = None

    @property
    def cost(self) -> Cost:
        """What the answers cost."""
        unknown = next((call.cost for call in self.answered if call.cost.usd is None), None)
        return unknown or Cost(usd=sum((call.cost.usd or Decimal(0) for call in self.answered), Decimal(0)))

    async def work(self) -> None:
        """Make one call after the other, as long as there are any."""
        while self.waiting and self.stopped is None and self._within_cap():
            self.waiting -= 1
            self.under_way += 1
            try:
                self.answered.append(await self._call())
            except LlmError as exc:
                self.failed[type(exc).__name__] += 1
                if isinstance(exc, _HOPELESS):
                    self.stopped = f"every call would fail like this: {exc}"
            finally:
                self.under_way -= 1
                self.report()

    def _within_cap(self) -> bool:
        """Look whether the cap leaves room for one more call beside those under way, each at its dearest."""
        if self.cap_usd is None or self.each_usd is None:
            return True
        spent = sum((call.cost.usd or self.each_usd for call in self.answered), Decimal(0))
        bound = spent + self.each_usd * (self.under_way + 1 + sum(self.failed.values()))
        if bound > self.cap_usd:
            self.stopped = f"one more call might go beyond the cap of ${self.cap_usd:f}"
        return bound <= self.cap_usd

    async def _call(self) -> _Call:
        watch = _Stopwatch()
        _STOPWATCH.set(watch)
        began = time.perf_counter()
        first_s: float | None = None
        if self.plan.stream:
            reply = None
            async with self.engine.stream(self.plan.request, deadline_s=self.plan.deadline_s) as events:
                async for event in events:
                    if first_s is None and isinstance(event, TextDelta | ReasoningDelta):
                        first_s = time.perf_counter() - began
                    if isinstance(event, Finished):
                        reply = event.response
        else:
            reply = await self.engine.chat(self.plan.request, deadline_s=self.plan.deadline_s)
        total_s = time.perf_counter() - began
        assert isinstance(reply, Reply)
        return _Call(
            total_s=total_s,
            first_s=first_s,
            backend_s=watch.backend_s,
            usage=reply.usage_detail,
            cost=reply.cost,
        )


async def run_bench(
    entry: "CatalogueEntry",
    plan: BenchPlan,
    *,
    cost_cap_usd: Decimal | None = None,
    report: Callable[[], None] = lambda: None,
) -> BenchReport:
    """
    Make the calls of a plan.

    The engine is as anybody's, but that it calls nobody twice: nothing is repeated, hedged, parked or given up on.

    Args:
        entry: Whom to call.
        plan: How often, how many at once, with what.
        cost_cap_usd: The most that all calls may cost, by the claimed prices; ``None``: no limit.
        report: Told of every call that is over.

    Raises:
        ConfigurationError: The cost is to be limited and nobody knows the prices, or the backend cannot be opened.

    """
    each = price(entry, plan)
    if cost_cap_usd is not None and each.usd is None:
        message = f"{entry.id} cannot be measured within ${cost_cap_usd:f}: {each.unknown}"
        raise ConfigurationError(message)
    catalogue = Catalogue.of(RegisteredChatBackend(_described(entry), _Timed(entry.open())))
    resilience = Resilience(breaker=BreakerSettings(enabled=False), parking=ParkingSettings(enabled=False))
    async with Engine(catalogue, resilience=resilience) as engine:
        bench = _Bench(
            engine=engine, plan=plan, each_usd=each.usd, cap_usd=cost_cap_usd, report=report, waiting=plan.calls
        )
        began = time.perf_counter()
        async with anyio.create_task_group() as workers:
            for _ in range(min(plan.concurrency, plan.calls)):
                workers.start_soon(bench.work)
        return _report(entry.id, bench, time.perf_counter() - began)


def _described(entry: "CatalogueEntry") -> Any:  # noqa: ANN401 - a descriptor with claims
    return subjected(entry, distribution="").subject.descriptor


def _report(backend: str, bench: _Bench, wall_s: float) -> BenchReport:
    answered = bench.answered
    usages = [call.usage.totals() for call in answered if call.usage is not None]
    output = sum(usage.completion_tokens for usage in usages)
    return BenchReport(
        backend=backend,
        calls=len(answered) + sum(bench.failed.values()),
        answered=len(answered),
        failed=dict(bench.failed),
        stopped=bench.stopped,
        wall_s=wall_s,
        calls_per_s=len(answered) / wall_s,
        total=Percentiles.of([call.total_s for call in answered]),
        first_text=Percentiles.of([call.first_s for call in answered if call.first_s is not None]),
        backend_time=Percentiles.of([call.backend_s for call in answered]),
        engine_time=Percentiles.of([call.total_s - call.backend_s for call in answered]),
        tokens_per_s=Percentiles.of([rate for call in answered if (rate := call.tokens_per_s) is not None]),
        all_tokens_per_s=output / wall_s if usages else None,
        input_tokens=sum(usage.prompt_tokens for usage in usages),
        output_tokens=output,
        cost=bench.cost,
    )
