"""
Run the kit's live checks against a backend of a catalogue, and say what they prove.

Where a check failed because of the network, a key, a limit or an overloaded service, it fails like any other, and
proves nothing of what the backend can do.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field, frozen

from converge_provider.errors import AuthDenied, LlmError, ModelNotFound
from converge_provider.registry.providers import Opener
from converge_provider.testing.conformance.checks import CHECKS
from converge_provider.testing.conformance.features import claims_of
from converge_provider.testing.conformance.measuring import measured_claims
from converge_provider.testing.conformance.purses import Purse
from converge_provider.testing.conformance.reports import CheckResult, ConformanceReport, Outcome
from converge_provider.testing.conformance.running import report_of, run_check, tokens_of
from converge_provider.testing.conformance.subjects import Endpoint, Subject
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import BackendDescriptor, ChatBackendDescriptor
from converge_provider.values.money import Cost, Prices
from converge_provider.values.secret import Secret
from converge_provider.values.usage import UsageDetail

if TYPE_CHECKING:
    from converge_provider.contract.backends import ChatBackend
    from converge_provider.registry import CatalogueEntry
    from converge_provider.testing.conformance.checks.check import Check

__all__ = ("LIVE_CHECKS", "Subjected", "Verification", "estimate", "subjected", "verify")

LIVE_CHECKS: Final[Mapping[str, "Check"]] = {check.id: check for check in CHECKS if check.needs == "live"}
"""The checks that speak to a real model, by id."""

_DECISIVE: Final[Mapping[str, str]] = {"tools": "live.tools"}
"""The check without which the others of its feature prove nothing: who ignores tools passes those."""
_ASIDE: Final = frozenset({"live.unicode"})
"""Checks of how something is done, which say nothing of whether it is."""


@frozen(kw_only=True)
class Verification:
    """What became of a verification."""

    report: ConformanceReport
    disturbed: frozenset[str]
    """The checks that met a failure of the network, of a key, or of a limit."""

    @property
    def holds(self) -> bool:
        """Whether every claim holds that was looked at, and any was."""
        ran = any(one.outcome in {Outcome.PASSED, Outcome.UNCLAIMED} for one in self.report.results)
        return ran and self.report.passed

    @property
    def claims(self) -> Claims | None:
        """What is proved; ``None``: nothing, since no question was answered."""
        answered = {one.check for one in self.report.results if one.outcome in {Outcome.PASSED, Outcome.UNCLAIMED}}
        ran = {one.check for one in self.report.results if one.outcome is not Outcome.NOT_RUN}
        open_ones = {feature for feature, check in _DECISIVE.items() if check not in ran - self.disturbed}
        silent = self.disturbed | _ASIDE
        telling = [one for one in self.report.results if one.check not in silent and one.feature not in open_ones]
        return measured_claims(evolve(self.report, results=telling)) if answered else None


@define
class _Watch:
    """Notes what calls met that says nothing of the backend's abilities."""

    met: bool = False

    def note(self, exc: BaseException) -> None:
        """Look at what a call raised; a call that was cancelled took too long."""
        if isinstance(exc, LlmError):
            self.met |= exc.retryable or isinstance(exc, AuthDenied | ModelNotFound)
        elif not isinstance(exc, Exception | GeneratorExit):
            self.met = True


class _Watched:
    """A backend whose failures are noted."""

    def __init__(self, backend: "ChatBackend", watch: _Watch) -> None:
        self._backend = backend
        self._watch = watch
        if hasattr(backend, "stream"):
            self.stream = self._stream

    async def chat(self, request: Any) -> Any:  # noqa: ANN401 - handed through
        """Ask, and note how it failed."""
        try:
            return await self._backend.chat(request)
        except BaseException as exc:
            self._watch.note(exc)
            raise

    async def _stream(self, request: Any) -> AsyncGenerator[Any, None]:  # noqa: ANN401 - handed through
        stream: Any = getattr(self._backend, "stream")  # noqa: B009 - it has one
        try:
            async with aclosing(stream(request)) as events:
                async for event in events:
                    yield event
        except BaseException as exc:
            self._watch.note(exc)
            raise

    def __repr__(self) -> str:
        """Give the backend's own."""
        return repr(self._backend)

    def __getattr__(self, name: str) -> object:
        """Leave everything else to the backend."""
        return getattr(self._backend, name)


@frozen(kw_only=True)
class Subjected:
    """A backend of a catalogue, as the kit wants it."""

    subject: Subject
    watch: _Watch = field(repr=False)


def subjected(entry: "CatalogueEntry", *, distribution: str) -> Subjected:
    """
    Make a subject of a backend, with what the catalogue claims of it.

    Args:
        entry: The backend, from a catalogue without measured claims: these are what is to be found out.
        distribution: The distribution of its adapter.

    """
    watch, opener = _Watch(), entry.opener
    own = opener if isinstance(opener, Opener) else None
    discover = None if own is None else getattr(own.kind, "discover", None)

    async def listed(_endpoint: Endpoint | None) -> Sequence[ChatBackendDescriptor]:
        assert own is not None
        assert discover is not None
        found: Sequence[ChatBackendDescriptor] = await discover(own.settings)
        return found

    subject = Subject(
        descriptor=_with_claims(entry),
        distribution=distribution,
        live=lambda: _Watched(entry.open(), watch),
        discover=None if discover is None else listed,
        secrets=[Secret(text) for text in (own.secrets if own else ()) if text],
    )
    return Subjected(subject=subject, watch=watch)


def _with_claims(entry: "CatalogueEntry") -> BackendDescriptor:
    known = entry.descriptor
    return BackendDescriptor(
        provider=known.provider,
        model=known.model,
        cost_class=known.cost_class,
        typical_latency_ms=known.typical_latency_ms,
        quality=known.quality,
        capabilities=known.capabilities,
        data_sovereignty=known.data_sovereignty,
        compliance=known.compliance,
        claims=entry.claims,
        unknown=entry.unknown,
    )


def estimate(subject: Subject, checks: "Sequence[Check]") -> Cost:
    """Say what checks cost at most, by the claimed prices; those that turn out not to apply cost nothing."""
    tokens = [tokens_of(check, subject) for check in checks]
    usage = UsageDetail(input_uncached=sum(one[0] for one in tokens), output=sum(one[1] for one in tokens))
    return (claims_of(subject).prices or Prices()).cost_of(usage)


async def verify(
    subjected: Subjected,
    *,
    date: str,
    checks: "Sequence[Check]",
    cost_cap_usd: Decimal | None,
    report: Callable[[CheckResult], None] = lambda _: None,
) -> Verification:
    """
    Run checks one after the other.

    Args:
        subjected: Whom to check.
        date: What the report shall say, ``2026-11-20``.
        checks: Which of :data:`LIVE_CHECKS`.
        cost_cap_usd: The most that they may cost together, by the claimed prices; a check that might go beyond it is
            not run.  ``None``: no limit.
        report: Told every result.

    """
    subject, watch = subjected.subject, subjected.watch
    purse = Purse(cap_usd=cost_cap_usd, prices=claims_of(subject).prices)
    results: list[CheckResult] = []
    disturbed: set[str] = set()
    for check in checks:
        watch.met = False
        result = await run_check(check, subject, purse=purse)
        if watch.met and result.outcome in {Outcome.FAILED, Outcome.NOT_CLAIMED}:
            disturbed.add(check.id)
        results.append(result)
        report(result)
    made = report_of(subject, results, date=date, spent_usd=purse.spent_usd)
    return Verification(report=made, disturbed=frozenset(disturbed))
