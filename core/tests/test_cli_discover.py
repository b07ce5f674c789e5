"""``converge discover``: what is found, what is written, and one clear line where nothing is."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from converge_provider import (
    BackendDescriptor,
    ChatBackendCapabilities,
    LocalEngine,
    LocalPlace,
    NetworkError,
    PluginRegistry,
    cli,
)
from converge_provider.cli.exits import ExitCode
from converge_provider.testing import ScriptedBackend, ScriptedProviderType


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def described(provider: str, model: str, window: int | None = None) -> BackendDescriptor:
    """Describe a model."""
    able = ChatBackendCapabilities(context_tokens=window, tool_use=True)
    return BackendDescriptor.unstated(provider, model, capabilities=able)


class Kind(ScriptedProviderType):
    """A provider type whose engines answer at some ports, and which can be asked for its models."""

    def __init__(
        self,
        name: str,
        rank: int,
        at: dict[int, dict[str, int | None]],
        *,
        lists: Sequence[BackendDescriptor] | Exception | None = (),
        missing: Sequence[str] = (),
    ) -> None:
        """Take which models are where, and what it lists when it is asked; ``None``: it never answers."""
        super().__init__(name, missing=missing)
        self.local = LocalPlace(port=8000 + rank, rank=rank, start=f"{name} serve")
        self.at = at
        self.lists = lists

    async def recognise(self, url: str) -> LocalEngine | None:
        """Answer as told; an engine without models wants a key."""
        models = self.at.get(int(url.rpartition(":")[2]))
        if models is None:
            return None
        facts: dict[str, Any] = {name: {"context_tokens": window} if window else {} for name, window in models.items()}
        return LocalEngine(
            url=f"{url}/v1",
            models=[described(self.name, name, window) for name, window in models.items()],
            settings={"base_url": f"{url}/v1", "models": facts} if facts else {"base_url": f"{url}/v1"},
            latency_s=0.0042,
            lacks=None if models else "a key: set FAST_API_KEY",
        )

    async def discover(self, settings: object) -> Sequence[BackendDescriptor]:
        """List what was said."""
        if self.lists is None:
            await anyio.sleep(60)
        if isinstance(self.lists, Exception):
            raise self.lists
        return self.lists or ()


def registry() -> PluginRegistry:
    """Give two kinds of engines, one of which is preferred, and a provider that has no engines."""
    fast = Kind("fast", 0, {8000: {"org/a": 32_768, "b": None}, 9000: {}})
    plain = Kind("plain", 1, {8001: {"b": 4096}})
    return PluginRegistry.of(plain, fast, ScriptedProviderType("tiny", ScriptedBackend(id="tiny/scripted")))


def config(home: Path) -> dict[str, Any]:
    """Read the user's file."""
    return tomllib.loads((home / "config.toml").read_text("utf-8"))


