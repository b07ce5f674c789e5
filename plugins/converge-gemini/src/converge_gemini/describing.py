"""A model's facts → what selection and the wire want to know of it."""

from converge_gemini.facts import ModelFacts
from converge_gemini.wire.dialect import FEATURES, Dialect
from converge_provider import (
    CAPABILITY_FLAGS,
    BackendDescriptor,
    Capability,
    ChatBackendCapabilities,
    Claims,
    DataSovereignty,
)
from converge_provider.http import is_loopback

__all__ = ("describe", "dialect_of")

_VENDOR = "generativelanguage.googleapis.com"
_SENSES = {"documents": Capability.other("DocumentUnderstanding"), "audio": Capability.other("AudioUnderstanding")}
_MODALITIES = {"vision": "image", "documents": "document", "audio": "audio"}


def dialect_of(model: str, facts: ModelFacts) -> Dialect:
    """Say how a model wants the wire spoken."""
    return Dialect(
        model=model,
        honours=frozenset(FEATURES).difference(facts.refuses),
        thinks_by_budget=facts.thinks_by_budget,
        efforts=frozenset(facts.efforts) or None,
    )


def describe(provider: str, model: str, facts: ModelFacts, host: str) -> BackendDescriptor:
    """
    Describe one model.

    Args:
        provider: The provider's name.
        model: The model's name.
        facts: What is known of it.
        host: The host that is asked.

    """
    stated = {*facts.able, *facts.unable}
    is_local = is_loopback(host)
    claims = Claims(
        source=facts.source,
        as_of=facts.as_of,
        service="gemini" if host == _VENDOR else None,
        capabilities={Capability.TEXT_GENERATION: True, Capability.STREAMING: True}
        | {capability: name in facts.able for name, capability in _SENSES.items() if name in stated},
        honours=dialect_of(model, facts).honours,
        max_output_tokens=facts.max_output_tokens,
        input_modalities=_taken(facts),
        output_modalities=frozenset({"text"}),
        data_sovereignty=frozenset({DataSovereignty.ON_PREMISES}) if is_local else None,
        supports_replay=None if is_local else False,
        requires_network=not is_local,
    )
    return BackendDescriptor.unstated(
        provider,
        model,
        capabilities=ChatBackendCapabilities(
            context_tokens=facts.context_tokens, **{flag: flag in facts.able for flag in CAPABILITY_FLAGS}
        ),
        claims=claims,
        unknown=frozenset(CAPABILITY_FLAGS) - stated,
    )


def _taken(facts: ModelFacts) -> frozenset[str] | None:
    """Give what it takes beside text, when somebody has spoken of that."""
    if not _MODALITIES.keys() & {*facts.able, *facts.unable}:
        return None
    return frozenset({"text", *(taken for name, taken in _MODALITIES.items() if name in facts.able)})
