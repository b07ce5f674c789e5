"""The kit under pytest: one test per check, and a report as JSON."""

import json
import re

import pytest

from converge_provider import codec
from converge_provider.testing.conformance import CHECKS, ConformanceReport

pytest_plugins = "pytester"

SUITE = """
import pytest
from attrs import evolve

from converge_provider.testing import ChatBackendConformance, DoubleProof
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.reference import ReferenceDouble, modest_subject, reference_subject
from converge_provider.testing.conformance.saboteurs import SABOTEURS


class TestModest(ChatBackendConformance):
    subject = modest_subject()


class TestObedient(ChatBackendConformance):
    kinds = ("live",)
    loop = "trio"

    @pytest.fixture
    def conformance_subject(self):
        return obedient_subject()


class TestBroken(ChatBackendConformance):
    subject = evolve(SABOTEURS[0].subject, descriptor=evolve(reference_subject().descriptor, model="broken-1"))


class TestBrokenOnTrio(TestBroken):
    loop = "trio"


class TestDouble(DoubleProof):
    subject = reference_subject()


class LaxDouble(ReferenceDouble):
    call_ids = False


class TestLaxDouble(DoubleProof):
    subject = evolve(modest_subject(), descriptor=reference_subject().descriptor, backend=reference_subject().backend,
                     double=LaxDouble(), exceptions={"chat.system": "for the sake of the test"})


class TestNobody(ChatBackendConformance):
    pass
"""


def run(pytester: pytest.Pytester, *arguments: str) -> str:
    """Run the suite by itself, and give what is printed."""
    pytester.makepyfile(test_suite=SUITE)
    plugins = ("-p", "converge_provider.testing", "-p", "no:cacheprovider", "-p", "no:randomly")
    return pytester.runpytest_inprocess(*plugins, *arguments).stdout.str()


def test_suite_has_a_test_per_check_that_the_subject_has_the_parts_for(pytester: pytest.Pytester) -> None:
    """A subject with a double gets the scripted checks, one with a live backend the others."""
    collected = run(pytester, "--collect-only", "-q").splitlines()
    scripted = [check.id for check in CHECKS if check.needs == "scripted"]
    live = [check.id for check in CHECKS if check.needs == "live"]

    for name, checks in (("TestModest", scripted), ("TestObedient", live), ("TestNobody", [*scripted, *live])):
        ids = [line.partition("[")[2].rstrip("]") for line in collected if f"::{name}::" in line]
        assert ids == checks


def test_suite_passes_skips_and_fails_with_words(pytester: pytest.Pytester) -> None:
    """What is not claimed is skipped with its reason; a failure says what is wrong, and what it would have proved."""
    wanted = "chat.plain or media.image or chat.system or live.json or (TestNobody and chat.plain)"
    printed = run(pytester, "-rs", "--conformance-report", "reports", "-k", wanted)

    assert "not claimed: the service takes text alone" in printed
    assert "chat.system: 'marker-system' of the request did not reach the service" in printed
    assert "It proves: The system text reaches the service, beside the user's." in printed
    assert "TestNobody must give a subject, or override the fixture conformance_subject" in printed
    reports = {
        path.name: codec.load(ConformanceReport, json.loads(path.read_text("utf-8")))
        for path in (pytester.path / "reports").iterdir()
    }
    told = {name: [result.told for result in report.results] for name, report in reports.items()}
    assert told == {
        "reference_modest-1.json": ["passed", "passed", "not claimed: the service takes text alone"],
        "reference_reference-1.json": ["passed"],
        "reference_broken-1.json": [
            "passed",
            "failed: 'marker-system' of the request did not reach the service",
            "passed",
        ],
    }
    assert all(report.date for report in reports.values())


def test_report_folder_stays_away_when_nothing_was_certified(pytester: pytest.Pytester) -> None:
    """A run of other tests writes no report."""
    printed = run(pytester, "--conformance-report", "reports", "-k", "nothing-of-the-kind")

    assert "deselected" in printed
    assert not (pytester.path / "reports").exists()


def test_lax_double_is_found_out(pytester: pytest.Pytester) -> None:
    """A double that hides what a check needs lets its saboteur survive, and that fails; so does no good one."""
    printed = run(pytester, "-rs", "-k", "Double and (tools.single or chat.system)")

    assert "tools.single does not notice a backend that makes up ids" in printed
    assert "chat.system is works, unclaimed: for the sake of the test" in printed
    assert re.search(r"1 failed, \d+ passed, 1 skipped", printed)
