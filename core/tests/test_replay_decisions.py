"""A decision is made again from its record: the same to the last bit, or it is said which input differs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from converge_provider import (
    CandidateView,
    Catalogue,
    CatalogueEntry,
    ChatBackendCapabilities,
    ChatRequest,
    Configuration,
    CostClass,
    PluginRegistry,
    Policy,
    Registrar,
    SelectionCriteria,
    ToolDefinition,
    cli,
    codec,
    hookimpl,
    load_configuration,
    policy,
)
from converge_provider.engine.journal.rows import decision_row
from converge_provider.selection import FITNESS, Decision, Reason, decide
from converge_provider.selection.replaying import differences, replay
from converge_provider.testing import ScriptedBackend, ScriptedProviderType

REQUEST = evolve(
    ChatRequest.of("How many beds are free?"),
    tools=(ToolDefinition(name="beds", description="Count beds.", parameters={"type": "object"}),),
    max_tokens=50,
)


def catalogue(*, cost: CostClass = CostClass.LOW, version: str = "1.0") -> Catalogue:
    """Give two backends, of which one costs what is said."""
    return Catalogue(entries=[entry("acme/swift", cost), entry("zeta/wise", CostClass.MEDIUM)], number=1,
                     aliases={"quick": "acme/swift"}, versions={"converge-acme": version})  # fmt: skip


def entry(name: str, cost: CostClass) -> CatalogueEntry:
    """Make a backend that can call tools."""
    backend = ScriptedBackend(
        id=name, cost_class=cost, capabilities=ChatBackendCapabilities(tool_use=True, context_tokens=8_000)
    )
    return CatalogueEntry(id=name, descriptor=backend.descriptor, opener=lambda _: backend)


def recorded(found: Catalogue, **question: Any) -> Decision:
    """Decide, write the decision down as JSON, and read it again."""
    arguments: dict[str, Any] = {"criteria": SelectionCriteria(), "time": "2026-11-20T12:00:00Z", "seed": 7, **question}
    decision = decide(found, **arguments)
    return codec.load(Decision, json.loads(json.dumps(codec.dump(decision))))


@pytest.mark.parametrize(
    "question",
    [
        pytest.param({}, id="criteria alone"),
        pytest.param({"criteria": None}, id="nothing stated"),
        pytest.param({"request": REQUEST}, id="request"),
        pytest.param({"backend": "quick", "provider": "acme"}, id="alias"),
        pytest.param({"barred": {"acme/swift": Reason("breaker", "open")}}, id="barred"),
        pytest.param({"request": evolve(REQUEST, model="nobody")}, id="nobody"),
    ],
)
def test_replay_of_a_record_is_the_same_to_the_last_bit(question: dict[str, Any]) -> None:
    """Without the request and in another process, a decision is made again with its id, rows and words."""
    known = recorded(catalogue(), **question)
    again = replay(known, catalogue(), {})

    assert list(differences(known, again)) == []
    assert json.dumps(codec.dump(again)) == json.dumps(codec.dump(known))
    assert again.explain() == known.explain()


def test_replay_with_another_catalogue_says_so() -> None:
    """A fact that changed, and the version of the plugin that changed it, are named."""
    known = recorded(catalogue())
    again = replay(known, catalogue(cost=CostClass.VERY_HIGH, version="1.1"), {})

    assert [one.what for one in differences(known, again)] == ["catalogue", "version of converge-acme"]
    assert again.chosen != known.chosen


@policy
def moody(view: CandidateView, _options: object) -> Sequence[float]:
    """Break the law of policies: change one's mind."""
    MOODS.append(0)
    return [1.0 if (len(MOODS) + i) % 2 else 0.0 for i in range(len(view))]


MOODS: list[int] = []


class Moods:
    """A plugin with that policy."""

    @hookimpl
    def converge_register_policies(self, registrar: Registrar[Policy]) -> None:
        """Register it."""
        registrar.add(moody)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def registry(cost: CostClass = CostClass.LOW) -> PluginRegistry:
    """Give a registry with one backend."""
    return PluginRegistry.of(ScriptedProviderType("tiny", ScriptedBackend(id="tiny/scripted", cost_class=cost)))


@pytest.mark.parametrize("form", ["decision", "journal"])
def test_replay_command_compares_what_a_file_holds(form: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0 for the same decision, 1 for another one, and the input that differs is named."""
    cli.main(["explain", "--json", "Hello"], registry=registry())
    document = json.loads(capsys.readouterr().out)
    if form == "journal":
        whole = decide(registry().catalogue(cli_configuration()), request=ChatRequest.of("Hello"))
        document = {"decisions": [codec.dump(decision_row(whole))]}
    file = home / "decision.json"
    file.write_text(json.dumps(document), "utf-8")

    assert cli.main(["replay", str(file)], registry=registry()) == 0
    assert "the same" in capsys.readouterr().out
    assert cli.main(["replay", "--json", str(file)], registry=registry(CostClass.HIGH)) == 1
    assert [one["what"] for one in json.loads(capsys.readouterr().out)[0]["differs"]] == ["catalogue"]


def cli_configuration() -> Configuration:
    """Give what is configured in an empty folder."""
    return load_configuration()


def test_replay_command_tells_of_a_policy_that_is_not_deterministic(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where all inputs are the same and the result is not, that is said, too."""
    cli.main(["explain", "--json", "--policy", "moody", "--policy", "fitness"], registry=two())
    file = home / "decision.json"
    file.write_text(capsys.readouterr().out, "utf-8")

    assert cli.main(["replay", str(file)], registry=two()) == 1
    assert "result: was" in capsys.readouterr().out


def two() -> PluginRegistry:
    """Give a registry with two backends and a policy that changes its mind."""
    return PluginRegistry.of(*(ScriptedProviderType(name, ScriptedBackend(id=f"{name}/m")) for name in "ab"), Moods())


def test_replay_command_does_not_mind_who_states_a_fact(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another source of the same fact decides nothing, so the decision is the same."""
    cli.main(["explain", "--json", "Hello"], registry=registry())
    document = json.loads(capsys.readouterr().out)
    for said in document["sources"]["tiny/scripted"].values():
        said["source"] = "somebody else"
    (home / "decision.json").write_text(json.dumps(document), "utf-8")

    assert cli.main(["replay", "decision.json"], registry=registry()) == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"id": 3}'])
def test_replay_command_refuses_a_file_that_holds_no_decision(
    text: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no decision is a mistake of the command line, told in one line."""
    file = home / "decision.json"
    file.write_text(text, "utf-8")

    assert cli.main(["replay", str(file)], registry=registry()) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_replay_names_the_default_policy() -> None:
    """A record without policies of its own was decided by fitness, and is again."""
    assert [use.name for use in recorded(catalogue()).policies] == [FITNESS.policy.name]
