"""The conformance kit of policies: sound ones pass every check, and every check catches the policy that breaks it."""

import itertools
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from converge_provider import (
    FITNESS,
    CandidateView,
    Capability,
    Experience,
    JsonObject,
    NoOptions,
    Policy,
    Scores,
    hashed_share,
    policy,
)
from converge_provider.testing import POLICY_CHECKS, PolicyConformance, policy_findings
from converge_provider.testing.policy_kit.counting import Reads, steps_of
from converge_provider.testing.policy_kit.showing import altering, greater
from converge_provider.testing.policy_kit.subjects import PolicySubject
from converge_provider.testing.policy_kit.worlds import crowd, worlds
from converge_provider.values.vocabulary import CostClass

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKS = {check.__name__.removeprefix("check_"): check for check in POLICY_CHECKS}


@attrs.frozen(kw_only=True)
class ShareOptions:
    """The options of a sound policy."""

    share: float = 0.5
    words: tuple[str, ...] = ("tea",)


def learn_answers(document: JsonObject, experience: Experience, _options: object) -> JsonObject:
    """Count, of at most twenty backends."""
    known: dict[str, Any] = dict(document)
    backend = experience.backend
    if not experience.is_request and backend is not None and (backend in known or len(known) < 20):
        known[backend] = known.get(backend, 0) + 1
    return known


@policy(options=ShareOptions, may_veto=True, monotone={"quality": "+", "in_flight": "-"}, learn=learn_answers)
def sound(view: CandidateView, options: ShareOptions) -> Scores:
    """Do everything that a policy may do, soundly."""
    known = view.remembered("sound")
    busy, assigned = view.column("in_flight"), view.column("assigned")
    values = [
        ((quality or 0.0) + 1 / (1 + (running or 0)) + hashed_share(str(view.seed), view.key or "", one.id)) / 3
        for quality, running, one in zip(view.column("quality"), busy, view.descriptors, strict=True)
    ]
    vetoes = {row: "the options do not want it" for row, value in enumerate(values) if value < options.share / 100}
    return Scores(
        values=values,
        vetoes=vetoes,
        explain=lambda row: f"{busy[row]} under way, assigned: {assigned[row]}, {len(known)} known, at {view.time}",
    )


class TestFitness(PolicyConformance):
    """The built-in policy conforms."""

    policy = FITNESS.policy


class TestSound(PolicyConformance):
    """A policy that uses everything conforms, with other options too."""

    policy = sound
    options = (ShareOptions(share=0.0), ShareOptions(share=1.0, words=()))


def test_kit_has_a_saboteur_for_every_check() -> None:
    """A check that nobody can fail proves nothing."""
    assert {name for name, _ in SABOTEURS} == set(CHECKS)
    assert len(CHECKS) == len(POLICY_CHECKS) == 15


def half(view: CandidateView, _options: object) -> Sequence[float]:
    """Score every candidate alike."""
    return [0.5] * len(view)


def _scoring(score: Callable[[CandidateView, Any], Any], **members: Any) -> Policy:
    given: dict[str, Any] = {"name": "broken", **members}
    return policy(**given)(score)


def _nan(view: CandidateView, _: object) -> Any:
    return [float("nan") if cost is CostClass.VERY_HIGH else 0.5 for cost in view.column("cost_class")]


def _ratio(view: CandidateView, _: object) -> Any:
    return [(latency or 1) / 10_000 for latency in view.column("typical_latency_ms")]


def _stated_only(view: CandidateView, _: object) -> Any:
    return [quality / 1.0 for quality in view.column("quality")]


def _divided(view: CandidateView, _: object) -> Any:
    values = [one or 0.0 for one in view.column("quality")]
    least, most = min(values), max(values)
    return [(one - least) / (most - least) for one in values]


def _eligible_only(view: CandidateView, _: object) -> Any:
    return [0.5 for one in view.column("quality") if one is not None]


