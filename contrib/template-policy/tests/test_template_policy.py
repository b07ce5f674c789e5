"""The policy's scores and options, and the kit's checks."""

import pytest

import converge_template_policy
from converge_provider import (
    BackendDescriptor,
    Catalogue,
    ChatBackendCapabilities,
    EnabledPolicy,
    Engine,
    PluginRegistry,
    RegisteredChatBackend,
    codec,
)
from converge_provider.testing import PolicyConformance, ScriptedBackend
from converge_template_policy.policy import TemplateScoreOptions, template_score


class TestTemplateScore(PolicyConformance):
    """The policy keeps what every host relies on."""

    policy = template_score
    options = (TemplateScoreOptions(enough_tokens=1_000, unknown=0.5),)


def backend(name: str, tokens: int | None) -> RegisteredChatBackend:
    """Register a backend with a context window."""
    able = ChatBackendCapabilities(context_tokens=tokens)
    return RegisteredChatBackend(BackendDescriptor.unstated("test", name, capabilities=able), ScriptedBackend())


def test_score_is_the_share_of_what_is_enough() -> None:
    """A window counts up to what is enough, an unknown one as the options say, and the words say which it was."""
    options = TemplateScoreOptions(enough_tokens=1_000, unknown=0.125)
    backends = [backend("large", 4_000), backend("half", 500), backend("unknown", None)]
    decision = Engine(Catalogue.of(*backends), policies=[EnabledPolicy(template_score, options=options)]).select()

    terms = {row.id: row.terms[0] for row in decision.ranking}
    assert {name: (term.score, term.text) for name, term in terms.items()} == {
        "test/large": (1.0, "it reads 4000 tokens"),
        "test/half": (0.5, "it reads 500 tokens"),
        "test/unknown": (0.125, "its context window is unknown"),
    }


@pytest.mark.parametrize(("name", "value"), [("enough_tokens", 0), ("unknown", 1.5)])
def test_option_that_makes_no_sense_is_refused(name: str, value: float) -> None:
    """The message names the option."""
    with pytest.raises(codec.DocumentError, match=name):
        codec.load(TemplateScoreOptions, {name: value})


def test_plugin_brings_one_policy() -> None:
    """The hook registers it under the name that a configuration uses."""
    assert set(PluginRegistry.of(converge_template_policy).policies) == {"template-score"}
