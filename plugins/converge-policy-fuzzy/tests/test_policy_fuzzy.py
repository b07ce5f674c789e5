"""The policy fuzzy: manifold's numbers, the degree that keeps equals apart, and rules as data."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings, strategies as st

import converge_policy_fuzzy
from converge_policy_fuzzy.inference import grade
from converge_policy_fuzzy.options import FuzzyOptions
from converge_policy_fuzzy.policy import fuzzy
from converge_policy_fuzzy.rules import COST, LATENCY, QUALITY, Shapes
from converge_provider import BackendDescriptor, Claims, CostClass, PluginRegistry, Prices, RegisteredChatBackend, codec
from converge_provider.testing import ScriptedBackend, terms_of

VERY_LOW, LOW, MEDIUM, HIGH, VERY_HIGH = tuple(CostClass)[1:]


def backend(cost_class: CostClass, latency_ms: int, quality: float, **known: Any) -> ScriptedBackend:
    """Make a backend with the three facts."""
    return ScriptedBackend(cost_class=cost_class, typical_latency_ms=latency_ms, quality=quality, **known)


def scored(backend: ScriptedBackend | RegisteredChatBackend, **options: Any) -> float:
    """Score one backend."""
    (term,) = terms_of(fuzzy, backend, options=FuzzyOptions(**options)).values()
    return term.score


def words(backend: ScriptedBackend | RegisteredChatBackend, **options: Any) -> str:
    """Explain the score of one backend."""
    (term,) = terms_of(fuzzy, backend, options=FuzzyOptions(**options)).values()
    return str(term.text)


@pytest.mark.parametrize(
    ("one", "score"),
    [
        pytest.param(backend(VERY_LOW, 1_200, 0.78), 0.900, id="haiku-4-5"),
        pytest.param(backend(HIGH, 7_000, 0.97), 0.356, id="opus-4-6"),
        pytest.param(backend(VERY_LOW, 1_200, 0.70), 0.500, id="gpt-3.5-turbo"),
        pytest.param(backend(MEDIUM, 5_000, 0.90), 0.700, id="gpt-4"),
        pytest.param(backend(VERY_HIGH, 15_000, 0.96), 0.250, id="o1"),
        pytest.param(backend(MEDIUM, 7_000, 0.93), 0.789, id="o3-mini"),
        pytest.param(backend(LOW, 2_000, 0.80), 0.833, id="gemini-pro"),
        pytest.param(backend(VERY_LOW, 1_500, 0.72), 0.600, id="qwen-turbo"),
        pytest.param(backend(VERY_LOW, 1_500, 0.75), 0.750, id="ernie-bot-turbo"),
        pytest.param(backend(MEDIUM, 4_000, 0.88), 0.500, id="mistral-large"),
        pytest.param(backend(MEDIUM, 8_000, 0.92), 0.587, id="o1-mini"),
    ],
)
def test_fuzzy_without_a_degree_gives_the_numbers_of_its_model(one: ScriptedBackend, score: float) -> None:
    """The rules alone give what manifold gives for the facts of its own catalogue."""
    assert scored(one, degree=0.0) == pytest.approx(score, abs=0.0005)


def test_fuzzy_adds_a_quarter_of_the_degree() -> None:
    """By default the rules count three quarters, the degree, which is the mean of three shares, one."""
    degree = (4 / 4.5 + 4_500 / 5_700 + 0.78) / 3

    assert scored(backend(VERY_LOW, 1_200, 0.78)) == pytest.approx(0.75 * 0.9 + 0.25 * degree)


def test_fuzzy_keeps_apart_what_its_model_holds_for_equal() -> None:
    """Backends of which only strong rules speak are all worth 1 to the rules; the degree orders them by their facts."""
    strong = [
        backend(VERY_LOW, 1_200, 0.82, id="a/fair"),
        backend(VERY_LOW, 1_200, 0.92, id="a/good"),
        backend(VERY_LOW, 600, 0.92, id="a/quick"),
        backend(CostClass.FREE, 600, 0.92, id="a/free"),
        backend(LOW, 2_500, 0.93, id="a/dear"),
    ]
    rules_alone = terms_of(fuzzy, *strong, options=FuzzyOptions(degree=0.0))
    ranked = terms_of(fuzzy, *strong)

    assert {term.score for term in rules_alone.values()} == {1.0}
    assert list(ranked) == ["a/free", "a/quick", "a/good", "a/fair", "a/dear"]
    assert len({term.score for term in ranked.values()}) == 5


def test_fuzzy_prefers_a_stated_price_to_the_class() -> None:
    """What input costs is what is stated; the class stands for it only where nothing is."""
    priced = Claims(prices=Prices(input_usd_per_mtok=Decimal(4)))

    assert "cost $4 per million tokens: moderate 1" in words(backend(VERY_LOW, 1_200, 0.9, claims=priced))
    assert "cost $0.5 per million tokens by its class: cheap 1" in words(backend(VERY_LOW, 1_200, 0.9))


def test_fuzzy_takes_the_unknown_for_the_worst() -> None:
    """A backend of which nothing is stated gets nothing from the rules, and the words say what is unknown."""
    nobody = RegisteredChatBackend(BackendDescriptor.unstated("a", "b"), ScriptedBackend())

    assert scored(nobody, degree=0.0) == 0.0
    assert scored(nobody) < scored(backend(VERY_HIGH, 100_000, 0.01))
    assert words(nobody).endswith("cost unknown: the worst, latency unknown: the worst, quality unknown: the worst")


def test_fuzzy_says_where_no_rule_speaks() -> None:
    """A moderate price with low quality is in nobody's rule: the preference is 0 and the words say so."""
    gap = backend(VERY_LOW, 1_200, 0.6, claims=Claims(prices=Prices(input_usd_per_mtok=Decimal(4))))

    assert "preference 0 +" in words(gap)
    assert "; no rule speaks; " in words(gap)


