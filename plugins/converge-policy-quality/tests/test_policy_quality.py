"""The policy quality: claims about tasks, quality in general, and what is said of each."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import converge_policy_quality
from converge_policy_quality.policy import QualityOptions, quality
from converge_provider import BackendDescriptor, Claims, PluginRegistry, RegisteredChatBackend, TaskQuality, codec
from converge_provider.testing import ScriptedBackend, terms_of

SOURCE = "https://bench.example/7"


def able(*measured: TaskQuality, stated: float | None = 0.8) -> RegisteredChatBackend:
    """Make a backend with a quality in general, and at tasks."""
    claims = Claims(qualities=measured or None)
    return RegisteredChatBackend(BackendDescriptor.unstated("a", "b", quality=stated, claims=claims), ScriptedBackend())


def at(score: float, benchmark: str | None = None, *, task: str = "coding", **known: Any) -> TaskQuality:
    """Claim a quality at a task."""
    return TaskQuality(task=task, score=score, benchmark=benchmark, **known)


def scored(backend: RegisteredChatBackend, **options: Any) -> tuple[float, str | None]:
    """Score one backend by some options, and say why."""
    (term,) = terms_of(quality, backend, options=QualityOptions(**options)).values()
    return term.score, term.text


LACKING = "nobody has measured it at coding; "


@pytest.mark.parametrize(
    ("backend", "options", "score", "words"),
    [
        pytest.param(able(), {}, 0.8, "0.8 in general", id="in general"),
        pytest.param(able(at(0.3)), {}, 0.8, "0.8 in general", id="no task asked for"),
        pytest.param(able(stated=None), {"unknown": 0.1}, 0.1, "nobody has stated its quality", id="unknown"),
        pytest.param(
            able(at(0.7, "patches", source=SOURCE, as_of=date(2026, 9, 1))),
            {"task": "coding"},
            0.7,
            f"0.7 at coding, by patches ({SOURCE}, 2026-09-01)",
            id="measured",
        ),
        pytest.param(
            able(at(0.7, task="CODING"), stated=None),
            {"task": "Coding"},
            0.7,
            "0.7 at Coding, by a benchmark without a name",
            id="bare",
        ),
        pytest.param(
            able(at(0.7, task="prose")),
            {"task": "coding", "general": 0.5},
            0.4,
            LACKING + "0.8 in general, of which 0.5 counts",
            id="another task",
        ),
        pytest.param(
            able(stated=None), {"task": "coding"}, 0.0, LACKING + "nobody has stated its quality", id="nothing at all"
        ),
        pytest.param(
            able(at(0.9, "easy"), at(0.6, "hard")),
            {"task": "coding"},
            0.6,
            "0.6 at coding, by hard",
            id="least flattering",
        ),
        pytest.param(
            able(at(0.9, "easy"), at(0.6, "hard")),
            {"task": "coding", "benchmark": "easy"},
            0.9,
            "0.9 at coding, by easy",
            id="one benchmark",
        ),
        pytest.param(
            able(at(0.9, "easy")),
            {"task": "coding", "benchmark": "hard"},
            0.72,
            "nobody has measured it at coding by hard; 0.8 in general, of which 0.9 counts",
            id="not by this benchmark",
        ),
    ],
)
def test_quality_scores_by_what_is_claimed(
    backend: RegisteredChatBackend, options: dict[str, Any], score: float, words: str
) -> None:
    """The task counts where it was measured, quality in general otherwise, and the words say which and by whom."""
    given_score, given_words = scored(backend, **options)

    assert given_score == pytest.approx(score)
    assert given_words == words


CLAIMS = st.lists(
    st.builds(at, st.floats(0, 1), st.sampled_from([None, "easy", "hard"]), task=st.sampled_from(["coding", "prose"])),
    max_size=5,
)


@settings(derandomize=True, database=None, deadline=None)
@given(claims=CLAIMS, random=st.randoms(use_true_random=False), stated=st.none() | st.floats(0, 1))
def test_quality_does_not_depend_on_the_order_of_claims(
    claims: Sequence[TaskQuality], random: Any, stated: float | None
) -> None:
    """The same claims in another order give the same score and the same words."""
    shuffled = list(claims)
    random.shuffle(shuffled)

    assert scored(able(*shuffled, stated=stated), task="coding") == scored(able(*claims, stated=stated), task="coding")


@settings(derandomize=True, database=None, deadline=None)
@given(low=st.floats(0, 1), high=st.floats(0, 1), share=st.floats(0, 1))
def test_quality_never_falls_when_a_claim_rises(low: float, high: float, share: float) -> None:
    """Of two backends, the one whose claim is greater scores no less, at a task and in general."""
    low, high = min(low, high), max(low, high)

    assert scored(able(at(low)), task="coding")[0] <= scored(able(at(high)), task="coding")[0]
    assert (
        scored(able(stated=low), task="coding", general=share)[0]
        <= scored(able(stated=high), task="coding", general=share)[0]
    )


@settings(derandomize=True, database=None, deadline=None)
@given(score=st.floats(0, 1), share=st.floats(0, 1))
def test_quality_counts_a_measured_backend_before_one_that_only_sounds_as_good(score: float, share: float) -> None:
    """At the same number, a measured quality is worth no less than one in general."""
    assert scored(able(at(score)), task="coding")[0] >= scored(able(stated=score), task="coding", general=share)[0]


@pytest.mark.parametrize("options", [{"general": -0.1}, {"unknown": 1.5}, {"benchmark": "hard"}], ids=str)
def test_quality_refuses_options_that_make_no_sense(options: dict[str, Any]) -> None:
    """A share out of range, and a benchmark without a task, are refused in one line that names the option."""
    with pytest.raises(codec.DocumentError, match=next(iter(options))) as refused:
        codec.load(QualityOptions, options)

    assert "\n" not in str(refused.value)


def test_quality_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_quality).policies == {"quality": quality}
