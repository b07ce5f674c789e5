"""``converge verify``: whether a backend does what is claimed of it."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
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
from converge_provider.registry.evidence import LONGEST_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.registry import CatalogueEntry, LoadedPlugin
    from converge_provider.testing.conformance import Check
    from converge_provider.testing.verifying import Verification
    from converge_provider.values.claims import Claims
    from converge_provider.values.money import Cost

__all__ = ("command",)

_COLUMNS = (
    Column(title="CHECK", whole=True),
    Column(title="RESULT", whole=True),
    Column(title="SECONDS", right=True),
    Column(title="WHAT WAS FOUND"),
)


@click.command("verify")
@click.argument("backend", required=False)
@click.option("--check", "names", multiple=True, metavar="ID", help="Only this check; may be repeated.")
@click.option(
    "--max-cost",
    type=DollarType(),
    default="0.05",
    show_default=True,
    help="The most that it may cost, by the claimed prices; a check that might go beyond it is not run.",
)
@click.option("--any-cost", is_flag=True, help="Let it cost whatever it costs, also where no price is known.")
@click.option(
    "--report",
    "file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="A file to write the whole report to, as JSON.",
)
@click.option(
    "--keep-days",
    type=Number(0, LONGEST_DAYS),
    default=30,
    metavar="DAYS",
    help="For how long what is measured counts; 30 when left out, 0: it is not kept.",
)
@click.option("--forget", is_flag=True, help="Forget what was measured, of BACKEND or of all, and check nothing.")
@json_option
@verbose_option
@pass_session
def command(
    session: Session,
    *,
    backend: str | None,
    names: tuple[str, ...],
    max_cost: Decimal,
    any_cost: bool,
    file: Path | None,
    keep_days: int,
    forget: bool,
) -> int:
    """
    Check whether BACKEND does what is claimed of it, by asking it.

    The conformance kit's live checks look at the shape of real answers.  What they prove is kept as measured claims,
    which outrank what the adapter says: a capability that failed is then known to be missing, and one that works is
    known, until the measurement is too old, the adapter has another version, or the address is another one.

    The exit code is 0 when every claim that was looked at holds, 1 when one does not or nothing could be looked at, and
    4 when BACKEND is not configured or its prices are unknown.
    """
    today = datetime.now(UTC).date()
    if forget:
        return _forget(session, backend, today)
    if backend is None:
        message = "which backend? See: converge list"
        raise click.UsageError(message)
    if file is not None and not file.absolute().parent.is_dir():
        message = f"there is no folder {str(file.parent)!r} to write the report to"
        raise click.UsageError(message)
    entry, checks = entry_named(session, backend), _checks(names)
    cost, made = _run(session, entry, checks, cap=None if any_cost else max_cost, today=today)
    if file is not None:
        _write(session, file, made)
    until = today + timedelta(days=keep_days)
    claims = made.claims if keep_days else None
    kept = None if claims is None else _keep(session, entry, made, claims, until=until)
    if session.screen.json:
        session.screen.document(_document(session, made, cost, kept, until))
    else:
        _print(session, made, kept, until)
    return ExitCode.DONE if made.holds else ExitCode.FAILED


def _forget(session: Session, backend: str | None, today: date) -> int:
    from converge_provider.registry.evidence import forget

    name = None if backend is None else session.configuration.aliases.get(backend, backend)
    gone = forget(session.paths.state_dir, name, today=today)
    if session.screen.json:
        session.screen.document({"forgotten": list(gone)})
    else:
        session.screen.write(f"Forgotten: what was measured of {', '.join(gone)}" if gone else "Nothing was measured.")
    return ExitCode.DONE


def _checks(names: tuple[str, ...]) -> "Sequence[Check]":
    from converge_provider.testing.verifying import LIVE_CHECKS  # the kit: for this command alone

    for name in names:
        if name not in LIVE_CHECKS:
            from converge_provider.codec.problems import nearest

            message = (
                f"there is no check {name!r}{nearest(name, list(LIVE_CHECKS))}; there are {', '.join(LIVE_CHECKS)}"
            )
            raise click.UsageError(message)
    return [check for name, check in LIVE_CHECKS.items() if not names or name in names]


def _run(
    session: Session, entry: "CatalogueEntry", checks: "Sequence[Check]", *, cap: Decimal | None, today: date
) -> "tuple[Cost, Verification]":
    """
    Show what it may cost, and run the checks.

    Raises:
        ConfigurationError: The costs are to be limited, and nobody knows the prices.

    """
    import anyio

    from converge_provider.testing.verifying import estimate, subjected, verify

    plugin = _plugin(session, entry)
    whom = subjected(entry, distribution=(plugin and plugin.distribution) or "converge-provider")
    cost = estimate(whom.subject, checks)
    if cost.usd is None and cap is not None:
        message = f"{entry.id} cannot be checked within ${cap:f}: {cost.unknown}"
        remedy = f'State its prices under [claims."{entry.id}".prices], or let it cost anything: --any-cost'
        raise ConfigurationError(message).with_remedy(remedy)
    limit = "" if cap is None else f"; the cap is ${cap:f}"
    session.screen.say(f"converge: {len(checks)} checks of {entry.id}, which may cost {_spoken(cost)} in all{limit}")
    with Steps("checks", len(checks)) as steps:
        return cost, anyio.run(
            lambda: verify(
                whom, date=str(today), checks=checks, cost_cap_usd=cap, report=lambda one: steps.done(one.check)
            )
        )


def _plugin(session: Session, entry: "CatalogueEntry") -> "LoadedPlugin | None":
    return next((one for one in session.registry.report.loaded if one.name == entry.plugin), None)


def _spoken(cost: "Cost") -> str:
    return f"anything ({cost.unknown})" if cost.usd is None else f"up to {cost}"


def _write(session: Session, file: Path, made: "Verification") -> None:
    from converge_provider import codec

    document = json.dumps(codec.dump(made.report), indent=2, ensure_ascii=False)
    file.write_text(session.screen.masker.masked(document) + "\n", encoding="utf-8")


def _keep(session: Session, entry: "CatalogueEntry", made: "Verification", claims: "Claims", *, until: date) -> Path:
    """Write down what was measured, with what it was measured."""
    from converge_provider.registry.evidence import MEASURABLE, Measurement, place_of, record

    plugin = _plugin(session, entry)
    report = made.report
    measurement = Measurement(
        as_of=date.fromisoformat(report.date),
        until=until,
        distribution=report.distribution,
        version=plugin.version if plugin else "",
        place=place_of(getattr(entry.opener, "settings", None)),
        suite=report.suite,
        checks=tuple(one.check for one in report.results if str(one.outcome) != "not run"),
        capabilities={name: able for name, able in claims.capabilities.items() if name in MEASURABLE},
        supports_replay=claims.supports_replay,
    )
    return record(session.paths.state_dir, entry.id, measurement, today=measurement.as_of)


def _document(
    session: Session, made: "Verification", cost: "Cost", kept: Path | None, until: date
) -> dict[str, object]:
    from converge_provider import codec

    report = json.loads(session.screen.masker.masked(json.dumps(codec.dump(made.report))))
    return {
        "holds": made.holds,
        "report": report,
        "estimate_usd": None if cost.usd is None else str(cost.usd),
        "disturbed": sorted(made.disturbed),
        "claims": None if made.claims is None else codec.dump(made.claims),
        "kept": None if kept is None else {"file": str(kept), "until": str(until)},
    }


def _print(session: Session, made: "Verification", kept: Path | None, until: date) -> None:
    report, claims = made.report, made.claims
    session.screen.table(
        _COLUMNS,
        ([one.check, str(one.outcome), f"{one.elapsed_s:.1f}", " ".join(one.text.split())] for one in report.results),
    )
    counts = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    spent = "" if report.spent_usd is None else f", for ${report.spent_usd.normalize():f}"
    session.screen.write(f"\n{report.backend} by {report.distribution} {report.version}: {counts}{spent}")
    if made.disturbed:
        session.screen.write(
            f"Proves nothing, since it met the network, a key or a limit: {', '.join(sorted(made.disturbed))}"
        )
    if claims is None:
        session.screen.write("Nothing was answered, so nothing is known.")
        return
    stated = ", ".join(
        f"{name} {'yes' if able else 'no'}" for name, able in sorted(claims.capabilities.items(), key=str)
    )
    session.screen.write(f"Measured: {stated or 'no capability'}")
    if kept is not None:
        session.screen.write(f"This counts until {until}, or: converge verify {report.backend} --forget")
