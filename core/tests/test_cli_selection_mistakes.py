"""What makes a selection senseless is one line on the command line, whoever made the mistake."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from converge_provider import (
    CandidateView,
    ChatBackendCapabilities,
    CostClass,
    PluginRegistry,
    Policy,
    Registrar,
    Scores,
    cli,
    hookimpl,
    policy,
)
from converge_provider.testing import ScriptedBackend, ScriptedProviderType


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def giving(name: str, values: Any) -> Policy:
    """Make a policy that always gives the same."""

    @policy(name=name)
    def give(_view: CandidateView, _options: object) -> Any:
        return values

    return give


@policy(name="raising-veto", may_veto=True)
def raising_veto(_view: CandidateView, _options: object) -> Sequence[float]:
    """Fail, although nothing may be chosen without it."""
    message = "the list is gone"
    raise RuntimeError(message)


@policy(name="silent-veto")
def silent_veto(view: CandidateView, _options: object) -> Scores:
    """Veto without having said that it may."""
    return Scores(values=[0.5] * len(view), vetoes={0: "no"})


class Installed:
    """A plugin with policies that make mistakes."""

    @hookimpl
    def converge_register_policies(self, registrar: Registrar[Policy]) -> None:
        """Register them."""
        registrar.add(giving("too-few", [0.5]))
        registrar.add(giving("not-a-number", [0.5, math.nan]))
        registrar.add(giving("too-much", [0.5, 1.5]))
        registrar.add(giving("no-scores", "0.5"))
        registrar.add(raising_veto)
        registrar.add(silent_veto)


def run(*arguments: str) -> int:
    """Explain with two backends installed."""
    capabilities = ChatBackendCapabilities(context_tokens=8_000)
    backends = [
        ScriptedBackend(id=f"lab/{name}", cost_class=CostClass.LOW, quality=0.9, capabilities=capabilities)
        for name in "ab"
    ]
    return cli.main(
        ["explain", *arguments], registry=PluginRegistry.of(ScriptedProviderType("lab", *backends), Installed())
    )


REFUSED = {
    "--policy fitnes": "policy 'fitnes' is not installed; did you mean 'fitness'?",
    "--policy zzz": "policy 'zzz' is not installed; installed are fitness, no-scores, not-a-number",
    "--policy fitness=0": "the weights of the enabled policies ('fitness') add up to 0; one at least must be above 0",
    "--policy fitness --policy too-much=0@1": "the weights of the enabled policies of tier 1 ('too-much') add up to 0",
    "--policy fitness --policy fitness=2": "policy 'fitness' is enabled twice; name it once, with one weight",
    "--policy fitness@1001": "the tier of policy 'fitness' must be a whole number from 0 to 1000, got 1001",
    "--policy too-few": "policy 'too-few' gave 1 scores for 2 candidates; one each is expected",
    "--policy not-a-number": "policy 'not-a-number' gave 'lab/b' the score nan; a number from 0 to 1 is expected",
    "--policy too-much": "policy 'too-much' gave 'lab/b' the score 1.5; a number from 0 to 1 is expected",
    "--policy no-scores": "policy 'no-scores' must give a sequence with one score per candidate, got a str",
    "--policy raising-veto": "policy 'raising-veto', which may veto, failed: RuntimeError: the list is gone",
    "--policy silent-veto": "policy 'silent-veto' vetoed a candidate, but does not say that it may (may_veto is false)",
}


@pytest.mark.parametrize("options", REFUSED)
def test_policy_that_makes_no_sense_is_one_line(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The line names the policy, what is wrong with it, and what is expected; nothing is chosen."""
    code = run(*options.split())
    out, err = capsys.readouterr()

    assert code not in {0, 3}
    assert out == ""
    assert REFUSED[options] in err
    assert err.count("\n") == 1


CONTRADICTORY = {
    "--jurisdiction same-country": "The user's own country is asked for, and nobody says which it is",
    "--jurisdiction same-region": "The user's own region is asked for, and nobody says which it is",
    "--allow lab --deny lab": "Whoever is allowed is denied too",
    "--backend lab/a --deny lab/a": "'lab/a' is asked for and denied at once: drop one of the two.",
    "--backend lab/a --offline": "'lab/a' is asked for together with offline, and it is not known to work so",
}


@pytest.mark.parametrize("options", CONTRADICTORY)
def test_contradictory_demands_are_told_in_the_second_line(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody can be eligible, and the remedy names the contradiction before anything else."""
    code = run(*options.split())
    lines = capsys.readouterr().out.splitlines()

    assert code == 3
    assert lines[0] == "Nobody is eligible."
    assert CONTRADICTORY[options] in lines[1]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param('name = "fitnes"', "did you mean 'fitness'?", id="name"),
        pytest.param("weight = -1", "policies[0].weight: expected a number of at least 0", id="weight"),
        pytest.param("epsilon = 2", "policies[0].epsilon: expected a number from 0 to 1, got 2", id="epsilon"),
        pytest.param("tier = -1", "policies[0].tier: expected a whole number of at least 0", id="negative tier"),
        pytest.param("tier = 0.5", "policies[0].tier", id="tier"),
        pytest.param("tire = 1", "did you mean 'tier'?", id="misspelt"),
    ],
)
def test_configured_policy_that_makes_no_sense_is_one_line(
    line: str, text: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same mistakes in a file are told as shortly."""
    named = "" if line.startswith("name") else 'name = "fitness"\n'
    (home / "converge.toml").write_text(f"[[policies]]\n{named}{line}\n", "utf-8")
    code = run()
    err = capsys.readouterr().err

    assert code not in {0, 3}
    assert text in err
    assert err.count("\n") == 1