def test_discover_shows_what_was_found(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """Each model is a line, preferred engines first; what another serves better says so, and nothing is written."""
    code = cli.main(["discover"], registry=registry())
    out, err = capsys.readouterr()

    assert code == 0
    assert out == (
        "ENGINE  URL                       MODEL  CONTEXT  LATENCY  NOTE\n"
        "fast    http://localhost:8000/v1  org/a   32,768     4 ms\n"
        "fast    http://localhost:8000/v1  b            ?     4 ms\n"
        "plain   http://localhost:8001/v1  b        4,096     4 ms  preferred at http://localhost:8000/v1\n"
    )
    assert err == "To use what was found, run: converge discover --write\n"
    assert not home.exists()


def test_discover_shows_what_an_engine_wants(capsys: pytest.CaptureFixture[str]) -> None:
    """An engine that wants a key is shown with the variable to set."""
    assert cli.main(["discover", "--host", "gpu2", "--port", "9000"], registry=registry()) == 0
    assert (
        "fast    http://gpu2:9000/v1                     4 ms  wants a key: set FAST_API_KEY" in capsys.readouterr().out
    )


def test_discover_gives_programs_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that people see is there, and where it was looked for."""
    assert cli.main(["discover", "--json"], registry=registry()) == 0
    document = json.loads(capsys.readouterr().out)

    assert document["asked"] == ["http://localhost:8000", "http://localhost:8001"]
    assert document["written"] is None
    assert document["engines"][1] == {
        "type": "plain",
        "url": "http://localhost:8001/v1",
        "latency_ms": 4.2,
        "lacks": None,
        "models": [{"name": "b", "context_tokens": 4096, "preferred_at": "http://localhost:8000/v1"}],
    }


@pytest.mark.parametrize("options", [[], ["--json"], ["--write", "--yes"]], ids=["people", "programs", "write"])
def test_nobody_found_is_one_line_with_what_to_start(
    capsys: pytest.CaptureFixture[str], home: Path, options: list[str]
) -> None:
    """The line says where it was looked for and what to start; the exit code is 3, and nothing is written."""
    code = cli.main(["discover", "--port", "1", *options], registry=registry())
    out, err = capsys.readouterr()

    assert code == ExitCode.NOBODY
    assert err == "converge: no engine answers at localhost:1. Start one: fast serve or plain serve\n"
    assert (json.loads(out)["engines"] if "--json" in options else out) in ([], "")
    assert not (home / "config.toml").exists()


def test_no_plugin_that_knows_engines_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Without such a plugin nothing can be looked for."""
    assert cli.main(["discover"], registry=PluginRegistry.of()) == ExitCode.NOBODY
    assert "pip install converge-openai" in capsys.readouterr().err


def test_write_shows_the_change_and_writes_it(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """The change is shown, each model goes to its preferred engine, and what a person wrote stays."""
    home.mkdir()
    (home / "config.toml").write_text("# mine\ndeadline_s = 60\n")
    code = cli.main(["discover", "--write", "--yes"], registry=registry())
    err = capsys.readouterr().err

    assert code == 0
    assert '+[providers.fast.models."org/a"]' in err
    assert err.endswith(f"written: {home / 'config.toml'}\n")
    assert (home / "config.toml").read_text().startswith("# mine\ndeadline_s = 60\n")
    assert config(home) == {
        "deadline_s": 60,
        "providers": {
            "fast": {
                "base_url": "http://localhost:8000/v1",
                "models": {"org/a": {"context_tokens": 32_768}, "b": {}},
            },
            "plain": {"base_url": "http://localhost:8001/v1"},
        },
    }


def test_writing_twice_changes_nothing(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """What is there already is said so; a further model is added to its provider."""
    cli.main(["discover", "--write"], registry=registry())
    before = (home / "config.toml").read_bytes()
    capsys.readouterr()
    assert cli.main(["discover", "--write", "--json"], registry=registry()) == 0
    out, err = capsys.readouterr()

    assert (home / "config.toml").read_bytes() == before
    assert json.loads(out)["written"] is None
    assert err == f"{home / 'config.toml'} has all of it already\n"

    more = PluginRegistry.of(Kind("fast", 0, {8000: {"c": 1024}}))
    assert cli.main(["discover", "--write", "--json"], registry=more) == 0
    assert json.loads(capsys.readouterr().out)["written"] == str(home / "config.toml")
    assert set(config(home)["providers"]["fast"]["models"]) == {"org/a", "b", "c"}


def test_write_finds_the_provider_that_is_meant(home: Path) -> None:
    """An engine belongs to the provider that is configured at its address, however that is spelt; others get a name."""
    home.mkdir()
    (home / "config.toml").write_text(
        '[providers.big]\ntype = "fast"\nbase_url = "127.0.0.1:8000/"\n'
        '[providers.odd]\ntype = "fast"\nbase_url = "a b"\n'
    )
    at: dict[int, dict[str, int | None]] = {8000: {"a": None}, 8001: {"b": None}, 8002: {"c": None}}
    found = PluginRegistry.of(Kind("fast", 0, at), Kind("big-fast", 9, {}))
    ports = ["--port", "8000", "--port", "8001", "--port", "8002"]
    cli.main(["discover", "--write", *ports, "--host", "localhost"], registry=found)
    providers = config(home)["providers"]

    assert providers["big"]["models"] == {"a": {}}
    assert providers["big"]["base_url"] == "127.0.0.1:8000/"
    assert providers["fast"] == {"base_url": "http://localhost:8001/v1", "models": {"b": {}}}
    assert providers["fast-8002"] == {"type": "fast", "base_url": "http://localhost:8002/v1", "models": {"c": {}}}


def test_engine_that_wants_a_key_is_written_with_its_address(home: Path) -> None:
    """What is known is written; its models come when it is asked again with a key."""
    cli.main(["discover", "--write", "--port", "9000"], registry=registry())

    assert config(home) == {"providers": {"fast": {"base_url": "http://localhost:9000/v1"}}}


def refuse(*_: object, **__: object) -> bool:
    """Answer a question with no."""
    return False


def test_write_asks_a_person(capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person is asked after seeing the change, and a no leaves everything as it is."""
    monkeypatch.setattr("converge_provider.cli.screen.Screen.can_ask", True)
    monkeypatch.setattr("click.confirm", refuse)
    assert cli.main(["discover", "--write"], registry=registry()) == 0

    assert capsys.readouterr().err.endswith("nothing was written\n")
    assert not (home / "config.toml").exists()


def test_project_file_is_never_written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to a project stays as it is, also when the environment names it."""
    Path("converge.toml").write_text("")
    monkeypatch.setenv("CONVERGE_CONFIG", "converge.toml")

    assert cli.main(["discover", "--write", "--yes"], registry=registry()) == ExitCode.CONFIGURATION
    assert "is the file of a project" in capsys.readouterr().err
    assert Path("converge.toml").read_text() == ""


def listing(lists: Sequence[BackendDescriptor] | Exception | None, missing: Sequence[str] = ()) -> PluginRegistry:
    """Give a provider that can be asked, and one that cannot."""
    able = Kind("acme", 0, {}, lists=lists, missing=missing)
    return PluginRegistry.of(able, ScriptedProviderType("tiny", ScriptedBackend(id="tiny/scripted")))


def test_provider_is_asked_for_its_models(capsys: pytest.CaptureFixture[str]) -> None:
    """Named providers are asked, and their models shown with what is known of them."""
    found = listing([described("acme", "large", 128_000), described("acme", "small")])
    assert cli.main(["discover", "acme"], registry=found) == 0

    assert capsys.readouterr().out == (
        "BACKEND     CONTEXT  CAPABILITIES\nacme/large  128,000  tool-use\nacme/small        ?  tool-use\n"
    )
    assert cli.main(["discover", "acme", "--json"], registry=found) == 0
    (provider,) = json.loads(capsys.readouterr().out)["providers"]
    assert [model["model"] for model in provider["models"]] == ["large", "small"]


@pytest.mark.parametrize(
    ("lists", "missing", "code", "said"),
    [
        ([], (), ExitCode.NOBODY, "no models are listed by acme"),
        (NetworkError("nobody there"), (), ExitCode.FAILED, "network error: nobody there"),
        (NetworkError("x"), ["ACME_KEY"], ExitCode.CONFIGURATION, "is not configured: ACME_KEY missing. Set ACME_KEY"),
        (None, (), ExitCode.FAILED, "timeout after 50ms"),
    ],
    ids=["none", "fails", "not-configured", "hangs"],
)
def test_provider_that_lists_nothing_is_one_line(
    capsys: pytest.CaptureFixture[str],
    lists: Sequence[BackendDescriptor] | Exception | None,
    missing: Sequence[str],
    code: ExitCode,
    said: str,
) -> None:
    """Each way to fail has its exit code and its line."""
    found = listing(lists, missing)

    assert cli.main(["discover", "acme", "--timeout", "0.05"], registry=found) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["acmee"], ExitCode.USAGE, "there is no provider 'acmee'; did you mean 'acme'?"),
        (["tiny"], ExitCode.CONFIGURATION, "cannot be asked for its models"),
        (["off"], ExitCode.CONFIGURATION, "it is switched off"),
        (["acme", "--write"], ExitCode.USAGE, "--write is about engines that are looked for"),
        (["acme", "--port", "1"], ExitCode.USAGE, "--port is about engines"),
        (["--port", "0"], ExitCode.USAGE, "0 is not in the range"),
        (["--host", "a/b"], ExitCode.CONFIGURATION, "'a/b' with port 8000 is no address"),
    ],
    ids=["misspelt", "cannot", "off", "write", "port", "no-port", "no-host"],
)
def test_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], home: Path, arguments: list[str], code: ExitCode, said: str
) -> None:
    """Nothing is asked, and the line says what to mend."""
    home.mkdir()
    (home / "config.toml").write_text('[providers.off]\ntype = "acme"\nenabled = false\n')

    assert cli.main(["discover", *arguments], registry=listing([])) == code
    assert said in capsys.readouterr().err
