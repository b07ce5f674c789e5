"""What the kit found: a result per check, as a document and as a table."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from attrs import field, frozen

from converge_provider.values.vocabulary import Word

__all__ = ("MARKS", "SUITE", "CheckResult", "ConformanceReport", "Outcome")

SUITE = "1.0"
"""The suite's version: the first number changes when a check becomes harder, the second when one is added."""


class Outcome(Word):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    """Claimed, and not so; or a gap without a reason."""
    NOT_CLAIMED = "not claimed"
    UNCLAIMED = "works, unclaimed"
    """It works, although nobody claims it: no failure, but worth a claim."""
    NOT_RUN = "not run"


MARKS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.NOT_CLAIMED: "-",
    Outcome.UNCLAIMED: "+",
    Outcome.NOT_RUN: "·",
}
"""How an outcome looks in a table."""

_FEW = 3
"""How many checks that did not run for one reason stand alone."""


@frozen(kw_only=True)
class CheckResult:
    """What became of one check."""

    check: str
    """The check's id."""
    feature: str
    """What it belongs to."""
    outcome: Outcome
    text: str = ""
    """What failed, why it is not claimed, or why it did not run."""
    elapsed_s: float = 0.0

    @property
    def told(self) -> str:
        """The outcome and the text, in one line."""
        return f"{self.outcome}: {' '.join(self.text.split())}" if self.text else str(self.outcome)


@frozen(kw_only=True)
class ConformanceReport:
    """
    What the kit found of one backend.

    Example:
        >>> report = ConformanceReport(
        ...     backend="acme/one", distribution="converge-acme", version="1.0", core_version="0.1", date="2026-11-20",
        ...     results=[CheckResult(check="chat.plain", feature="chat", outcome=Outcome.PASSED)],
        ... )
        >>> report.passed, report.counts
        (True, {'passed': 1})

    """

    suite: str = SUITE
    backend: str
    """The backend's id, ``provider/model``."""
    distribution: str
    version: str
    """The distribution's version."""
    core_version: str
    wire: str | None = None
    """The wire whose floor held."""
    server: str | None = None
    """Who answered live, with the version, where the subject says it."""
    date: str
    """As the caller gave it, ``2026-11-20``."""
    results: Sequence[CheckResult] = field(converter=tuple[CheckResult, ...])
    """In the suite's order."""
    spent_usd: Decimal | None = None
    """What the live checks cost by the claimed prices; ``None``: nothing was live, or no price is claimed."""

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(one.outcome is not Outcome.FAILED for one in self.results)

    @property
    def counts(self) -> dict[str, int]:
        """How many checks had each outcome, without those that none had."""
        counted = Counter(one.outcome for one in self.results)
        return {outcome.value: counted[outcome] for outcome in Outcome if counted[outcome]}

    def table(self) -> str:
        """Write it for people: a line per check, one for all that did not run for the same reason, and the sums."""
        idle = Counter(one.told for one in self.results if one.outcome is Outcome.NOT_RUN)
        lone = [one for one in self.results if idle[one.told] <= _FEW]
        wide = max((len(one.check) for one in lone), default=0)
        lines = [f"{MARKS[one.outcome]} {one.check:<{wide}}  {one.told}" for one in lone]
        lines += [f"· {count} checks  {told}" for told, count in idle.items() if count > _FEW]
        sums = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items()) or "no check"
        cost = "" if self.spent_usd is None else f", for ${self.spent_usd.normalize():f}"
        asked = f" at {self.server}" if self.server else ""
        head = f"{self.backend} by {self.distribution} {self.version}{asked}, suite {self.suite}, {self.date}"
        return "\n".join([head, *(line.rstrip() for line in lines), f"{sums}{cost}"])
