"""``converge explain``: who would answer, and why, without asking anybody."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from converge_provider.cli.exits import ExitCode
from converge_provider.cli.options import json_option, request_options, selection_options, verbose_option
from converge_provider.cli.session import Session, pass_session
from converge_provider.cli.wishes import Manner, Wish

if TYPE_CHECKING:
    from converge_provider.selection import Decision
    from converge_provider.values.requests import ChatRequest

__all__ = ("command",)

_MAX_BYTES = 2**26


@click.command("explain")
@click.argument("prompt", required=False)
@click.option(
    "--request",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the request as a JSON document, instead of PROMPT.",
)
@click.option(
    "--draft",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file with [selection], [constraints] or [[policies]]: say what it would change.",
)
@selection_options
@request_options
@json_option
@verbose_option
@pass_session
def command(
    session: Session, *, prompt: str | None, file: Path | None, draft: Path | None, wish: Wish, manner: Manner
) -> int:
    """
    Say who would answer and why, without asking anybody.

    Without PROMPT and --request only the options count.  With --draft it is compared with what a draft asks for: each
    table of the draft takes the place of the configured one.  The exit code is 3 when nobody may answer (with --draft:
    after it).
    """
    from converge_provider import codec
    from converge_provider.cli.asking import engine_for, selection_arguments
    from converge_provider.cli.prompt import read_prompt

    if file is not None and prompt is not None:
        message = "PROMPT and --request are two requests; give one of them"
        raise click.UsageError(message)
    request = None if prompt is None else manner.request(manner.question(read_prompt(prompt)))
    if file is not None:
        request = _read(file)
    decision = engine_for(session, wish).select(request, **selection_arguments(session, wish))
    if draft is not None:
        return _compared(session, wish, decision, draft, request)
    if session.screen.json:
        session.screen.document(codec.dump(decision))
    else:
        session.screen.write(decision.explain())
    return ExitCode.DONE if decision.chosen else ExitCode.NOBODY


def _compared(session: Session, wish: Wish, before: "Decision", draft: Path, request: "ChatRequest | None") -> ExitCode:
    """Decide the same by a draft, and say what changes."""
    from converge_provider import codec
    from converge_provider.cli.asking import engine_for, selection_arguments
    from converge_provider.configuration.drafts import read_draft
    from converge_provider.selection.comparing import compare, comparison_in_words

    configured = read_draft(draft, environ=session.environ).over(session.configuration)
    arguments = selection_arguments(session, wish, configured)
    after = engine_for(session, wish, configured).select(request, **arguments)
    found = compare(before, after)
    if session.screen.json:
        decisions = {"before": codec.dump(before), "after": codec.dump(after)}
        session.screen.document({"changes": codec.dump(found), **decisions})
    else:
        session.screen.write("\n".join(comparison_in_words(found, after)))
    return ExitCode.DONE if after.chosen else ExitCode.NOBODY


def _read(file: Path) -> "ChatRequest":
    from converge_provider import codec
    from converge_provider.values.requests import ChatRequest

    if file.stat().st_size > _MAX_BYTES:
        message = f"{str(file)!r} is larger than {_MAX_BYTES} bytes"
        raise click.UsageError(message)
    try:
        return codec.load(ChatRequest, json.loads(file.read_text("utf-8")))
    except (ValueError, RecursionError) as exc:
        message = f"{str(file)!r} holds no request: {exc}"
        raise click.UsageError(message) from exc
