"""``converge why``: why a backend answered some time ago, maybe in another process."""

from decimal import Decimal
from typing import TYPE_CHECKING

import click

from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.screen import Column
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.words import Number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from converge_provider.engine.journal import AttemptRow, FileJournal, JournalRow
    from converge_provider.values.usage import UsageDetail

__all__ = ("command",)

_BILLED_APART = (
    "cache_read",
    "cache_write",
    "reasoning",
    "input_audio",
    "cache_read_audio",
    "cache_write_1h",
    "output_audio",
)
_COLUMNS = (
    Column(title="REQUEST", whole=True),
    Column(title="TIME (UTC)"),
    Column(title="OUTCOME"),
    Column(title="BACKEND", whole=True),
    Column(title="ATTEMPTS", right=True),
    Column(title="SECONDS", right=True),
    Column(title="COST", right=True),
)


@click.command("why")
@click.argument("name", metavar="[ID]", required=False)
@click.option(
    "--list", "count", type=Number(1, 10_000), metavar="NUMBER", help="Show so many of the latest requests in a table."
)
@click.option("--all", "everybody", is_flag=True, help="Say of every backend what became of it in each selection.")
@json_option
@verbose_option
@pass_session
def command(session: Session, *, name: str | None, count: int | None, everybody: bool) -> None:
    """
    Say why a backend answered some time ago, and all that was tried.

    ID is what `converge chat` printed, the id of a request, or the beginning of one; without it, the last request.
    Neither prompts nor answers are kept unless the configuration asks for them.
    """
    if count is not None and (name is not None or everybody):
        message = "--list shows many requests, an ID or --all is about one: give one of them"
        raise click.UsageError(message)
    journal = _journal(session)
    if count is not None:
        _show_latest(session, journal.latest(count))
    else:
        row = _last(journal) if name is None else _find(journal, name)
        if session.screen.json:
            _print_document(session, row)
        else:
            for line in (*_told(row), *(_candidates(row, journal) if everybody else ())):
                session.screen.write(line)
    if journal.unreadable:
        lines = "1 line" if journal.unreadable == 1 else f"{journal.unreadable} lines"
        session.screen.say(f"converge: {lines} of the journal cannot be read, torn or of a newer version: skipped")


def _journal(session: Session) -> "FileJournal":
    from converge_provider.engine.composing import journal_of

    journal = journal_of(session.configuration, unless_told=True)
    if journal is None:
        message = "no journal is kept: the configuration says journal.enabled = false"
        raise click.UsageError(message)
    return journal


def _last(journal: "FileJournal") -> "JournalRow":
    rows = journal.latest(1)
    if not rows:
        message = f"the journal in {journal.folder} is empty: ask something first, with converge chat"
        raise click.UsageError(message)
    return rows[0]


def _find(journal: "FileJournal", name: str) -> "JournalRow":
    rows = journal.find(name, most=9)
    exact = [row for row in rows if row.is_called(name)]
    if len(rows) == 1 or exact:
        return (exact or rows)[0]
    if rows:
        several = ", ".join(row.request_id for row in rows[:8])
        message = f"{name!r} is the beginning of several: {several}{', …' if len(rows) > 8 else ''}; give more of it"
        raise click.UsageError(message)
    from converge_provider.codec.problems import nearest

    known = {one for row in journal.latest(100) for one in row.names}
    guess = nearest(name, sorted(known))
    message = f"there is no decision {name!r} in the journal{guess}; converge why --list 10 shows the latest"
    raise click.UsageError(message)


def _print_document(session: Session, row: "JournalRow") -> None:
    from converge_provider import codec

    session.screen.document(codec.dump(row))


def _show_latest(session: Session, rows: "Sequence[JournalRow]") -> None:
    if session.screen.json:
        from converge_provider import codec

        session.screen.document([codec.dump(row) for row in rows])
    else:
        session.screen.table(_COLUMNS, map(_summary, rows))


def _summary(row: "JournalRow") -> tuple[str, ...]:
    backend = row.attempts[-1].backend if row.attempts else "nobody was eligible"
    time = row.decisions[0].decision.time[:19].replace("T", " ")
    return (
        row.request_id,
        time,
        str(row.outcome),
        backend,
        str(len(row.attempts)),
        f"{row.elapsed_s:.2f}",
        _cost(row.attempts),
    )


def _told(row: "JournalRow") -> "Iterator[str]":
    """Tell the whole story of a request."""
    for one in row.decisions:
        yield one.decision.explain()
    for attempt in row.attempts:
        yield _attempt(attempt)
    counts = f"{_number(len(row.decisions), 'decision')}, {_number(len(row.attempts), 'attempt')}"
    yield f"request {row.request_id}: {row.outcome} after {row.elapsed_s:.2f} s, {counts}, cost {_cost(row.attempts)}"
    if row.content is not None:
        yield f"asked:\n{row.content.prompt}"
        yield "no answer" if row.content.answer is None else f"answered:\n{row.content.answer}"


def _attempt(attempt: "AttemptRow") -> str:
    step = "" if str(attempt.step) == "first" else f" ({attempt.step})"
    failure = f": {attempt.failure}" if attempt.failure else ""
    facts: list[str] = []
    if attempt.first_event_s is not None:
        facts.append(f"first event after {attempt.first_event_s:.2f} s")
    if attempt.usage is not None:
        rare = _rare(attempt.usage_detail)
        facts.append(f"{attempt.usage.prompt_tokens} + {attempt.usage.completion_tokens} tokens{rare}")
    if attempt.cost.usd is not None:
        facts.append(str(attempt.cost))
    more = f" [{', '.join(facts)}]" if facts else ""
    head = f"attempt {attempt.number}{step}: {attempt.backend} {attempt.outcome} after {attempt.elapsed_s:.2f} s"
    return f"{head}{failure}{more}"


def _rare(usage: "UsageDetail | None") -> str:
    """Say which tokens were billed apart."""
    kinds = {} if usage is None else {kind.replace("_", " "): getattr(usage, kind) for kind in _BILLED_APART}
    told = ", ".join(f"{tokens} {kind}" for kind, tokens in kinds.items() if tokens)
    return f" ({told})" if told else ""


def _candidates(row: "JournalRow", journal: "FileJournal") -> "Iterator[str]":
    for one in row.decisions:
        ids = journal.backends(one.decision.catalogue_digest)
        yield f"decision {one.decision.id}" if ids else f"decision {one.decision.id}: its catalogue is no longer kept"
        for candidate in one.candidates(ids):
            total = "" if candidate.total is None else f" {candidate.total:.3f}"
            yield f"  {candidate.id}: {f'eligible{total}' if candidate.eligible else ', '.join(candidate.failing)}"


def _cost(attempts: "Sequence[AttemptRow]") -> str:
    """Add up what is known, and say when that is not all."""
    known = [attempt.cost.usd for attempt in attempts if attempt.cost.usd is not None]
    if not known:
        return "unknown" if attempts else "none"
    return f"${sum(known, Decimal(0)).normalize():f}{'' if len(known) == len(attempts) else ' or more'}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
