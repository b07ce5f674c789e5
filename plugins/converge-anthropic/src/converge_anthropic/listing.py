"""Asking a service for its models."""

import time
from collections.abc import Sequence
from urllib.parse import quote

from attrs import evolve

from converge_anthropic.errors import RULES
from converge_anthropic.facts import ModelFacts
from converge_anthropic.wire.listing import ListedModel, models_from_wire, next_page
from converge_provider import ProviderError
from converge_provider.http import HttpRequest, HttpResponse, as_object, classify, open_transport, parsed

__all__ = ("list_models", "with_listed")

_PER_PAGE = 1000
_MOST_PAGES = 20


async def list_models(template: HttpRequest, *, provider: str) -> Sequence[ListedModel]:
    """
    Ask ``GET /models``, page by page.

    Args:
        template: The address below which to ask, with its headers and timeouts.
        provider: The provider's name, for the errors.

    Raises:
        LlmError: There was no answer, or it was a refusal, or not a list of models.

    """
    found: dict[str, ListedModel] = {}
    transport = open_transport()
    try:
        after = ""
        for _ in range(_MOST_PAGES):
            url = f"{template.url}/models?limit={_PER_PAGE}{after}"
            page = _page(await transport.send(evolve(template, method="GET", url=url)), provider)
            found |= {model.id: model for model in models_from_wire(page)}
            last = next_page(page)
            if last is None:
                break
            after = f"&after_id={quote(last, safe='')}"
    finally:
        await transport.aclose()
    return list(found.values())


def _page(response: HttpResponse, provider: str) -> object:
    if not 200 <= response.status < 300:
        raise classify(response, RULES, provider=provider, backend=f"{provider}/", model="", now=time.time())
    document = parsed(response.body)
    if not as_object(document):
        message = f"{response.url} gave no list of models but {response.content_type or 'something else'}"
        raise ProviderError(message).annotate(provider=provider)
    return document


_LISTED = (
    "context_tokens",
    "max_output_tokens",
    "reasoning",
    "vision",
    "documents",
    "structured_output",
    "thinking",
    "no_thinking",
    "efforts",
)


def with_listed(facts: ModelFacts, listed: ListedModel, source: str) -> ModelFacts:
    """Add what a service's list states to what is known; what is known stays."""
    stated = {name: getattr(listed, name) for name in _LISTED if getattr(facts, name) in (None, ())}
    news = {name: value for name, value in stated.items() if value not in (None, ())}
    return evolve(facts, **news, source=facts.source or source) if news else facts
