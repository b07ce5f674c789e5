"""The policy balance: shares are kept, who is busy is spared, and nothing depends on order."""

from collections import Counter
from collections.abc import Mapping
from math import sqrt
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import converge_policy_balance
from converge_policy_balance.policy import BalanceOptions, balance
from converge_provider import EnabledPolicy, Measured, PluginRegistry, StateView, codec
from converge_provider.testing import ScriptedBackend, catalogue_of, choose_among, terms_of

NAMES = ("a/one", "b/two", "c/three")
THREE = tuple(ScriptedBackend(id=name) for name in NAMES)


def state(running: Mapping[str, int], key: str | None = None) -> StateView:
    """Say how many requests each backend has under way."""
    return StateView(measured={name: Measured(in_flight=count) for name, count in running.items()}, key=key)


def chosen(*backends: ScriptedBackend, seeds: int = 1, known: StateView | None = None, **options: Any) -> Counter[str]:
    """Choose once for each seed, and count who was chosen."""
    enabled = (EnabledPolicy(balance, options=BalanceOptions(**options)),)
    catalogue = catalogue_of(*backends)
    found = (choose_among(catalogue, policies=enabled, seed=seed, state=known).chosen for seed in range(seeds))
    return Counter(name for name in found if name)


def far(count: int, *, share: float, of: int) -> bool:
    """Say whether a count is more than four standard deviations from its expectation."""
    return abs(count - share * of) > 4 * sqrt(of * share * (1 - share))


@pytest.mark.parametrize("mode", ["weighted", "least_busy"])
def test_balance_spreads_equals_evenly(mode: str) -> None:
    """Of equals, idle or not counted, each is chosen as often as any other."""
    found = chosen(*THREE, seeds=2_000, mode=mode)

    assert not [name for name in NAMES if far(found[name], share=1 / 3, of=2_000)]


def test_balance_gives_each_its_weight() -> None:
    """A backend is chosen as often as its weight says, by id, by provider in any case, or as one of the others."""
    found = chosen(*THREE, seeds=2_000, weights={"A/One": 5.0, "B": 2.0}, others=1.0)

    assert not [
        name for name, weight in zip(NAMES, (5, 2, 1), strict=True) if far(found[name], share=weight / 8, of=2_000)
    ]


def test_balance_knows_names_in_any_case() -> None:
    """A backend whose id or provider has capitals is found by the same name in small letters."""
    shouting = (ScriptedBackend(id="A/One"), ScriptedBackend(id="B/Two"))

    assert chosen(*shouting, seeds=20, weights={"a/one": 0.0}) == {"B/Two": 20}
    assert chosen(*shouting, seeds=20, weights={"b": 0.0}) == {"A/One": 20}


def test_balance_by_weight_moves_nothing_between_the_others() -> None:
    """When a backend goes, only its own requests go elsewhere."""
    three, two = catalogue_of(*THREE), catalogue_of(*THREE[:2])
    for seed in range(300):
        enabled = (EnabledPolicy(balance),)
        among_three = choose_among(three, policies=enabled, seed=seed).chosen
        among_two = choose_among(two, policies=enabled, seed=seed).chosen

        assert among_two == among_three or among_three == NAMES[2]


def test_balance_chooses_the_least_busy() -> None:
    """Whoever has least under way for its weight is chosen, whatever the draw, and the words say how many."""
    busy = state({"a/one": 3, "b/two": 1, "c/three": 2})

    assert chosen(*THREE, seeds=50, known=busy, mode="least_busy") == {"b/two": 50}
    assert chosen(*THREE, seeds=50, known=busy, mode="least_busy", weights={"a/one": 9.0}) == {"a/one": 50}
    terms = terms_of(balance, *THREE, options=BalanceOptions(mode="least_busy"), state=busy)
    assert [terms[name].text for name in NAMES] == [
        "3 requests under way, weight 1",
        "1 request under way, weight 1",
        "2 requests under way, weight 1",
    ]


