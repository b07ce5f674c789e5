"""Policies in tiers: a later tier decides only among those that the earlier ones hold for equal."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from converge_provider import (
    BackendDescriptor,
    CandidateView,
    Catalogue,
    Claims,
    CostClass,
    EnabledPolicy,
    Policy,
    PolicyChoice,
    PolicyError,
    RegisteredChatBackend,
    Scores,
    codec,
    load_configuration,
    policy,
)
from converge_provider.selection import FITNESS, Decision, decide, enable
from converge_provider.selection.replaying import differences, replay
from converge_provider.testing import ScriptedBackend


def backend(name: str, *, last_resort: bool | None = None) -> RegisteredChatBackend:
    """Register a backend of provider ``test``."""
    described = BackendDescriptor(
        provider="test",
        model=name,
        cost_class=CostClass.LOW,
        typical_latency_ms=500,
        quality=0.5,
        claims=Claims(last_resort=last_resort),
    )
    return RegisteredChatBackend(described, ScriptedBackend())


THREE = Catalogue.of(backend("a"), backend("b"), backend("c"))


def by_name(name: str, scores: dict[str, float], **traits: Any) -> Policy:
    """Make a policy that scores each model as written, whatever the order."""

    def score(view: CandidateView, _options: object) -> Sequence[float]:
        return [scores[str(one.model)] for one in view.descriptors]

    return policy(name=name, **traits)(score)


FIRST = by_name("first", {"a": 0.9, "b": 0.9, "c": 0.5})
SECOND = by_name("second", {"a": 0.1, "b": 0.2, "c": 1.0})


def choose(*policies: EnabledPolicy, catalogue: Catalogue = THREE, **question: Any) -> Decision:
    """Decide by some policies."""
    return decide(catalogue, policies=policies, **question)


def ids(decision: Decision) -> list[str]:
    """Give the models of the ranking, best first."""
    return [row.id.removeprefix("test/") for row in decision.ranking]


def test_later_tier_decides_only_among_equals() -> None:
    """Whoever wins the first tier stays before those who lose it, whatever the second tier says."""
    decision = choose(EnabledPolicy(FIRST), EnabledPolicy(SECOND, 100.0, tier=1))

    assert ids(decision) == ["b", "a", "c"]
    assert [row.tiers for row in decision.ranking] == [(0.9, 0.2), (0.9, 0.1), (0.5, 1.0)]
    assert [row.total for row in decision.ranking] == [0.9, 0.9, 0.5]
    assert decision.margin == pytest.approx(0.1)


def test_lower_tier_is_asked_first_whatever_the_order_of_the_policies() -> None:
    """The number of the tier counts, not where a policy stands in the list."""
    there = choose(EnabledPolicy(SECOND, tier=7), EnabledPolicy(FIRST, tier=2))

    assert ids(there) == ids(choose(EnabledPolicy(FIRST), EnabledPolicy(SECOND, tier=1)))


def test_weights_count_within_their_tier() -> None:
    """A tier's total is the weighted mean of its own policies, and its terms add up to it."""
    decision = choose(EnabledPolicy(FIRST, 3.0, tier=1), EnabledPolicy(SECOND, 1.0, tier=1), EnabledPolicy(FIRST))
    best = decision.ranking[0]

    assert best.tiers[0] == 0.9
    assert best.tiers[1] == pytest.approx((3 * 0.9 + 0.2) / 4)
    assert sum(term.contribution for term in best.terms if term.tier == 1) == pytest.approx(best.tiers[1])


def test_epsilon_lets_the_next_tier_decide_between_nearly_equal() -> None:
    """Whoever is at most the epsilon below the best of a tier counts as equal to it."""
    near = by_name("near", {"a": 0.90, "b": 0.88, "c": 0.80})
    exact = choose(EnabledPolicy(near), EnabledPolicy(SECOND, tier=1))
    wide = choose(EnabledPolicy(near, epsilon=0.05), EnabledPolicy(SECOND, tier=1))

    assert ids(exact) == ["a", "b", "c"]
    assert ids(wide) == ["b", "a", "c"]
    assert "behind by 0.1000 in tier 1" in wide.explain()


