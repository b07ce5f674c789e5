"""Running checks: one, or all of them, and what the result means beside what is claimed."""

import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, cast

import anyio
from attrs import frozen

from converge_provider.errors import ConvergeError
from converge_provider.testing.conformance.checks import CHECKS
from converge_provider.testing.conformance.checks.check import Check, CheckFailedError, NotApplicableError
from converge_provider.testing.conformance.doubles import NotOnThisWireError
from converge_provider.testing.conformance.features import FEATURES, claimed_features, claims_of
from converge_provider.testing.conformance.floors import floor_of
from converge_provider.testing.conformance.purses import Purse
from converge_provider.testing.conformance.reports import CheckResult, ConformanceReport, Outcome
from converge_provider.testing.conformance.subjects import Endpoint, Subject
from converge_provider.testing.conformance.trials import Trial, closed
from converge_provider.values.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from converge_provider.contract.backends import ChatBackend

__all__ = ("certify", "run_check")

SCRIPTED_LIMIT_S = 30.0
"""Seconds after which a scripted check is stopped."""

THINKING_FACTOR = 16
"""How much longer answers of models that think first may be."""

LIVE_LIMIT_S = 180.0
"""Seconds after which a live check is stopped."""


async def certify(
    subject: Subject,
    *,
    date: str,
    checks: Sequence[Check] = CHECKS,
    cost_cap_usd: Decimal | None = None,
) -> ConformanceReport:
    """
    Run checks one after the other, and report.

    Args:
        subject: Whom to certify.
        date: What the report shall say, ``2026-11-20``.
        checks: Which; all of them by default.
        cost_cap_usd: The most that live checks may cost, by the claimed prices; a check that might go beyond it is not
            run.  ``None``: no limit.

    Raises:
        ValueError: The subject's exceptions name what is neither a feature nor a check, or what it claims.

    """
    check_exceptions(subject)
    purse = Purse(cap_usd=cost_cap_usd, prices=claims_of(subject).prices)
    results = [await run_check(check, subject, purse=purse) for check in checks]
    return report_of(subject, results, date=date, spent_usd=purse.spent_usd if subject.live is not None else None)


def report_of(
    subject: Subject, results: Sequence[CheckResult], *, date: str, spent_usd: Decimal | None = None
) -> ConformanceReport:
    """Put results under a head that says whose they are."""
    return ConformanceReport(
        backend=subject.descriptor.id,
        distribution=subject.distribution,
        version=_version(subject.distribution),
        core_version=_version("converge-provider"),
        wire=subject.wire,
        server=subject.server,
        date=date,
        results=results,
        spent_usd=spent_usd,
    )


async def run_check(check: Check, subject: Subject, *, purse: Purse | None = None) -> CheckResult:
    """
    Run one check, and say what its end means beside what is claimed; a failing check raises nothing.

    Args:
        check: Which.
        subject: Whom to check.
        purse: Who pays for a live check; ``None``: there is no limit.

    """
    began_s = time.perf_counter()
    outcome, text = await _judged(check, subject, Purse() if purse is None else purse)
    elapsed_s = round(time.perf_counter() - began_s, 3)
    return CheckResult(check=check.id, feature=check.feature, outcome=outcome, text=text, elapsed_s=elapsed_s)


def check_exceptions(subject: Subject) -> None:
    """
    Compare a subject's exceptions with the suite.

    Raises:
        ValueError: One names what is neither a feature nor a check, or has no reason.

    """
    known = {*FEATURES, *(check.id for check in CHECKS)}
    for name, reason in subject.exceptions.items():
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            message = f"exceptions name {name!r}, which is neither a feature nor a check{hint}"
            raise ValueError(message)
        if not reason.strip():
            message = f"the exception for {name!r} gives no reason"
            raise ValueError(message)


@frozen
class _Standing:
    """Where a check stands before it runs."""

    claimed: bool
    reason: str = ""
    """Why it is not claimed."""
    contradiction: str = ""
    """What is wrong with the claim itself."""