def test_balance_of_two_choices_spares_only_the_busiest() -> None:
    """Of two that are drawn the less busy is chosen: of three, the busiest never, the least busy two times of three."""
    found = chosen(*THREE, seeds=2_000, known=state({"a/one": 3, "b/two": 1, "c/three": 2}), mode="power_of_two")

    assert found["a/one"] == 0
    assert not far(found["b/two"], share=2 / 3, of=2_000)


def test_balance_of_two_choices_says_who_was_drawn() -> None:
    """The two that are drawn, and the busier of them, are named in the words; the others stand behind."""
    terms = terms_of(balance, *THREE, options=BalanceOptions(mode="power_of_two"), state=state({"a/one": 3}))
    texts = [str(term.text).split(":")[0] for term in terms.values()]

    assert texts == ["drawn, nobody drawn is less busy", "drawn, but the other one is less busy", "not drawn"]
    assert [term.score for term in terms.values()][:2] == [1.0, 0.75]


@pytest.mark.parametrize("mode", ["weighted", "least_busy", "power_of_two"])
def test_balance_gives_nothing_to_a_weight_of_nothing(mode: str) -> None:
    """A backend of weight 0 scores 0 and is chosen only where nobody else is."""
    assert chosen(*THREE[:2], seeds=50, mode=mode, weights={"a": 0.0}) == {"b/two": 50}
    assert chosen(THREE[0], mode=mode, weights={"a": 0.0}) == {"a/one": 1}
    assert terms_of(balance, THREE[0], options=BalanceOptions(mode=mode, others=0.0))["a/one"].score == 0.0  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_balance_draws_by_seed_and_key() -> None:
    """Another seed or another key is another draw; the same ones are the same draw."""

    def drawn(seed: int, key: str | None) -> list[float]:
        terms = terms_of(balance, *THREE, seed=seed, state=StateView(key=key))
        return [terms[name].score for name in NAMES]

    assert drawn(1, "k") == drawn(1, "k")
    assert len({tuple(drawn(seed, key)) for seed in (1, 2) for key in ("k", "l", None)}) == 6


RUNNING = st.fixed_dictionaries({name: st.integers(0, 5) for name in NAMES})
WEIGHTS = st.dictionaries(st.sampled_from([*NAMES, "a", "b"]), st.floats(0, 1e6))


@settings(derandomize=True, database=None, deadline=None)
@given(
    running=RUNNING,
    weights=WEIGHTS,
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(["weighted", "least_busy", "power_of_two"]),
)
def test_balance_scores_from_0_to_1(
    running: Mapping[str, int], weights: Mapping[str, float], seed: int, mode: Any
) -> None:
    """Whatever runs, and whatever the weights are, each gets a score from 0 to 1."""
    options = BalanceOptions(mode=mode, weights=weights)
    terms = terms_of(balance, *THREE, options=options, seed=seed, state=state(running))

    assert all(0.0 <= term.score <= 1.0 for term in terms.values())


@settings(derandomize=True, database=None, deadline=None)
@given(running=RUNNING, seed=st.integers(0, 2**32 - 1))
def test_balance_never_prefers_the_busier(running: Mapping[str, int], seed: int) -> None:
    """With equal weights, in the mode least_busy, the order of the scores is the order of the requests under way."""
    terms = terms_of(balance, *THREE, options=BalanceOptions(mode="least_busy"), seed=seed, state=state(running))
    ranked = [running[name] for name in terms]

    assert ranked == sorted(ranked)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "random"}, "expected one of weighted, least_busy, power_of_two, got 'random'"),
        ({"weights": {"a": -1}}, "'weights.a' must be from 0 to 1e+06, got -1"),
        ({"weights": {"a/b": 1, "A/b": 2}}, "'weights' names a backend twice, in other letters: a/b, A/b"),
        ({"others": -1}, "'others' must be >= 0.0: -1"),
    ],
)
def test_balance_refuses_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    """A mode that does not exist and a weight that is none are refused in one line that says what is expected."""
    with pytest.raises(codec.DocumentError) as refused:
        codec.load(BalanceOptions, options)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_balance_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_balance).policies == {"balance": balance}
