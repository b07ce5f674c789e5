"""The policy canary: exact shares of the keys, that only grow, and a veto for everything else."""

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import converge_policy_canary
from converge_policy_canary.policy import CanaryOptions, canary
from converge_provider import (
    FITNESS,
    ChatBackendCapabilities,
    ChatMessage,
    ChatRequest,
    Decision,
    EnabledPolicy,
    PluginRegistry,
    StateView,
    codec,
)
from converge_provider.testing import ScriptedBackend, catalogue_of, choose_among

OLD, NEW, NEWER = (
    ScriptedBackend(id=name, quality=quality) for name, quality in (("a/old", 0.9), ("b/new", 0.5), ("b/newer", 0.5))
)
catalogue = cache(catalogue_of)
KEYS = [f"user {number}" for number in range(10_000)]


def choose(
    *backends: ScriptedBackend,
    shares: Mapping[str, float],
    key: str | None = None,
    seed: int = 0,
    weight: float = 2.0,
    request: ChatRequest | None = None,
    **options: Any,
) -> Decision:
    """Choose for one key, among others by fitness."""
    policies = (FITNESS, EnabledPolicy(canary, weight, CanaryOptions(shares=shares, **options)))
    state = None if key is None else StateView(key=key)
    return choose_among(catalogue(*backends), policies=policies, state=state, seed=seed, request=request)


def keys_of_new(share: float, **options: Any) -> set[str]:
    """Give those of ten thousand keys that the new backend answers."""
    return {key for key in KEYS if choose(OLD, NEW, shares={"b/new": share}, key=key, **options).chosen == "b/new"}


def test_canary_gets_its_share_of_ten_thousand_keys_and_keeps_what_it_has() -> None:
    """Each share is met within four standard deviations, and every larger one contains all keys of the smaller ones."""
    shares = (0.01, 0.05, 0.2, 0.5)
    found = [keys_of_new(share) for share in shares]

    assert not [
        share
        for share, keys in zip(shares, found, strict=True)
        if abs(len(keys) - share * 10_000) > 4 * (10_000 * share * (1 - share)) ** 0.5
    ]
    assert all(fewer <= more for fewer, more in pairwise(found))


def test_canary_gets_nothing_of_nothing_and_everything_of_everything() -> None:
    """The share 0 has no key, and the share 1 has all of them."""
    chosen = [{choose(OLD, NEW, shares={"b/new": share}, key=key).chosen for key in KEYS[:500]} for share in (0.0, 1.0)]

    assert chosen == [{"a/old"}, {"b/new"}]


def test_canary_draws_other_keys_by_another_salt() -> None:
    """The same share with another salt has keys of its own: about a half of a half is shared."""
    one, other = keys_of_new(0.5), keys_of_new(0.5, salt="june")

    assert abs(len(one & other) - 2_500) < 4 * (10_000 * 0.25 * 0.75) ** 0.5


@settings(derandomize=True, database=None, deadline=None)
@given(key=st.text(), low=st.floats(0, 1), high=st.floats(0, 1), salt=st.text())
def test_canary_never_loses_a_key_when_its_share_is_raised(key: str, low: float, high: float, salt: str) -> None:
    """Whatever the key and the salt, a key that belongs to the new backend belongs to it at every larger share."""
    low, high = min(low, high), max(low, high)
    small, large = (choose(OLD, NEW, shares={"b/new": share}, key=key, salt=salt).chosen for share in (low, high))

    assert large == "b/new" or small == "a/old"


def test_canary_vetoes_a_new_backend_for_keys_that_are_not_its_own() -> None:
    """However good it is, the new backend is rejected at a gate of the policy, and the reason has the numbers."""
    better = ScriptedBackend(id="b/new", quality=1.0)
    decision = choose(OLD, better, shares={"b/new": 0.2}, key="user 1", weight=0.0)
    (rejection,) = decision.rejected
    (reason,) = rejection.reasons

    assert decision.chosen == "a/old"
    assert (rejection.id, reason.gate) == ("b/new", "policy canary")
    assert reason.text.startswith("the key is at 0.")
    assert reason.text.endswith(" ≥ 0.2, the share of b/new")
    assert [term.text for term in decision.ranking[0].terms if term.policy == "canary"] == [
        "the key belongs to no new backend"
    ]


