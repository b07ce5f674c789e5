"""The README of every policy says what it must say, and its worked example runs."""

import re
from pathlib import Path

import pytest

READMES = sorted((Path(__file__).parents[2] / "plugins").glob("converge-policy-*/README.md"))
SAID = ("Direction", "Range", "Missing data", "Tie-break", "Source")


def ids(path: Path) -> str:
    """Name a README by its distribution."""
    return path.parent.name


@pytest.mark.parametrize("readme", READMES, ids=ids)
def test_policy_readme_example_runs(readme: Path) -> None:
    """The Python examples of the README run, and what they assert holds."""
    examples = re.findall(r"^```python\n(.*?)^```$", readme.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert examples

    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, readme.parent.name, "exec"), names)


@pytest.mark.parametrize("readme", READMES, ids=ids)
def test_policy_readme_says_what_a_host_must_know(readme: Path) -> None:
    """The README states the formula, direction, range, missing data, tie-break and source, and how to configure it."""
    text = readme.read_text("utf-8")

    assert [word for word in SAID if f"\n- {word}: " not in text] == []
    assert [
        heading for heading in ("Formula", "Install", "Configure", "Limits") if f"\n## {heading}\n" not in text
    ] == []
