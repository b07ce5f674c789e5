"""The list of models that the service gives, with the facts that it states."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from converge_provider.http import as_list, as_object, token_limit

__all__ = ("ListedModel", "models_from_wire", "next_page")

_METHOD = "generateContent"


@frozen(kw_only=True)
class ListedModel:
    """One model of a list; what the service does not state is ``None``."""

    name: str
    """Its name, without ``models/``."""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    thinks: bool | None = None


def models_from_wire(document: Mapping[str, Any]) -> list[ListedModel]:
    """Read one page of ``GET /models``: the models that answer ``generateContent``; others have no place here."""
    entries = (as_object(entry) for entry in as_list(document.get("models")))
    found = (_listed(entry) for entry in entries if _METHOD in as_list(entry.get("supportedGenerationMethods")))
    return [model for model in found if model is not None]


def next_page(document: Mapping[str, Any]) -> str | None:
    """Give what asks for the next page, or ``None`` after the last one."""
    token = document.get("nextPageToken")
    return token if isinstance(token, str) and token else None


def _listed(entry: Mapping[str, Any]) -> ListedModel | None:
    name = entry.get("name")
    if not isinstance(name, str) or not name.removeprefix("models/").strip():
        return None
    thinks = entry.get("thinking")
    return ListedModel(
        name=name.removeprefix("models/"),
        context_tokens=token_limit(entry.get("inputTokenLimit")),
        max_output_tokens=token_limit(entry.get("outputTokenLimit")),
        thinks=thinks if isinstance(thinks, bool) else None,
    )
