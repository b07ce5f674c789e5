"""The kit's part of the pytest plugin: ``--conformance-report DIR``."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

if TYPE_CHECKING:
    from converge_provider.testing.conformance.reports import CheckResult

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
    from converge_provider.testing.conformance.reports import ConformanceReport, Outcome

    order = {check.id: place for place, check in enumerate(CHECKS)}
    heads: dict[str, ConformanceReport] = {}
    found: dict[str, dict[str, CheckResult]] = {}
    for document in documents:
        report = codec.load(ConformanceReport, document)
        heads[report.backend] = evolve(report, date=datetime.now(UTC).date().isoformat())
        of_backend = found.setdefault(report.backend, {})
        for result in report.results:
            known = of_backend.get(result.check)
            if known is None or known.outcome is not Outcome.FAILED:  # on several loops, the failure counts
                of_backend[result.check] = result
    folder.mkdir(parents=True, exist_ok=True)
    for backend, head in heads.items():
        results = sorted(found[backend].values(), key=lambda result: order[result.check])
        text = json.dumps(codec.dump(evolve(head, results=results)), indent=2, ensure_ascii=False)
        (folder / f"{backend.replace('/', '_')}.json").write_text(f"{text}\n", "utf-8")
