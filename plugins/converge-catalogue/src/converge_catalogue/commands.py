"""``converge models``: search, compare, show and update what is known of models."""

import sys
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_catalogue.listings import Listing
    from converge_catalogue.snapshots import Head

__all__ = ("models",)

_ORDERS = ("price", "output-price", "context", "date", "name")
_ABILITIES = ("reasoning", "tool_use", "structured_output", "vision", "documents", "audio")


class _Models(click.Group):
    """Searches unless one of its commands is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take words that are no command as what is searched for."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["search", *args]
        return super().parse_args(ctx, args)


def _dollars(_ctx: click.Context, param: click.Parameter, value: str | None) -> Decimal | None:
    """Read an exact amount, or say what is wrong with it."""
    if value is None:
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        message = f"expected dollars, such as 2.50, got {value!r}"
        raise click.BadParameter(message, param=param)
    return found


_json_option = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document.")
_at_option = click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day whose prices are shown; today's if left out.",
)


@click.group("models", cls=_Models)
def models() -> None:
    """
    Search and compare what is known of models, with sources and dates.

    Without a command it searches: `converge models gpt --sort price`.  Only `update` uses the network.
    """


@models.command("search")
@click.argument("words", nargs=-1)
@click.option("--provider", "services", multiple=True, metavar="NAME", help="A service; may be repeated.")
@click.option(
    "--capability",
    "abilities",
    multiple=True,
    type=click.Choice([name.replace("_", "-") for name in _ABILITIES]),
    help="What it must be known to do; may be repeated.",
)
@click.option("--min-context", type=click.IntRange(1), metavar="TOKENS", help="The smallest window.")
@click.option("--max-price", callback=_dollars, metavar="USD", help="The most for a million tokens of input.")
@click.option("--max-output-price", callback=_dollars, metavar="USD", help="The most for a million tokens of output.")
@click.option("--sort", "order", type=click.Choice(_ORDERS), default="name", help="The best comes first.")
@click.option("--limit", type=click.IntRange(1), metavar="NUMBER", help="How many are shown; people see 50.")
@_at_option
@_json_option
def search(
    words: tuple[str, ...],
    *,
    services: tuple[str, ...],
    abilities: tuple[str, ...],
    min_context: int | None,
    max_price: Decimal | None,
    max_output_price: Decimal | None,
    order: str,
    limit: int | None,
    at: datetime | None,
    as_json: bool,
) -> None:
    """
    Search models by parts of their ids and names, all of which must be there.

    What is unknown satisfies no condition.
    """
    from converge_catalogue.listings import Wish, ordered
    from converge_catalogue.reports import found_document, print_document, print_search

    everything, heads = _listings(at, services)
    wish = Wish(
        words=words,
        abilities=[name.replace("-", "_") for name in abilities],
        min_context_tokens=min_context,
        max_input_usd_per_mtok=max_price,
        max_output_usd_per_mtok=max_output_price,
    )
    found = ordered(filter(wish.admits, everything), order)
    if as_json:
        print_document(found_document(found[:limit], heads, total=len(found)))
    else:
        print_search(found[: limit or 50], heads, total=len(found))


@models.command("compare")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_at_option
@_json_option
def compare(ids: tuple[str, ...], *, at: datetime | None, as_json: bool) -> None:
    """Compare models side by side; ID is as `converge models` shows it."""
    from converge_catalogue.reports import found_document, print_comparison, print_document

    found, heads = _named(ids, at)
    if as_json:
        print_document(found_document(found, heads, total=len(found)))
    else:
        print_comparison(found)


@models.command("show")
@click.argument("name", metavar="ID")
@_at_option
@_json_option
def show(name: str, *, at: datetime | None, as_json: bool) -> None:
    """Show all that is known of one model: each fact with its source and date, and every price it had."""
    from converge_catalogue.reports import print_document, print_whole, whole_document

    (found,), heads = _named((name,), at)
    if as_json:
        print_document(whole_document(found, heads))
    else:
        print_whole(found, heads)


@models.command("update")
@click.option("--force", is_flag=True, help="Fetch also what is younger than a day.")
@click.option("--prices-url", metavar="URL", help="Where the prices are to be had, if not where they are published.")
@click.option("--facts-url", metavar="URL", help="The same for the other facts.")
@_json_option
def update(*, force: bool, prices_url: str | None, facts_url: str | None, as_json: bool) -> int:
    """
    Fetch the newest prices and facts; what cannot be fetched or makes no sense leaves in use what was there.

    What was fetched within a day is not fetched again.
    """
    from converge_catalogue.reports import print_document, print_updates, updates_document
    from converge_catalogue.shelf import Shelf
    from converge_catalogue.updating import update as run

    shelf = Shelf()
    urls = {"prices": prices_url, "facts": facts_url}
    if sys.stderr.isatty():
        click.echo("fetching prices and facts …", err=True)
    found = run(shelf, urls={name: url for name, url in urls.items() if url}, force=force)
    if as_json:
        print_document(updates_document(found, shelf))
    else:
        print_updates(found, shelf)
    return int(any(one.outcome == "failed" for one in found))


def _listings(at: datetime | None, services: "Sequence[str]" = ()) -> "tuple[list[Listing], list[Head]]":
    from converge_catalogue.listings import listings
    from converge_catalogue.shelf import Shelf

    shelf = Shelf()
    moment = datetime.fromtimestamp(shelf.today_s, UTC) if at is None else at.replace(hour=12, tzinfo=UTC)
    found = listings(shelf, moment=moment, services=services)
    for problem in shelf.problems:
        click.echo(f"converge: left out {problem}; converge models update fetches it again", err=True)
    return found


def _named(ids: "Sequence[str]", at: datetime | None) -> "tuple[list[Listing], list[Head]]":
    """Find models by their ids, or say which is not there."""
    found, heads = _listings(at, [name.partition("/")[0].lower() for name in ids])
    known = {one.id.lower(): one for one in found}
    for name in ids:
        if name.lower() not in known:
            from difflib import get_close_matches  # seldom needed

            everywhere = {one.id.lower(): one.id for one in found or _listings(at)[0]}
            close = get_close_matches(name.lower(), everywhere, n=1)
            hint = f"; did you mean {everywhere[close[0]]!r}?" if close else "; converge models WORD searches"
            message = f"there is no model {name!r}{hint}"
            raise click.UsageError(message)
    return [known[name.lower()] for name in ids], heads