def test_canary_leaves_the_others_to_fall_back_to() -> None:
    """For a key of its own the new backend comes first, and the others stay eligible behind it."""
    decision = choose(OLD, NEW, shares={"b/new": 1.0}, key="user 1")

    assert [row.id for row in decision.ranking] == ["b/new", "a/old"]
    assert [term.text for term in decision.ranking[1].terms if term.policy == "canary"] == [
        "the key belongs to a new backend"
    ]


def test_canary_that_is_not_eligible_has_no_say() -> None:
    """While the new backend is too small for the request, its keys go to the others."""
    small = ScriptedBackend(id="b/new", capabilities=ChatBackendCapabilities(context_tokens=100))
    long = ChatRequest(messages=(ChatMessage.user("x" * 4_000),))
    decision = choose(OLD, small, shares={"b/new": 1.0}, key="user 1", request=long)

    assert decision.chosen == "a/old"
    assert decision.ranking[0].terms[1].score == 1.0


def test_canary_is_spared_where_nobody_else_is_eligible() -> None:
    """Alone, a new backend answers any key; told not to be spared, it does not, and nobody is chosen."""
    assert choose(NEW, shares={"b/new": 0.0}, key="user 1").chosen == "b/new"
    assert choose(NEW, shares={"b/new": 0.0}, key="user 1", spare=False).chosen is None


def test_canary_spares_nobody_where_the_key_belongs_to_another() -> None:
    """Among new backends alone, the one to which the key belongs answers, and the others are vetoed."""
    decision = choose(NEW, NEWER, shares={"b/new": 1.0, "b/newer": 0.0}, key="user 1")

    assert (decision.chosen, [row.id for row in decision.rejected]) == ("b/new", ["b/newer"])


def test_canary_is_named_by_id_or_provider_in_any_case() -> None:
    """An id counts before its provider, and the models of a provider that is named share one draw."""
    provider = {key: choose(OLD, NEW, NEWER, shares={"B": 0.5}, key=key) for key in KEYS[:50]}

    assert {decision.chosen for decision in provider.values()} == {"a/old", "b/new"}
    assert {len(decision.rejected) for decision in provider.values()} == {0, 2}
    assert choose(OLD, NEW, NEWER, shares={"b": 1.0, "B/New": 0.0}, key="user 1").chosen == "b/newer"


def test_canary_draws_each_new_backend_by_itself() -> None:
    """Two new backends have keys of their own: some keys belong to both, some to neither."""
    both = {"b/new": 0.5, "b/newer": 0.5}
    found = {
        tuple(sorted(one.id for one in choose(OLD, NEW, NEWER, shares=both, key=key).rejected)) for key in KEYS[:100]
    }

    assert found == {(), ("b/new",), ("b/newer",), ("b/new", "b/newer")}


def test_canary_takes_a_request_without_a_key_by_itself() -> None:
    """Without a key the decision's seed is drawn, so that the share holds over many requests."""
    count = sum(choose(OLD, NEW, shares={"b/new": 0.25}, seed=seed).chosen == "b/new" for seed in range(2_000))

    assert abs(count - 500) < 4 * (2_000 * 0.25 * 0.75) ** 0.5


def test_canary_without_shares_changes_nothing() -> None:
    """Before anything is configured, every backend scores the same."""
    decision = choose(OLD, NEW, shares={}, key="user 1")

    assert {row.terms[1].score for row in decision.ranking} == {1.0}
    assert decision.chosen == "a/old"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shares": {"b/new": 1.5}}, "'shares.b/new' must be from 0 to 1, got 1.5"),
        ({"shares": {"b/new": 0.5, "B/new": 0.1}}, "'shares' names a backend twice, in other letters: b/new, B/new"),
        ({"share": {"b/new": 0.5}}, "did you mean 'shares'?"),
    ],
)
def test_canary_refuses_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    """A share that is none is refused in one line that names the backend."""
    with pytest.raises(codec.DocumentError) as refused:
        codec.load(CanaryOptions, options)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_canary_is_registered_by_its_hook() -> None:
    """The plugin brings one policy, under the name that a configuration uses."""
    assert PluginRegistry.of(converge_policy_canary).policies == {"canary": canary}
