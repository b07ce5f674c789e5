"""The policy: rules in words about price, latency and quality, and a degree that keeps equals apart."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from converge_policy_fuzzy.options import FuzzyOptions
from converge_policy_fuzzy.rules import CLASS_USD_PER_MTOK, Shapes
from converge_provider import CandidateView, CostClass, Scores, policy

if TYPE_CHECKING:
    from converge_policy_fuzzy.inference import Inferred

_SLOWEST_MS = 2.0**32 - 1


@policy(options=FuzzyOptions, monotone={"typical_latency_ms": "-"})
def fuzzy(view: CandidateView, options: FuzzyOptions) -> Scores:
    """Score by the rules, and among those of whom they say the same by the degree."""
    from converge_policy_fuzzy.inference import infer  # not at registration

    facts = _facts(view)
    said = infer(facts, options)
    even_usd, even_ms = options.even_usd_per_mtok, options.even_ms
    degrees = [
        (even_usd / (even_usd + usd) + even_ms / (even_ms + ms) + good) / 3
        for usd, ms, good in zip(facts["cost"], facts["latency"], facts["quality"], strict=True)
    ]
    share = options.degree
    values = [
        (1.0 - share) * preference + share * degree
        for preference, degree in zip(said.preferences, degrees, strict=True)
    ]

    def explain(row: int) -> str:
        terms = f"{1 - share:g} · preference {said.preferences[row]:.3g} + {share:g} · degree {degrees[row]:.3g}"
        return f"{terms}; {_rules(said, options, row)}; {_words(view, facts, options, row)}"

    return Scores(values=values, explain=explain)


def _facts(view: CandidateView) -> Mapping[str, Sequence[float]]:
    """Give numbers only: what is unknown is the worst that the contract knows."""
    prices, classes = view.column("input_usd_per_mtok"), view.column("cost_class")
    return {
        "cost": [
            CLASS_USD_PER_MTOK[cost_class or CostClass.VERY_HIGH] if usd is None else usd
            for usd, cost_class in zip(prices, classes, strict=True)
        ],
        "latency": [_SLOWEST_MS if ms is None else float(ms) for ms in view.column("typical_latency_ms")],
        "quality": [0.0 if good is None else float(good) for good in view.column("quality")],
    }


def _rules(said: "Inferred", options: FuzzyOptions, row: int) -> str:
    held = [(rule, column[row]) for rule, column in zip(options.rules, said.rules, strict=True) if column[row]]
    return ", ".join(f"{rule}: {rule.then} {degree:.3g}" for rule, degree in held) or "no rule speaks"


def _words(view: CandidateView, facts: Mapping[str, Sequence[float]], options: FuzzyOptions, row: int) -> str:
    by_class = view.column("input_usd_per_mtok")[row] is None
    stated = {
        "cost": not by_class or view.column("cost_class")[row] is not None,
        "latency": view.column("typical_latency_ms")[row] is not None,
        "quality": view.column("quality")[row] is not None,
    }
    numbers = {
        "cost": f"cost ${facts['cost'][row]:g} per million tokens{' by its class' * by_class}",
        "latency": f"latency {facts['latency'][row]:.0f} ms",
        "quality": f"quality {facts['quality'][row]:g}",
    }
    return ", ".join(
        f"{numbers[fact]}: {_held(shapes, facts[fact][row])}" if stated[fact] else f"{fact} unknown: the worst"
        for fact, shapes in options.shapes.items()
    )


def _held(shapes: Shapes, value: float) -> str:
    from converge_policy_fuzzy.inference import grade  # only when it is read

    degrees = [(word, grade(shape, value)) for word, shape in shapes.items()]
    return ", ".join(f"{word} {degree:.3g}" for word, degree in degrees if degree) or "no word"
