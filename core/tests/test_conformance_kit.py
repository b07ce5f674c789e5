"""The conformance kit on itself: good backends pass, and each check notices the one that is broken its way."""

import re
import traceback
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, cast

import anyio
import pytest

from converge_provider.testing import ChatBackendConformance
from converge_provider.testing.conformance import CHECKS, CheckResult, Outcome, Subject, certify, run_check, running
from converge_provider.testing.conformance.checks import check as check_module
from converge_provider.testing.conformance.features import FEATURES
from converge_provider.testing.conformance.floors import floors
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.reference import modest_subject, reference_subject
from converge_provider.testing.conformance.saboteurs import SABOTEURS, Saboteur

BY_ID = {check.id: check for check in CHECKS}
UNHONOURED = "chat.unhonoured-refused"
EXPECTS = re.compile(r"^ +(?!def )(?:[^\"#]* )?(?:expect|fail)\(")
BEYOND_REACH = [
    # a connection left open by a task that is over: only another task could hold it
    'expect(await desk.hung_up(), "the task was cancelled, and the connection was left open")',
    'expect(await desk.hung_up(), "the task was cancelled, and the connection was left open")',
    # the double's mistake, not the backend's
    'expect(not whole.isascii(), "the double escapes what is beyond ASCII, so that nothing can be cut; write UTF-8")',
]


class Caught(NamedTuple):
    """What became of the saboteurs."""

    results: dict[str, CheckResult]
    places: set[tuple[str, int]]
    """File and line of every frame in which some check failed."""


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


@pytest.fixture(scope="module")
def caught() -> Caught:
    """Run the matrix: each saboteur under the check that is there for it, alone."""
    with pytest.MonkeyPatch.context() as patch:
        places = set[tuple[str, int]]()
        told = running._raised

        def raised(exc: BaseException) -> str:
            places.update((Path(frame.filename).name, frame.lineno or 0) for frame in traceback.extract_tb(_leaf(exc)))
            return told(exc)

        patch.setattr(running, "_raised", raised)
        results = {str(one): anyio.run(run_check, BY_ID[one.check], one.subject) for one in SABOTEURS}
    return Caught(results, places)


def _leaf(exc: BaseException) -> TracebackType | None:
    """Give the trace of what was raised, of several at once the first."""
    if isinstance(exc, BaseExceptionGroup):
        return _leaf(cast("BaseExceptionGroup[BaseException]", exc).exceptions[0])
    return exc.__traceback__


@pytest.mark.parametrize("saboteur", SABOTEURS, ids=str)
def test_saboteur_is_caught_by_its_check(saboteur: Saboteur, caught: Caught) -> None:
    """The check alone notices what is broken."""
    result = caught.results[str(saboteur)]

    assert result.outcome is Outcome.FAILED
    assert result.text


def test_every_expectation_has_a_saboteur(caught: Caught) -> None:
    """Each line that expects something is where some saboteur fails, but for a few that none can reach."""
    folder = Path(check_module.__file__).parent
    lines = [
        (path.name, number, line.strip())
        for path in sorted([*folder.glob("*.py"), folder.parent / "trials.py"])
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if EXPECTS.search(line)
    ]

    assert len(lines) > 100
    assert [text for name, number, text in lines if (name, number) not in caught.places] == BEYOND_REACH


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
