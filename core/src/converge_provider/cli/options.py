"""The options that several commands share."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

import attrs
import click

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.session import Session
from converge_provider.cli.wishes import NEEDS, PROFILES, Manner, Wish
from converge_provider.cli.words import DollarType, Number, PolicyType, SchemaType, WordType
from converge_provider.values.constraints import DataClassification, RiskTier
from converge_provider.values.vocabulary import (
    ComplianceLevel,
    CostTier,
    Jurisdiction,
    LatencyClass,
    TaskComplexity,
)

__all__ = ("help_unless_invoked", "json_option", "request_options", "selection_options", "verbose_option")

F = TypeVar("F", bound=Callable[..., Any])

_SELECTION = (
    click.option(
        "--profile", type=click.Choice(list(PROFILES), case_sensitive=False), help="A set of criteria to start from."
    ),
    click.option("--jurisdiction", type=WordType(Jurisdiction), help="Whose law the provider may stand under."),
    click.option("--latency", type=WordType(LatencyClass), help="How long you are willing to wait."),
    click.option("--cost", type=WordType(CostTier), help="How much you are willing to pay."),
    click.option("--complexity", type=WordType(TaskComplexity), help="How hard the task is."),
    click.option("--compliance", type=WordType(ComplianceLevel), help="The rulebook it must be certified for."),
    click.option(
        "--need",
        multiple=True,
        type=click.Choice(NEEDS, case_sensitive=False),
        metavar="CAPABILITY",
        help=f"What the backend must be able to do; may be repeated. One of {', '.join(NEEDS)}.",
    ),
    click.option(
        "--context-tokens",
        type=Number(0, 2**64 - 1),
        metavar="NUMBER",
        help="Tokens that the context window must hold.",
    ),
    click.option("--user-country", metavar="CODE", help="The user's country, an ISO 3166 code."),
    click.option("--user-region", metavar="REGION", help="The user's region: EU, US, …"),
    click.option("--backend", metavar="ID", help="Only this backend, `provider/model` or an alias."),
    click.option("--provider", metavar="NAME", help="Only this provider."),
    click.option(
        "--policy",
        multiple=True,
        type=PolicyType(),
        help="A policy that ranks the candidates, its weight and tier; may be repeated; replaces the configured ones.",
    ),
    click.option("--max-usd", type=DollarType(), help="The most that this request may cost, in US dollars."),
    click.option(
        "--region", multiple=True, metavar="REGION", help="A region in which it may compute; may be repeated."
    ),
    click.option(
        "--country", multiple=True, metavar="CODE", help="A country in which it may compute; may be repeated."
    ),
    click.option(
        "--certified",
        multiple=True,
        metavar="NAME",
        help="A rulebook that it must be certified for: GDPR, ISO27001, …; may be repeated.",
    ),
    click.option(
        "--max-retention-days",
        type=Number(0, 2**32 - 1),
        metavar="DAYS",
        help="For how long what is sent may be kept; 0: not at all.",
    ),
    click.option("--no-training", is_flag=True, help="Nobody may train on what is sent."),
    click.option("--replay", is_flag=True, help="The same request and seed must give the same answer again."),
    click.option("--offline", is_flag=True, help="No call may leave this machine."),
    click.option(
        "--allow", multiple=True, metavar="NAME", help="A provider or backend that may be asked; may be repeated."
    ),
    click.option(
        "--deny", multiple=True, metavar="NAME", help="A provider or backend that must not be; may be repeated."
    ),
    click.option("--risk", type=WordType(RiskTier), help="How much harm a wrong or leaked answer may do."),
    click.option("--data", type=WordType(DataClassification), help="How secret what is sent is."),
)


def selection_options(function: F) -> F:
    """Give a command the options of a selection, as one argument ``wish``."""
    return _bundled(function, Wish, "wish", _SELECTION)


_MANNER = (
    click.option("--system", metavar="TEXT", help="The system text, which comes before the prompt."),
    click.option(
        "--max-tokens", type=Number(1, 2**32 - 1), metavar="NUMBER", help="The longest answer, in tokens, at least 1."
    ),
    click.option(
        "--temperature", type=Number(0.0, 2.0), metavar="NUMBER", help="0: the likeliest answer; 2: anything."
    ),
    click.option(
        "--seed",
        type=Number(-(2**63), 2**63 - 1),
        metavar="NUMBER",
        help="The seed of the sampling, for an answer that can be had again.",
    ),
    click.option(
        "--deadline",
        type=Number(0.001, 86_400.0),
        metavar="SECONDS",
        help="How long the answer may take, over all attempts.",
    ),
    click.option("--schema", type=SchemaType(), help="A JSON Schema that the answer must satisfy."),
)


def request_options(function: F) -> F:
    """Give a command the options of a request, as one argument ``manner``."""
    return _bundled(function, Manner, "manner", _MANNER)


def _bundled(function: F, bundle: type, name: str, options: Sequence[Callable[[Any], Any]]) -> F:
    fields = [field.name for field in attrs.fields(bundle)]

    @wraps(function)
    def collected(*args: object, **given: Any) -> object:  # noqa: ANN401 - click's own
        made = bundle(**{field: given.pop(field) for field in fields})
        return function(*args, **given, **{name: made})

    decorated: Any = collected
    for option in reversed(options):
        decorated = option(decorated)
    return cast("F", decorated)


def help_unless_invoked(context: click.Context) -> int:
    """Print the help of a group of commands that was called without one of them."""
    if context.invoked_subcommand is not None:
        return ExitCode.DONE
    click.echo(context.get_help())
    return ExitCode.USAGE


class Decorates(Protocol):
    """What gives a command an option."""

    def __call__(self, function: F, /) -> F:
        """Give it to this function."""
        ...


def _log_to_stderr(ctx: click.Context, _param: click.Parameter, count: int) -> None:
    ctx.ensure_object(Session).logs.show(count)


def _want_json(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's order
    ctx.ensure_object(Session).screen.json |= wanted


verbose_option: Decorates = click.option(
    "-v",
    "--verbose",
    count=True,
    expose_value=False,
    is_eager=True,
    callback=_log_to_stderr,
    help="Log to standard error; -vv with every detail.",
)
json_option: Decorates = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_want_json,
    help="Print exactly one JSON document on standard output.",
)
