"""Making a policy of a function, and the values around policies."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from converge_provider import (
    CandidateView,
    EnabledPolicy,
    Experience,
    JsonObject,
    NoOptions,
    PluginError,
    PluginRegistry,
    Policy,
    PolicyChoice,
    Scores,
    codec,
    hookimpl,
    policy,
)
from converge_provider.codec import DocumentError

if TYPE_CHECKING:
    from converge_provider import Registrar


@attrs.frozen(kw_only=True)
class Taste:
    """The options of a policy."""

    floor: float = 0.5


@policy
def prefer_short_names(view: CandidateView, options: NoOptions) -> Sequence[float]:
    """Score by the length of the model's name."""
    return [1 / len(descriptor.model) for descriptor in view.descriptors]


@policy(name="floor", options=Taste, may_veto=True)
def at_least(view: CandidateView, options: Taste) -> Scores:
    """Veto what is below the floor."""
    qualities = view.column("quality")
    vetoes = {i: "too bad" for i, quality in enumerate(qualities) if quality < options.floor}
    return Scores(values=[float(quality) for quality in qualities], vetoes=vetoes)


@policy()
def plain(view: CandidateView, options: Any) -> Sequence[float]:
    """Score every candidate alike."""
    return [1.0] * len(view)


class View:
    """The little of a view that these policies look at."""

    request = None
    descriptors = ()

    def __len__(self) -> int:
        """Two candidates."""
        return 2

    def column(self, name: str) -> Sequence[Any]:
        """Give two qualities."""
        return [0.4, 0.9]


@pytest.mark.parametrize(
    ("made", "name", "options", "may_veto"),
    [
        (prefer_short_names, "prefer-short-names", NoOptions, False),
        (at_least, "floor", Taste, True),
        (plain, "plain", NoOptions, False),
    ],
    ids=["bare", "with-arguments", "empty-call"],
)
def test_decorator_makes_a_policy(made: Policy, name: str, options: type, may_veto: bool) -> None:
    """The decorator, bare or called, gives an object with everything a policy owes."""
    assert (made.name, made.options, made.may_veto) == (name, options, may_veto)
    assert attrs.fields(made.options) is not None


def test_optional_parts_are_there_when_they_are_given() -> None:
    """A policy learns, and promises how its scores move, only when it says so."""

    def learn(document: JsonObject, experience: Experience, options: object) -> JsonObject:
        return {**document, experience.outcome: str(options)}

    @policy(monotone={"quality": "+"}, learn=learn)
    def learning(view: CandidateView, options: NoOptions) -> Sequence[float]:
        return [1.0 if options == NoOptions() else 0.0] * len(view)

    made: Any = learning
    bare: Any = plain

    assert (made.monotone, made.learn, bare.monotone, bare.learn) == ({"quality": "+"}, learn, {}, None)


def test_policy_whose_learn_is_no_method_is_refused() -> None:
    """It would be found out only when the first request ends."""
    wrong: Any = "by heart"
    learned = policy(name="learned", learn=wrong)(plain.score)

    class Plugin:
        @hookimpl
        def converge_register_policies(self, registrar: "Registrar[Policy]") -> None:
            registrar.add(learned)

    with pytest.raises(PluginError, match="policy 'learned': learn is not a method"):
        PluginRegistry.of(Plugin())


def test_policy_scores_with_the_function_it_was_made_of() -> None:
    """Scoring hands the view and the options to the function and its answer back."""
    view: Any = View()
    scores = at_least.score(view, Taste(floor=0.5))

    assert isinstance(scores, Scores)
    assert (list(scores.values), dict(scores.vetoes), scores.explain) == ([0.4, 0.9], {0: "too bad"}, None)
    assert plain.score(view, None) == [1.0, 1.0]


def test_class_can_be_a_policy_without_a_base() -> None:
    """Any object with the four members is a policy."""

    class Coin:
        name = "coin"
        options = NoOptions
        may_veto = False

        def score(self, view: CandidateView, options: NoOptions) -> Sequence[float]:
            return [0.5] * len(view)

    coin: Policy = Coin()
    view: Any = View()

    assert coin.score(view, NoOptions()) == [0.5, 0.5]


def test_enabled_policy_weighs_one_unless_told_otherwise() -> None:
    """Weight and options have defaults."""
    enabled = EnabledPolicy(plain)

    assert (enabled.policy, enabled.weight, enabled.options) == (plain, 1.0, None)


def test_policy_choice_is_read_from_a_configuration() -> None:
    """Name, weight and options stand in a document; only the name must."""
    choice = codec.load(PolicyChoice, {"name": "floor", "weight": 2, "options": {"floor": 0.9}})

    assert choice == PolicyChoice(name="floor", weight=2.0, options={"floor": 0.9})
    assert codec.load(PolicyChoice, {"name": "floor"}) == PolicyChoice(name="floor")
    assert codec.load(Taste, choice.options) == Taste(floor=0.9)
    with pytest.raises(DocumentError) as refused:
        codec.load(PolicyChoice, {"nam": "floor"})
    assert [path for path, _ in refused.value.problems] == ["$.name", "$.nam"]
