"""``converge bench``: how fast a backend answers, and what the engine adds to it."""

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.naming import entry_named
from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.progress import Steps
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.words import DollarType, Number
from converge_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from converge_provider.registry import CatalogueEntry
    from converge_provider.testing.benching import BenchPlan, BenchReport, Percentiles
    from converge_provider.values.money import Cost

__all__ = ("command",)

_COLUMNS = (
    Column(title="WHAT", whole=True),
    Column(title="P50", right=True),
    Column(title="P90", right=True),
    Column(title="P99", right=True),
    Column(title="MOST", right=True),
    Column(title="UNIT"),
)


@click.command("bench")
@click.argument("backend")
@click.option("--calls", type=Number(1, 1_000_000), default=20, metavar="NUMBER", help="How many calls are made; 20.")
@click.option(
    "--concurrency", type=Number(1, 10_000), default=1, metavar="NUMBER", help="How many calls run at once; 1."
)
@click.option("--stream", is_flag=True, help="Stream the answers, and measure the time to the first text.")
@click.option("--prompt", metavar="TEXT", help="What is asked; a short request for four sentences when left out.")
@click.option(
    "--max-tokens", type=Number(1, 2**32 - 1), default=64, metavar="NUMBER", help="The longest answer, in tokens; 64."
)
@click.option(
    "--deadline", type=Number(0.001, 86_400.0), default=60.0, metavar="SECONDS", help="How long a call may take; 60."
)
@click.option(
    "--max-cost",
    type=DollarType(),
    default="0.05",
    show_default=True,
    help="The most that all calls may cost, by the claimed prices; no call is made that might go beyond it.",
)
@click.option("--any-cost", is_flag=True, help="Let it cost whatever it costs, also where no price is known.")
@click.option("--yes", is_flag=True, help="Yes, call a backend that is not on this machine.")
@json_option
@verbose_option
@pass_session
def command(
    session: Session,
    *,
    backend: str,
    calls: int,
    concurrency: int,
    stream: bool,
    prompt: str | None,
    max_tokens: int,
    deadline: float,
    max_cost: Decimal,
    any_cost: bool,
    yes: bool,
) -> int:
    """
    Measure how fast BACKEND answers, and what the engine adds to it.

    The same request is sent again and again through an engine.  Shown are the spread of the time to the whole answer,
    to the first text of streams, the part of it that was spent within the backend and the part that the engine took,
    and the tokens of answers per second.  Nothing is repeated that fails.

    A backend that is not on this machine is only called with --yes: it costs, and others may wait for it.

    The exit code is 0 when every call was answered, 1 when one was not, and 4 when BACKEND is not configured, its
    prices are unknown, or all calls together may cost more than the cap.
    """
    from converge_provider.testing.benching import BenchPlan, run_bench  # the kit: for this command alone

    plan = BenchPlan(
        calls=calls,
        concurrency=concurrency,
        stream=stream,
        prompt=BenchPlan().prompt if prompt is None else prompt,
        max_tokens=max_tokens,
        deadline_s=deadline,
    )
    entry = entry_named(session, backend)
    cap = None if any_cost else max_cost
    cost = _admitted(entry, plan, cap=cap, yes=yes)
    session.screen.say(
        f"converge: {calls} calls of {entry.id}, {concurrency} at a time, which may cost {_spoken(cost)}"
    )
    import anyio

    with Steps("calls", calls) as steps:
        report = anyio.run(lambda: run_bench(entry, plan, cost_cap_usd=cap, report=lambda: steps.done(entry.id)))
    if session.screen.json:
        from converge_provider import codec

        session.screen.document({"plan": codec.dump(plan), "report": codec.dump(report)})
    else:
        _print(session, report)
    return ExitCode.DONE if report.answered == calls else ExitCode.FAILED


def _admitted(entry: "CatalogueEntry", plan: "BenchPlan", *, cap: Decimal | None, yes: bool) -> "Cost":
    """
    Say what all calls cost at most, unless they must not be made.

    Raises:
        UsageError: The backend is not on this machine, and nobody said yes.
        ConfigurationError: The calls may cost more than they may, or nobody knows the prices.

    """
    from converge_provider.testing.benching import needs_network, price
    from converge_provider.values.money import Cost

    if needs_network(entry) and not yes:
        message = f"{entry.id} is not known to be on this machine: {plan.calls} calls would leave it; say --yes"
        raise click.UsageError(message)
    each = price(entry, plan)
    cost = Cost(usd=each.usd * plan.calls) if each.usd is not None else each
    if cap is not None and cost.usd is None:
        message = f"{entry.id} cannot be measured within ${cap:f}: {cost.unknown}"
        remedy = f'State its prices under [claims."{entry.id}".prices], or let it cost anything: --any-cost'
        raise ConfigurationError(message).with_remedy(remedy)
    if cap is not None and cost.usd is not None and cost.usd > cap:
        message = f"{plan.calls} calls of {entry.id} may cost {cost}, and the cap is ${cap:f}"
        remedy = "Make fewer calls or ask for shorter answers, or raise the cap: --max-cost"
        raise ConfigurationError(message).with_remedy(remedy)
    return cost


def _spoken(cost: "Cost") -> str:
    return f"anything ({cost.unknown})" if cost.usd is None else f"up to {cost}"


def _print(session: Session, report: "BenchReport") -> None:
    session.screen.table(_COLUMNS, _rows(report))
    failed = ", ".join(f"{name} {count}" for name, count in sorted(report.failed.items()))
    rate, taken = "", "nobody said how many tokens"
    if report.all_tokens_per_s is not None:
        rate = f", {report.all_tokens_per_s:.1f} tokens per second"
        taken = f"{report.input_tokens} tokens in, {report.output_tokens} out"
    session.screen.write(
        f"\n{report.backend}: {report.answered} of {report.calls} calls answered in {report.wall_s:.2f} s, "
        f"{report.calls_per_s:.1f} per second{rate}\n"
        f"{taken}; cost {report.cost}; failed: {failed or 'none'}"
    )
    if report.stopped is not None:
        session.screen.say(f"converge: stopped before the end: {report.stopped}")


def _rows(report: "BenchReport") -> "Iterator[Sequence[str]]":
    seconds: Sequence[tuple[str, Percentiles | None]] = (
        ("whole answer", report.total),
        ("first text", report.first_text),
        ("backend", report.backend_time),
        ("engine", report.engine_time),
    )
    for name, found in seconds:
        if found is not None:
            times = (found.p50, found.p90, found.p99, found.most)
            yield [name, *(f"{time_s * 1e3:.2f}" for time_s in times), "ms"]
    if (rates := report.tokens_per_s) is not None:
        yield [
            "one answer",
            *(f"{rate:.1f}" for rate in (rates.p50, rates.p90, rates.p99, rates.most)),
            "tokens per second",
        ]
