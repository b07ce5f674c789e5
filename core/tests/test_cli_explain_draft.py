"""``converge explain --draft``: what other criteria, demands or policies would change."""

import json
from pathlib import Path
from typing import Any

import pytest

from converge_provider import (
    CandidateView,
    ChatBackendCapabilities,
    Claims,
    CostClass,
    PluginRegistry,
    Policy,
    Registrar,
    cli,
    hookimpl,
    policy,
)
from converge_provider.testing import ScriptedBackend, ScriptedProviderType

UNKNOWN = "training on inputs unknown, no training is asked for; if you know it, state trains_on_inputs under"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@policy(name="last-letter")
def last_letter(view: CandidateView, _options: object) -> list[float]:
    """Prefer names late in the alphabet."""
    return [(ord(str(one.model)[0]) - ord("a")) / 25 for one in view.descriptors]


class Installed:
    """A plugin with a policy."""

    @hookimpl
    def converge_register_policies(self, registrar: Registrar[Policy]) -> None:
        """Register it."""
        registrar.add(last_letter)


def model(name: str, cost: CostClass, quality: float, country: str | None = None) -> ScriptedBackend:
    """Make a backend of the provider ``lab``."""
    return ScriptedBackend(
        id=f"lab/{name}",
        cost_class=cost,
        quality=quality,
        capabilities=ChatBackendCapabilities(context_tokens=8_000),
        claims=Claims(country=country, trains_on_inputs=False if country else None),
    )


def run(*arguments: str) -> int:
    """Run the command with three backends installed."""
    backends = [
        model("a", CostClass.LOW, 0.6, "SE"),
        model("b", CostClass.MEDIUM, 0.9),
        model("c", CostClass.HIGH, 0.8, "SE"),
    ]
    registry = PluginRegistry.of(ScriptedProviderType("lab", *backends), Installed())
    return cli.main(["explain", *arguments], registry=registry)


def compared(home: Path, draft: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Give the document that a draft leads to."""
    (home / "draft.toml").write_text(draft, "utf-8")
    assert run("--json", "--draft", "draft.toml", *arguments) == 0
    return json.loads(capsys.readouterr().out)


def test_draft_says_who_would_be_chosen_and_why_not_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who falls out is named with the gates of the draft, who comes in with those of before."""
    (home / "converge.toml").write_text('[selection]\ncost = "standard"\n', "utf-8")
    (home / "draft.toml").write_text('[selection]\ncost = "premium"\n[constraints]\nno_training = true\n', "utf-8")
    code = run("--draft", "draft.toml")

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "Chosen: lab/a instead of lab/b",
        "",
        "Newly eligible (1)",
        "  lab/c, at place 2; before:",
        "    cost class High > Medium",
        "",
        "Newly rejected (1)",
        "  lab/b",
        f'    {UNKNOWN} [claims."lab/b"] in the configuration',
        "",
        "Moved (1)",
        "  lab/a: from place 2 to 1",
    ]


def test_draft_of_policies_moves_candidates(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Policies of a draft take the place of the configured ones; the document holds both decisions."""
    document = compared(home, '[[policies]]\nname = "last-letter"\n', capsys)

    assert (document["changes"]["was"], document["changes"]["now"]) == ("lab/b", "lab/c")
    assert [(move["id"], move["was"], move["now"]) for move in document["changes"]["moved"]] == [
        ("lab/c", 3, 1),
        ("lab/b", 1, 2),
        ("lab/a", 2, 3),
    ]
    assert document["before"]["policies"][0]["name"] == "fitness"
    assert document["after"]["policies"][0]["name"] == "last-letter"


def test_draft_takes_the_whole_place_of_a_table(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the configured table has beside is gone, and tables that the draft does not have stay."""
    (home / "converge.toml").write_text(
        '[selection]\ncost = "minimal"\ntool_use = true\n[[policies]]\nname = "last-letter"\n', "utf-8"
    )
    document = compared(home, '[selection]\ncost = "standard"\n', capsys)

    assert document["before"]["chosen"] is None
    assert document["after"]["criteria"]["capabilities"]["tool_use"] is False
    assert document["after"]["policies"][0]["name"] == "last-letter"


def test_draft_counts_more_than_the_environment(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draft is what would be, so it stands over variables too; options stand over both."""
    monkeypatch.setenv("CONVERGE_LLM_COST", "minimal")
    document = compared(home, '[selection]\ncost = "premium"\n', capsys, "--latency", "batch")

    assert document["before"]["criteria"]["cost"] == "Minimal"
    assert document["after"]["criteria"]["cost"] == "Premium"
    assert document["after"]["criteria"]["latency"] == "Batch"


def test_draft_that_changes_nothing_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing changes one line says it."""
    (home / "draft.toml").write_text('[[policies]]\nname = "fitness"\n', "utf-8")

    assert run("--draft", "draft.toml") == 0
    assert capsys.readouterr().out == ("Chosen: lab/b, as before\nNobody's place changes, and nobody's eligibility.\n")


def test_draft_under_which_nobody_may_answer_has_its_exit_code(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody after the draft is exit code 3, and the remedy is told."""
    (home / "draft.toml").write_text('[constraints]\nallow = ["elsewhere"]\n', "utf-8")

    assert run("--draft", "draft.toml") == 3
    assert capsys.readouterr().out.startswith("Chosen: nobody instead of lab/b\nThe nearest is lab/a")


@pytest.mark.parametrize(
    ("draft", "text"),
    [
        pytest.param("", "a draft has the tables selection, constraints and policies; this one has none", id="empty"),
        pytest.param("[aliases]\nx = 'a/b'\n", "this one has aliases", id="another table"),
        pytest.param("[selection]\ncost = 'cheapish'\n", "selection.cost: expected minimal", id="no such word"),
        pytest.param("[constraints]\nofline = true\n", "did you mean 'offline'?", id="misspelt"),
        pytest.param("[[policies]]\nname = 'last-leter'\n", "did you mean 'last-letter'?", id="no such policy"),
        pytest.param("[selection\n", "is not TOML", id="no TOML"),
    ],
)
def test_draft_that_makes_no_sense_is_one_line(
    draft: str, text: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The mistake is told in one line, with the file where it is the file's."""
    (home / "draft.toml").write_text(draft, "utf-8")
    code = run("--draft", "draft.toml")
    out, err = capsys.readouterr()

    assert code != 0
    assert out == ""
    assert text in err
    assert err.count("\n") == 1
