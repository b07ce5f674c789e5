"""The example of a policy engine: it decides by its rules, and is found and assigned as a backend."""

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, strategies as st

import converge_example_policy_engine
from converge_example_policy_engine.engine import RuleEngine
from converge_example_policy_engine.rules import RuleBook, load_rules, shipped_rules
from converge_provider import (
    BackendRequirements,
    ConfigurationError,
    Engine,
    JsonValue,
    PluginRegistry,
    ProviderRequest,
)

NOBODY = "no rule speaks of this request"
SMALL = "small-payments: staff may pay small amounts"
ENGINE = RuleEngine(shipped_rules())


@pytest.mark.parametrize(
    ("request_", "allowed", "reason"),
    [
        pytest.param({"role": "staff", "action": "read"}, True, "staff-read: staff may read", id="allowed"),
        pytest.param({"role": "guest", "action": "read"}, False, NOBODY, id="nobody's"),
        pytest.param({}, False, NOBODY, id="empty"),
        pytest.param({"role": "staff", "action": "pay", "amount": 100}, True, SMALL, id="limit"),
        pytest.param({"role": "staff", "action": "pay", "amount": 100.5}, False, NOBODY, id="above"),
        pytest.param({"role": "staff", "action": "pay", "amount": "5"}, False, NOBODY, id="text"),
        pytest.param({"role": "staff", "action": "pay", "amount": True}, False, NOBODY, id="truth"),
        pytest.param(
            {"role": "admin", "action": "export", "classification": "restricted"},
            False,
            "nobody-exports-secrets: what is restricted never leaves",
            id="deny before allow",
        ),
        pytest.param(
            {"role": "admin", "action": "export"}, True, "staff-export: staff may export", id="not restricted"
        ),
    ],
)
def test_verdict_names_the_rules_that_decided(request_: Mapping[str, JsonValue], allowed: bool, reason: str) -> None:
    """Each request is allowed or denied, and the verdict says by which rule."""
    verdict = ENGINE.evaluate(request_)

    assert (verdict.allowed, verdict.reasons) == (allowed, (reason,))


REQUESTS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["staff", "admin", "guest"]),
        "action": st.sampled_from(["read", "write", "export", "pay"]),
        "classification": st.sampled_from(["public", "restricted"]),
        "amount": st.integers(0, 200),
    },
)


@given(request=REQUESTS, shuffle=st.randoms(use_true_random=False))
def test_verdict_does_not_depend_on_the_order_of_the_rules(request: Mapping[str, JsonValue], shuffle: Random) -> None:
    """Rules in another order give the same verdict."""
    rules = list(ENGINE.book.rules)
    shuffle.shuffle(rules)

    assert RuleEngine(RuleBook(rules=tuple(rules))).evaluate(request) == ENGINE.evaluate(request)


@given(request=REQUESTS)
def test_one_denial_more_never_allows(request: Mapping[str, JsonValue]) -> None:
    """A rule that denies everything denies everything, and one that is added takes nothing back."""
    more = load_rules('[[rules]]\nname = "closed"\neffect = "deny"\nreason = "closed today"\n').rules

    assert not RuleEngine(RuleBook(rules=(*ENGINE.book.rules, *more))).evaluate(request).allowed


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param('[[rules]]\nname = "x"\neffect = "maybe"\nreason = "y"\n', "effect", id="effect"),
        pytest.param('[[rules]]\nname = "x"\neffect = "deny"\n', "reason", id="missing"),
        pytest.param('[[rules]]\nname = "x"\neffect = "deny"\nreason = "y"\nwenn = {}\n', "wenn", id="misspelt"),
    ],
)
def test_rules_that_make_no_sense_are_refused(text: str, problem: str) -> None:
    """The path of the problem is named."""
    with pytest.raises(ConfigurationError, match=problem):
        load_rules(text)


def test_plugin_is_assigned_the_role_of_a_policy_engine() -> None:
    """The distribution's plugin brings a backend that a host can assign and call."""
    engine = Engine.of(PluginRegistry.of(converge_example_policy_engine))
    wanted = BackendRequirements.access_policy()
    request = ProviderRequest(id="door", required_capabilities=(), backend_requirements=wanted)
    (one,) = engine.assign(request).assignments
    found = engine.backends[one.backend_name]

    assert isinstance(found, RuleEngine)
    assert found.evaluate({"role": "staff", "action": "read"}).allowed
