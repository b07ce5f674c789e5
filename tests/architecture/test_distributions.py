"""Every distribution is complete, and all are of one shape."""

import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path for parent in ("plugins", "contrib") for path in (ROOT / parent).iterdir() if path.is_dir())
FOLDERS = [ROOT / "core", *PLUGINS]


def project(folder: Path) -> dict[str, Any]:
    """Give the ``[project]`` table of a distribution."""
    table: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def package(folder: Path) -> str:
    """Give the name that a distribution is imported by."""
    return str(project(folder)["name"]).replace("-", "_")


each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
each_plugin = pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)


@each
def test_distribution_is_complete(folder: Path) -> None:
    """It has a pyproject, a README, a typed package under src/, and tests."""
    wanted = ["pyproject.toml", "README.md", f"src/{package(folder)}/__init__.py", f"src/{package(folder)}/py.typed"]

    assert [name for name in wanted if not (folder / name).is_file()] == []
    assert list((folder / "tests").glob("test_*.py"))


@each
def test_wheel_holds_every_file_of_the_package(folder: Path, tmp_path: Path) -> None:
    """What is tested from the source is what people install: code, tables, marks, entry points."""
    (wheel,) = WheelBuilder(str(folder)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
    source = folder / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    kept = {name for name in files if not re.search(r"/(\.|__pycache__/)", name)}
    described = {name for name in names if ".dist-info/" in name}

    assert names - described == kept
    assert folder.name == "core" or any(name.endswith("/entry_points.txt") for name in described)


@each
def test_distribution_says_what_an_index_shows(folder: Path) -> None:
    """Its metadata names a description, the README, the licence, the interpreters, and that it is typed."""
    table = project(folder)

    assert table["readme"] == "README.md"
    assert table["license"] == "MIT"
    assert table["requires-python"] == ">=3.11"
    assert re.fullmatch(r"[A-Z].*\.", table["description"])
    assert "Typing :: Typed" in table["classifiers"]


@each
def test_distribution_leaves_tools_to_the_root(folder: Path) -> None:
    """Its pyproject configures its build and nothing else."""
    tools = tomllib.loads((folder / "pyproject.toml").read_text("utf-8")).get("tool", {})

    assert set(tools) <= {"hatch"}


@each_plugin
def test_plugin_is_announced_under_its_own_name(folder: Path) -> None:
    """Folder, distribution and entry point have one name, and the entry point is the package; templates are short."""
    table = project(folder)
    name = str(table["name"])

    assert folder.name == (name.removeprefix("converge-") if folder.name.startswith("template-") else name)
    assert table["entry-points"] == {"converge_provider": {name.removeprefix("converge-"): package(folder)}}


@each_plugin
def test_plugin_asks_for_the_range_of_core(folder: Path) -> None:
    """It depends on the minor version of core that it is released with, and on no later one."""
    major, minor, _ = str(project(ROOT / "core")["version"]).split(".")
    wanted = f">={major}.{minor},<{major}.{int(minor) + 1}"
    needed = [need for need in project(folder)["dependencies"] if need.startswith("converge-")]

    assert [re.sub(r"^converge-provider(\[[a-z,]+\])?", "", need) for need in needed] == [wanted]


@pytest.mark.parametrize("folder", sorted((ROOT / "plugins").glob("*/")), ids=lambda folder: folder.name)
def test_plugin_has_the_version_of_core(folder: Path) -> None:
    """What is maintained is released in lockstep."""
    assert project(folder)["version"] == project(ROOT / "core")["version"]


@each_plugin
def test_plugin_readme_has_the_sections_of_its_kind(folder: Path) -> None:
    """A reader finds the same headings, in the same order, in every plugin's README."""
    headings = re.findall(r"^## (.+)$", (folder / "README.md").read_text("utf-8"), re.MULTILINE)
    wanted = ["Reaches", "Install", "Configure", "Capabilities", "Limits"]
    if folder.name.startswith(("converge-policy-", "template-policy")):
        wanted = ["Formula", "Install", "Configure", "Limits"]

    assert [heading for heading in headings if heading in wanted] == wanted


@each
def test_distribution_is_known_to_every_check(folder: Path) -> None:
    """Its tests are run, it is part of the composition, and it stands under the import contracts."""
    tox = (ROOT / "tox.ini").read_text("utf-8")
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    place = folder.relative_to(ROOT).as_posix()

    assert re.search(rf"pytest .*\b{place}/tests\b", tox)
    assert re.search(rf"-e {{tox_root}}/{place}(\[[a-z,]+\])?\n", tox)
    assert package(folder) in tools["importlinter"]["root_packages"]
    assert project(folder)["name"] in [section["name"] for section in tools["towncrier"]["section"]]
