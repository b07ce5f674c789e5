"""``converge bench``: what is measured, what it may cost, and whom it does not call without being told to."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from converge_provider import Claims, NetworkError, PluginRegistry, Prices, cli
from converge_provider.cli.exits import ExitCode
from converge_provider.testing import ScriptedBackend, ScriptedProviderType

HERE = Claims(requires_network=False, prices=Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0)))
DEAR = Claims(requires_network=False, prices=Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(1_000)))


@pytest.fixture(autouse=True)
def make_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def run(backend: ScriptedBackend, *arguments: str, missing: tuple[str, ...] = ()) -> int:
    """Measure one scripted backend."""
    registry = PluginRegistry.of(ScriptedProviderType("tiny", backend, missing=missing))
    return cli.main(["bench", "tiny/m", *arguments], registry=registry)


def backend(*script: str | Exception, claims: Claims = HERE) -> ScriptedBackend:
    """Give a backend that answers by a script."""
    return ScriptedBackend(*script, id="tiny/m", claims=claims)


@pytest.mark.parametrize("more", [pytest.param((), id="whole"), pytest.param(("--stream",), id="streamed")])
def test_bench_measures_every_call(capsys: pytest.CaptureFixture[str], more: tuple[str, ...]) -> None:
    """All calls are made and answered; the times of the backend and of the engine make up the whole."""
    asked = backend("one", "two", "three")
    code = run(asked, "--calls", "3", "--json", *more)
    report = json.loads(capsys.readouterr().out)["report"]

    assert code == ExitCode.DONE
    assert (report["calls"], report["answered"], report["failed"], len(asked.calls)) == (3, 3, {}, 3)
    assert 0 <= report["engine_time"]["p50"] <= report["total"]["most"]
    assert 0 < report["backend_time"]["p50"] <= report["total"]["most"]
    assert (report["first_text"] is not None) is bool(more)
    assert report["cost"]["usd"] in {None, "0"}


def test_bench_prints_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Each time has its row, and the end says how many were answered."""
    run(backend("one", "two"), "--calls", "2", "--stream")
    printed = capsys.readouterr()

    assert [line.split()[0] for line in printed.out.splitlines()[1:5]] == ["whole", "first", "backend", "engine"]
    assert "tiny/m: 2 of 2 calls answered" in printed.out
    assert "nobody said how many tokens" in printed.out
    assert "2 calls of tiny/m, 1 at a time, which may cost up to $0" in printed.err


def test_bench_counts_failures_and_repeats_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A call that fails is counted under its error, is not made again, and the exit code tells."""
    asked = backend("one", NetworkError("cut"), "three")
    code = run(asked, "--calls", "3", "--json")
    report = json.loads(capsys.readouterr().out)["report"]

    assert code == ExitCode.FAILED
    assert (report["answered"], report["failed"], len(asked.calls)) == (2, {"NetworkError": 1}, 3)


@pytest.mark.parametrize(
    "claims", [pytest.param(Claims(), id="unknown"), pytest.param(Claims(requires_network=True), id="remote")]
)
def test_bench_calls_nobody_elsewhere_without_a_yes(capsys: pytest.CaptureFixture[str], claims: Claims) -> None:
    """A backend that is not known to be on this machine is called with --yes alone."""
    asked = backend("one", claims=claims)

    assert run(asked, "--calls", "1", "--any-cost") == ExitCode.USAGE
    assert "say --yes" in capsys.readouterr().err
    assert asked.calls == []
    assert run(asked, "--calls", "1", "--any-cost", "--yes") == ExitCode.DONE
    assert len(asked.calls) == 1


def test_bench_refuses_what_may_cost_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is called when all calls together may cost more than the cap; with a higher cap they are."""
    asked = backend("one", "two", claims=DEAR)

    assert run(asked, "--calls", "2", "--max-tokens", "100") == ExitCode.CONFIGURATION
    assert "2 calls of tiny/m may cost $0.2, and the cap is $0.05" in capsys.readouterr().err
    assert asked.calls == []
    assert run(asked, "--calls", "2", "--max-tokens", "100", "--max-cost", "0.2") == ExitCode.DONE


def test_bench_refuses_unknown_prices_unless_any_cost_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody states a price a cap cannot be kept, which is said with what to do."""
    asked = backend("one", claims=Claims(requires_network=False))

    assert run(asked, "--calls", "1") == ExitCode.CONFIGURATION
    assert "--any-cost" in capsys.readouterr().err
    assert asked.calls == []
    assert run(asked, "--calls", "1", "--any-cost") == ExitCode.DONE


def test_bench_names_what_is_not_configured(capsys: pytest.CaptureFixture[str]) -> None:
    """A backend that lacks a setting is not called; the setting is named."""
    assert run(backend("one"), missing=("TINY_API_KEY",)) == ExitCode.CONFIGURATION
    assert "TINY_API_KEY" in capsys.readouterr().err
