"""The pages about policies name every measured column and every check, and nothing else."""

import re
from pathlib import Path

from converge_provider.testing import POLICY_CHECKS
from converge_provider.values.measured import MEASURED

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: str, heading: str) -> list[str]:
    """Give the names in the first column of the first table below a heading."""
    _, _, section = (DOCS / page).read_text("utf-8").partition(f"## {heading}\n")
    return re.findall(r"^\| `([^`]+)` \|", section.partition("\n## ")[0], re.MULTILINE)


def test_reference_has_every_measured_column() -> None:
    """A column that a policy may ask for stands in the table, in the order of its class."""
    assert rows("reference/policies.md", "What is measured") == [*MEASURED, "assigned", "assigned_age_s"]


def test_guide_has_every_check_of_the_kit() -> None:
    """A check that may fail an author's policy is told of, in the order in which they run."""
    names = [getattr(check, "__name__", "").removeprefix("check_") for check in POLICY_CHECKS]

    assert rows("extend/policy.md", "Prove it") == names