async def _judged(check: Check, subject: Subject, purse: Purse) -> tuple[Outcome, str]:
    factory = subject.live if check.needs == "live" else subject.backend
    if factory is None or (check.needs == "scripted" and subject.double is None):
        return Outcome.NOT_RUN, "no live backend" if check.needs == "live" else "no double"
    standing = await _standing(check, subject)
    if standing.contradiction:
        return Outcome.FAILED, standing.contradiction
    tokens = tokens_of(check, subject)
    refusal = purse.refusal(tokens) if check.needs == "live" else None
    if refusal is not None:
        return Outcome.NOT_RUN, refusal
    try:
        problem = await _problem(check, Trial(subject=subject, purse=purse))
    except (NotApplicableError, NotOnThisWireError) as exc:
        return Outcome.NOT_RUN, str(exc)
    finally:
        purse.settle(tokens)
    if standing.claimed:
        return (Outcome.PASSED, "") if problem is None else (Outcome.FAILED, problem)
    if problem is None:
        return Outcome.UNCLAIMED, standing.reason
    return Outcome.NOT_CLAIMED, standing.reason or f"tried: {problem}"


def tokens_of(check: Check, subject: Subject) -> tuple[int, int]:
    """Give the tokens that a check takes at most; a model that thinks first takes more."""
    taken, given = check.tokens
    return taken, given * THINKING_FACTOR if subject.descriptor.capabilities.reasoning else given


async def _standing(check: Check, subject: Subject) -> _Standing:
    excuse = subject.exceptions.get(check.id)
    if excuse is not None:
        return _Standing(claimed=False, reason=excuse)
    async with _handle(check, subject) as backend:
        claimed = check.feature in claimed_features(subject, backend)
    excuse = subject.exceptions.get(check.feature)
    if claimed and excuse is not None and not FEATURES[check.feature].implicit:
        return _Standing(claimed=True, contradiction=f"{check.feature} is claimed, and excused at once: {excuse}")
    if claimed:
        return _Standing(claimed=excuse is None, reason=excuse or "")
    if excuse is None and check.feature in floor_of(subject.wire):
        gap = f"the wire {subject.wire} has {check.feature}, and it is not claimed: claim it, or give the reason in "
        return _Standing(claimed=False, contradiction=f"{gap}exceptions[{check.feature!r}]")
    return _Standing(claimed=False, reason=excuse or "")


@asynccontextmanager
async def _handle(check: Check, subject: Subject) -> "AsyncGenerator[ChatBackend, None]":
    """Open a backend only to look at it."""
    if check.needs == "live":
        assert subject.live is not None
        backend = subject.live()
    else:
        assert subject.backend is not None
        backend = subject.backend(Endpoint(url="http://127.0.0.1:9", key=Secret("conformance")))
    try:
        yield backend
    finally:
        await closed(backend)


async def _problem(check: Check, trial: Trial) -> str | None:
    """Run a check, and say what is wrong, or give ``None``."""
    limit_s = LIVE_LIMIT_S if check.needs == "live" else SCRIPTED_LIMIT_S
    try:
        with anyio.fail_after(limit_s):
            await check.run(trial)
    except (NotApplicableError, NotOnThisWireError):
        raise
    except TimeoutError:
        return f"not over after {limit_s:g} s"
    except Exception as exc:  # noqa: BLE001 - whatever a backend raises is a finding
        return _raised(exc)
    return None


def _raised(exc: BaseException) -> str:
    """Say what was raised; of several at once the first."""
    if isinstance(exc, BaseExceptionGroup):
        return _raised(cast("BaseExceptionGroup[BaseException]", exc).exceptions[0])
    if isinstance(exc, CheckFailedError):
        return str(exc)
    stranger = "" if isinstance(exc, ConvergeError) else ", which is no error of the family"
    return f"raised {type(exc).__name__}{stranger}: {exc}"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
