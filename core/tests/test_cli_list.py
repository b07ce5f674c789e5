"""``converge list``, ``explain`` and ``plugins``: what is known, and who would answer."""

import json
import time
from pathlib import Path

import anyio
import pytest

from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatBackend,
    ChatBackendCapabilities,
    ChatBackendDescriptor,
    ChatRequest,
    ChatResponse,
    CostClass,
    Health,
    PluginRegistry,
    cli,
)
from converge_provider.cli.exits import ExitCode
from converge_provider.testing import FakeDistribution, FakeSite, ScriptedBackend, ScriptedProviderType


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


class Patient(ScriptedBackend):
    """A backend that can be asked how it is."""

    def __init__(self, name: str, answer: Health | Exception | None) -> None:
        super().__init__(id=f"{name}/scripted")
        self.answer = answer

    async def health(self) -> Health:
        """Say how it is, fail, or never answer."""
        if self.answer is None:
            await anyio.sleep(60)
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer


class Unstated(ScriptedBackend):
    """A backend of which nothing is known but its name."""

    def __init__(self) -> None:
        super().__init__(id="house/llama")
        self.descriptor = BackendDescriptor.unstated("house", "llama")


def tiny() -> ScriptedProviderType:
    """Give a provider type that is ready."""
    return ScriptedProviderType("tiny", ScriptedBackend(id="tiny/scripted"))


def registry() -> PluginRegistry:
    """Give a registry with a provider that lacks its key, one that is ready, and one that nothing is known of."""
    known = ChatBackendCapabilities(tool_use=True, vision=True, context_tokens=128_000)
    large = ScriptedBackend(id="acme/large", cost_class=CostClass.MEDIUM, capabilities=known)
    acme = ScriptedProviderType("acme", large, missing=["ACME_API_KEY"])
    return PluginRegistry.of(acme, ScriptedProviderType("house", Unstated()), tiny())


def test_list_shows_what_is_known_of_every_backend(capsys: pytest.CaptureFixture[str]) -> None:
    """Each backend is one line, those that can be called first; what nobody has stated is a question mark."""
    code = cli.main(["list"], registry=registry())

    assert code == 0
    assert capsys.readouterr().out == (
        "BACKEND        CONTEXT  COST    CAPABILITIES      STATE\n"
        "house/llama          ?  ?                         configured\n"
        "tiny/scripted        ?  Free                      configured\n"
        "acme/large     128,000  Medium  tool-use, vision  needs ACME_API_KEY\n"
    )


def many() -> PluginRegistry:
    """Give a registry with a provider that is ready, and a dozen that lack a key."""
    lacking = (
        ScriptedProviderType(f"vendor{n}", ScriptedBackend(id=f"vendor{n}/m"), missing=[f"KEY{n}"]) for n in range(12)
    )
    return PluginRegistry.of(tiny(), *lacking)


