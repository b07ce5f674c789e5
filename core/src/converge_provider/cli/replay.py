"""``converge replay``: make a decision again from its record, and say what is not as it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.options import json_option, verbose_option
from converge_provider.cli.session import Session, pass_session

if TYPE_CHECKING:
    from converge_provider.selection import Decision
    from converge_provider.selection.replaying import Difference

__all__ = ("command",)

_MAX_BYTES = 2**26
_NOT_COMPARED = ("catalogue_number", "counterfactuals", "sources")
"""The number counts the snapshots of one process; the others follow from the rest, and a journal keeps fewer."""


@click.command("replay")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@verbose_option
@pass_session
def command(session: Session, *, file: Path) -> int:
    """
    Decide again what is on record, and compare.

    FILE is what `converge explain --json` or `converge why --json` printed.  The exit code is 0 when every decision is
    the same to the last bit, and 1 when one is not; then it is said which input differs.
    """
    results = [_replayed(session, document) for document in _decisions(_read(file))]
    if session.screen.json:
        from converge_provider import codec

        session.screen.document(
            [{"id": name, "same": not found, "differs": codec.dump(found)} for name, found in results]
        )
    else:
        for name, found in results:
            session.screen.write(f"{name}: {'differs' if found else 'the same'}")
            for one in found:
                session.screen.write(f"  {one.what}: was {_said(one.was)}, is {_said(one.now)}")
    return ExitCode.FAILED if any(found for _, found in results) else ExitCode.DONE


def _read(file: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    if file.stat().st_size > _MAX_BYTES:
        message = f"{str(file)!r} is larger than {_MAX_BYTES} bytes"
        raise click.UsageError(message)
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as exc:
        message = f"{str(file)!r} is no JSON document: {exc}"
        raise click.UsageError(message) from exc


def _decisions(document: Any) -> list[Mapping[str, Any]]:  # noqa: ANN401 - whatever the file holds
    """Give the decision that a document is, or those that the row of a journal holds."""
    if not isinstance(document, dict):
        return [{"decision": document}]
    rows: list[Any] | None = cast("dict[str, Any]", document).get("decisions")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [{"decision": document}]


def _replayed(session: Session, row: Mapping[str, Any]) -> "tuple[str, tuple[Difference, ...]]":
    from converge_provider import codec
    from converge_provider.selection import Decision
    from converge_provider.selection.replaying import Difference, differences, replay

    try:
        recorded = codec.load(Decision, row.get("decision"))
    except codec.DocumentError as exc:
        message = f"the file holds no decision that can be read: {exc}"
        raise click.UsageError(message) from exc
    again = replay(recorded, session.catalogue, session.registry.policies)
    found = tuple(differences(recorded, again))
    if not found and _document(again, row) != _comparable(row):
        found = (Difference(what="result", was=recorded.chosen, now=again.chosen),)
    return recorded.id, found


def _document(again: "Decision", row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write a decision in the form in which the other one is on record."""
    from converge_provider import codec

    if "eligible" not in row:
        return _comparable({"decision": codec.dump(again)})
    from converge_provider.engine.journal.rows import decision_row

    return _comparable(codec.dump(decision_row(again)))


def _comparable(row: Mapping[str, Any]) -> Mapping[str, Any]:
    decision = {name: value for name, value in row["decision"].items() if name not in _NOT_COMPARED}
    return {**row, "decision": decision}


def _said(value: str | None) -> str:
    return "nothing" if value is None else value