def _random(view: CandidateView, _: object) -> Any:
    return [random.random() for _ in range(len(view))]


def _clock(view: CandidateView, _: object) -> Any:
    return [time.time() % 1_000 / 1_000] * len(view)


class _Counting:
    name = "counting"
    options = NoOptions
    may_veto = False

    def __init__(self) -> None:
        self.calls = 0

    def score(self, view: CandidateView, options: NoOptions) -> Sequence[float]:
        self.calls += 1
        return [1 / self.calls if options == NoOptions() else 0.0] * len(view)


def _hashing(view: CandidateView, _: object) -> Any:
    return [hash((view.key, one.id)) % 1_000 / 1_000 for one in view.descriptors]


def _positions(view: CandidateView, _: object) -> Any:
    return [1 / (1 + row) for row in range(len(view))]


def _adding(view: CandidateView, _: object) -> Any:
    values = [(latency or 1) / 7 for latency in view.column("latency_s")]
    total = 0.0
    for value in values:  # from 3.12 on sum() hides what this loses
        total += value
    return [min(1.0, one / total) for one in values]


def _falling(view: CandidateView, _: object) -> Any:
    return [1 - (quality or 0.0) for quality in view.column("quality")]


def _bumpy(view: CandidateView, _: object) -> Any:
    return [0.9 if 0.5 < (quality or 0.0) < 0.9 else 0.1 for quality in view.column("quality")]


def _pairs(view: CandidateView, _: object) -> Any:
    values = [one or 0.0 for one in view.column("quality")]
    return [sum(one > other for other in values) / len(values) for one in values]


def _best_of_all(view: CandidateView, _: object) -> Any:
    column = view.column("in_flight")
    return [float((running or 0) >= max(one or 0 for one in column)) for running in column]


def _sliced(view: CandidateView, _: object) -> Any:
    column = view.column("cost_class")
    return [len(column[row:]) / len(column) for row in range(len(column))]


def _veto(view: CandidateView, _: object) -> Any:
    return Scores(values=half(view, None), vetoes={0: "no"} if len(view) > 1 else {})


def _veto_of_nobody(view: CandidateView, _: object) -> Any:
    return Scores(values=half(view, None), vetoes={len(view): "no"})


def _veto_without_words(view: CandidateView, _: object) -> Any:
    return Scores(values=half(view, None), vetoes={0: ""})


def _late(view: CandidateView, _: object) -> Any:
    return Scores(values=half(view, None), explain=lambda row: f"{view.column('error_rate')[row]} failed")


def _forgetful(view: CandidateView, _: object) -> Any:
    left = [*range(len(view))]
    return Scores(values=half(view, None), explain=lambda _row: f"{left.pop()} left")


def _alternating(view: CandidateView, _: object) -> Any:
    numbers = itertools.count()
    return Scores(values=half(view, None), explain=lambda row: f"{row} said as number {next(numbers)}")


def _verbose(view: CandidateView, _: object) -> Any:
    return Scores(values=half(view, None), explain=lambda _row: "first line\nsecond line")


def _changing_scores(view: CandidateView, _: object) -> Any:
    values = [*half(view, None)]

    def explain(row: int) -> str:
        values[row] = 0.0
        return "none left"

    return Scores(values=values, explain=explain)


def _claiming(view: CandidateView, _: object) -> Any:
    first: Any = view.descriptors[0]
    first.claims.capabilities[Capability.TOOL_USE] = True
    return half(view, None)


def _reading(view: CandidateView, _: object) -> Any:
    return [0.5 if view.request is None else 0.6] * len(view)


def _echo(document: JsonObject, experience: Experience, _options: object) -> JsonObject:
    known: Any = document
    known[experience.outcome] = 1
    return document


def _hoarding(document: JsonObject, experience: Experience, _options: object) -> JsonObject:
    return {**document, str(experience.backend): experience.number}


def _dreaming(_document: JsonObject, _experience: Experience, _options: object) -> JsonObject:
    return {"dream": random.random()}


