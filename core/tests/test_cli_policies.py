"""``converge policies``: what is installed, what is enabled, and what can be set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import pytest

from converge_provider import CandidateView, JsonObject, PluginRegistry, cli, hookimpl, policy
from converge_provider.cli.exits import ExitCode
from converge_provider.cli.option_fields import option_fields

if TYPE_CHECKING:
    from converge_provider import Policy, Registrar


@attrs.frozen(kw_only=True)
class TeaOptions:
    """What tea is worth."""

    milk: float = 0.5
    """How much milk, from 0 to 1;
    more is worse.
    """
    kind: Literal["green", "black"] = "green"
    weights: Mapping[str, float] = attrs.field(factory=dict[str, float])
    """What each backend is worth."""
    _hidden: int = attrs.field(default=1, init=False)


def learn(document: JsonObject, _experience: object, _options: object) -> JsonObject:
    """Learn nothing."""
    return document


@policy(options=TeaOptions, may_veto=True, decides_last_resort=True, monotone={"quality": "+"}, learn=learn)
def tea(view: CandidateView, _options: object) -> Sequence[float]:
    """Score every candidate alike."""
    return [0.5] * len(view)


class Plugin:
    """A plugin with a policy."""

    @hookimpl
    def converge_register_policies(self, registrar: "Registrar[Policy]") -> None:
        """Register it."""
        registrar.add(tea)


REGISTRY = PluginRegistry.of(Plugin())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


CONFIGURED = """
[[policies]]
name = "tea"
weight = 2.5
tier = 1
epsilon = 0.25
options = { milk = 0.25 }

[[policies]]
name = "coffee"
"""


def run(*arguments: str) -> int:
    """Run the command on a registry with one policy."""
    return cli.main(["policies", *arguments], registry=REGISTRY)


def test_policies_shows_the_installed_ones(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a configuration the contract's fitness is enabled, alone."""
    code = run()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]

    assert code == ExitCode.DONE
    assert [(line[0], line[-2:] if "yes" in line else line[-1]) for line in lines[1:]] == [
        ("fitness", ["1", "0"]),
        ("tea", "no"),
    ]


def test_policies_shows_what_is_configured(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weight, tier and options of the enabled ones; one that is not installed is said to be so."""
    (home / "config.toml").write_text(CONFIGURED)
    run()
    table = {line.split()[0]: " ".join(line.split()[1:]) for line in capsys.readouterr().out.splitlines()}

    assert table["coffee"] == "not installed yes 1 0"
    assert table["tea"].endswith("yes 2.5 1 milk = 0.25")
    assert table["fitness"].endswith(" no")


def test_policy_is_told_in_full(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it may do, and every option with type, default, meaning and what is configured."""
    (home / "config.toml").write_text(CONFIGURED)
    run("tea")
    out = capsys.readouterr().out

    assert out.splitlines()[1:] == [
        "  enabled with weight 2.5 in tier 1, equal within 0.25",
        "  may veto",
        "  places last resorts itself",
        "  learns from what became of calls",
        "  rises or falls with quality (+)",
        "  milk: float, default 0.5, configured 0.25",
        "    How much milk, from 0 to 1; more is worse.",
        "  kind: Literal['green', 'black'], default \"green\"",
        "  weights: Mapping[str, float], default {}",
        "    What each backend is worth.",
    ]


def test_policy_that_is_not_enabled_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    """The line to add stands below its name; one that is missing has nothing to be set."""
    run("tea")

    assert '  not enabled; enable it with: [[policies]] name = "tea"' in capsys.readouterr().out


def test_policy_that_is_not_installed_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is enabled all the same, which a selection will refuse."""
    (home / "config.toml").write_text(CONFIGURED)
    run("coffee")

    assert capsys.readouterr().out == "coffee (not installed)\n  enabled with weight 1 in tier 0\n"


def test_policies_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """The same for programs."""
    run("tea", "--json")
    (found,) = json.loads(capsys.readouterr().out)

    assert (found["name"], found["may_veto"], found["learns"], found["monotone"]) == (
        "tea",
        True,
        True,
        {"quality": "+"},
    )
    assert found["options"][0] == {
        "name": "milk",
        "type": "float",
        "default": 0.5,
        "text": "How much milk, from 0 to 1; more is worse.",
    }


def test_misspelt_policy_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    """The nearest name is suggested; without one, all are named."""
    near, far = run("te"), run("zzz")
    err = capsys.readouterr().err

    assert near == far == ExitCode.USAGE
    assert "there is no policy 'te'; did you mean 'tea'?" in err
    assert "there is no policy 'zzz'; there are fitness, tea" in err


def test_options_without_source_have_no_texts() -> None:
    """A class that was made at run time is told without meanings; an annotation may be a text, or missing."""
    made: Any = attrs.make_class("Made", {"a": attrs.field(default=1)})
    written: Any = attrs.frozen(type("Written", (), {"__annotations__": {"b": "int | None"}, "b": 2}))

    assert [(one.name, one.type, one.default, one.text) for one in option_fields(made)] == [("a", "anything", 1, "")]
    assert [(one.name, one.type, one.default, one.text) for one in option_fields(written)] == [
        ("b", "int | None", 2, "")
    ]
