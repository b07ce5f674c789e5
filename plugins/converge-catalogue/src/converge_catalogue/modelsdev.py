"""The data of models.dev → offers: windows, limits, modalities, capabilities, and prices where nobody else has them."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from converge_catalogue.offers import DatedPrices, Offer, Service, unique_names
from converge_catalogue.shapes import (
    RejectedError,
    amount,
    count_or_none,
    date_or_none,
    flag_or_none,
    label_or_none,
    members,
    table,
    text,
    text_or_none,
)

__all__ = ("services_of",)

_RATES = ("input", "output", "cache_read", "cache_write", "reasoning", "input_audio", "output_audio")
_MODALITIES = {"text": "text", "image": "image", "audio": "audio", "video": "video", "pdf": "document"}
_ABILITIES = {"reasoning": "reasoning", "tool_call": "tool_use", "structured_output": "structured_output"}
_MOST = 5_000
_MOST_TIERS = 20


def services_of(document: object, rejected: list[str]) -> Iterator[Service]:
    """
    Read the published document.

    Args:
        document: What is published, numbers as ``Decimal``.
        rejected: Takes what is wrong with models that are left out.

    Raises:
        RejectedError: It is no table of services.

    """
    services = table(document, "the document")
    if len(services) > _MOST:
        message = f"the document: expected at most {_MOST} services, got {len(services)}"
        raise RejectedError(message)
    for name, one in services.items():
        found = table(one, "a service")
        offers: list[Offer] = []
        for key, model in table(found.get("models"), f"models of {name[:80]}").items():
            try:
                offers.append(_offer(text(key, "id"), table(model, f"model {key[:80]}")))
            except RejectedError as exc:
                rejected.append(f"{name[:80]}: {exc}")
        names = unique_names((offer.id, place) for place, offer in enumerate(offers))
        url = text_or_none(found.get("doc"), "doc")
        yield Service(id=text(name, "a service's id"), url=url, offers=offers, names=names)


def _offer(name: str, model: Mapping[str, Any]) -> Offer:
    limit = table(model.get("limit") or {}, f"limit of {name}")
    modalities = table(model.get("modalities") or {}, f"modalities of {name}")
    abilities = {ours: flag_or_none(model.get(theirs), f"{theirs} of {name}") for theirs, ours in _ABILITIES.items()}
    return Offer(
        id=name,
        name=label_or_none(model.get("name"), f"name of {name}"),
        context_tokens=count_or_none(limit.get("context"), f"context of {name}"),
        max_output_tokens=count_or_none(limit.get("output"), f"output of {name}"),
        inputs=_modalities(modalities.get("input"), name),
        outputs=_modalities(modalities.get("output"), name),
        abilities={ability: stated for ability, stated in abilities.items() if stated is not None},
        prices=[] if model.get("cost") is None else [_prices(table(model["cost"], f"cost of {name}"), name)],
        updated=date_or_none(model.get("last_updated"), f"last_updated of {name}"),
        deprecated=model.get("status") == "deprecated",
    )


def _modalities(stated: object, name: str) -> list[str] | None:
    """Give modalities in our words; one that we have no word for is left out."""
    if stated is None:
        return None
    words = [text(one, f"modality of {name}") for one in members(stated, f"modalities of {name}", most=20)]
    return sorted(_MODALITIES[word] for word in set(words) if word in _MODALITIES) or None


def _prices(cost: Mapping[str, Any], name: str) -> DatedPrices:
    tiers: list[tuple[int, Mapping[str, Decimal]]] = []
    for one in members(cost.get("tiers") or [], f"tiers of {name}", most=_MOST_TIERS):
        limit = table(table(one, f"tier of {name}").get("tier"), f"tier of {name}")
        if limit.get("type") != "context":
            message = f"tier of {name}: expected one of context, got {str(limit.get('type'))[:40]!r}"
            raise RejectedError(message)
        tiers.append((count_or_none(limit.get("size"), f"tier of {name}") or 0, _rates(one, name)))
    longer = cost.get("context_over_200k")
    if longer is not None and not tiers:
        tiers.append((200_000, _rates(table(longer, f"cost of {name}"), name)))
    return DatedPrices(rates=_rates(cost, name), tiers=sorted(tiers, key=lambda tier: tier[0]))


def _rates(cost: Mapping[str, Any], name: str) -> Mapping[str, Decimal]:
    return {kind: amount(cost[kind], f"{kind} of {name}") for kind in _RATES if cost.get(kind) is not None}
