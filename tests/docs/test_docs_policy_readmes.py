"""The README of every policy says what it must say, and its worked example runs."""

import re
from pathlib import Path

import attrs
import pytest

from converge_provider import PluginRegistry, load_configuration
from converge_provider.selection import enable

ROOT = Path(__file__).parents[2]
READMES = sorted((ROOT / "plugins").glob("converge-policy-*/README.md"))
HOW_TO = ROOT / "docs/how-to/policies.md"
FENCED = re.MULTILINE | re.DOTALL
SAID = ("Direction", "Range", "Missing data", "Tie-break", "Source")


def ids(path: Path) -> str:
    """Name a README by its distribution."""
    return path.parent.name


@pytest.mark.parametrize("readme", READMES, ids=ids)
def test_policy_readme_example_runs(readme: Path) -> None:
    """The Python examples of the README run, and what they assert holds."""
    examples = re.findall(r"^```python\n(.*?)^```$", readme.read_text("utf-8"), FENCED)
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


@pytest.mark.parametrize("page", [*READMES, HOW_TO], ids=ids)
def test_policy_configuration_example_is_accepted(page: Path, tmp_path: Path) -> None:
    """Each configuration that the page shows enables the policies that it names, with options that they take."""
    examples = re.findall(r"^```toml\n(.*?)^```$", page.read_text("utf-8"), FENCED)
    assert examples

    installed = PluginRegistry.discover().policies
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.toml"
        path.write_text(example, "utf-8")
        configuration = load_configuration(environ={"CONVERGE_CONFIG": str(path)}, directory=tmp_path)
        assert [one.policy.name for one in enable(configuration.policies, installed)] == re.findall(
            r'^name = "(.*)"$', example, re.MULTILINE
        )


@pytest.mark.parametrize("readme", READMES, ids=ids)
def test_policy_readme_explains_every_option(readme: Path) -> None:
    """The table of options names each option of the policy, in its order, and no other."""
    table = readme.read_text("utf-8").split("| option |")[1].split("\n\n")[0]
    policy = PluginRegistry.discover().policies[readme.parent.name.removeprefix("converge-policy-")]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [field.name for field in attrs.fields(policy.options)]


def test_how_to_shows_every_maintained_policy() -> None:
    """The table of the how-to page names each policy of the repository, and no other but the built-in one."""
    named = set(re.findall(r"^\| `([a-z-]+)` \|", HOW_TO.read_text("utf-8"), re.MULTILINE))

    assert named == {"fitness", *(readme.parent.name.removeprefix("converge-policy-") for readme in READMES)}
