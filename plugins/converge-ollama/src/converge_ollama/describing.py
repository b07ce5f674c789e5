"""A model's facts → what selection and the wire want to know of it."""

from decimal import Decimal

from converge_ollama.facts import ModelFacts, is_remote
from converge_ollama.wire.dialect import FEATURES, Dialect
from converge_provider import (
    CAPABILITY_FLAGS,
    BackendDescriptor,
    Capability,
    ChatBackendCapabilities,
    Claims,
    CostClass,
    DataSovereignty,
    Prices,
)
from converge_provider.http import is_loopback

__all__ = ("context_of", "describe", "dialect_of")

_CLOUD = frozenset({"ollama.com", "www.ollama.com"})
_NOTHING = Decimal(0)


def dialect_of(
    model: str, facts: ModelFacts, host: str, *, num_ctx: int | None, keep_alive: str | int | None, may_truncate: bool
) -> Dialect:
    """Say how a model wants the wire spoken; its own context is stronger than the provider's."""
    return Dialect(
        model=model,
        honours=_honoured(facts, remote=_is_elsewhere(model, facts, host)),
        num_ctx=facts.num_ctx or num_ctx,
        keep_alive=keep_alive,
        may_truncate=may_truncate,
    )


def context_of(facts: ModelFacts, *, num_ctx: int | None) -> int | None:
    """
    Give the context that is really served, in tokens, or ``None`` where only the server knows.

    What is asked for with every request holds, up to what the model was made for; else what the server has said that
    it serves.  What a model was made for alone says nothing: servers give 4 096 tokens to models of 131 072.

    Example:
        >>> made_for = ModelFacts(trained_tokens=131_072)
        >>> context_of(made_for, num_ctx=None), context_of(made_for, num_ctx=16_384)
        (None, 16384)

    """
    asked = facts.num_ctx or num_ctx
    if asked is None:
        return facts.context_tokens
    return min(asked, facts.trained_tokens or asked)


def describe(provider: str, model: str, facts: ModelFacts, host: str, *, num_ctx: int | None) -> BackendDescriptor:
    """
    Describe one model.

    Args:
        provider: The provider's name.
        model: The model's name.
        facts: What is known of it.
        host: The host that is asked; empty: nobody has said.
        num_ctx: The context that the provider asks for.

    """
    remote = _is_elsewhere(model, facts, host)
    can = _abilities(facts, remote=remote)
    is_here = is_loopback(host) and not remote
    return BackendDescriptor.unstated(
        provider,
        model,
        cost_class=None if remote else CostClass.FREE,
        capabilities=ChatBackendCapabilities(
            context_tokens=context_of(facts, num_ctx=num_ctx),
            **{flag: can.get(flag, False) for flag in CAPABILITY_FLAGS},
        ),
        claims=Claims(
            source=facts.source,
            as_of=facts.as_of,
            capabilities={Capability.TEXT_GENERATION: True, Capability.STREAMING: True},
            honours=_honoured(facts, remote=remote),
            input_modalities=_taken(facts),
            output_modalities=frozenset({"text"}),
            prices=None if remote else Prices(input_usd_per_mtok=_NOTHING, output_usd_per_mtok=_NOTHING),
            data_sovereignty=frozenset({DataSovereignty.ON_PREMISES}) if is_here else None,
            requires_network=not is_here if host else None,
        ),
        unknown=frozenset(CAPABILITY_FLAGS) - can.keys(),
    )


def _abilities(facts: ModelFacts, *, remote: bool) -> dict[str, bool]:
    """Say what is known of the flags: the server keeps any model to a schema by a grammar, the cloud does not."""
    stated = dict.fromkeys(facts.able, True) | dict.fromkeys(facts.unable, False)
    return {"structured_output": not remote} | stated


def _honoured(facts: ModelFacts, *, remote: bool) -> frozenset[str]:
    """Leave out what the model is known not to do: schemas in the cloud, thinking where there is none."""
    refused = {*facts.refuses, *(("response_schema",) if remote else ())}
    if "reasoning" in facts.unable:
        refused.add("reasoning_effort")
    return frozenset(FEATURES) - refused


def _is_elsewhere(model: str, facts: ModelFacts, host: str) -> bool:
    """Say whether another machine than the server's computes the answers."""
    return facts.is_remote or is_remote(model) or host in _CLOUD


def _taken(facts: ModelFacts) -> frozenset[str] | None:
    if "vision" in facts.able:
        return frozenset({"text", "image"})
    return frozenset({"text"}) if "vision" in facts.unable else None
