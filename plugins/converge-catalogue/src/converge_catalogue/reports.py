"""What ``converge models`` prints: tables for people, documents for programs."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from decimal import Decimal
from typing import Any

import click

from converge_catalogue.declaring import claims_of
from converge_catalogue.listings import Listing
from converge_catalogue.matching import service_ids
from converge_catalogue.offers import RATES, DatedPrices
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Head
from converge_catalogue.sources import SOURCES
from converge_catalogue.updating import Update, is_fresh
from converge_provider import Prices, codec
from converge_provider.http import as_list, as_object

__all__ = (
    "found_document",
    "print_comparison",
    "print_document",
    "print_search",
    "print_updates",
    "print_whole",
    "updates_document",
    "whole_document",
)

_USUAL = 5
"""So many kinds of tokens are shown always, the rest where somebody states a price."""


def print_document(document: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def found_document(found: Iterable[Listing], heads: Iterable[Head], *, total: int) -> dict[str, Any]:
    """Give models, and what the snapshots are of."""
    return {"models": [_document(one) for one in found], "total": total, "snapshots": [_head(one) for one in heads]}


def whole_document(one: Listing, heads: Sequence[Head]) -> dict[str, Any]:
    """Give all that is known of a model."""
    return {
        **_document(one),
        "claims": [codec.dump(claims) for claims in _claims(one, heads)],
        "history": [found.document() for found in _history(one)],
        "snapshots": [_head(head) for head in heads],
    }


def _document(one: Listing) -> dict[str, Any]:
    prices = one.prices
    return {
        "id": one.id,
        "service": one.service,
        "model": one.model,
        "name": one.name,
        "context_tokens": one.context_tokens,
        "max_output_tokens": one.max_output_tokens,
        "capabilities": dict(one.abilities),
        "input_modalities": _modalities(one, "inputs"),
        "output_modalities": _modalities(one, "outputs"),
        "prices": None if prices is None else codec.dump(prices),
        "cost_class": None if prices is None or (word := prices.cost_class()) is None else word.value,
        "updated": one.updated and one.updated.isoformat(),
        "deprecated": one.deprecated,
    }


def _modalities(one: Listing, direction: str) -> list[str] | None:
    stated = None if one.facts_offer is None else getattr(one.facts_offer, direction)
    return None if stated is None else list(stated)


def _head(head: Head) -> dict[str, Any]:
    return {"source": head.source, "as_of": head.as_of.isoformat(), "url": head.url, "models": head.models}


def print_search(found: Sequence[Listing], heads: Sequence[Head], *, total: int) -> None:
    """Print models as a table, and what it is made of."""
    columns = ("MODEL", "CONTEXT", "INPUT $/M", "OUTPUT $/M", "CAN")
    _table(columns, ((_called(one), *_facts(one)) for one in found), right=("CONTEXT", "INPUT $/M", "OUTPUT $/M"))
    shown = "" if len(found) == total else f"{len(found)} of {total} models; --limit shows more. "
    click.echo(f"{shown}Prices of {_sources(heads)}; + is more for long requests or at other hours.", err=True)


def _called(one: Listing) -> str:
    return f"{one.id} (deprecated)" if one.deprecated else one.id


def _facts(one: Listing) -> tuple[str, str, str, str]:
    prices = one.prices
    able = ", ".join(name.replace("_", "-") for name, stated in one.abilities.items() if stated)
    return (
        _tokens(one.context_tokens),
        _rate(prices, "input"),
        _rate(prices, "output"),
        able or "?" * (not one.abilities),
    )


def _tokens(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


def _rate(prices: Prices | None, name: str) -> str:
    price: Decimal | None = None if prices is None else getattr(prices, f"{name}_usd_per_mtok")
    if prices is None or price is None:
        return "?"
    more = any(getattr(one, f"{name}_usd_per_mtok") not in (None, price) for one in (*prices.tiers, *prices.hours))
    return f"{price:f}{'+' if more else ''}"


def _sources(heads: Iterable[Head]) -> str:
    return " and ".join(f"{head.source} ({head.as_of})" for head in heads)


def print_comparison(found: Sequence[Listing]) -> None:
    """Print models side by side, a fact per line."""
    stated = {name for one in found for name in RATES if _rate(one.prices, name) != "?"}
    rows: list[tuple[str, list[str]]] = [
        ("name", [one.name or "?" for one in found]),
        ("context, tokens", [_tokens(one.context_tokens) for one in found]),
        ("longest answer, tokens", [_tokens(one.max_output_tokens) for one in found]),
        *((f"{name.replace('_', ' ')}, $/M", [_rate(one.prices, name) for one in found]) for name in _kinds(stated)),
        ("reads", [", ".join(_modalities(one, "inputs") or ["?"]) for one in found]),
    ]
    able = dict.fromkeys(name for one in found for name in one.abilities)
    rows += [(name.replace("_", "-"), [_yes_or_no(one.abilities.get(name)) for one in found]) for name in able]
    rows.append(("looked at", [str(one.updated or "?") for one in found]))
    _table(("FACT", *(one.id for one in found)), ((name, *cells) for name, cells in rows))


def _yes_or_no(stated: bool | None) -> str:  # noqa: FBT001 - a fact, not a switch
    return "?" if stated is None else "yes" if stated else "no"


def print_whole(one: Listing, heads: Sequence[Head]) -> None:
    """Print all that is known of a model."""
    click.echo(f"{_called(one)}{f': {one.name}' if one.name else ''}")
    rows = [
        (fact, value, str(claims.source), str(claims.as_of))
        for claims in _claims(one, heads)
        for fact, value in _stated(codec.dump(claims))
    ]
    _table(("FACT", "VALUE", "SOURCE", "AS OF"), rows)
    history = list(_history(one))
    if history:
        click.echo("\nPrices, $ per million tokens; of those that hold at a moment the last counts:")
        every = (rates for one in history for rates in (one.rates, *(rates for _, rates in one.tiers)))
        kinds = _kinds({name for rates in every for name in rates})
        _table(("WHEN", *(name.replace("_", " ").upper() for name in kinds), "BESIDE"), _history_rows(history, kinds))


def _kinds(stated: AbstractSet[str]) -> Sequence[str]:
    return (*RATES[:_USUAL], *(name for name in RATES[_USUAL:] if name in stated))


def _claims(one: Listing, heads: Sequence[Head]) -> Sequence[Any]:
    ids = service_ids(one.service)
    by_title = {source.title: head for source in SOURCES for head in heads if head.source.startswith(source.title)}
    offers = (one.prices_offer, one.facts_offer)
    entries = [
        (source, by_title[source.title], service_id, offer)
        for source, service_id, offer in zip(SOURCES, ids, offers, strict=True)
        if offer is not None and source.title in by_title
    ]
    return claims_of(entries, moment=one.moment)


def _stated(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give each stated fact of claims as a line."""
    for fact, value in document.items():
        if value is None or fact in {"source", "as_of"}:
            continue
        parts = as_object(value)
        if isinstance(value, dict):
            known = {name: one for name, one in parts.items() if one is not None and name not in {"tiers", "hours"}}
            yield from ((f"{fact}.{name}", _said(one)) for name, one in known.items())  # those two stand in the history
        else:
            yield fact, _said(value)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return _yes_or_no(value)
    several = as_list(value)
    if isinstance(value, list):
        return ", ".join(_said(one) for one in several)
    return f"{value:,}" if isinstance(value, int) else str(value)


