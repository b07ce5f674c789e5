"""Asking the service for its models."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from attrs import evolve

from converge_gemini.errors import RULES
from converge_gemini.facts import ModelFacts
from converge_gemini.wire.listing import ListedModel, models_from_wire, next_page
from converge_provider import ProviderError
from converge_provider.http import HttpRequest, Transport, as_object, classify, open_transport, parsed

__all__ = ("list_models", "with_listed")

_PER_PAGE = 1_000
_MOST_PAGES = 50


async def list_models(template: HttpRequest, *, provider: str) -> Mapping[str, ListedModel]:
    """
    Ask ``GET /models``, page by page.

    Args:
        template: The address below which to ask, with its headers and timeouts.
        provider: The provider's name, for the errors.

    Returns:
        The models that can chat, by name, in the service's order.

    Raises:
        LlmError: There was no answer, or it was a refusal, or not a list of models.

    """
    found: dict[str, ListedModel] = {}
    page: str | None = ""
    transport = open_transport()
    try:
        for _ in range(_MOST_PAGES):
            document = await _page(transport, template, page, provider)
            found.update({model.name: model for model in models_from_wire(document)})
            page = next_page(document)
            if page is None:
                return found
    finally:
        await transport.aclose()
    message = f"{template.url}/models goes on after {_MOST_PAGES} pages"
    raise ProviderError(message).annotate(provider=provider)


async def _page(transport: Transport, template: HttpRequest, page: str | None, provider: str) -> Mapping[str, Any]:
    wanted = {"pageSize": str(_PER_PAGE)} | ({"pageToken": page} if page else {})
    url = f"{template.url}/models?{urlencode(wanted)}"
    response = await transport.send(evolve(template, method="GET", url=url))
    if not 200 <= response.status < 300:
        raise classify(response, RULES, provider=provider, backend=f"{provider}/", model="", now=time.time())
    document = as_object(parsed(response.body))
    if not isinstance(document.get("models", []), list) or not document:
        message = f"{response.url} gave no list of models but {response.content_type or 'something else'}"
        raise ProviderError(message).annotate(provider=provider)
    return document


def with_listed(facts: ModelFacts, listed: ListedModel, source: str) -> ModelFacts:
    """Add what the service's list states to what is known; what is known stays."""
    thinks = () if "reasoning" in (*facts.able, *facts.unable) or listed.thinks is None else ("reasoning",)
    return evolve(
        facts,
        context_tokens=facts.context_tokens or listed.context_tokens,
        max_output_tokens=facts.max_output_tokens or listed.max_output_tokens,
        able=(*facts.able, *(thinks if listed.thinks else ())),
        unable=(*facts.unable, *(() if listed.thinks else thinks)),
        source=facts.source or source,
    )