def _sets(_document: JsonObject, experience: Experience, _options: object) -> Any:
    return {"seen": {experience.backend}}


def _lists(_document: JsonObject, experience: Experience, _options: object) -> Any:
    return [experience.backend]


def _trusting(view: CandidateView, _: object) -> Any:
    known: Mapping[str, Any] = view.remembered("broken")
    return [known.get(one.id, 0) for one in view.descriptors]


@attrs.define(kw_only=True)
class Loose:
    """Options that can be changed."""

    floor: float = 0.5


@attrs.frozen(kw_only=True)
class Unwritable:
    """Options that no record can hold."""

    key: Any = attrs.field(factory=lambda: iter([1]))


def _halved(value: float) -> float:
    return value / 2


@attrs.frozen(kw_only=True)
class Lossy:
    """Options that come back otherwise."""

    floor: float = attrs.field(default=0.5, converter=_halved)


SABOTEURS: Sequence[tuple[str, Policy]] = [
    ("declaration", _scoring(half, name="Local First")),
    ("declaration", _scoring(half, may_veto="no")),
    ("declaration", _scoring(half, decides_last_resort="no")),
    ("declaration", _scoring(half, monotone={"quality": "up"})),
    ("declaration", _scoring(half, learn="by heart")),
    ("options", _scoring(half, options=dict)),
    ("options", _scoring(half, options=Loose)),
    ("options", _scoring(half, options=Unwritable)),
    ("options", _scoring(half, options=Lossy)),
    ("count", _scoring(_eligible_only)),
    ("count", _scoring(lambda _view, _options: 0.5)),
    ("count", _scoring(_stated_only)),
    ("count", _scoring(_divided)),
    ("range", _scoring(_nan)),
    ("range", _scoring(_ratio)),
    ("range", _scoring(lambda view, _: ["0.5"] * len(view))),
    ("range", _scoring(lambda view, _: [True] * len(view))),
    ("determinism", _scoring(_random)),
    ("determinism", _scoring(_clock)),
    ("determinism", _Counting()),
    ("hashing", _scoring(_hashing)),
    ("permutation", _scoring(_positions)),
    ("permutation", _scoring(_adding)),
    ("monotonicity", _scoring(_falling, monotone={"quality": "+"})),
    ("monotonicity", _scoring(lambda view, _: [q or 0.0 for q in view.column("quality")], monotone={"quality": "-"})),
    ("monotonicity", _scoring(_bumpy, monotone={"quality": "+"})),
    ("monotonicity", _scoring(half, monotone={"qualty": "+"})),
    ("monotonicity", _scoring(half, monotone={"country": "+"})),
    ("cost", _scoring(_pairs)),
    ("cost", _scoring(_best_of_all)),
    ("cost", _scoring(_sliced)),
    ("gates", _scoring(_veto)),
    ("vetoes", _scoring(_veto)),
    ("vetoes", _scoring(_veto_of_nobody, may_veto=True)),
    ("vetoes", _scoring(_veto_without_words, may_veto=True)),
    ("explanations", _scoring(_late)),
    ("explanations", _scoring(_forgetful)),
    ("explanations", _scoring(_alternating)),
    ("explanations", _scoring(_verbose)),
    ("explanations", _scoring(_changing_scores)),
    ("harmlessness", _scoring(_claiming)),
    ("replay", _scoring(_reading)),
    ("learning", _scoring(half, learn=_echo)),
    ("learning", _scoring(half, learn=_hoarding)),
    ("learning", _scoring(half, learn=_dreaming)),
    ("learning", _scoring(half, learn=_sets)),
    ("learning", _scoring(half, learn=_lists)),
    ("learning", _scoring(_trusting, learn=learn_answers)),
]
"""The check that must catch it, and a policy that breaks what the check is about."""


