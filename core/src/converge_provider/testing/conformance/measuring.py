"""What live checks found, as claims that outrank what the adapter says of itself."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from converge_provider.testing.conformance.reports import ConformanceReport, Outcome
from converge_provider.values.claims import Claims
from converge_provider.values.identity import Capability

__all__ = ("measured_claims",)

_CAPABILITIES: Final[Mapping[str, Capability]] = {
    "chat": Capability.TEXT_GENERATION,
    "streaming": Capability.STREAMING,
    "tools": Capability.TOOL_USE,
    "images": Capability.IMAGE_UNDERSTANDING,
    "response_schema": Capability.STRUCTURED_OUTPUT,
    "replay": Capability.REPLAY,
}
"""What a feature proves, where the contract has a word for it."""

_WORKS: Final = frozenset({Outcome.PASSED, Outcome.UNCLAIMED})


def measured_claims(report: ConformanceReport) -> Claims:
    """
    Give what the live checks of a report prove, and nothing that they leave open.

    A capability is claimed when all checks of its feature that ran were passed, and denied when one was not.
    What a backend honours is not among them: that fact is one set, and a part of it would replace the whole.

    Raises:
        ValueError: The report's date is none.

    """
    found: dict[str, bool] = {}
    for result in report.results:
        if result.check.startswith("live.") and result.outcome is not Outcome.NOT_RUN:
            found[result.feature] = found.get(result.feature, True) and result.outcome in _WORKS
    return Claims(
        source=f"{report.distribution} {report.version} under the conformance suite {report.suite}",
        as_of=date.fromisoformat(report.date),
        capabilities={_CAPABILITIES[name]: works for name, works in found.items() if name in _CAPABILITIES},
        supports_replay=found.get("replay"),
    )
