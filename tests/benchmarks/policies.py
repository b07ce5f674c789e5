"""
Measure what each maintained policy costs; run it with plain Python, in an environment that has all of them.

Prints the best of several rounds, in microseconds per decision among candidates that all pass the gates, each decision
with a measured state and a request of its own, and beside it the share of each candidate.  *none* is a policy that
gives everybody the same, so the difference to it is what scoring costs; *explain* takes the words of every row.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any

from rounds import best_s

from converge_provider import (
    CandidateView,
    Catalogue,
    ChatRequest,
    Claims,
    CostClass,
    Decision,
    EnabledPolicy,
    Measured,
    PluginRegistry,
    Prices,
    StateView,
    TaskQuality,
    codec,
    policy,
)
from converge_provider.testing import ScriptedBackend, catalogue_of, choose_among

SIZES = (10, 1_000)
ROUNDS = 20
OPTIONS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "balance": ({"mode": "weighted"}, {"mode": "least_busy"}, {"mode": "power_of_two"}),
    "canary": ({"shares": {"provider-3": 0.1}},),
    "quality": ({"task": "coding"},),
    "sticky": ({"value": "conversation"}, {"value": "prompt_cache"}),
}
"""What is measured beside the defaults' place: options that make a policy work."""


@policy
def none(view: CandidateView, _options: object) -> list[float]:
    """Score everybody alike."""
    return [0.5] * len(view)


def catalogue(size: int) -> Catalogue:
    """Make up backends of 17 providers of which everything is known, hardly any two of them equal."""
    random = Random(size)
    return catalogue_of(*(_backend(number, random) for number in range(size)))


def _backend(number: int, random: Random) -> ScriptedBackend:
    claims = Claims(
        prices=Prices(
            input_usd_per_mtok=Decimal(random.randint(1, 20_000)) / 1_000,
            output_usd_per_mtok=Decimal(random.randint(1, 60_000)) / 1_000,
        ),
        qualities=(TaskQuality(task="coding", score=random.random()),),
    )
    return ScriptedBackend(
        id=f"provider-{number % 17}/model-{number}",
        cost_class=random.choice(tuple(CostClass)),
        typical_latency_ms=random.randint(1, 4_000),
        quality=random.random(),
        claims=claims,
    )


def states(found: Catalogue) -> Iterator[StateView]:
    """Give one state after another, in which everything was measured, for one key after another."""
    random = Random(1)
    measured = {
        entry.id: Measured(
            latency_s=random.random(),
            latency_samples=random.randint(1, 100),
            first_token_s=random.random(),
            tokens_per_s=100 * random.random(),
            in_flight=random.randint(0, 9),
        )
        for entry in found.entries
    }
    for number in count():
        yield StateView(number=number, measured=measured, key=str(number), assigned=found.entries[0].id)


def best_us(act: Callable[[], object], *, calls: int) -> float:
    """Give the cost of one call in the best round, in microseconds."""
    return best_s(act, rounds=ROUNDS, calls=calls) * 1e6


def read(decision: Decision) -> object:
    """Take the words of every row."""
    return [row.terms for row in decision.ranking]


def measured(found: Catalogue, enabled: EnabledPolicy) -> tuple[float, float]:
    """Measure one policy: a decision, and one that is read as a whole."""
    calls, one_by_one = max(2, 2_000 // len(found.entries)), states(found)
    numbers = count()

    def decide() -> Decision:
        number = next(numbers)
        request = ChatRequest.of(f"Question {number}")
        return choose_among(found, policies=(enabled,), request=request, state=next(one_by_one), seed=number)

    return best_us(lambda: decide().chosen, calls=calls), best_us(lambda: read(decide()), calls=1)


def main() -> None:
    """Print a row for each policy and way of using it."""
    installed = PluginRegistry.discover().policies
    print(f"CPython {sys.version.split()[0]}; microseconds, best of {ROUNDS}")
    print(f"{'policy':<36}" + "".join(f"{f'{size}':>10}{'each':>8}{'explain':>11}" for size in SIZES))
    catalogues = [catalogue(size) for size in SIZES]
    for name, one in {"none": none, **installed}.items():
        for document in OPTIONS.get(name, ({},)):
            enabled = EnabledPolicy(one, options=codec.load(one.options, document))
            title = f"{name} {' '.join(map(str, document.values()))}"
            figures = [(*measured(found, enabled), size) for found, size in zip(catalogues, SIZES, strict=True)]
            print(
                f"{title:<36}" + "".join(f"{us:>10.1f}{us / size:>8.2f}{all_us:>11.1f}" for us, all_us, size in figures)
            )


if __name__ == "__main__":
    main()
