"""Claims out of a report of live checks."""

from datetime import date

import anyio
import pytest

from converge_provider import Capability
from converge_provider.testing.conformance import CHECKS, CheckResult, ConformanceReport, Outcome, certify
from converge_provider.testing.conformance.measuring import measured_claims
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.reference import reference_subject


def report_of(**outcomes: Outcome) -> ConformanceReport:
    """Give a report of two checks of each feature, the second of which had the outcome."""
    results = [
        CheckResult(check=f"live.{feature}-{number}", feature=feature, outcome=one)
        for feature, outcome in outcomes.items()
        for number, one in enumerate((Outcome.PASSED, outcome))
    ]
    return ConformanceReport(
        backend="acme/one",
        distribution="converge-acme",
        version="1.2",
        core_version="0.1",
        date="2026-11-20",
        results=results,
    )


def test_model_that_passes_everything_is_measured_as_such() -> None:
    """Each capability that has a live check is claimed, with source and date."""
    live = [check for check in CHECKS if check.needs == "live"]
    claims = measured_claims(anyio.run(lambda: certify(obedient_subject(), date="2026-11-20", checks=live)))

    assert all(claims.capabilities.values())
    assert {Capability.TEXT_GENERATION, Capability.TOOL_USE, Capability.STRUCTURED_OUTPUT} <= claims.capabilities.keys()
    assert claims.supports_replay is True
    assert claims.as_of == date(2026, 11, 20)
    assert claims.honours is None


def test_doubles_prove_nothing_of_a_model() -> None:
    """Scripted checks are about the adapter; they become no claim of the backend."""
    scripted = [check for check in CHECKS if check.id in {"chat.plain", "tools.single"}]
    claims = measured_claims(anyio.run(lambda: certify(reference_subject(), date="2026-11-20", checks=scripted)))

    assert claims.capabilities == {}
    assert claims.supports_replay is None


@pytest.mark.parametrize(
    ("outcome", "works"),
    [
        pytest.param(Outcome.PASSED, True, id="passed"),
        pytest.param(Outcome.UNCLAIMED, True, id="unclaimed"),
        pytest.param(Outcome.NOT_RUN, True, id="not run"),
        pytest.param(Outcome.FAILED, False, id="failed"),
        pytest.param(Outcome.NOT_CLAIMED, False, id="tried in vain"),
    ],
)
def test_one_failure_denies_a_capability(outcome: Outcome, works: bool) -> None:
    """A check that did not run changes nothing; one that failed outweighs those that passed."""
    claims = measured_claims(report_of(tools=outcome, conduct=outcome, replay=outcome))

    assert dict(claims.capabilities) == {Capability.TOOL_USE: works, Capability.REPLAY: works}
    assert claims.supports_replay is works
    assert claims.source == "converge-acme 1.2 under the conformance suite 1.0"
