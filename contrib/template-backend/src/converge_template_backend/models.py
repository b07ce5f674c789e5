"""What is known of the models."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from attrs import frozen

from converge_provider import BackendDescriptor, ChatBackendCapabilities, Claims, codec

__all__ = ("HONOURS", "ModelFacts", "describe", "known_models")

HONOURS = frozenset({"max_tokens", "temperature", "stop_sequences"})
"""The optional fields of a request that the wire has a place for."""


@frozen(kw_only=True)
class ModelFacts:
    """What the service's documentation says of one model; what it does not say stays unknown."""

    context_tokens: int | None = None
    source: str | None = None
    as_of: date | None = None


@cache
def known_models() -> Mapping[str, ModelFacts]:
    """Read the table."""
    text = files("converge_template_backend").joinpath("models.toml").read_text("utf-8")
    return codec.load(dict[str, ModelFacts], tomllib.loads(text))


def describe(model: str, facts: ModelFacts) -> BackendDescriptor:
    """Say what is known of a model; costs, latency and quality are for the host's configuration to state."""
    claims = Claims(
        source=facts.source,
        as_of=facts.as_of,
        honours=HONOURS,
        input_modalities=frozenset({"text"}),
        output_modalities=frozenset({"text"}),
        requires_network=True,
    )
    return BackendDescriptor.unstated(
        "template_backend",
        model,
        capabilities=ChatBackendCapabilities(context_tokens=facts.context_tokens),
        claims=claims,
    )
