"""A model's facts → what selection and the wire want to know of it."""

from datetime import date

from converge_anthropic.facts import ModelFacts
from converge_anthropic.wire.dialect import FEATURES, Dialect
from converge_provider import (
    CAPABILITY_FLAGS,
    BackendDescriptor,
    Capability,
    Certification,
    ChatBackendCapabilities,
    Claims,
    DataSovereignty,
)
from converge_provider.http import is_loopback

__all__ = ("BASE_URL", "PROVIDER", "describe", "dialect_of")

PROVIDER = "anthropic"
"""The name of the provider type."""
BASE_URL = "https://api.anthropic.com/v1"
"""Where Anthropic itself answers."""

_UNKNOWN = Dialect(model="")
_ABLE = {Capability.TEXT_GENERATION: True, Capability.STREAMING: True, Capability.other("AnthropicRelay"): True}
_WITH_SAMPLING = "2023-06-01"
"""The only version of the API that knows ``temperature`` and ``top_p``."""
_SAMPLING = frozenset({"temperature", "top_p"})
_VENDOR = "https://privacy.anthropic.com/en/articles/7996866-how-long-do-you-store-personal-data"
_CERTIFIED = "https://privacy.claude.com/en/articles/10015870-what-certifications-has-anthropic-obtained"
_AS_OF = date(2026, 11, 20)
_RETENTION_DAYS = 30
_CERTIFICATIONS = tuple(
    Certification(name=name, source=_CERTIFIED, as_of=_AS_OF) for name in ("SOC2", "ISO27001", "ISO42001")
)


def dialect_of(model: str, facts: ModelFacts, *, api_version: str) -> Dialect:
    """
    Say how a model wants the wire spoken; what nobody has stated is as with a model of which nothing is known.

    Args:
        model: The model's name.
        facts: What is known of it.
        api_version: The version of the API that is asked for.

    """
    refused = {*facts.refuses, *(() if api_version == _WITH_SAMPLING else _SAMPLING)}
    if facts.structured_output is None:
        refused.add("response_schema")  # a server that knows nothing of schemas says nothing either
    if not facts.efforts:
        refused.add("reasoning_effort")
    deaf = {"images"} if facts.vision is False else set[str]()
    deaf |= {"documents"} if facts.documents is False else set[str]()
    return Dialect(
        model=model,
        max_tokens=facts.max_output_tokens or _UNKNOWN.max_tokens,
        honours=frozenset(FEATURES) - refused,
        thinking=facts.thinking or _UNKNOWN.thinking,
        no_thinking=facts.no_thinking or _UNKNOWN.no_thinking,
        efforts=frozenset(facts.efforts) or _UNKNOWN.efforts,
        forced_tools=facts.forced_tools is not False,
        prefill=facts.prefill is not False,
        native_schemas=facts.structured_output is not False,
        media=_UNKNOWN.media - deaf,
    )


def describe(model: str, facts: ModelFacts, *, host: str, is_vendor: bool, api_version: str) -> BackendDescriptor:
    """
    Describe one model.

    Args:
        model: The model's name.
        facts: What is known of it.
        host: The host that answers; empty: nobody has said.
        is_vendor: Whether Anthropic itself answers, so that what is known of it holds.
        api_version: The version of the API that is asked for.

    """
    is_here = is_loopback(host)
    flags = {flag: getattr(facts, flag) for flag in CAPABILITY_FLAGS}
    reads_documents = {} if facts.documents is None else {Capability.other("DocumentUnderstanding"): facts.documents}
    claims = Claims(
        source=facts.source or (_VENDOR if is_vendor else None),
        as_of=facts.as_of or (_AS_OF if is_vendor else None),
        service=PROVIDER if is_vendor else None,
        capabilities={**_ABLE, **reads_documents},
        honours=dialect_of(model, facts, api_version=api_version).honours,
        max_output_tokens=facts.max_output_tokens,
        input_modalities=_senses(facts),
        country="US" if is_vendor else None,
        data_sovereignty=frozenset({DataSovereignty.ON_PREMISES}) if is_here else None,
        certifications=_CERTIFICATIONS if is_vendor else None,
        trains_on_inputs=False if is_vendor else None,
        retention_days=_RETENTION_DAYS if is_vendor else None,
        supports_replay=False if is_vendor else None,
        requires_network=not is_here if host else None,
    )
    return BackendDescriptor.unstated(
        PROVIDER,
        model,
        cost_class=facts.cost_class,
        typical_latency_ms=facts.typical_latency_ms,
        quality=facts.quality,
        capabilities=ChatBackendCapabilities(
            context_tokens=facts.context_tokens, **{flag: bool(value) for flag, value in flags.items()}
        ),
        claims=claims,
        unknown=frozenset(flag for flag, value in flags.items() if value is None),
    )


def _senses(facts: ModelFacts) -> frozenset[str] | None:
    """Name what it takes, if that is known of everything."""
    if facts.vision is None or facts.documents is None:
        return None
    read = {"image": facts.vision, "document": facts.documents}
    return frozenset({"text", *(name for name, is_read in read.items() if is_read)})
