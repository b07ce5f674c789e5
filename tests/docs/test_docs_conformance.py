"""
The page of the conformance kit is what the kit has, and what it finds of every adapter.

``tox -e golden`` writes it; the difference is then seen in review.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from converge_provider import codec
from converge_provider.testing.conformance import CHECKS, ConformanceReport
from converge_provider.testing.conformance.features import FEATURES
from converge_provider.testing.conformance.floors import floors
from converge_provider.testing.conformance.reports import MARKS, SUITE, Outcome

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
LIVE = ROOT / "tests" / "live" / "reports"
HEAD = f"""# Conformance

After this page you know what the kit checks, what counts as a claim, and what each adapter passes.

Version {SUITE} of the suite; how to use it is told in [Certify a backend](../extend/conformance.md).
This page is written by `tox -e golden`, which runs the kit; what it finds at real servers is written by `tox -e live`.
"""


def page() -> str:
    """Write the whole page."""
    return "\n".join([HEAD, *_adapters(_found()), *_servers(_live()), *_features(), *_floors(), *_checks()])


def _found() -> Sequence[ConformanceReport]:
    """Certify every adapter that speaks to a double, in a process of its own."""
    found = sorted(ROOT.glob("plugins/*/tests/test_*_conformance.py"))
    suites = [str(path) for path in found if "ChatBackendConformance" in path.read_text("utf-8")]
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-q", "-m", "not real", "-p", "no:cacheprovider", "--conformance-report", folder, *suites]
        result = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout
        return _read(Path(folder))


def _live() -> Sequence[ConformanceReport]:
    """Read what `tox -e live` has written: those servers take gigabytes to install."""
    return _read(LIVE)


def _read(folder: Path) -> Sequence[ConformanceReport]:
    documents = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    return sorted((codec.load(ConformanceReport, one) for one in documents), key=lambda one: one.backend)


def _adapters(reports: Sequence[ConformanceReport]) -> Iterator[str]:
    yield "## Adapters\n"
    yield "✓ passed, - not claimed, + works although nobody claims it, · not run; the reasons stand below.\n"
    yield from _table(reports, "scripted", "wire", [report.wire or "" for report in reports])


def _servers(reports: Sequence[ConformanceReport]) -> Iterator[str]:
    yield "## Real servers\n"
    yield "What the same adapters do at servers that anybody can install, with a model of 135 million parameters."
    yield "`tox -e live` installs and starts them, and asks; nothing is scripted there.\n"
    yield from _table(reports, "live", "server", [report.server or "" for report in reports])


def _table(reports: Sequence[ConformanceReport], needs: str, further: str, told: Sequence[str]) -> Iterator[str]:
    names = [f"{report.distribution} {report.version}" for report in reports]
    yield f"| check | {' | '.join(names)} |"
    yield f"| --- |{' --- |' * len(reports)}"
    yield f"| *backend* | {' | '.join(f'`{report.backend}`' for report in reports)} |"
    yield f"| *{further}* | {' | '.join(told)} |"
    for check in CHECKS:
        if check.needs == needs:
            marks = [_mark(report, check.id) for report in reports]
            yield f"| `{check.id}` | {' | '.join(marks)} |"
    for report in reports:
        yield from _reasons(report)
    yield ""


def _mark(report: ConformanceReport, check: str) -> str:
    return "".join(MARKS[result.outcome] for result in report.results if result.check == check)


def _reasons(report: ConformanceReport) -> Iterator[str]:
    told = [result for result in report.results if result.text]
    if told:
        yield f"\n### {report.backend}{f' at {report.server}' if report.server else ''}\n"
        yield from (f"- `{result.check}`: {result.told}" for result in told)


def _features() -> Iterator[str]:
    yield "## Features\n"
    yield "What a backend may claim, and where the kit reads it.\n"
    yield "| feature | claimed by | without saying so |"
    yield "| --- | --- | --- |"
    for name, feature in FEATURES.items():
        yield f"| `{name}` | {feature.where} | {'yes' if feature.implicit else ''} |"
    yield ""


def _floors() -> Iterator[str]:
    yield "## Floors\n"
    yield "What each wire's public documentation has; whoever does not claim one of these says why.\n"
    for name, floor in floors().items():
        yield f"- `{name}`: {', '.join(sorted(floor.features))} ({floor.source}, {floor.as_of})"
    yield ""


def _checks() -> Iterator[str]:
    yield "## Checks\n"
    yield "| check | feature | proves |"
    yield "| --- | --- | --- |"
    for check in CHECKS:
        yield f"| `{check.id}` | `{check.feature}` | {check.proves} |"
    yield ""


def test_page_shows_what_the_kit_has_and_finds() -> None:
    """Every adapter is certified anew, and the page says the same."""
    assert PAGE.read_text("utf-8") == page()


def test_nothing_fails_at_a_real_server() -> None:
    """What was last found at real servers has no failure: a fault is mended, or its reason is given."""
    failed = [
        f"{one.backend}: {result.told}" for one in _live() for result in one.results if result.outcome is Outcome.FAILED
    ]

    assert failed == []
    assert {report.distribution for report in _live()} == {"converge-anthropic", "converge-local", "converge-openai"}


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
