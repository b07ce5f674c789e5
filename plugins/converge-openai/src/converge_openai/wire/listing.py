"""The list of models that a service gives, with the facts that it states."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import frozen

from converge_provider import Prices
from converge_provider.http import as_list, as_object, token_limit

__all__ = ("ListedModel", "models_from_wire")

_CONTEXT = ("context_length", "max_model_len", "max_context_length", "context_window", "n_ctx")
_OTHER_KINDS = frozenset(
    {
        "audio",
        "embedding",
        "embeddings",
        "image",
        "moderation",
        "music",
        "rerank",
        "transcribe",
        "tts",
        "upscale",
        "video",
    }
)
"""What lists of Together and Venice call models that do not chat."""
_MTOK = Decimal(1_000_000)
_PRICES = {
    "input_usd_per_mtok": "prompt",
    "output_usd_per_mtok": "completion",
    "cache_read_usd_per_mtok": "input_cache_read",
    "cache_write_usd_per_mtok": "input_cache_write",
    "cache_write_1h_usd_per_mtok": "input_cache_write_1h",
    "input_audio_usd_per_mtok": "audio",
    "cache_read_audio_usd_per_mtok": "input_audio_cache",
    "output_audio_usd_per_mtok": "audio_output",
}


@frozen(kw_only=True)
class ListedModel:
    """One model of a list; what the service does not state is ``None``."""

    id: str
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    prices: Prices | None = None
    tool_use: bool | None = None
    structured_output: bool | None = None
    reasoning: bool | None = None
    vision: bool | None = None


def models_from_wire(document: object) -> list[ListedModel]:
    """
    Read the answer of ``GET /models``.

    OpenAI gives ids alone; most add the context window under names of their own, OpenRouter also prices, parameters and
    modalities, Mistral and Kimi what a model can do.  Entries without an id, repeated ones, and models that say they do
    not chat are left out.
    """
    outer = as_object(document)
    entries = as_list(outer.get("data")) or as_list(document) or as_list(outer.get("models"))
    entries = entries or ([outer] if "id" in outer else [])
    found = (_listed(as_object(entry)) for entry in entries)
    return list({model.id: model for model in found if model is not None}.values())


def _listed(entry: Mapping[str, Any]) -> ListedModel | None:
    name = entry.get("id")
    able = as_object(entry.get("capabilities"))
    is_other = str(entry.get("type")) in _OTHER_KINDS or able.get("completion_chat") is False
    if not isinstance(name, str) or not name.strip() or is_other:
        return None
    top, meta = as_object(entry.get("top_provider")), as_object(entry.get("meta"))
    parameters = entry.get("supported_parameters")
    modalities = as_object(entry.get("architecture")).get("input_modalities")
    return ListedModel(
        id=name,
        context_tokens=_first_limit(entry, top, meta),
        max_output_tokens=token_limit(top.get("max_completion_tokens", entry.get("max_completion_tokens"))),
        prices=_prices(as_object(entry.get("pricing"))),
        tool_use=_stated(_among("tools", parameters), able.get("function_calling")),
        structured_output=_among("structured_outputs", parameters),
        reasoning=_stated(_among("reasoning", parameters), entry.get("supports_reasoning")),
        vision=_stated(_among("image", modalities), able.get("vision"), entry.get("supports_image_in")),
    )


def _first_limit(*sources: Mapping[str, Any]) -> int | None:
    found = (token_limit(source.get(key)) for source in sources for key in _CONTEXT)
    return next((count for count in found if count is not None), None)


def _among(name: str, names: object) -> bool | None:
    return name in names if isinstance(names, list) else None


def _stated(*values: object) -> bool | None:
    """Give the first yes or no."""
    return next((value for value in values if isinstance(value, bool)), None)


def _prices(pricing: Mapping[str, Any]) -> Prices | None:
    """Read prices per token; a negative one means that it varies (OpenRouter's own router)."""
    found: dict[str, Any] = {name: _per_mtok(pricing.get(key)) for name, key in _PRICES.items()}
    return Prices(**found) if found["input_usd_per_mtok"] is not None else None


def _per_mtok(price: object) -> Decimal | None:
    try:
        amount = Decimal(price) if isinstance(price, str) else None
    except InvalidOperation:
        return None
    return amount * _MTOK if amount is not None and amount.is_finite() and amount >= 0 else None
