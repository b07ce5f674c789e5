"""What the options of a command ask for, and how what makes no sense is refused."""

import json
from pathlib import Path

import click
import pytest

from converge_provider import (
    ComplianceLevel,
    Constraints,
    CostTier,
    DataClassification,
    Jurisdiction,
    LatencyClass,
    PluginRegistry,
    PolicyChoice,
    RequiredCapabilities,
    RiskTier,
    SelectionCriteria,
    TaskComplexity,
    cli,
)
from converge_provider.cli.exits import ExitCode
from converge_provider.cli.options import request_options, selection_options
from converge_provider.cli.wishes import Manner, Wish


@click.command()
@selection_options
@request_options
def asked(*, wish: Wish, manner: Manner) -> tuple[Wish, Manner]:
    """Give what was asked."""
    return wish, manner


def wish(*arguments: str) -> Wish:
    """Parse the options of a selection."""
    found: tuple[Wish, Manner] = asked.main(list(arguments), standalone_mode=False)
    return found[0]


def test_nothing_said_states_no_criteria() -> None:
    """Without any option there are no criteria."""
    assert wish().criteria(None) is None


def test_nothing_said_leaves_what_is_configured() -> None:
    """Without any option the configured criteria hold."""
    assert wish().criteria(SelectionCriteria.batch()) == SelectionCriteria.batch()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("interactive", SelectionCriteria.interactive()),
        ("high-volume", SelectionCriteria.high_volume()),
        ("analysis", SelectionCriteria.analysis()),
        ("BATCH", SelectionCriteria.batch()),
    ],
)
def test_profile_takes_the_place_of_what_is_configured(name: str, expected: SelectionCriteria) -> None:
    """A profile is a whole set of criteria."""
    assert wish("--profile", name).criteria(SelectionCriteria(user_country="SE")) == expected


def test_every_criterion_has_an_option() -> None:
    """Each criterion of the contract can be said, in words as they are spelt on a command line."""
    said = wish(
        *("--jurisdiction", "same-region", "--latency", "background", "--cost", "premium"),
        *("--complexity", "reasoning", "--compliance", "high_explainability", "--context-tokens", "100000"),
        *("--need", "tool-use", "--need", "vision", "--user-country", "SE", "--user-region", "EU"),
    ).criteria(None)

    assert said == SelectionCriteria(
        jurisdiction=Jurisdiction.SAME_REGION,
        latency=LatencyClass.BACKGROUND,
        cost=CostTier.PREMIUM,
        complexity=TaskComplexity.REASONING,
        compliance=ComplianceLevel.HIGH_EXPLAINABILITY,
        capabilities=RequiredCapabilities(tool_use=True, vision=True, min_context_tokens=100_000),
        user_country="SE",
        user_region="EU",
    )


def test_every_demand_has_an_option() -> None:
    """Each demand beyond the criteria can be said, and what is configured stays where nothing is said."""
    said = wish(
        *("--max-usd", "0.05", "--region", "eu", "--region", "CH", "--country", "SE", "--certified", "iso27001"),
        *("--max-retention-days", "0", "--no-training", "--replay", "--offline", "--allow", "acme"),
        *("--deny", "acme/m", "--risk", "high", "--data", "restricted"),
    ).constraints(Constraints(min_output_tokens=9, no_training=False))

    assert said == Constraints(
        min_output_tokens=9,
        max_usd_per_request="0.05",
        processing_regions={"EU", "CH"},
        processing_countries={"SE"},
        certifications={"ISO27001"},
        max_retention_days=0,
        no_training=True,
        replay=True,
        offline=True,
        allow={"acme"},
        deny={"acme/m"},
        risk_tier=RiskTier.HIGH,
        data_classification=DataClassification.RESTRICTED,
    )
    assert wish().constraints(None) is None


def test_single_criterion_changes_the_profile() -> None:
    """An option changes one criterion of a profile and leaves the others."""
    said = wish("--profile", "batch", "--cost", "premium").criteria(None)

    assert said is not None
    assert (said.cost, said.latency) == (CostTier.PREMIUM, LatencyClass.BATCH)


def test_policies_have_weights() -> None:
    """A policy's weight stands after an equals sign, and is 1 otherwise."""
    assert wish("--policy", "fitness", "--policy", "local-first=0.5").policy == (
        PolicyChoice(name="fitness"),
        PolicyChoice(name="local-first", weight=0.5),
    )


def test_schema_is_read_from_its_file(tmp_path: Path) -> None:
    """A schema is the JSON object of a file."""
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object"}', "utf-8")
    found: tuple[Wish, Manner] = asked.main(["--schema", str(file)], standalone_mode=False)

    assert found[1].schema == {"type": "object"}


REFUSED = {
    "--max-usd -1": "expected US dollars, at least 0, got '-1'",
    "--max-usd cheap": "expected US dollars, at least 0, got 'cheap'",
    "--profile fast": "'fast' is not one of",
    "--latency quick": "'quick' is not one of realtime, interactive, background, batch",
    "--need juggling": "'juggling' is not one of",
    "--policy =1": "'=1' is not NAME, NAME=WEIGHT or NAME=WEIGHT@TIER with a weight and a tier of 0 or more",
    "--policy fitness=heavy": "'fitness=heavy' is not NAME",
    "--policy fitness=-1": "'fitness=-1' is not NAME",
    "--policy fitness=nan": "'fitness=nan' is not NAME",
    "--policy fitness=inf": "'fitness=inf' is not NAME",
    "--context-tokens -1": "expected a whole number from 0 to 18446744073709551615, got '-1'",
    "--context-tokens many": "expected a whole number from 0 to 18446744073709551615, got 'many'",
    "--temperature 3": "expected a number from 0.0 to 2.0, got '3'",
    "--max-tokens 0": "expected a whole number from 1 to 4294967295, got '0'",
    "--deadline 0": "expected a number from 0.001 to 86400.0, got '0'",
    "--deadline nan": "got 'nan'",
    "--deadline inf": "got 'inf'",
    "--schema missing.json": "cannot read 'missing.json': No such file or directory",
    "--schema list.json": "'list.json' holds no JSON Schema: expected an object, got a list",
    "--schema broken.json": "'broken.json' holds no JSON:",
    "--schema binary.json": "'binary.json' holds no JSON:",
}


@pytest.mark.parametrize("options", REFUSED)
@pytest.mark.parametrize("command", ["chat", "explain"])
def test_option_that_makes_no_sense_is_one_line(
    command: str, options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad value is refused in one line that says what was expected, and what was found."""
    monkeypatch.chdir(tmp_path)
    Path("list.json").write_text("[]", "utf-8")
    Path("broken.json").write_text("{", "utf-8")
    Path("binary.json").write_bytes(b"\xff\0")
    code = cli.main([command, "hello", *options.split()], registry=PluginRegistry.of())

    out, err = capsys.readouterr()
    assert code == ExitCode.USAGE
    assert REFUSED[options] in err
    assert err.count("\n") == 1
    assert out == ""


def test_refused_option_is_a_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets what is wrong as a document, with the exit code in it."""
    code = cli.main(["explain", "--json", "--latency", "quick"], registry=PluginRegistry.of())

    error = json.loads(capsys.readouterr().out)["error"]
    assert error["exit_code"] == code == ExitCode.USAGE
    assert error["slug"] == "usage"
