"""The conformance kit on itself: good backends pass, and each check notices the one that is broken its way."""

from collections import Counter

import anyio
import pytest

from converge_provider.testing import ChatBackendConformance, DoubleProof
from converge_provider.testing.conformance import CHECKS, CheckResult, Outcome, Subject, certify, run_check
from converge_provider.testing.conformance.features import FEATURES
from converge_provider.testing.conformance.floors import floors
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.reference import modest_subject, reference_subject
from converge_provider.testing.conformance.saboteurs import SABOTEURS, Saboteur

BY_ID = {check.id: check for check in CHECKS}
UNHONOURED = "chat.unhonoured-refused"
REST = {check.id for check in CHECKS if check.needs == "live"} | {UNHONOURED}
"""Checks that the adapter which claims everything does not pass."""

both_loops = pytest.mark.parametrize("loop", ["asyncio", "trio"])


def results_of(subject: Subject, loop: str) -> dict[str, CheckResult]:
    """Certify, and give the results by check."""
    report = anyio.run(lambda: certify(subject, date="2026-11-20"), backend=loop)
    return {result.check: result for result in report.results}


def test_every_check_has_an_id_a_sentence_and_a_feature() -> None:
    """Ids are unique and name their topic; what a check proves is a sentence; its feature is known."""
    assert [name for name, count in Counter(check.id for check in CHECKS).items() if count > 1] == []
    for check in CHECKS:
        assert check.id.count(".") == 1
        assert check.id.startswith("live.") == (check.needs == "live")
        assert check.proves.endswith(".")
        assert check.feature in FEATURES


def test_every_check_has_a_saboteur() -> None:
    """A check that nobody breaks proves nothing."""
    assert {saboteur.check for saboteur in SABOTEURS} == BY_ID.keys()


@pytest.mark.parametrize("saboteur", [one for one in SABOTEURS if one.check in REST], ids=str)
def test_saboteur_is_caught_by_its_check(saboteur: Saboteur) -> None:
    """The check alone notices what is broken."""
    result = anyio.run(run_check, BY_ID[saboteur.check], saboteur.subject)

    assert result.outcome is Outcome.FAILED
    assert result.text


class TestReferenceDouble(DoubleProof):
    """The scripted checks notice what is broken."""

    subject = reference_subject()


class TestReference(ChatBackendConformance):
    """The kit's own adapter passes every scripted check on trio."""

    subject = reference_subject()
    loop = "trio"


def test_backend_that_does_everything_passes_every_scripted_check() -> None:
    """No check asks for the impossible."""
    results = results_of(reference_subject(), "asyncio")
    scripted = {check.id for check in CHECKS if check.needs == "scripted"} - {UNHONOURED}

    assert {name for name, one in results.items() if one.outcome is Outcome.PASSED} == scripted
    assert results[UNHONOURED].told == "not run: it claims everything that a request can ask for"
    assert results["live.chat"].told == "not run: no live backend"


@both_loops
def test_backend_of_text_alone_gives_its_reasons(loop: str) -> None:
    """What is not claimed is told with its reason, and what works all the same is told apart."""
    results = results_of(modest_subject(), loop)

    assert [one for one in results.values() if one.outcome is Outcome.FAILED] == []
    assert results[UNHONOURED].outcome is Outcome.PASSED
    assert results["media.image"].told == "not claimed: the service takes text alone"
    assert results["reasoning.apart"].outcome is Outcome.UNCLAIMED


@both_loops
def test_model_that_obeys_passes_every_live_check(loop: str) -> None:
    """No live check asks for the impossible, and none needs a double."""
    results = results_of(obedient_subject(), loop)

    assert {one.outcome for name, one in results.items() if name.startswith("live.")} == {Outcome.PASSED}
    assert results["chat.plain"].told == "not run: no double"


def test_floors_name_known_features() -> None:
    """Every floor is written in the kit's own words, and says where it is from."""
    for floor in floors().values():
        assert floor.features <= FEATURES.keys()
        assert floor.source
