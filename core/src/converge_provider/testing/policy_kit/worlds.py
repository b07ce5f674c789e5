"""What policies are tried on: catalogues with questions and measurements, ordinary and hostile."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from random import Random

from attrs import evolve, frozen

from converge_provider.contract.registered import RegisteredChatBackend
from converge_provider.errors import NetworkError
from converge_provider.registry import Catalogue
from converge_provider.selection.question import Question
from converge_provider.selection.table import Table, in_order
from converge_provider.selection.view import View
from converge_provider.values.claims import Claims, TaskQuality
from converge_provider.values.criteria import SelectionCriteria
from converge_provider.values.descriptors import BackendDescriptor, ChatBackendCapabilities
from converge_provider.values.measured import LatencyRule, Measured, StateView
from converge_provider.values.money import Prices
from converge_provider.values.replies import ChatResponse
from converge_provider.values.requests import ChatRequest
from converge_provider.values.vocabulary import CostClass, CostTier, DataSovereignty, LatencyClass, TaskComplexity

__all__ = ("World", "crowd", "drawing", "worlds")

REQUEST = ChatRequest.of("Why is the sky blue?", system="Answer in one sentence.")
ANYTHING = SelectionCriteria(latency=LatencyClass.BATCH, cost=CostTier.PREMIUM, complexity=TaskComplexity.EXTRACTION)
TASKS = ("coding", "summaries", "translation")


def drawing(seed: int) -> Random:
    """Give randomness that is always the same."""
    return Random(seed)  # noqa: S311 - what is made up is no secret


@frozen(kw_only=True)
class World:
    """Candidates, a question, and what was measured."""

    name: str
    """What is special about it."""
    catalogue: Catalogue
    request: ChatRequest | None = REQUEST
    criteria: SelectionCriteria | None = None
    state: StateView | None = None
    seed: int = 7
    time: str = "2026-11-20T12:00:00+00:00"

    def view(self, order: Sequence[int] | None = None) -> View:
        """
        Show the candidates, all of them, in the catalogue's order or another one.

        Args:
            order: The place in the catalogue of each candidate of the view.

        """
        question = Question.of(
            self.catalogue,
            request=self.request,
            criteria=self.criteria,
            provider=None,
            backend=None,
            barred={},
            state=self.state,
        )
        table = _table(self.catalogue)
        return View(table, question, range(table.size) if order is None else order, seed=self.seed, time=self.time)


def worlds() -> tuple[World, ...]:
    """Make every world anew, the ordinary one first."""
    return (
        crowd(12),
        evolve(crowd(12), name="without a request", request=None),
        evolve(crowd(12), name="nothing measured", state=None),
        evolve(
            crowd(12),
            name="no key",
            state=evolve(_measured(crowd(12).catalogue), key=None, assigned=None, assigned_age_s=None),
        ),
        evolve(crowd(12), name="with criteria", criteria=ANYTHING),
        World(name="one candidate", catalogue=_of([_known("only", "one", drawing(1))])),
        World(name="nothing known of anybody", catalogue=_of(_unknown(i) for i in range(5)), request=None),
        World(name="nothing known of some", catalogue=_of([*(_unknown(i) for i in range(3)), *_some(3)])),
        World(name="all equal", catalogue=_of(_known(f"twin-{i}", "m", drawing(3)) for i in range(6))),
        _extreme(),
    )


def crowd(size: int) -> World:
    """Make an ordinary world of many candidates, all measured but a few."""
    catalogue = _of(_some(size))
    return World(name=f"{size} ordinary candidates", catalogue=catalogue, state=_measured(catalogue))


class _Nobody:
    """A backend that is never called."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        message = f"policies are tried without calls; nobody answers {request.messages[0].content!r}"
        raise NetworkError(message)


def _table(catalogue: Catalogue) -> Table:
    return catalogue.derived(Table, lambda one: Table(in_order(one.entries)))


def _of(described: Iterable[BackendDescriptor]) -> Catalogue:
    return Catalogue.of(*(RegisteredChatBackend(one, _Nobody()) for one in described))


def _some(size: int) -> Iterator[BackendDescriptor]:
    random = drawing(size)
    for i in range(size):
        yield _known(f"provider-{i % 5}", f"model-{i}", random)