def test_list_only_names_the_many_that_need_something_first(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody has configured does not bury what can be called; one line says that it is there."""
    cli.main(["list"], registry=many())
    names = ", ".join(sorted(f"vendor{n}" for n in range(12)))

    assert capsys.readouterr().out.splitlines()[1:] == [
        "tiny/scripted        ?  Free                configured",
        "12 more need something first, see: converge list --all",
        f"  {names}",
    ]


def test_list_shows_all_when_asked_and_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--all``, and as JSON, nothing is folded."""
    cli.main(["list", "--all"], registry=many())
    lines = capsys.readouterr().out.splitlines()
    cli.main(["list", "--json"], registry=many())

    assert len(lines) == 14
    assert lines[-1].split() == ["vendor9/m", "?", "Free", "needs", "KEY9"]
    assert len(json.loads(capsys.readouterr().out)["backends"]) == 13


def test_list_shows_what_is_configured_even_if_it_lacks_something(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider that the configuration names is on its way, so what it still lacks is shown."""
    home.mkdir()
    (home / "config.toml").write_text("[providers.vendor3]\n[providers.own]\ntype = 'vendor4'\n", "utf-8")
    cli.main(["list"], registry=many())

    out = capsys.readouterr().out
    assert "vendor3/m            ?  Free                needs KEY3" in out
    assert "own/m                ?  Free                needs KEY4" in out
    assert "11 more need something first" in out


def test_list_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets every fact, and the digest of the whole."""
    cli.main(["list", "--json"], registry=registry())
    document = json.loads(capsys.readouterr().out)

    assert [one["id"] for one in document["backends"]] == ["acme/large", "house/llama", "tiny/scripted"]
    assert document["backends"][0]["missing"] == ["ACME_API_KEY"]
    assert document["backends"][1]["unknown"] == ["cost_class", "quality", "typical_latency_ms"]
    said = {"said_by": "adapter", "source": None, "as_of": None}
    assert document["backends"][0]["sources"]["context_tokens"] == said
    assert len(document["catalogue"]["digest"]) == 64
    assert [one["name"] for one in document["providers"]] == ["acme", "house", "tiny"]


def test_list_shows_providers_without_models(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A provider that has no model is shown, and why: it is switched off, or its type is not installed."""
    home.mkdir()
    (home / "config.toml").write_text(
        '[providers.tiny]\nenabled = false\n[providers.gpu2]\ntype = "vllm"\nbase_url = "http://gpu2/v1"\n', "utf-8"
    )
    cli.main(["list"], registry=PluginRegistry.of(tiny()))

    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["gpu2/…", "needs", "a", "plugin", "that", "brings", "the", "provider", "type", "'vllm'"]
    assert lines[2].split() == ["tiny/…", "switched", "off"]


def test_list_without_plugins_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing installed the list says what to install, and that is no failure."""
    code = cli.main(["list"], registry=PluginRegistry.of())

    assert code == 0
    assert capsys.readouterr().out == (
        "No backend is known, since no plugin brings one. Try: pip install converge-local\n"
    )


def probing(**answers: Health | Exception | None) -> tuple[PluginRegistry, dict[str, Patient]]:
    """Give a registry whose backends answer so when they are asked how they are."""
    patients = {name: Patient(name, answer) for name, answer in answers.items()}
    return PluginRegistry.of(*(ScriptedProviderType(name, one) for name, one in patients.items())), patients


def test_probe_asks_everybody_at_once_and_remembers(capsys: pytest.CaptureFixture[str]) -> None:
    """What each said is shown, with its age; one that hangs or fails keeps nobody waiting longer than the timeout."""
    found, patients = probing(
        well=Health(reachable=True, healthy=True),
        ill=Health(reachable=True, healthy=False, detail="no model is loaded"),
        mute=None,
        wild=RuntimeError("the key is sk-1"),
        denied=AuthDenied("the key is sk-1"),
        **dict.fromkeys(("b", "c", "d", "e", "f", "g", "h", "i", "j"), None),
    )
    before = time.monotonic()
    cli.main(["list", "--probe", "--timeout", "0.5"], registry=found)
    took = time.monotonic() - before
    said = {
        line.split()[0]: line.partition("configured")[2].strip() for line in capsys.readouterr().out.splitlines()[1:]
    }

    assert said["well/scripted"] == "healthy, 0 s ago"
    assert said["ill/scripted"] == "unhealthy (no model is loaded), 0 s ago"
    assert said["mute/scripted"] == "unreachable (no answer within 0.5 s), 0 s ago"
    assert said["wild/scripted"] == "unreachable (it raised RuntimeError), 0 s ago"
    assert said["denied/scripted"] == "unreachable (AuthDenied), 0 s ago"
    assert took < 4
    assert all(one.closed for one in patients.values())


def test_health_is_remembered_with_its_age(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A later list shows what was said, and how long ago; after a month it is forgotten."""
    found, _ = probing(well=Health(reachable=True, healthy=True))
    cli.main(["list", "--probe"], registry=found)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 7_300)
    capsys.readouterr()
    cli.main(["list"], registry=found)
    later = capsys.readouterr().out
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    cli.main(["list"], registry=found)

    assert "healthy, 2 h ago" in later
    assert "healthy" not in capsys.readouterr().out


class Silent(ScriptedProviderType):
    """A provider type whose backends cannot be asked how they are."""

    def open(self, descriptor: ChatBackendDescriptor, settings: object) -> ChatBackend:
        """Give a backend that only answers."""

        class Plain:
            """Has no more than the contract's one method."""

            async def chat(self, request: ChatRequest) -> ChatResponse:
                """Never be called."""
                raise AssertionError

        return Plain()


def test_backend_that_cannot_be_asked_has_no_health(capsys: pytest.CaptureFixture[str]) -> None:
    """A backend without that method, or without its key, is not asked."""
    well = Patient("keyless", Health(reachable=True, healthy=True))
    keyless = ScriptedProviderType("keyless", well, missing=["KEY"])
    silent = Silent("silent", ScriptedBackend(id="silent/scripted"))
    cli.main(["list", "--probe"], registry=PluginRegistry.of(keyless, silent))

    assert "HEALTH" not in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a/b": 1}', "\xff"], ids=repr)
def test_spoilt_memory_of_health_is_no_memory(content: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that makes no sense is as good as none, and is written anew."""
    (home / "state").mkdir(parents=True)
    (home / "state" / "health.json").write_text(content, "latin-1")
    found, _ = probing(well=Health(reachable=True, healthy=True))

    assert cli.main(["list"], registry=found) == 0
    assert "HEALTH" not in capsys.readouterr().out
    assert cli.main(["list", "--probe"], registry=found) == 0
    assert "healthy, 0 s ago" in capsys.readouterr().out


def test_explain_tells_who_would_answer_and_asks_nobody(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints the decision, calls no backend and writes nothing."""
    code = cli.main(["explain", "Why?"], registry=PluginRegistry.of(tiny()))

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("Chosen: tiny/scripted")
    assert not home.exists()


def test_explain_of_nobody_has_its_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    """When nobody may answer, the reasons are the result, and the exit code tells a script."""
    code = cli.main(["explain", "--profile", "analysis"], registry=registry())

    out, err = capsys.readouterr()
    assert code == ExitCode.NOBODY
    assert out.startswith("Nobody is eligible.")
    assert err == ""


def test_explain_as_json_is_the_decision(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the whole record."""
    cli.main(["explain", "--need", "tool-use", "--json"], registry=registry())
    document = json.loads(capsys.readouterr().out)

    assert document["chosen"] is None
    assert {row["id"] for row in document["rejected"]} == {"acme/large", "house/llama", "tiny/scripted"}
    assert document["counts"]["tool_use"] == 2


WORKS = """
from converge_provider import hookimpl


@hookimpl
def converge_register_observers(registrar): ...
"""


@pytest.fixture(name="site")
def make_site(tmp_path: Path) -> FakeSite:
    """Install a plugin that works and one that does not."""
    site = FakeSite(tmp_path / "site")
    site.install(FakeDistribution.plugin("works", WORKS), FakeDistribution.plugin("broken", "import nothing_like_this"))
    return site


def test_plugins_shows_cause_and_remedy(site: FakeSite, capsys: pytest.CaptureFixture[str]) -> None:
    """Each plugin is one line; for one in quarantine the cause and the remedy follow."""
    with site:
        code = cli.main(["plugins"], registry=PluginRegistry.discover(distributions=site.distributions()))

    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith(
        "PLUGIN  DISTRIBUTION     VERSION  STATE       WHAT IT BRINGS\n"
        "works   converge-works   1.0.0    loaded\n"
        "broken  converge-broken  1.0.0    quarantine\n"
        "\n"
        "broken (converge-broken 1.0.0, converge_broken) is in quarantine: import\n"
    )
    assert "  cause:  ModuleNotFoundError" in out
    assert "  remedy: " in out


def test_plugins_as_json_is_the_report(site: FakeSite, capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets the whole report."""
    with site:
        cli.main(["plugins", "--json"], registry=PluginRegistry.discover(distributions=site.distributions()))
    document = json.loads(capsys.readouterr().out)

    assert [one["name"] for one in document["loaded"]] == ["works"]
    assert [one["name"] for one in document["quarantined"]] == ["broken"]


def test_plugins_without_any_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing installed that is said, and it is no failure."""
    code = cli.main(["plugins"], registry=PluginRegistry.discover(distributions=()))

    assert code == 0
    assert capsys.readouterr().out == "No plugin is installed. Try: pip install converge-local\n"


def test_list_points_at_plugins_in_quarantine(site: FakeSite, capsys: pytest.CaptureFixture[str]) -> None:
    """Who misses a backend is told where to look."""
    with site:
        cli.main(["list"], registry=PluginRegistry.discover(distributions=site.distributions()))

    assert capsys.readouterr().err == "converge: 1 plugin is in quarantine; see: converge plugins\n"
