"""The policy latency: what was measured, what is declared, how they are weighed, and how strangers are tried."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import converge_policy_latency
from converge_policy_latency.policy import LatencyOptions, latency
from converge_provider import (
    BackendDescriptor,
    ChatMessage,
    ChatRequest,
    Measured,
    PluginRegistry,
    RegisteredChatBackend,
    StateView,
    codec,
)
from converge_provider.testing import ScriptedBackend, terms_of


def backend(declared_ms: int | None = 2_000, name: str = "b") -> RegisteredChatBackend:
    """Make a backend that declares a latency, or none."""
    descriptor = BackendDescriptor.unstated("a", name, typical_latency_ms=declared_ms)
    return RegisteredChatBackend(descriptor, ScriptedBackend())


def scored(
    measured: Measured | None = None, *, declared_ms: int | None = 2_000, most: int | None = None, **options: Any
) -> tuple[float, str]:
    """Score one backend of which something was measured, and say why."""
    state = None if measured is None else StateView(measured={"a/b": measured})
    request = ChatRequest(messages=(ChatMessage.user("Hi"),), max_tokens=most)
    stated: dict[str, Any] = {"explore": 0.0, **options}
    (term,) = terms_of(
        latency, backend(declared_ms), options=LatencyOptions(**stated), state=state, request=request
    ).values()
    return term.score, str(term.text)


STREAMED = Measured(
    latency_s=9.0,
    latency_p50_s=4.0,
    latency_p95_s=8.0,
    latency_samples=1_000_000,
    first_token_s=1.0,
    first_token_p95_s=3.0,
    tokens_per_s=100.0,
)
"""So often measured that what is declared hardly counts."""
WHOLE = Measured(latency_s=6.0, latency_samples=1_000_000)


@pytest.mark.parametrize(
    ("measured", "options", "seconds"),
    [
        pytest.param(STREAMED, {}, 6.0, id="by its speed"),
        pytest.param(STREAMED, {"output_tokens": 100}, 2.0, id="by its speed, a short answer"),
        pytest.param(STREAMED, {"most": 200}, 3.0, id="by its speed, the request's limit"),
        pytest.param(STREAMED, {"measure": "p50"}, 4.0, id="median"),
        pytest.param(STREAMED, {"measure": "p95"}, 8.0, id="95th percentile"),
        pytest.param(STREAMED, {"until": "first_token"}, 1.0, id="first token"),
        pytest.param(STREAMED, {"until": "first_token", "measure": "p95"}, 3.0, id="first token, 95th percentile"),
        pytest.param(WHOLE, {}, 6.0, id="no speed measured"),
        pytest.param(
            Measured(latency_s=9.0, latency_samples=1_000_000, tokens_per_s=250.0), {}, 2.0, id="never streamed"
        ),
        pytest.param(Measured(), {}, 2.0, id="measured nothing"),
        pytest.param(None, {}, 2.0, id="no state"),
        pytest.param(WHOLE, {"until": "first_token"}, 2.0, id="no first token: as declared"),
    ],
)
def test_latency_counts_what_is_waited_for(measured: Measured | None, options: dict[str, Any], seconds: float) -> None:
    """The number that the options ask for counts, for an answer of the expected length; else what is declared."""
    assert scored(measured, **options)[0] == pytest.approx(2.0 / (2.0 + seconds), rel=1e-4)


@pytest.mark.parametrize(
    ("samples", "declared_ms", "seconds", "words"),
    [
        (0, 2_000, 2.0, "about 2 s: measured 6 s over 0 answers, declared 2 s; 2 s scores 0.5"),
        (10, 2_000, 4.0, "about 4 s: measured 6 s over 10 answers, declared 2 s; 2 s scores 0.5"),
        (30, 2_000, 5.0, "about 5 s: measured 6 s over 30 answers, declared 2 s; 2 s scores 0.5"),
        (1, None, 6.0, "about 6 s: measured 6 s over 1 answer; 2 s scores 0.5"),
    ],
)
def test_latency_weighs_measured_and_declared(
    samples: int, declared_ms: int | None, seconds: float, words: str
) -> None:
    """What is declared counts as much as ten answers, and alone or not at all where the other is unknown."""
    score, said = scored(Measured(latency_s=6.0, latency_samples=samples), declared_ms=declared_ms)

    assert score == pytest.approx(2.0 / (2.0 + seconds))
    assert said == words


def test_latency_that_nobody_knows_scores_as_the_options_say() -> None:
    """Without a measured and a declared latency the score is ``unknown``, lifted like any other."""
    assert scored(declared_ms=None) == (0.0, "its latency is neither measured nor declared")
    assert scored(declared_ms=None, unknown=0.5, explore=0.2) == (
        0.6,
        "its latency is neither measured nor declared; 0.1 of it to try it out",
    )


def test_latency_tries_a_stranger_before_one_that_is_known_to_be_a_little_better() -> None:
    """The lift of a backend that was never measured outweighs a small lead; without exploring it does not."""
    known = Measured(latency_s=1.9, latency_samples=1_000)
    state = StateView(measured={"a/known": known})
    both = (backend(name="known"), backend(name="stranger"))

    assert next(iter(terms_of(latency, *both, state=state))) == "a/stranger"
    assert next(iter(terms_of(latency, *both, state=state, options=LatencyOptions(explore=0.0)))) == "a/known"


SECONDS = st.floats(0.001, 1_000)


@settings(derandomize=True, database=None, deadline=None)
@given(took=SECONDS, more=SECONDS, samples=st.integers(1, 10_000), explore=st.floats(0, 0.9), reference=SECONDS)
def test_latency_falls_with_every_second(
    took: float, more: float, samples: int, explore: float, reference: float
) -> None:
    """Of two backends measured equally often, the one that takes longer scores less."""
    slow, fast = (
        scored(Measured(latency_s=seconds, latency_samples=samples), explore=explore, reference_s=reference)[0]
        for seconds in (took + more, took)
    )

    assert slow < fast


@settings(derandomize=True, database=None, deadline=None)
@given(samples=st.integers(0, 10_000), more=st.integers(1, 1_000), explore=st.floats(0, 1))
def test_latency_lift_fades_with_every_answer(samples: int, more: int, explore: float) -> None:
    """Where measured and declared agree, more answers never raise the score, and no lift goes above 1."""
    early, late = (
        scored(Measured(latency_s=2.0, latency_samples=count), explore=explore)[0]
        for count in (samples, samples + more)
    )

    assert 0.5 <= late <= early <= 1.0


@settings(derandomize=True, database=None, deadline=None)
@given(declared_ms=st.integers(1, 2**32 - 1), trust=st.floats(0.001, 1e6), reference=st.floats(0.001, 1e6))
def test_latency_lifts_nobody_above_1(declared_ms: int, trust: float, reference: float) -> None:
    """Lifted by all that it lacks, a stranger scores 1, whatever the rounding."""
    score, _ = scored(declared_ms=declared_ms, explore=1.0, declared_samples=trust, reference_s=reference)

    assert 1.0 - 1e-9 < score <= 1.0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("reference_s", 0),
        ("measure", "p99"),
        ("until", "tomorrow"),
        ("output_tokens", -1),
        ("declared_samples", 0),
        ("explore", 1.5),
        ("unknown", -0.5),
    ],
)
def test_latency_refuses_an_option_that_makes_no_sense(option: str, value: object) -> None:
    """An option out of range or vocabulary is refused in one line that names it."""
    with pytest.raises(codec.DocumentError, match=option) as refused:
        codec.load(LatencyOptions, {option: value})

    assert "\n" not in str(refused.value)


def test_latency_refuses_a_percentile_that_nobody_measures() -> None:
    """The median until the first token is not measured; saying so is better than scoring something else."""
    with pytest.raises(codec.DocumentError, match="use 'mean' or 'p95'"):
        codec.load(LatencyOptions, {"until": "first_token", "measure": "p50"})


def test_latency_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_latency).policies == {"latency": latency}
