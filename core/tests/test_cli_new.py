"""``converge new``: a plugin of one's own, whole or not at all."""

import ast
import json
import os
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from converge_provider import EnabledPolicy, PluginRegistry, cli, hookimpl, policy
from converge_provider.cli.exits import ExitCode
from converge_provider.cli.templates import Kind, NameRefusedError, files_of, names_of
from converge_provider.testing import ScriptedBackend, ScriptedProviderType

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path.parent / f"{tmp_path.name}-home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@policy
def tea(view: object, _options: object) -> list[float]:
    """Score nobody."""
    return []


class Teas:
    """A plugin with a policy."""

    @hookimpl
    def converge_register_policies(self, registrar: "Registrar[Policy]") -> None:
        """Register it."""
        registrar.add(tea)


REGISTRY = PluginRegistry.of(ScriptedProviderType("acme", ScriptedBackend(id="acme/one")), Teas())


def run(*arguments: str) -> int:
    """Run a command beside a provider type ``acme`` and a policy ``tea``."""
    return cli.main(list(arguments), registry=REGISTRY)


@pytest.mark.parametrize(
    ("kind", "name", "folder", "entry"),
    [
        pytest.param("backend", "my-llm", "converge-my-llm", {"my-llm": "converge_my_llm"}, id="backend"),
        pytest.param("backend", "Converge_Big.Co", "converge-big-co", {"big-co": "converge_big_co"}, id="prefixed"),
        pytest.param(
            "policy", "steady", "converge-policy-steady", {"policy-steady": "converge_policy_steady"}, id="policy"
        ),
        pytest.param(
            "policy",
            "converge-policy-a-b",
            "converge-policy-a-b",
            {"policy-a-b": "converge_policy_a_b"},
            id="prefixed policy",
        ),
    ],
)
def test_new_plugin_has_its_own_names_everywhere(
    kind: str, name: str, folder: str, entry: dict[str, str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folder, distribution, package and entry point follow from one name; every module can be read by Python."""
    assert run("new", kind, name, "--json") == ExitCode.DONE
    told = json.loads(capsys.readouterr().out)
    project = tomllib.loads((home / folder / "pyproject.toml").read_text("utf-8"))["project"]

    assert told["folder"] == folder
    assert len(told["commands"]) == 3
    assert sorted(told["files"]) == sorted(
        path.relative_to(home / folder).as_posix() for path in (home / folder).rglob("*") if path.is_file()
    )
    assert project["name"] == folder
    assert project["entry-points"]["converge_provider"] == entry
    assert (home / folder / "src" / next(iter(entry.values())) / "py.typed").is_file()
    for path in (home / folder).rglob("*.py"):
        ast.parse(path.read_text("utf-8"))
    assert [one.name for one in home.iterdir()] == [folder]
    assert oct((home / folder).stat().st_mode & 0o777) == "0o755"
    assert "It is the template of" not in (home / folder / "README.md").read_text("utf-8")


def test_commands_are_printed_for_where_it_was_put(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --directory the commands name that folder, quoted for a shell."""
    (home / "my plugins").mkdir()

    assert run("new", "policy", "steady", "--directory", "my plugins") == ExitCode.DONE
    told = capsys.readouterr().out
    commands = [line.strip() for line in told.splitlines() if line.startswith("    ")]
    assert len(commands) == 3
    assert commands[1].endswith("-m pip install --quiet --editable 'my plugins/converge-policy-steady[test]'")
    assert commands[2].endswith("-m pytest -p converge_provider.testing 'my plugins/converge-policy-steady'")


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        pytest.param("backend", "../acme", "is no name of a plugin", id="a path"),
        pytest.param("backend", "", "is no name of a plugin", id="nothing"),
        pytest.param("backend", "3d", "is no name of a plugin", id="a digit first"),
        pytest.param("backend", "acme-", "is no name of a plugin", id="a hyphen last"),
        pytest.param("backend", "caf\u00e9", "is no name of a plugin", id="not ASCII"),
        pytest.param("backend", "a" * 49, "is no name of a plugin", id="long"),
        pytest.param("backend", "converge-", "is no name of a plugin", id="the beginning alone"),
        pytest.param("backend", "acme", "is taken, by a provider type", id="a provider type"),
        pytest.param("backend", "provider", "is taken, by converge-provider ", id="the core"),
        pytest.param("backend", "settings", "means something else", id="a class of the template"),
        pytest.param("backend", "none", "means something else", id="a word of Python"),
        pytest.param("policy", "tea", "is taken, by a policy", id="a policy"),
        pytest.param("policy", "fitness", "is taken, by a policy", id="the built-in policy"),
        pytest.param("policy", "view", "means something else", id="a variable of the template"),
        pytest.param("policy", "lambda", "means something else", id="a keyword"),
    ],
)
def test_name_that_cannot_be_is_refused(
    kind: str, name: str, words: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says why, and nothing is written."""
    assert run("new", kind, "--", name) == ExitCode.USAGE
    assert words in capsys.readouterr().err
    assert list(home.iterdir()) == []


def test_package_that_can_be_imported_takes_its_name(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of that name that no distribution brings is told too."""
    (home / "lib" / "converge_lone").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(home / "lib"), *sys.path])

    assert run("new", "backend", "lone") == ExitCode.USAGE
    assert "is taken, by the package converge_lone" in capsys.readouterr().err


@pytest.mark.parametrize("there", ["a folder", "a file", "a dead link"])
def test_nothing_is_overwritten(there: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever has the folder's name stays as it is."""
    target = home / "converge-one"
    if there == "a folder":
        target.mkdir()
    elif there == "a file":
        target.write_text("mine", "utf-8")
    else:
        target.symlink_to(home / "nowhere")

    assert run("new", "backend", "one") == ExitCode.USAGE
    assert "is there already, and nothing is overwritten" in capsys.readouterr().err
    assert [one.name for one in home.iterdir()] == ["converge-one"]
    assert target.is_dir() == (there == "a folder")


def test_disk_that_is_full_leaves_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are written all or none, and the error names the folder."""

    def full(self: Path, *_arguments: object, **_options: object) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_text", full)
    assert run("new", "backend", "one") == ExitCode.CONFIGURATION
    assert "converge-one: cannot be written: No space left on device" in capsys.readouterr().err
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("kind", ["backend", "policy"])
def test_no_name_of_the_template_is_left(kind: Kind) -> None:
    """A name with several words is spelt as each place wants it, and nothing of the template's own remains."""
    text = "\n".join(f"{path}\n{content}" for path, content in files_of(kind, names_of(kind, "big-blue-sky")).items())
    spelt = {"backend": ["BigBlueSky", "BIG_BLUE_SKY_API_KEY", "Big Blue Sky"], "policy": ["BigBlueSkyOptions"]}

    assert "template-" not in text.lower()
    assert "template_" not in text.lower()
    assert [word for word in ("big-blue-sky", "big_blue_sky", *spelt[kind]) if word not in text] == []


def test_refusal_is_a_value_error() -> None:
    """Who makes names in code catches the usual error."""
    assert issubclass(NameRefusedError, ValueError)
    assert EnabledPolicy(tea).policy.name == "tea"


def test_new_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a kind, the kinds are told."""
    assert run("new") == ExitCode.USAGE
    assert {"backend", "policy"} <= set(capsys.readouterr().out.split())