@pytest.mark.parametrize(
    ("check", "broken"), SABOTEURS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(SABOTEURS)]
)
def test_check_catches_its_saboteur(check: str, broken: Policy) -> None:
    """A policy that is broken in one way fails the check that is about it, in one line."""
    with pytest.raises(AssertionError) as caught:
        CHECKS[check](PolicySubject(broken))

    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) > 20


def test_saboteurs_are_caught_for_what_they_do() -> None:
    """The hint names what is wrong, not merely that something is."""
    hints = {
        "hashing": (_hashing, "hashed_share"),
        "permutation": (_adding, "math.fsum"),
        "replay": (_reading, "reading the request"),
        "cost": (_pairs, "steps for each further candidate"),
        "count": (_stated_only, "every fact may be unknown"),
        "determinism": (_random, "view.seed"),
    }
    for name, (score, hint) in hints.items():
        with pytest.raises(AssertionError, match=hint):
            CHECKS[name](PolicySubject(_scoring(score)))


def _failing(_document: JsonObject, experience: Experience, _options: object) -> JsonObject:
    return {"share": experience.number / 0}


def test_findings_name_every_check_that_is_not_kept() -> None:
    """Also where a policy breaks a check itself; a sound one has none."""
    broken = _scoring(_eligible_only, options=Unwritable, learn=_failing)
    found = policy_findings(broken)

    assert set(found) >= {"options", "count", "gates", "replay", "learning"}
    assert found["learning"] == "ZeroDivisionError division by zero"
    assert policy_findings(sound) == {}


def test_worlds_are_what_they_are_called() -> None:
    """Ordinary and hostile ones, each once, all with candidates."""
    found = {world.name: world for world in worlds()}

    assert len(found) == len(worlds()) == 10
    assert {len(world.view()) for world in worlds()} == {1, 3, 5, 6, 12}
    assert set(found["nothing known of anybody"].view().column("quality")) == {None}
    assert len(set(found["all equal"].view().column("quality"))) == 1
    assert found["without a request"].view().request is None


def _turns(count: int) -> list[int]:
    return [row + 1 for row in range(count)]


def test_steps_are_counted_and_the_tracer_is_put_back() -> None:
    """Ten turns of a loop are more steps than one, the same each time."""
    import sys

    before = sys.gettrace()
    one, ten, again = (steps_of(partial(_turns, count)) for count in (1, 10, 10))

    assert one < ten == again
    assert sys.gettrace() is before


def test_reads_are_counted_also_from_c() -> None:
    """Each value that is read counts, by index, by slice, by iteration and by built-in functions."""
    reads = Reads()
    column = reads.column((1, 2, 3))

    assert (column[0], column[:2], max(column), [*column], len(column)) == (1, (1, 2), 3, [1, 2, 3], 3)
    assert reads.count == 1 + 2 + 3 + 3


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("quality", 1.0, None),
        ("tool_use", True, None),
        ("in_flight", 2, 4),
        ("latency_s", 2.0, 4.0),
        ("cost_class", CostClass.HIGH, CostClass.VERY_HIGH),
        ("cost_class", CostClass.VERY_HIGH, None),
        ("quality", None, None),
    ],
)
def test_greater_value_is_of_the_same_kind(name: str, value: object, expected: object) -> None:
    """What has no greater value has none."""
    assert greater(name, value) == expected


def test_altered_fact_is_seen_wherever_a_policy_looks() -> None:
    """In its column, in the descriptor, and in the prices; nobody else's changes."""
    view = crowd(12).view()
    priced = next(row for row, prices in enumerate(view.column("prices")) if prices is not None)
    dearer = altering(view, "input_usd_per_mtok", priced, 77.0)
    better = altering(view, "quality", 3, 0.123)

    assert dearer.column("prices")[priced].input_usd_per_mtok == 77
    assert (better.column("quality")[3], better.descriptors[3].quality) == (0.123, 0.123)
    assert better.descriptors[4] == view.descriptors[4]
    assert (better.key, len(better)) == (view.key, 12)
