"""
Measure what a selection costs; run it with plain Python, in an environment that has the core.

Prints the best of several rounds, in microseconds, beside the number to hold. *strict* and *loose* are ``decide()``
with the chosen one, the first five rows and the counts per reason, for criteria that few and most candidates meet;
*others* is the same with criteria that differ from call to call, and with a request, so that nothing is remembered
from the call before but the catalogue's own columns; *policies* runs two policies instead of the built-in order, and
*tiers* the same two one after the other; *priced* holds each request to a price, with requests of which no two that
follow each other have the same size, and about as many different prices as candidates; *measured* is *loose* where
every backend was measured, so that the gate on measured latencies looks at all of them.
*expand* makes every row of a fresh decision, each rejected one with its reasons; *read* takes the terms of every
ranked row as well.
"""

import sys
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import cycle, product
from random import Random
from typing import NoReturn

from converge_provider import (
    BackendDescriptor,
    Catalogue,
    ChatBackendCapabilities,
    ChatRequest,
    ChatResponse,
    Claims,
    Constraints,
    CostClass,
    CostTier,
    EnabledPolicy,
    LatencyClass,
    LatencyRule,
    Measured,
    Prices,
    RegisteredChatBackend,
    RequiredCapabilities,
    SelectionCriteria,
    StateView,
    TaskComplexity,
)
from converge_provider.selection import FITNESS, Decision, decide

TARGETS = {10: 15, 300: 60, 1_000: 150, 10_000: 2_000}
EXPAND_TARGET = {1_000: 1_000}
ROUNDS = 30

STRICT = SelectionCriteria(capabilities=RequiredCapabilities(tool_use=True, min_context_tokens=8_000))
LOOSE = SelectionCriteria(cost=CostTier.PREMIUM, latency=LatencyClass.BATCH, complexity=TaskComplexity.EXTRACTION)
DEAREST = Constraints(max_usd_per_request=Decimal("0.05"))
REQUEST = ChatRequest.of("Why is the sky blue?", system="Answer in one sentence.")


class Nobody:
    """A backend that is never called."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Refuse."""
        self.refuse(request)

    def refuse(self, request: ChatRequest) -> NoReturn:
        """Say that this was not meant."""
        message = f"a benchmark of selection calls nobody, not even with {request!r}"
        raise AssertionError(message)


def catalogue(size: int) -> Catalogue:
    """Make up backends of 17 providers; few values are equal, so that little can be shared between candidates."""
    random, prices = Random(size), Random(size)
    windows = (None, 4_096, 8_192, 128_000, 200_000, 1_000_000)
    described = [
        BackendDescriptor(
            provider=f"provider-{i % 17}",
            model=f"model-{i}",
            cost_class=random.choice(tuple(CostClass)),
            typical_latency_ms=random.randint(1, 4_000),
            quality=random.random(),
            capabilities=ChatBackendCapabilities(
                tool_use=random.random() < 0.7, vision=random.random() < 0.5, context_tokens=random.choice(windows)
            ),
            claims=Claims(
                prices=Prices(
                    input_usd_per_mtok=Decimal(prices.randrange(3_000)) / 100,
                    output_usd_per_mtok=Decimal(prices.randrange(3_000)) / 100,
                ),
                max_output_tokens=prices.choice((4_096, 8_192)),
            ),
        )
        for i in range(size)
    ]
    return Catalogue.of(*(RegisteredChatBackend(one, Nobody()) for one in described))


def read(decision: Decision) -> None:
    """Look at what every caller looks at."""
    _ = decision.chosen, decision.first(5), decision.counts


def best_us(act: Callable[[], object], *, calls: int) -> float:
    """Give the cost of one call in the best round, in microseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(calls):
            act()
        best = min(best, time.perf_counter() - start)
    return best / calls * 1e6


def best_expand_us(make: Callable[[], Decision], look: Callable[[Decision], object]) -> float:
    """Give the cost of reading one fresh decision in the best round, in microseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        fresh = make()
        start = time.perf_counter()
        look(fresh)
        best = min(best, time.perf_counter() - start)
    return best * 1e6


def rows(decision: Decision) -> int:
    """Expand every row; each rejected one with its reasons."""
    return len(decision.ranking) + len(decision.rejected)


def terms(decision: Decision) -> int:
    """Expand every row, and what each policy contributed to it."""
    return rows(decision) + sum(len(row.terms) for row in decision.ranking)


def varied() -> Sequence[SelectionCriteria]:
    """Make criteria of which no two that follow each other are equal."""
    found = [
        SelectionCriteria(latency=latency, cost=cost, complexity=complexity)
        for latency, cost, complexity in product(LatencyClass, CostTier, TaskComplexity)
    ]
    Random(0).shuffle(found)
    return found


def everybody_measured(found: Catalogue) -> StateView:
    """Make up a state in which nobody is a stranger, and few are slow."""
    random = Random(1)
    known = {
        entry.id: Measured(latency_p95_s=random.expovariate(0.05), latency_samples=random.randint(1, 128))
        for entry in found.entries
    }
    return StateView(measured=known, latency_rule=LatencyRule())


def measured(size: int) -> list[float]:
    """Measure one size of catalogue."""
    found, calls = catalogue(size), max(3, 20_000 // max(size, 100))
    others = cycle(varied())
    two = (FITNESS, EnabledPolicy(FITNESS.policy, 2.0))
    tiers = (EnabledPolicy(FITNESS.policy, epsilon=0.05), EnabledPolicy(FITNESS.policy, tier=1))
    sizes = cycle([ChatRequest.of("x" * length) for length in range(100, 20_100, 100)])
    state = everybody_measured(found)
    for criteria in (STRICT, *varied()):
        read(decide(found, criteria=criteria))
    return [
        best_us(lambda: read(decide(found, criteria=STRICT)), calls=calls),
        best_us(lambda: read(decide(found, criteria=LOOSE)), calls=calls),
        best_us(lambda: read(decide(found, criteria=next(others), request=REQUEST)), calls=calls),
        best_us(lambda: read(decide(found, criteria=STRICT, policies=two)), calls=max(3, calls // 10)),
        best_us(lambda: read(decide(found, criteria=STRICT, policies=tiers)), calls=max(3, calls // 10)),
        best_us(lambda: read(decide(found, request=next(sizes), constraints=DEAREST)), calls=max(3, calls // 50)),
        best_us(lambda: read(decide(found, criteria=LOOSE, state=state)), calls=max(3, calls // 10)),
        best_expand_us(lambda: decide(found, criteria=STRICT), rows),
        best_expand_us(lambda: decide(found, criteria=STRICT), terms),
        best_expand_us(lambda: decide(found, criteria=LOOSE), terms),
    ]


def main() -> int:
    """Print the table; the exit code is 1 when a number is not held."""
    print(f"CPython {sys.version.split()[0]}; microseconds, best of {ROUNDS}")
    heads = ("candidates", "strict", "loose", "others", "target", "policies", "tiers", "priced", "measured")
    print("".join(f"{head:>12}" for head in (*heads, "expand", "read", "read loose")))
    missed = False
    for size, target in TARGETS.items():
        strict, loose, others, *beside, expand, one_read, read_loose = measured(size)
        figures = (size, strict, loose, others, target, *beside, expand, one_read, read_loose)
        print("".join(f"{figure:>12.1f}" for figure in figures))
        missed |= max(strict, loose, others) > target or expand > EXPAND_TARGET.get(size, expand)
    print("some numbers are not held" if missed else "all numbers are held")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
