"""Measuring a backend through an engine: whose time is whose, when it ends early, what it may cost."""

from decimal import Decimal

import anyio
import pytest

from converge_provider import (
    AuthDenied,
    Catalogue,
    CatalogueEntry,
    ChatResponse,
    Claims,
    ConfigurationError,
    Prices,
    UsageDetail,
)
from converge_provider.testing import ScriptedBackend
from converge_provider.testing.benching import BenchPlan, Percentiles, run_bench
from converge_provider.testing.turns import Turn

PRICES = Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(1_000))
USAGE = UsageDetail(input_uncached=10, output=100)
ANSWER = ChatResponse(content="Hello", usage=USAGE.totals(), usage_detail=USAGE)
PLAN = BenchPlan(calls=4, max_tokens=100)


def entry(*script: Turn, prices: Prices | None = PRICES) -> tuple[CatalogueEntry, ScriptedBackend]:
    """Give a backend that answers by a script, and its entry."""
    backend = ScriptedBackend(*script, claims=Claims(requires_network=False, prices=prices))
    return Catalogue.of(backend.registered).entries[0], backend


@pytest.mark.parametrize("stream", [pytest.param(False, id="whole"), pytest.param(True, id="streamed")])
def test_bench_takes_the_backends_time_for_the_backends(stream: bool) -> None:
    """What a backend waits is its own time, and not the engine's, however many calls run at once."""
    slow: Turn = [0.05, ANSWER]
    found, _ = entry(slow, slow, slow, slow)
    report = anyio.run(lambda: run_bench(found, BenchPlan(calls=4, concurrency=4, stream=stream)))

    assert report.answered == 4
    assert report.backend_time is not None
    assert report.engine_time is not None
    assert report.backend_time.p50 >= 0.05
    assert report.engine_time.p50 < report.backend_time.p50
    assert report.output_tokens == 400
    assert report.cost.usd == Decimal("0.40")


def test_bench_stops_where_every_call_would_fail() -> None:
    """After a denied key nobody is called again, and the report says why."""
    found, backend = entry(ANSWER, AuthDenied("bad key"), ANSWER, ANSWER)
    report = anyio.run(lambda: run_bench(found, PLAN))

    assert len(backend.calls) == 2
    assert report.failed == {"AuthDenied": 1}
    assert report.stopped is not None
    assert "every call would fail" in report.stopped


def test_bench_makes_no_call_beyond_the_cap() -> None:
    """Answers are counted at what they cost and calls under way at the most they may; the next must fit."""
    found, backend = entry(*[ANSWER] * 4)
    report = anyio.run(lambda: run_bench(found, PLAN, cost_cap_usd=Decimal("0.25")))

    assert len(backend.calls) == 2
    assert report.stopped == "one more call might go beyond the cap of $0.25"


def test_bench_keeps_no_cap_without_prices() -> None:
    """A cap that nobody can keep is refused before anybody is called."""
    found, backend = entry(ANSWER, prices=None)

    with pytest.raises(ConfigurationError, match="cannot be measured within"):
        anyio.run(lambda: run_bench(found, PLAN, cost_cap_usd=Decimal(1)))
    assert backend.calls == []


def test_percentiles_are_values_that_were_measured() -> None:
    """A percentile is the least value that so many are not above, and nothing has none."""
    found = Percentiles.of([float(number) for number in range(100, 0, -1)])

    assert found == Percentiles(p50=50.0, p90=90.0, p99=99.0, most=100.0)
    assert Percentiles.of([]) is None