def test_epsilon_of_the_last_tier_leaves_it_to_the_names() -> None:
    """Equal within the epsilon in every tier: provider and model decide, and the explanation says so."""
    near = by_name("near", {"a": 0.88, "b": 0.90, "c": 0.1})
    decision = choose(EnabledPolicy(near, epsilon=0.05))

    assert ids(decision) == ["a", "b", "c"]
    assert "which counts as equal; provider and model decide by their names" in decision.explain()


def test_last_resort_stands_behind_in_every_tier() -> None:
    """A last resort loses to everybody else, although it wins the first tier."""
    catalogue = Catalogue.of(backend("a", last_resort=True), backend("b"), backend("c"))
    best = by_name("best", {"a": 1.0, "b": 0.5, "c": 0.5})

    assert ids(choose(EnabledPolicy(best), EnabledPolicy(SECOND, tier=1), catalogue=catalogue)) == ["c", "b", "a"]


def test_veto_of_a_later_tier_holds_against_the_first() -> None:
    """A veto is no score: whoever is vetoed in any tier is not eligible, however the first tier likes it."""

    @policy(name="guard", may_veto=True)
    def guard(view: CandidateView, _options: object) -> Scores:
        barred = [i for i, one in enumerate(view.descriptors) if one.model == "b"]
        return Scores(values=[0.5] * len(view), vetoes=dict.fromkeys(barred, "not this one"))

    decision = choose(EnabledPolicy(FIRST), EnabledPolicy(SECOND, tier=1), EnabledPolicy(guard, tier=2))

    assert ids(decision) == ["a", "c"]
    assert [(one.id, one.reasons[0].text) for one in decision.rejected] == [("test/b", "not this one")]


def test_tier_whose_policies_fail_is_left_out() -> None:
    """The next tier takes the place of one of which nothing is left."""

    @policy(name="broken")
    def broken(_view: CandidateView, _options: object) -> Sequence[float]:
        raise KeyError

    decision = choose(EnabledPolicy(broken), EnabledPolicy(SECOND, tier=1))

    assert ids(decision) == ["c", "b", "a"]
    assert decision.ranking[0].tiers == ()
    assert decision.policies[0].left_out is not None
    assert "Next: test/b" in decision.explain()


def test_nothing_left_in_any_tier_means_fitness() -> None:
    """When every tier is left out the contract's score ranks, and the explanation can still be read."""

    @policy(name="broken")
    def broken(_view: CandidateView, _options: object) -> Sequence[float]:
        raise KeyError

    decision = choose(EnabledPolicy(broken, tier=3, epsilon=0.5))

    assert [row.total for row in decision.ranking] == [row.total for row in choose(FITNESS).ranking]
    assert "No enabled policy is left that counts" in decision.explain()


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        pytest.param(
            [EnabledPolicy(FIRST), EnabledPolicy(SECOND, 0.0, tier=1)],
            "the weights of the enabled policies of tier 1 ('second') add up to 0; one at least must be above 0",
            id="tier without weight",
        ),
        pytest.param(
            [EnabledPolicy(FIRST, tier=-1)],
            "the tier of policy 'first' must be a whole number from 0 to 1000, got -1",
            id="negative tier",
        ),
        pytest.param(
            [EnabledPolicy(FIRST, tier=True)],
            "the tier of policy 'first' must be a whole number from 0 to 1000, got True",
            id="tier of truth",
        ),
        pytest.param(
            [EnabledPolicy(FIRST, epsilon=1.5)],
            "the epsilon of policy 'first' must be a number from 0 to 1, got 1.5",
            id="epsilon too large",
        ),
        pytest.param(
            [EnabledPolicy(FIRST, epsilon=float("nan"))],
            "the epsilon of policy 'first' must be a number from 0 to 1, got nan",
            id="epsilon nan",
        ),
    ],
)
def test_tiers_that_make_no_sense_are_refused(policies: Sequence[EnabledPolicy], text: str) -> None:
    """Each mistake is one line that names the policy, what is expected, and what was found."""
    with pytest.raises(PolicyError) as caught:
        choose(*policies)

    assert str(caught.value) == text


SCORES = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
TABLE = st.lists(st.tuples(SCORES, SCORES, SCORES), min_size=1, max_size=7)


