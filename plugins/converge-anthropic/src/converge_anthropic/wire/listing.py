"""The list of models that a service gives, with the facts that it states."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from converge_provider.http import as_list, as_object, token_limit

__all__ = ("ListedModel", "models_from_wire", "next_page")


@frozen(kw_only=True)
class ListedModel:
    """One model of a list; what the service does not state is ``None`` or empty."""

    id: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    reasoning: bool | None = None
    vision: bool | None = None
    documents: bool | None = None
    structured_output: bool | None = None
    thinking: str | None = None
    no_thinking: str | None = None
    efforts: tuple[str, ...] = ()


def models_from_wire(document: object) -> list[ListedModel]:
    """Read a page of ``GET /models``; entries without an id, repeated ones and those of no further use are left out."""
    outer = as_object(document)
    found = (_listed(as_object(entry)) for entry in as_list(outer.get("data")))
    return list({model.id: model for model in found if model is not None}.values())


def next_page(document: object) -> str | None:
    """Give the id after which the next page begins, or ``None`` of the last page."""
    outer = as_object(document)
    last = outer.get("last_id")
    return last if outer.get("has_more") is True and isinstance(last, str) and last else None


def _listed(entry: Mapping[str, Any]) -> ListedModel | None:
    name = entry.get("id")
    if not isinstance(name, str) or not name.strip() or entry.get("lifecycle") == "retired":
        return None
    can = as_object(entry.get("capabilities"))
    kinds = as_object(as_object(can.get("thinking")).get("types"))
    return ListedModel(
        id=name,
        context_tokens=token_limit(entry.get("max_input_tokens")) or _window(as_object(entry.get("meta"))),
        max_output_tokens=token_limit(entry.get("max_tokens")),
        reasoning=_has(can, "thinking"),
        vision=_has(can, "image_input"),
        documents=_has(can, "pdf_input"),
        structured_output=_has(can, "structured_outputs"),
        thinking=next((way for kind, way in _WAYS if _has(kinds, kind)), None),
        no_thinking=next((kind for kind in ("disabled", "between_tools") if _has(kinds, kind)), None),
        efforts=_efforts(can, kinds),
    )


_WAYS = (("adaptive", "adaptive"), ("enabled", "budget"))
_LADDER = ("low", "medium", "high")


def _efforts(can: Mapping[str, Any], kinds: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the contract's efforts that the model takes; budgets make efforts for models without."""
    stated = as_object(can.get("effort"))
    levels = tuple(level for level in _LADDER if _has(stated, level))
    if not levels and _has(kinds, "enabled"):
        levels = _LADDER
    declines = any(_has(kinds, kind) for kind in ("disabled", "between_tools"))
    return (("none",) if declines and levels else ()) + levels


def _window(meta: Mapping[str, Any]) -> int | None:
    """Give the window as llama.cpp's server states it."""
    return token_limit(meta.get("n_ctx")) or token_limit(meta.get("n_ctx_train"))


def _has(abilities: Mapping[str, Any], name: str) -> bool | None:
    supported = as_object(abilities.get(name)).get("supported")
    return supported if isinstance(supported, bool) else None
