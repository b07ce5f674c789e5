"""The policy local-first: its scores, its options, and the laws that every policy keeps."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

import converge_policy_local_first
from converge_policy_local_first.policy import LocalFirstOptions, local_first
from converge_provider import (
    FITNESS,
    BackendDescriptor,
    Catalogue,
    Claims,
    CostClass,
    Decision,
    EnabledPolicy,
    Engine,
    PluginRegistry,
    RegisteredChatBackend,
    codec,
)
from converge_provider.testing import PolicyConformance, ScriptedBackend


class TestLocalFirst(PolicyConformance):
    """The policy keeps what every host relies on."""

    policy = local_first
    options = (LocalFirstOptions(last_resort=0.25, unknown=0.125, remote=1.0),)


def backend(
    name: str, *, leaves: bool | None, last_resort: bool | None = None, quality: float = 0.5
) -> RegisteredChatBackend:
    """Register a backend of which it is stated, or not, where its data goes."""
    claims = Claims(requires_network=leaves, last_resort=last_resort)
    return RegisteredChatBackend(
        BackendDescriptor(
            provider="test",
            model=name,
            cost_class=CostClass.LOW,
            typical_latency_ms=500,
            quality=quality,
            claims=claims,
        ),
        ScriptedBackend(),
    )


def choose(backends: Sequence[RegisteredChatBackend], *policies: EnabledPolicy) -> Decision:
    """Select among some backends by some policies."""
    return Engine(Catalogue.of(*backends), policies=policies).select()


def scores(decision: Decision) -> dict[str, float]:
    """Give the score that the policy gave each backend."""
    return {row.id: next(term.score for term in row.terms if term.policy == "local-first") for row in decision.ranking}


@pytest.mark.parametrize(
    ("leaves", "last_resort", "score", "words"),
    [
        pytest.param(False, None, 1.0, "its data stays on this machine", id="local"),
        pytest.param(False, False, 1.0, "its data stays on this machine", id="local, no last resort"),
        pytest.param(False, True, 0.25, "its data stays on this machine, but it is a last resort", id="last resort"),
        pytest.param(None, None, 0.125, "nobody has stated whether its data leaves this machine", id="unknown"),
        pytest.param(None, True, 0.125, "nobody has stated whether its data leaves this machine", id="unknown, late"),
        pytest.param(True, None, 0.0625, "its data leaves this machine", id="remote"),
        pytest.param(True, True, 0.0625, "its data leaves this machine", id="remote last resort"),
    ],
)
def test_local_first_scores_by_where_the_data_goes(
    leaves: bool | None, last_resort: bool | None, score: float, words: str
) -> None:
    """Each kind of backend gets the score that the options say, and words that say why."""
    options = LocalFirstOptions(last_resort=0.25, unknown=0.125, remote=0.0625)
    decision = choose([backend("b", leaves=leaves, last_resort=last_resort)], EnabledPolicy(local_first, 1.0, options))

    term = decision.ranking[0].terms[0]
    assert (term.policy, term.score, term.text) == ("local-first", score, words)


def test_local_first_outweighs_a_better_remote_backend() -> None:
    """With equal weights, a poor local backend goes before the best remote one; without the policy it does not."""
    backends = [backend("here", leaves=False, quality=0.0), backend("there", leaves=True, quality=1.0)]

    assert choose(backends).chosen == "test/there"
    assert choose(backends, FITNESS, EnabledPolicy(local_first)).chosen == "test/here"


def test_local_first_places_a_last_resort_between_local_and_remote() -> None:
    """A local last resort loses to any other local backend and beats a remote one, since the policy decides this."""
    small = backend("small", leaves=False, last_resort=True, quality=0.3)
    backends = [backend("there", leaves=True, quality=0.9), small, backend("here", leaves=False)]
    decision = choose(backends, FITNESS, EnabledPolicy(local_first))

    assert [row.id for row in decision.ranking] == ["test/here", "test/small", "test/there"]
    assert choose(backends).ranking[-1].id == "test/small"


@pytest.mark.parametrize("name", ["last_resort", "unknown", "remote"])
@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_local_first_refuses_an_option_that_is_no_share(name: str, value: float) -> None:
    """An option outside 0 to 1 is refused, and the message names it."""
    with pytest.raises(codec.DocumentError, match=name):
        codec.load(LocalFirstOptions, {name: value})


FACT = st.sampled_from([True, False, None])
BACKENDS = st.lists(st.tuples(FACT, FACT, st.floats(0, 1)), min_size=1, max_size=8)
SHARE = st.floats(0, 1)
OPTIONS = st.builds(LocalFirstOptions, last_resort=SHARE, unknown=SHARE, remote=SHARE)


def registered(facts: Sequence[tuple[bool | None, bool | None, float]]) -> list[RegisteredChatBackend]:
    """Make a backend of each."""
    return [
        backend(f"b{i}", leaves=leaves, last_resort=late, quality=quality)
        for i, (leaves, late, quality) in enumerate(facts)
    ]


@settings(derandomize=True, database=None, deadline=None)
@given(facts=BACKENDS, options=OPTIONS, random=st.randoms(use_true_random=False))
def test_local_first_does_not_depend_on_the_order(
    facts: Sequence[tuple[bool | None, bool | None, float]], options: LocalFirstOptions, random: Random
) -> None:
    """Registering the same backends in another order changes no score and no choice."""
    backends = registered(facts)
    shuffled = list(backends)
    random.shuffle(shuffled)
    enabled = EnabledPolicy(local_first, 1.0, options)

    assert scores(choose(shuffled, enabled)) == scores(choose(backends, enabled))
    assert choose(shuffled, enabled).chosen == choose(backends, enabled).chosen


@settings(derandomize=True, database=None, deadline=None)
@given(facts=BACKENDS, options=OPTIONS)
def test_local_first_scores_each_backend_by_itself(
    facts: Sequence[tuple[bool | None, bool | None, float]], options: LocalFirstOptions
) -> None:
    """A backend's score is from 0 to 1, and the same whoever else is there."""
    backends = registered(facts)
    enabled = EnabledPolicy(local_first, 1.0, options)
    together = scores(choose(backends, enabled))

    alone = {key: value for one in backends for key, value in scores(choose([one], enabled)).items()}
    assert together == alone
    assert all(0.0 <= score <= 1.0 for score in together.values())


def test_local_first_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert set(PluginRegistry.of(converge_policy_local_first).policies) == {"local-first"}


def test_local_first_package_imports_its_policy_only_when_asked() -> None:
    """Loading the plugin does not import the policy, so that listing plugins stays cheap."""
    check = "import sys, converge_policy_local_first; print('converge_policy_local_first.policy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "False"


def test_local_first_readme_example_runs() -> None:
    """The README's Python example enables the policy as it says."""
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)

    assert names["prefer_local"] == EnabledPolicy(local_first, 2.0, LocalFirstOptions(last_resort=0.25))
