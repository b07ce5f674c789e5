"""The kit's part of the pytest plugin: ``--conformance-report DIR``."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

PROPERTY = "converge-conformance"
"""The property of a test's report that carries the result to whoever writes it down."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption(
        "--conformance-report",
        metavar="DIR",
        type=Path,
        help="write what the conformance kit found of each backend as JSON into this folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect, where this is no worker of pytest-xdist."""
    folder: Path | None = config.getoption("--conformance-report")
    if folder is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Collector(folder), "converge-conformance-collector")


class _Collector:
    """Takes the results out of the tests' reports, which pytest-xdist brings from its workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._documents: list[Any] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the result of one check."""
        if report.when == "call":
            self._documents += [value for name, value in report.user_properties if name == PROPERTY]

    def pytest_unconfigure(self) -> None:
        """Write what was collected."""
        if self._documents:
            _write(self._documents, self._folder)


def _write(documents: Iterable[Any], folder: Path) -> None:
    from converge_provider import codec
    from converge_provider.testing.conformance.checks import CHECKS
    from converge_provider.testing.conformance.reports import ConformanceReport

    order = {check.id: place for place, check in enumerate(CHECKS)}
    merged: dict[str, ConformanceReport] = {}
    for document in documents:
        report = codec.load(ConformanceReport, document)
        known = merged.get(report.backend, evolve(report, results=(), date=datetime.now(UTC).date().isoformat()))
        merged[report.backend] = evolve(known, results=[*known.results, *report.results])
    folder.mkdir(parents=True, exist_ok=True)
    for backend, report in merged.items():
        results = sorted(report.results, key=lambda result: order[result.check])
        text = json.dumps(codec.dump(evolve(report, results=results)), indent=2, ensure_ascii=False)
        (folder / f"{backend.replace('/', '_')}.json").write_text(f"{text}\n", "utf-8")