def test_fuzzy_says_where_no_word_fits() -> None:
    """A fact between all words of a host's own is said to have none."""
    assert "quality 0.5: no word" in words(
        backend(VERY_LOW, 1_200, 0.5), quality={"low": ((0.1, 1.0), (0.2, 0.0))}, rules=()
    )


FACTS = st.tuples(st.floats(0, 100), st.integers(1, 20_000), st.floats(0, 1))


def made(usd: float, latency_ms: int, quality: float) -> ScriptedBackend:
    """Make a backend of drawn facts."""
    return backend(LOW, latency_ms, quality, claims=Claims(prices=Prices(input_usd_per_mtok=Decimal(usd))))


@settings(derandomize=True, database=None, deadline=None)
@given(facts=FACTS, which=st.integers(0, 2), share=st.floats(0.05, 1))
def test_fuzzy_is_never_level(facts: tuple[float, int, float], which: int, share: float) -> None:
    """Where the rules say the same of two backends, the one with one better fact scores more."""
    usd, latency_ms, quality = facts
    better = (
        (usd * 0.9, latency_ms, quality),
        (usd, max(1, latency_ms - 100), quality),
        (usd, latency_ms, quality * 0.9 + 0.1),
    )[which]
    assume(abs(sum(better) - sum(facts)) > 0.01)
    plain = [scored(made(*one), degree=0.0) for one in (better, facts)]
    score = [scored(made(*one), degree=share) for one in (better, facts)]

    if plain[0] == plain[1]:
        assert score[0] > score[1]


@settings(derandomize=True, database=None, deadline=None)
@given(one=FACTS, other=FACTS, share=st.floats(0, 1 / 3))
def test_fuzzy_degree_never_outweighs_a_class(
    one: tuple[float, int, float], other: tuple[float, int, float], share: float
) -> None:
    """Up to a third, the degree puts nobody worth one half to the rules before one worth 1."""
    if scored(made(*one), degree=0.0) == 1.0 and scored(made(*other), degree=0.0) <= 0.5:
        assert scored(made(*one), degree=share) >= scored(made(*other), degree=share)


