"""``converge verify`` on the real model: what it proves of it stands in the catalogue afterwards."""

import json
import os
import sys
from pathlib import Path

import pytest

import converge_local
from converge_local.pull import pull_model
from converge_provider import PluginRegistry, cli

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure the model with little room, in a home of its own."""
    weights = os.environ.get("CONVERGE_TEST_WEIGHTS") or str(Path(sys.prefix) / "converge-test-weights")
    pull_model("smollm2", home=weights)
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = f"home = {json.dumps(weights)}\ncontext_tokens = 1024\nthreads = 1\nmax_output_tokens = 48\n"
    (tmp_path / "config.toml").write_text(f"[providers.local]\n{settings}", "utf-8")


def test_real_model_is_verified(capsys: pytest.CaptureFixture[str]) -> None:
    """It talks, streams, and calls no tools: three facts that are measured from then on, with their source."""
    registry = PluginRegistry.of(converge_local)
    checks = [word for name in ("chat", "stream", "tools") for word in ("--check", f"live.{name}")]

    assert cli.main(["verify", "local/smollm2", *checks], registry=registry) == 0
    assert "Measured: Streaming yes, TextGeneration yes, ToolUse no" in capsys.readouterr().out
    assert cli.main(["list", "--json"], registry=registry) == 0
    known = {one["id"]: one for one in json.loads(capsys.readouterr().out)["backends"]}["local/smollm2"]
    measured = {fact: said["source"] for fact, said in known["sources"].items() if said["said_by"] == "measured"}
    assert set(measured) == {"capabilities.Streaming", "capabilities.TextGeneration", "capabilities.ToolUse"}
    assert all(source.startswith("converge verify") for source in measured.values())
