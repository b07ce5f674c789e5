"""Asking a server for its models."""

import time
from collections.abc import Mapping
from typing import Any

from attrs import evolve

from converge_ollama.errors import RULES
from converge_ollama.facts import ModelFacts
from converge_ollama.wire.listing import ShownModel, names_in, served_in, shown
from converge_provider import InvalidRequest, ModelNotFound, ProviderError
from converge_provider.http import HttpRequest, Transport, as_object, classify, json_post, open_transport, parsed

__all__ = ("list_models",)

_MOST_MODELS = 1_000
_NOT_THERE = (InvalidRequest, ModelNotFound, ProviderError)


async def list_models(
    template: HttpRequest, *, provider: str, known: Mapping[str, ModelFacts]
) -> Mapping[str, ModelFacts]:
    """
    Ask which models there are, which are loaded, and what each can do.

    Args:
        template: The address below which to ask, with its headers and timeouts.
        provider: The provider's name, for the errors.
        known: What the user has stated; it stays.

    Returns:
        The models that chat, by name, in the server's order.

    Raises:
        LlmError: There was no answer, or it was a refusal, or not a list of models.

    """
    transport = open_transport()
    try:
        listed = await _asked(transport, evolve(template, url=f"{template.url}/api/tags"), provider)
        if not isinstance(listed.get("models"), list):
            message = f"{template.url}/api/tags gave no list of models; check the base URL: Ollama answers elsewhere"
            raise ProviderError(message).annotate(provider=provider)
        served = await _served(transport, template, provider)
        found: dict[str, ModelFacts] = {}
        for name in names_in(listed)[:_MOST_MODELS]:
            model = await _shown(transport, template, name, provider)
            if model.chats:
                found[name] = _with_shown(known.get(name, ModelFacts()), model, served.get(name), template.url)
        return found
    finally:
        await transport.aclose()


async def _asked(transport: Transport, request: HttpRequest, provider: str) -> Mapping[str, Any]:
    response = await transport.send(request)
    if not 200 <= response.status < 300:
        raise classify(response, RULES, provider=provider, backend=f"{provider}/", model="", now=time.time())
    return as_object(parsed(response.body))


async def _served(transport: Transport, template: HttpRequest, provider: str) -> Mapping[str, int]:
    """Ask with which context loaded models are served; a server that does not say leaves it unknown."""
    try:
        return served_in(await _asked(transport, evolve(template, url=f"{template.url}/api/ps"), provider))
    except _NOT_THERE:
        return {}


async def _shown(transport: Transport, template: HttpRequest, name: str, provider: str) -> ShownModel:
    """Ask what one model can do; one that the server cannot show, since it is broken or just gone, stays unknown."""
    request = json_post(template, {"model": name}, url=f"{template.url}/api/show", stream=False)
    try:
        return shown(await _asked(transport, request, provider))
    except _NOT_THERE:
        return ShownModel()


def _with_shown(facts: ModelFacts, model: ShownModel, served: int | None, source: str) -> ModelFacts:
    """Add what the server states to what the user has stated."""
    known = {*facts.able, *facts.unable}
    remote = facts.is_remote or model.is_remote
    in_full = model.trained_tokens if remote else None  # the cloud serves what a model was made for
    return evolve(
        facts,
        trained_tokens=facts.trained_tokens or model.trained_tokens,
        context_tokens=facts.context_tokens or served or model.served_tokens or in_full,
        able=(*facts.able, *(flag for flag in model.able if flag not in known)),
        unable=(*facts.unable, *(flag for flag in model.unable if flag not in known)),
        is_remote=remote,
        source=facts.source or source,
    )
