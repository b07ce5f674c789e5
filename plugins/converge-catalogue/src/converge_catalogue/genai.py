"""The data of genai-prices → offers: prices by size, date and hour."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time
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
from converge_provider.http import as_list, as_object

__all__ = ("plain", "services_of")

_RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "input_audio",
    "cache_audio_read_mtok": "cache_read_audio",
    "output_audio_mtok": "output_audio",
}
_PER_CALL = "requests_kcount"
_MOST_MODELS = 5_000
_MOST_SERVICES = 1_000
_MOST_PRICES = 100
_MOST_CLAUSES = 200
_MOST_TIERS = 20
_WITH_DATE = re.compile(r"\^(?P<name>(?:[\w/@:-]|\\[.\-])+)-(?:\\d\{8\}|\\d\{4\}-\\d\{2\}-\\d\{2\})\$")
"""The form of pattern that says: this name and a date."""


def plain(value: object) -> Any:  # noqa: ANN401 - a document
    """Give the library's objects as the document that it publishes."""
    if is_dataclass(value):
        names = [field.name for field in fields(value) if field.name != "extractors"]  # how to read answers: not ours
        found = {name.rstrip("_"): plain(getattr(value, name)) for name in names}
        return {name: one for name, one in found.items() if one is not None}
    several, named = as_list(value), as_object(value)
    if isinstance(value, list):
        return [plain(one) for one in several]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in named.items()}
    if value is None or isinstance(value, str | int | Decimal):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    prices: dict[str, object] = vars(value)
    return {name: plain(one) for name, one in prices.items() if one is not None}


def services_of(document: object, rejected: list[str]) -> Iterator[Service]:
    """
    Read the published document.

    Args:
        document: What is published, numbers as ``Decimal``.
        rejected: Takes what is wrong with models that are left out.

    Raises:
        RejectedError: It is no list of services.

    """
    for one in members(document, "the document", most=_MOST_SERVICES):
        found = table(one, "a service")
        service_id = text(found.get("id"), "a service's id")
        offers: list[Offer] = []
        names: list[tuple[str, int]] = []
        dated: list[tuple[str, int]] = []
        for model in members(found.get("models"), f"models of {service_id}", most=_MOST_MODELS):
            try:
                offer, called, begun = _offer(table(model, "a model")), list(_names(model)), list(_dated_names(model))
            except RejectedError as exc:
                rejected.append(f"{service_id}: {exc}")
                continue
            names += [(name, len(offers)) for name in called]
            dated += [(name, len(offers)) for name in begun]
            offers.append(offer)
        urls = members(found.get("pricing_urls", []), "pricing_urls", most=50)
        url = text_or_none(urls[0], "a pricing URL") if urls else None
        own = unique_names(names)
        shared = {called.lower() for called, _ in names} - own.keys()
        begins = unique_names(dated).items()
        yield Service(
            id=service_id,
            url=url,
            offers=offers,
            names=own,
            dated={name: place for name, place in begins if name not in shared and own.get(name, place) == place},
        )


def _offer(model: Mapping[str, Any]) -> Offer:
    name = text(model.get("id"), "id")
    given = model.get("prices")
    several = members(given, f"prices of {name}", most=_MOST_PRICES) if as_list(given) else [{"prices": given}]
    return Offer(
        id=name,
        name=label_or_none(model.get("name"), f"name of {name}"),
        context_tokens=count_or_none(model.get("context_window"), f"context_window of {name}"),
        prices=[_prices(table(one, f"prices of {name}"), name) for one in several],
        deprecated=flag_or_none(model.get("deprecated"), f"deprecated of {name}") or False,
    )


def _names(model: Mapping[str, Any]) -> Iterator[str]:
    """
    Name a model: its id, unless its rule does not match that, and what the rule says it is called.

    A rule of any other form names nothing: who matches by it may take one model for another.
    """
    name = text(model.get("id"), "id")
    if _may_match(table(model.get("match"), "match"), name.lower()):
        yield name
    yield from (text(clause["equals"], "equals") for clause in _clauses(model) if "equals" in clause)