@pytest.mark.parametrize(
    ("shapes", "word", "halves"),
    [
        (COST, "cheap", (1.25,)),
        (COST, "moderate", (2.5, 8)),
        (COST, "expensive", (16.5,)),
        (LATENCY, "fast", (2_500,)),
        (LATENCY, "medium", (3_250, 6_250)),
        (LATENCY, "slow", (9_000,)),
        (QUALITY, "low", (0.725,)),
        (QUALITY, "medium", (0.775, 0.89)),
        (QUALITY, "high", (0.92,)),
    ],
)
def test_fuzzy_word_holds_half_in_the_middle_of_its_slopes(
    shapes: Shapes, word: str, halves: tuple[float, ...]
) -> None:
    """Between two corners a word holds as far as the way between them."""
    assert [grade(shapes[word], value) for value in halves] == pytest.approx([0.5] * len(halves))


@pytest.mark.parametrize("word", COST)
def test_fuzzy_word_is_level_outside_its_corners(word: str) -> None:
    """A word holds before its first corner and after its last as it does there, and fully at its peak."""
    shape = COST[word]

    assert grade(shape, shape[0][0] - 1) == shape[0][1]
    assert grade(shape, shape[-1][0] + 1) == shape[-1][1]
    assert {grade(shape, value) for value, _ in shape} == {degree for _, degree in shape}


def test_fuzzy_rules_can_be_replaced() -> None:
    """A host's own words and rules replace the built-in ones, straight from a document."""
    options = codec.load(
        FuzzyOptions,
        {
            "cost": {"ours": [[1, 1], [3, 0]]},
            "rules": [{"when": {"cost": "ours"}, "then": "splendid"}],
            "worth": {"splendid": 0.75},
            "degree": 0,
        },
    )
    (term,) = terms_of(fuzzy, backend(LOW, 100, 0.5), options=options).values()

    assert term.score == 0.75
    assert "cost ours: splendid 0.75; " in str(term.text)
    assert codec.load(FuzzyOptions, codec.dump(options)) == options


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"degree": 2}, "'degree' must be <= 1.0"),
    ({"even_ms": 0}, "'even_ms' must be > 0.0"),
    ({"cost": {"cheap": []}}, "'cost.cheap' must have a corner at least"),
    ({"cost": {"cheap": [[2, 1], [1, 0]]}}, "'cost.cheap' must have corners whose values rise, got [[2.0, 1.0]"),
    ({"cost": {"cheap": [[2, 7]]}}, "'cost.cheap' must have corners of which each is a value and a degree"),
    ({"cost": {}}, "'rules.cost' has no word 'cheap'; it knows "),
    ({"rules": [{"when": {"price": "cheap"}, "then": "weak"}]}, "'rules' has no word 'price'; it knows cost, "),
    ({"rules": [{"when": {"cost": "dear"}, "then": "weak"}]}, "'rules.cost' has no word 'dear'; it knows cheap, "),
    ({"rules": [{"when": {"cost": "cheap"}, "then": "wow"}]}, "'rules.then' has no word 'wow'; it knows strong, "),
    ({"rules": [{"when": {}, "then": "weak"}]}, "a rule for 'weak' has nothing under 'when'"),
    ({"worth": {"strong": 2}}, "'worth.strong' must be from 0 to 1, got 2"),
]


@pytest.mark.parametrize(("options", "said"), NONSENSE, ids=str)
def test_fuzzy_refuses_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    """A shape, a rule or a number that is of no use is refused in one line that says which and what is expected."""
    with pytest.raises(codec.DocumentError) as refused:
        codec.load(FuzzyOptions, options)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_fuzzy_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_fuzzy).policies == {"fuzzy": fuzzy}