def _history(one: Listing) -> Iterator[DatedPrices]:
    for offer in (one.prices_offer, one.facts_offer):
        if offer is not None and offer.prices:
            yield from offer.prices
            return


def _history_rows(history: Iterable[DatedPrices], kinds: Sequence[str]) -> Iterator[Sequence[str]]:
    for one in history:
        beside = ", ".join(one.beside)
        yield _when(one), *(_dollars(one.rates.get(name)) for name in kinds), beside
        for above, rates in one.tiers:
            yield f"  above {above:,} tokens", *(_dollars(rates.get(name)) for name in kinds), ""


def _when(one: DatedPrices) -> str:
    if one.minutes is not None:
        begin, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in one.minutes)
        return f"{begin} to {end} UTC"
    return "always" if one.since is None else f"since {one.since}"


def _dollars(price: Decimal | None) -> str:
    return "" if price is None else f"{price:f}"


def updates_document(found: Iterable[Update], shelf: Shelf) -> dict[str, Any]:
    """Say how an update went."""
    return {
        "updates": [
            {
                "source": one.source,
                "outcome": one.outcome,
                "in_use": None if one.head is None else {**_head(one.head), "age_s": _age_s(one.head, shelf)},
                "problem": one.problem,
                "left_out": list(one.rejected),
            }
            for one in found
        ]
    }


def _age_s(head: Head, shelf: Shelf) -> float | None:
    return None if head.fetched_s is None else round(shelf.today_s - head.fetched_s, 3)


def print_updates(found: Iterable[Update], shelf: Shelf) -> None:
    """Say how an update went, one line per source."""
    for one in found:
        click.echo(_update_line(one, shelf), err=one.outcome == "failed")
        if one.rejected:
            click.echo(f"{one.source}: left out {len(one.rejected)} that make no sense: {one.rejected[0]}", err=True)


def _update_line(one: Update, shelf: Shelf) -> str:
    if one.head is None:
        return f"{one.source}: {one.problem}; nothing is there to use instead"
    age = _age_s(one.head, shelf)
    since = f"of {one.head.as_of}" if age is None else f"fetched {_ago(age)} ago"
    if one.outcome == "fetched":
        return f"{one.source}: {one.head.models:,} models of {one.head.source} are there now"
    if one.outcome == "fresh":
        return f"{one.source}: {since}, which is still fresh; --force fetches it again"
    stale = age is not None and not is_fresh(one.head, shelf.today_s)
    kept = f"{one.head.source}, {since}{', which is stale' if stale else ''}"
    return f"{one.source}: {one.problem}; in use is still what is there: {kept}"


def _ago(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 10_000)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())