def _known(provider: str, model: str, random: Random) -> BackendDescriptor:
    return BackendDescriptor(
        provider=provider,
        model=model,
        cost_class=random.choice(tuple(CostClass)),
        typical_latency_ms=random.randint(1, 9_000),
        quality=round(random.random(), 3),
        capabilities=ChatBackendCapabilities(
            tool_use=random.random() < 0.5, context_tokens=random.choice([None, 8_192, 200_000])
        ),
        data_sovereignty=random.choice(tuple(DataSovereignty)),
        claims=Claims(
            prices=random.choice([None, _prices(random)]),
            qualities=random.choice([None, tuple(_at_task(task, random) for task in TASKS[: random.randint(1, 3)])]),
            requires_network=random.choice([True, False, None]),
            last_resort=random.choice([True, False, None]),
            country=random.choice(["SE", "US", None]),
            max_output_tokens=random.choice([None, 4_096]),
            source="the kit",
        ),
    )


def _prices(random: Random) -> Prices:
    return Prices(
        input_usd_per_mtok=Decimal(random.randint(0, 900)) / 100,
        output_usd_per_mtok=Decimal(random.randint(0, 9_000)) / 100,
        cache_read_usd_per_mtok=random.choice([None, Decimal("0.01")]),
    )


def _at_task(task: str, random: Random) -> TaskQuality:
    return TaskQuality(task=task, score=round(random.random(), 3), benchmark="made up")


def _unknown(number: int) -> BackendDescriptor:
    return BackendDescriptor.unstated(f"stranger-{number}", "m")


def _measured(catalogue: Catalogue) -> StateView:
    random, ids = drawing(5), [entry.id for entry in catalogue.entries]
    return StateView(
        number=3,
        measured={backend: _measurements(random) for backend in ids if random.random() < 0.8},
        latency_rule=LatencyRule(),
        key="5a1e",
        assigned=ids[-1],
        assigned_age_s=42.0,
    )


def _measurements(random: Random) -> Measured:
    median_s = round(random.uniform(0.1, 5), 3)
    return Measured(
        latency_s=median_s * 1.1,
        latency_p50_s=median_s,
        latency_p95_s=median_s * 2,
        latency_samples=random.choice([1, 5, 40, 128]),
        first_token_s=random.choice([None, median_s / 4]),
        first_token_p95_s=random.choice([None, median_s / 2]),
        tokens_per_s=random.choice([None, round(random.uniform(5, 200), 1)]),
        error_rate=random.choice([0.0, 0.25, 1.0]),
        in_flight=random.randint(0, 9),
    )


def _extreme() -> World:
    """Put the smallest and the largest of everything side by side."""
    free, dear = (Prices(input_usd_per_mtok=Decimal(usd), output_usd_per_mtok=Decimal(usd)) for usd in (0, 10**9))
    best = BackendDescriptor(
        provider="best", model="m", cost_class=CostClass.FREE, typical_latency_ms=1, quality=1.0, claims=_claims(free)
    )
    worst = BackendDescriptor(
        provider="worst",
        model="m" * 500,
        cost_class=CostClass.VERY_HIGH,
        typical_latency_ms=2**32 - 1,
        quality=0.0,
        claims=_claims(dear),
    )
    still, wild = (_all(seconds, share) for seconds, share in ((0.0, 0.0), (1e308, 1.0)))
    state = StateView(
        number=2**63,
        measured={"best/m": evolve(still, latency_samples=0), worst.id: evolve(wild, latency_samples=2**31)},
        key="",
        assigned="gone/m",
        assigned_age_s=1e308,
    )
    huge = evolve(REQUEST, max_tokens=2**32 - 1)
    catalogue = _of([best, worst, _unknown(1)])
    return World(name="extreme values", catalogue=catalogue, request=huge, state=state, seed=2**64)


def _claims(prices: Prices) -> Claims:
    return Claims(prices=prices, qualities=(), last_resort=False, max_output_tokens=2**32 - 1)


def _all(seconds: float, share: float) -> Measured:
    return Measured(
        latency_s=seconds,
        latency_p50_s=seconds,
        latency_p95_s=seconds,
        first_token_s=seconds,
        first_token_p95_s=seconds,
        tokens_per_s=seconds,
        error_rate=share,
        in_flight=int(share) * 10**9,
    )
