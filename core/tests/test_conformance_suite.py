"""The kit under pytest: one test per check, and a report as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path

from converge_provider import codec
from converge_provider.testing.conformance import CHECKS, ConformanceReport

SUITE = """
import pytest
from attrs import evolve

from converge_provider.testing import ChatBackendConformance
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.conformance.reference import modest_subject, reference_subject
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


class TestNobody(ChatBackendConformance):
    pass
"""


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the suite in a process of its own."""
    (folder / "test_suite.py").write_text(SUITE, "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "converge_provider.testing",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        ".",
    ]
    return subprocess.run(
        [*command, *arguments], cwd=folder, env={**os.environ}, capture_output=True, text=True, check=False
    )


def test_suite_has_a_test_per_check_that_the_subject_has_the_parts_for(tmp_path: Path) -> None:
    """A subject with a double gets the scripted checks, one with a live backend the others."""
    collected = run(tmp_path, "--collect-only", "-q").stdout.splitlines()
    scripted = [check.id for check in CHECKS if check.needs == "scripted"]
    live = [check.id for check in CHECKS if check.needs == "live"]

    for name, checks in (("TestModest", scripted), ("TestObedient", live), ("TestNobody", [*scripted, *live])):
        ids = [line.partition("[")[2].rstrip("]") for line in collected if f"::{name}::" in line]
        assert ids == checks


def test_suite_passes_skips_and_fails_with_words(tmp_path: Path) -> None:
    """What is not claimed is skipped with its reason; a failure says what is wrong, and what it would have proved."""
    wanted = "chat.plain or media.image or chat.system or live.json or (TestNobody and chat.plain)"
    result = run(tmp_path, "-rs", "--conformance-report", "reports", "-k", wanted)

    assert "not claimed: the service takes text alone" in result.stdout
    assert "chat.system: 'marker-system' of the request did not reach the service" in result.stdout
    assert "It proves: The system text reaches the service, beside the user's." in result.stdout
    assert "TestNobody must give a subject, or override the fixture conformance_subject" in result.stdout
    assert result.returncode == 1
    reports = {
        path.name: codec.load(ConformanceReport, json.loads(path.read_text("utf-8")))
        for path in (tmp_path / "reports").iterdir()
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


def test_report_folder_stays_away_when_nothing_was_certified(tmp_path: Path) -> None:
    """A run of other tests writes no report."""
    result = run(tmp_path, "--conformance-report", "reports", "-k", "nothing-of-the-kind")

    assert result.returncode == 5
    assert not (tmp_path / "reports").exists()