def _dated_names(model: Mapping[str, Any]) -> Iterator[str]:
    """Give the names that dates of versions are added to: what names begin with, or a pattern of just that form."""
    for clause in _clauses(model):
        match clause:
            case {"starts_with": begin}:
                yield text(begin, "starts_with")
            case {"regex": str(pattern)} if found := _WITH_DATE.fullmatch(pattern):
                yield text(found["name"].replace("\\", ""), "regex")
            case _:
                pass


def _clauses(model: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rule = table(model.get("match"), "match")
    clauses = members(rule.get("or"), "match", most=_MOST_CLAUSES) if "or" in rule else [rule]
    return [table(one, "match") for one in clauses]


def _may_match(rule: Mapping[str, Any], name: str) -> bool:
    """Say whether a rule may match a name: some ids are only labels.  Patterns of others are not run."""
    match rule:
        case {"equals": str(whole)}:
            return name == whole.lower()
        case {"starts_with": str(begin)}:
            return name.startswith(begin.lower())
        case {"ends_with": str(end)}:
            return name.endswith(end.lower())
        case {"contains": str(part)}:
            return part.lower() in name
        case {"or": several}:
            return any(_may_match(table(one, "match"), name) for one in members(several, "match", most=_MOST_CLAUSES))
        case _:
            return True


def _prices(found: Mapping[str, Any], name: str) -> DatedPrices:
    condition = table(found.get("constraint") or {}, f"constraint of {name}")
    known = {"start_date", "start_time", "end_time"}
    if condition.keys() - known:
        message = f"constraint of {name}: expected {', '.join(sorted(known))}, got {', '.join(sorted(condition))[:80]}"
        raise RejectedError(message)
    prices = table(found.get("prices"), f"prices of {name}")
    stated = {ours: prices[theirs] for theirs, ours in _RATES.items() if prices.get(theirs) is not None}
    base = {ours: _base(price, f"{ours} of {name}") for ours, price in stated.items()}
    return DatedPrices(
        since=date_or_none(condition.get("start_date"), f"start_date of {name}"),
        minutes=_minutes(condition, name),
        rates=base,
        tiers=_tiers({ours: price for ours, price in stated.items() if isinstance(price, Mapping)}, name),
        beside=sorted(str(key)[:80] for key, price in prices.items() if key not in _RATES and price is not None),
        unfit="every call costs something beside its tokens" if prices.get(_PER_CALL) else None,
    )


def _base(price: object, what: str) -> Decimal:
    return amount(as_object(price).get("base", price), what)


def _tiers(tiered: Mapping[str, Any], name: str) -> Sequence[tuple[int, Mapping[str, Decimal]]]:
    """Give the rates of each tier: for each kind of token, those of the highest tier that has begun."""
    begun: dict[int, dict[str, Decimal]] = {}
    for ours, price in tiered.items():
        for one in members(price.get("tiers"), f"tiers of {name}", most=_MOST_TIERS):
            tier = table(one, f"tier of {name}")
            start = count_or_none(tier.get("start"), f"start of a tier of {name}") or 0
            begun.setdefault(start, {})[ours] = amount(tier.get("price"), f"price of a tier of {name}")
    found: list[tuple[int, Mapping[str, Decimal]]] = []
    rates: dict[str, Decimal] = {}
    for start in sorted(begun):
        rates = rates | begun[start]
        found.append((start, rates))
    return found


def _minutes(condition: Mapping[str, Any], name: str) -> tuple[int, int] | None:
    """Give the minutes of the day, in UTC, that a condition names."""
    if "start_time" not in condition and "end_time" not in condition:
        return None
    if "start_date" in condition:
        message = f"constraint of {name}: expected a date or hours, got both"
        raise RejectedError(message)
    return _minute(condition.get("start_time"), name), _minute(condition.get("end_time"), name)


def _minute(value: object, name: str) -> int:
    what = f"hours of {name}"
    try:
        found = time.fromisoformat(text(value, what).replace("Z", "+00:00"))
    except ValueError as exc:
        message = f"{what}: expected a time, got {str(value)[:60]!r}"
        raise RejectedError(message) from exc
    offset = found.utcoffset()
    minute = found.hour * 60 + found.minute - (0 if offset is None else int(offset.total_seconds() // 60))
    if found.second or found.microsecond:
        message = f"{what}: expected whole minutes, got {str(value)[:60]!r}"
        raise RejectedError(message)
    return minute % (24 * 60)
