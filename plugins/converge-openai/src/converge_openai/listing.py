"""Asking a service for its models."""

import time
from collections.abc import Sequence

from attrs import evolve

from converge_openai.errors import rules_of
from converge_openai.facts import ModelFacts
from converge_openai.wire.listing import ListedModel, models_from_wire
from converge_provider import ProviderError
from converge_provider.http import HttpRequest, as_list, as_object, classify, open_transport, parsed

__all__ = ("list_models", "with_listed")

_LISTED = ("context_tokens", "max_output_tokens", "prices", "tool_use", "structured_output", "reasoning", "vision")


async def list_models(template: HttpRequest, *, provider: str, path: str = "models") -> Sequence[ListedModel]:
    """
    Ask for the models, usually ``GET /models``.

    Args:
        template: The address below which to ask, with its headers and timeouts.
        provider: The provider's name, for the errors.
        path: Where they are listed, below that address.

    Raises:
        LlmError: There was no answer, or it was a refusal, or not a list of models.

    """
    transport = open_transport()
    try:
        response = await transport.send(evolve(template, method="GET", url=f"{template.url}/{path}"))
    finally:
        await transport.aclose()
    if not 200 <= response.status < 300:
        raise classify(
            response, rules_of(provider), provider=provider, backend=f"{provider}/", model="", now=time.time()
        )
    document = parsed(response.body)
    if not (as_object(document) or as_list(document)):
        message = f"{response.url} gave no list of models but {response.content_type or 'something else'}"
        raise ProviderError(message).annotate(provider=provider)
    return models_from_wire(document)


def with_listed(facts: ModelFacts, listed: ListedModel, source: str) -> ModelFacts:
    """Add what a service's list states to what is known; what is known stays."""
    stated = {name: getattr(listed, name) for name in _LISTED if getattr(facts, name) is None}
    news = {name: value for name, value in stated.items() if value is not None}
    return evolve(facts, **news, source=facts.source or source) if news else facts
