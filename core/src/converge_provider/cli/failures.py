"""What went wrong, in one line and one exit code; no traceback for a mistake of a user's or a plugin's."""

import os
import traceback
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from converge_provider.cli.exits import ExitCode
from converge_provider.errors import (
    BackendError,
    ChatBackendSelectionConfigError,
    ConfigurationError,
    ConvergeError,
    LlmError,
    MissingExtraError,
    PluginError,
    PolicyError,
)
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from converge_provider.cli.session import Session

__all__ = ("Failure", "failure_of", "report")


@frozen(kw_only=True)
class Failure:
    """How a command failed."""

    code: ExitCode
    slug: str
    """The kebab-case name of the class of error, for programs."""
    text: str
    """What, which, expected and got: one line."""
    remedy: str | None = None
    """What to do about it, one sentence."""

    def document(self) -> dict[str, object]:
        """Give what a program reads instead of a result."""
        return {"error": {"slug": self.slug, "message": self.text, "remedy": self.remedy, "exit_code": int(self.code)}}

    def __str__(self) -> str:
        """Give the whole line for a person."""
        return self.text if self.remedy is None else f"{_sentence(self.text)} {self.remedy}"


_CODES: tuple[tuple[type[ConvergeError], ExitCode], ...] = (
    (LlmError, ExitCode.FAILED),
    (BackendError, ExitCode.FAILED),
    (ChatBackendSelectionConfigError, ExitCode.CONFIGURATION),
    (ConfigurationError, ExitCode.CONFIGURATION),
    (PolicyError, ExitCode.CONFIGURATION),
    (PluginError, ExitCode.CONFIGURATION),
    (MissingExtraError, ExitCode.CONFIGURATION),
    (ConvergeError, ExitCode.FAILED),
)
"""The exit code of each class of error, the most specific first."""


def failure_of(error: BaseException) -> Failure:
    """Say how a command failed, whatever it raised."""
    match error:
        case click.Abort() if isinstance(error.__cause__, EOFError):
            return Failure(code=ExitCode.USAGE, slug="input-ended", text="standard input ended before the answer")
        case click.Abort() | KeyboardInterrupt():
            return Failure(code=ExitCode.INTERRUPTED, slug="interrupted", text="interrupted")
        case click.ClickException():
            return _of_usage(error)
        case ConvergeError():
            return _of_ours(error)
        case OSError():
            return Failure(code=ExitCode.FAILED, slug="system", text=_one_line(str(error)))
        case _:
            return _of_unexpected(error)


def _of_usage(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    remedy = f"Try: {context.command_path} --help" if isinstance(context, click.Context) else None
    return Failure(code=ExitCode.USAGE, slug="usage", text=_one_line(error.format_message()), remedy=remedy)


def _of_ours(error: ConvergeError) -> Failure:
    code = next(code for cls, code in _CODES if isinstance(error, cls))
    decision: Any = getattr(error, "decision", None)
    tried = None
    attempts: Any = getattr(error, "attempts", ())
    if decision is not None and attempts:
        tried = f"What was tried: converge why {decision.id}"
    elif decision is not None and decision.chosen is None:
        code = ExitCode.NOBODY
    remedy = f"{_sentence(error.remedy)} {tried}" if error.remedy and tried else error.remedy or tried
    return Failure(code=code, slug=error.slug, text=_one_line(str(error)), remedy=remedy)


def _of_unexpected(error: BaseException) -> Failure:
    told = _one_line(str(error))
    return Failure(
        code=ExitCode.INTERNAL,
        slug="internal",
        text=f"unexpected {type(error).__name__}{': ' if told else ''}{told}",
        remedy="This is a mistake in converge or in a plugin; run it again with -vv to see where.",
    )


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _one_line(text: str) -> str:
    return " ".join(text.split())


def report(error: BaseException, session: "Session") -> ExitCode:
    """Say what went wrong: a line for people, a document for programs, a traceback for who asked for it."""
    found = failure_of(error)
    mask = session.screen.masker.masked
    failure = evolve(found, text=mask(found.text), remedy=found.remedy and mask(found.remedy))
    if session.wants_traceback and failure.code is not ExitCode.INTERRUPTED:
        session.screen.tell("".join(traceback.format_exception(error)))
    if session.screen.json and not session.screen.printed:
        session.screen.document(failure.document())
    session.screen.say(f"converge: {failure}")
    return failure.code


def debugging() -> bool:
    """Say whether the environment asks for tracebacks."""
    return os.environ.get("CONVERGE_DEBUG", "").strip().lower() not in ("", "0", "false", "no", "off")