def tiered(table: Sequence[Sequence[float]], epsilons: Sequence[float]) -> list[EnabledPolicy]:
    """Make one policy per column, each in a tier of its own."""
    columns = [{f"m{i}": row[tier] for i, row in enumerate(table)} for tier in range(3)]
    return [
        EnabledPolicy(by_name(f"p{tier}", column), tier=tier, epsilon=epsilon)
        for tier, (column, epsilon) in enumerate(zip(columns, epsilons, strict=True))
    ]


@given(table=TABLE)
def test_tiers_without_epsilon_sort_like_tuples(table: list[tuple[float, float, float]]) -> None:
    """With exact ties the order is that of the totals, tier by tier, then of the names."""
    catalogue = Catalogue.of(*(backend(f"m{i}") for i in range(len(table))))
    expected = sorted(range(len(table)), key=lambda i: (*(-score for score in table[i]), i))

    assert ids(choose(*tiered(table, (0, 0, 0)), catalogue=catalogue)) == [f"m{i}" for i in expected]


@given(table=TABLE, epsilons=st.tuples(SCORES, SCORES, SCORES), shuffle=st.randoms(use_true_random=False))
def test_tiers_do_not_depend_on_any_order(
    table: list[tuple[float, float, float]], epsilons: tuple[float, float, float], shuffle: Any
) -> None:
    """Registering backends and naming policies in another order changes nothing, with any epsilon."""
    registered = [backend(f"m{i}") for i in range(len(table))]
    policies = tiered(table, epsilons)
    one = choose(*policies, catalogue=Catalogue.of(*registered))
    shuffle.shuffle(registered)
    shuffle.shuffle(policies)

    assert ids(choose(*policies, catalogue=Catalogue.of(*registered))) == ids(one)


@given(table=TABLE, epsilons=st.tuples(SCORES, SCORES, SCORES))
def test_chosen_is_near_the_best_of_every_tier_among_its_equals(
    table: list[tuple[float, float, float]], epsilons: tuple[float, float, float]
) -> None:
    """The chosen one is at most the epsilon below the best of each tier, among those that are left for that tier."""
    catalogue = Catalogue.of(*(backend(f"m{i}") for i in range(len(table))))
    chosen = choose(*tiered(table, epsilons), catalogue=catalogue).chosen
    left = list(range(len(table)))
    for tier, epsilon in enumerate(epsilons):
        best = max(table[i][tier] for i in left)
        left = [i for i in left if best - table[i][tier] <= epsilon]

    assert chosen == f"test/m{left[0]}"


@given(table=TABLE, epsilons=st.tuples(SCORES, SCORES, SCORES))
def test_tiered_decision_is_replayed_from_its_document(
    table: list[tuple[float, float, float]], epsilons: tuple[float, float, float]
) -> None:
    """Tiers and epsilons are on record, so that the decision is made again bit for bit."""
    catalogue = Catalogue.of(*(backend(f"m{i}") for i in range(len(table))))
    policies = tiered(table, epsilons)
    text = json.dumps(codec.dump(choose(*policies, catalogue=catalogue, time="2026-11-20T12:00:00Z")))
    known = codec.load(Decision, json.loads(text))
    again = replay(known, catalogue, {one.policy.name: one.policy for one in policies})

    assert list(differences(known, again)) == []
    assert json.dumps(codec.dump(again)) == text


def test_tier_and_epsilon_are_in_the_id() -> None:
    """Two decisions that differ only in a tier or an epsilon have two ids."""
    plain = EnabledPolicy(FIRST)
    found = {choose(one).id for one in (plain, evolve(plain, tier=1), evolve(plain, epsilon=0.5))}

    assert len(found) == 3


def test_tiers_are_configured(tmp_path: Path) -> None:
    """A configuration file names tier and epsilon of a policy, and they are bound."""
    written = '[[policies]]\nname = "first"\nepsilon = 0.25\n[[policies]]\nname = "second"\ntier = 1\n'
    (tmp_path / "converge.toml").write_text(written, "utf-8")
    configured = load_configuration(environ={}, directory=tmp_path).policies

    assert configured == (PolicyChoice(name="first", epsilon=0.25), PolicyChoice(name="second", tier=1))
    bound = enable(configured, {"first": FIRST, "second": SECOND})
    assert [(one.tier, one.epsilon) for one in bound] == [(0, 0.25), (1, 0.0)]
