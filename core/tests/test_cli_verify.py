"""``converge verify``: what is claimed is tried, and what is proved outranks it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from attrs import evolve, field, frozen

from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    Capability,
    ChatBackend,
    ChatBackendCapabilities,
    ChatRequest,
    ChatResponse,
    Engine,
    Health,
    ImagePart,
    InvalidRequest,
    LlmError,
    NetworkError,
    PluginRegistry,
    Prices,
    Secret,
    cli,
    codec,
    from_environ,
    hookimpl,
)
from converge_provider.cli.exits import ExitCode
from converge_provider.cli.progress import Steps
from converge_provider.configuration import load_configuration
from converge_provider.testing import ConformanceReport
from converge_provider.testing.conformance.obedient import obedient_subject
from converge_provider.testing.verifying import LIVE_CHECKS

if TYPE_CHECKING:
    from converge_provider import ProviderType, Registrar

KEY = "sk-planted-verify-0123456789"
SUBJECT = obedient_subject()
assert isinstance(SUBJECT.descriptor, BackendDescriptor)
FREE = Prices(input_usd_per_mtok=Decimal(0), output_usd_per_mtok=Decimal(0))
ABLE = evolve(SUBJECT.descriptor, provider="acme", model="one", claims=evolve(SUBJECT.descriptor.claims, prices=FREE))
TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def nothing_wrong(_request: ChatRequest) -> LlmError | None:
    """Break nothing."""
    return None


class Fallible:
    """An obedient model that fails when it is told to."""

    def __init__(self, breaks: Callable[[ChatRequest], BaseException | None]) -> None:
        assert SUBJECT.live is not None
        self._model: Any = SUBJECT.live()
        self._breaks = breaks

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Fail, or obey."""
        self._raise(request)
        response: ChatResponse = await self._model.chat(request)
        return response

    async def stream(self, request: ChatRequest) -> Any:
        """Fail, or obey piece by piece."""
        self._raise(request)
        async for event in self._model.stream(request):
            yield event

    async def health(self) -> Health:
        """Be well."""
        return Health(reachable=True, healthy=True)

    async def aclose(self) -> None:
        """Have nothing to close."""

    def _raise(self, request: ChatRequest) -> None:
        problem = self._breaks(request)
        if problem is not None:
            raise problem


@frozen(kw_only=True)
class Settings:
    """Where it would be."""

    base_url: str = "http://acme.example/v1"
    api_key: Secret = field(default=Secret(), metadata=from_environ("ACME_API_KEY"))


@frozen(kw_only=True)
class Acme:
    """A plugin, and the provider type that it brings."""

    descriptor: BackendDescriptor = ABLE
    breaks: Callable[[ChatRequest], BaseException | None] = nothing_wrong
    needs: tuple[str, ...] = ()
    name: str = "acme"
    display_name: str = "Acme"
    default_model: str | None = "one"
    settings: type[Settings] = field(default=Settings)

    def missing(self, settings: Settings) -> Sequence[str]:
        """Name what is not configured."""
        return self.needs

    def descriptors(self, settings: Settings) -> Sequence[BackendDescriptor]:
        """Describe the one model."""
        return [self.descriptor]

    def open(self, descriptor: object, settings: Settings) -> ChatBackend:
        """Make the handle."""
        return Fallible(self.breaks)

    async def discover(self, settings: Settings) -> Sequence[BackendDescriptor]:
        """List the one model."""
        return [self.descriptor]

    @hookimpl
    def converge_register_backends(self, registrar: "Registrar[ProviderType]") -> None:
        """Register itself."""
        registrar.add(self)


def run(*arguments: str, **changes: Any) -> int:
    """Run a command with that plugin alone."""
    return cli.main(list(arguments), registry=PluginRegistry.of(Acme(**changes)))


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Give the document that was printed."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def listed(capsys: pytest.CaptureFixture[str], **changes: Any) -> dict[str, Any]:
    """Give what the catalogue says of the model."""
    capsys.readouterr()
    assert run("list", "--json", **changes) == ExitCode.DONE
    found: dict[str, Any] = document(capsys)["backends"][0]
    return found


def always(error: LlmError) -> Callable[[ChatRequest], LlmError]:
    """Fail whatever is asked."""

    def fail(_request: ChatRequest) -> LlmError:
        return error

    return fail


def cut_at_some(request: ChatRequest) -> LlmError | None:
    """Break the connection where tools or a schema are asked for, and refuse images."""
    if any(isinstance(part, ImagePart) for message in request.messages for part in message.parts):
        return InvalidRequest("images are for others")
    return NetworkError("cut") if request.tools or request.response_schema else None


def no_accents(request: ChatRequest) -> LlmError | None:
    """Refuse what is not ASCII."""
    return None if request.messages[-1].content.isascii() else InvalidRequest("what is that?")


def no_tools(request: ChatRequest) -> LlmError | None:
    """Refuse tools."""
    return InvalidRequest("tools are for others") if request.tools else None


def test_model_that_does_what_is_claimed_is_verified(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """Every check is a row, the cost and the cap are told, what holds is kept, and the list says since when."""
    assert run("verify", "acme/one") == ExitCode.DONE
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()[1 : 1 + len(LIVE_CHECKS)]] == list(LIVE_CHECKS)
    assert "failed" not in told.out
    assert "24 checks of acme/one, which may cost up to $0 in all; the cap is $0.05" in told.err
    assert "Measured: ImageUnderstanding yes, " in told.out

    kept = json.loads((home / "state" / "measured.json").read_text("utf-8"))["acme/one"]
    assert (kept["as_of"], kept["until"]) == (str(TODAY), str(TODAY + timedelta(days=30)))
    assert set(kept["checks"]) == set(LIVE_CHECKS) - {"live.secrets"}  # there is no key
    assert run("list") == ExitCode.DONE
    assert f"configured, verified {TODAY}" in capsys.readouterr().out
    source = listed(capsys)["sources"]["capabilities.ToolUse"]
    assert source["said_by"] == "measured"
    assert source["source"].startswith("converge verify")
    assert source["as_of"] == str(TODAY)


def test_claimed_capability_that_failed_becomes_no(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, the catalogue says no, and a selection that needs it rejects it and names the source."""
    assert run("verify", "acme/one", breaks=no_tools) == ExitCode.FAILED
    assert "ToolUse no" in capsys.readouterr().out
    assert listed(capsys)["descriptor"]["capabilities"]["tool_use"] is False
    assert run("explain", "--need", "tool-use", "--backend", "acme/one") == ExitCode.NOBODY
    assert f"measured, {TODAY}, converge verify" in capsys.readouterr().out


def test_capability_that_works_unclaimed_becomes_yes(capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody claimed is claimed from then on."""
    modest = evolve(ABLE, capabilities=evolve(ABLE.capabilities, tool_use=False))
    assert listed(capsys, descriptor=modest)["descriptor"]["capabilities"]["tool_use"] is False

    assert run("verify", "acme/one", descriptor=modest) == ExitCode.DONE
    assert listed(capsys, descriptor=modest)["descriptor"]["capabilities"]["tool_use"] is True


def test_measured_again_what_was_denied_before_is_tried(capsys: pytest.CaptureFixture[str]) -> None:
    """A verification starts from what is claimed, not from what was measured before."""
    run("verify", "acme/one", breaks=no_tools)

    assert run("verify", "acme/one") == ExitCode.DONE
    assert listed(capsys)["descriptor"]["capabilities"]["tool_use"] is True


def test_configuration_outranks_what_was_measured(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """The operator has the last word, and the source says so."""
    run("verify", "acme/one", breaks=no_tools)
    (home / "config.toml").write_text('[claims."acme/one".capabilities]\nToolUse = true\n', "utf-8")

    known = listed(capsys)
    assert known["descriptor"]["capabilities"]["tool_use"] is True
    assert known["sources"]["capabilities.ToolUse"]["said_by"] == "configuration"


def test_engine_of_a_host_knows_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """An engine that reads the user's configuration knows it; one that is given its configuration by hand does not."""
    run("verify", "acme/one", breaks=no_tools)
    registry = PluginRegistry.of(Acme())

    able = [Engine.of(registry, one).catalogue.entries[0].claims for one in (load_configuration(), None)]
    assert [one.capabilities.get(Capability.TOOL_USE) for one in able] == [False, True]


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        pytest.param({}, True, id="the same"),
        pytest.param({"base_url": "http://elsewhere.example/v1"}, False, id="another address"),
    ],
)
def test_measurement_counts_at_its_address_alone(
    changes: Mapping[str, str], counts: bool, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    """A model of the same name behind another address may be able to do other things."""
    run("verify", "acme/one", breaks=no_tools)
    lines = [f'{name} = "{value}"\n' for name, value in changes.items()]
    (home / "config.toml").write_text("".join(["[providers.acme]\n", *lines]), "utf-8")

    assert listed(capsys)["descriptor"]["capabilities"]["tool_use"] is not counts


@pytest.mark.parametrize("error", [NetworkError("cut"), AuthDenied("who are you?")], ids=["network", "key"])
def test_trouble_on_the_way_proves_nothing(error: LlmError, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """When nothing is answered nothing is kept; what was measured before stays; the exit code is 1."""
    run("verify", "acme/one")
    before = (home / "state" / "measured.json").read_bytes()
    capsys.readouterr()

    assert run("verify", "acme/one", "--check", "live.chat", breaks=always(error)) == ExitCode.FAILED
    told = capsys.readouterr().out
    assert "Proves nothing, since it met the network, a key or a limit: live.chat" in told
    assert "Nothing was answered, so nothing is known." in told
    assert (home / "state" / "measured.json").read_bytes() == before


def test_trouble_at_one_check_leaves_its_capability_open(capsys: pytest.CaptureFixture[str]) -> None:
    """A connection that broke at the checks of tools and of schemas denies neither; what failed by itself is denied."""
    limited = run("verify", "acme/one", "--json", breaks=cut_at_some)
    found = document(capsys)

    assert limited == ExitCode.FAILED
    assert {"live.tools", "live.schema"} <= set(found["disturbed"])
    assert not {"ToolUse", "StructuredOutput"} & set(found["claims"]["capabilities"])
    assert found["claims"]["capabilities"]["TextGeneration"] is True
    assert found["claims"]["capabilities"]["ImageUnderstanding"] is False


def test_fault_in_how_a_model_answers_denies_no_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """A model that stumbles over an accent still generates text; the check fails all the same."""
    assert run("verify", "acme/one", "--json", breaks=no_accents) == ExitCode.FAILED
    assert document(capsys)["claims"]["capabilities"]["TextGeneration"] is True


def test_call_that_was_cut_off_for_time_proves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that is not over in time may have met a slow machine."""
    monkeypatch.setattr("converge_provider.testing.conformance.running.LIVE_LIMIT_S", 0.05)

    async def slow(self: Fallible, request: ChatRequest) -> ChatResponse:
        await anyio.sleep(60)
        message = "nobody waits that long"
        raise AssertionError(message)

    monkeypatch.setattr(Fallible, "chat", slow)
    assert run("verify", "acme/one", "--check", "live.tools", "--check", "live.stream", "--json") == ExitCode.FAILED
    found = document(capsys)
    assert found["disturbed"] == ["live.tools"]
    assert dict(found["claims"]["capabilities"]) == {"Streaming": True}


def test_model_that_ignores_tools_is_not_taken_for_one_that_knows_them(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no tool was called, that results are taken proves nothing."""
    silent = evolve(ABLE, capabilities=ChatBackendCapabilities(), claims=evolve(ABLE.claims, honours=frozenset()))
    run("verify", "acme/one", "--check", "live.tools", "--check", "live.tool-results", "--json", descriptor=silent)
    found = document(capsys)

    assert [one["outcome"] for one in found["report"]["results"]] == ["not run", "works, unclaimed"]
    assert found["claims"]["capabilities"] == {}


DEAR = Prices(input_usd_per_mtok=Decimal(10), output_usd_per_mtok=Decimal(100))


@pytest.mark.parametrize(
    ("prices", "arguments", "ended", "words"),
    [
        pytest.param(None, (), ExitCode.CONFIGURATION, "cannot be checked within $0.05: ", id="price unknown"),
        pytest.param(None, ("--any-cost",), ExitCode.DONE, "may cost anything", id="unknown, any cost"),
        pytest.param(
            DEAR, ("--max-cost", "0.000001"), ExitCode.FAILED, "the cap is $0.000001", id="nothing affordable"
        ),
        pytest.param(DEAR, ("--max-cost", "0.5"), ExitCode.DONE, "up to $0.2068 in all", id="affordable"),
    ],
)
def test_costs_are_told_and_capped(
    prices: Prices | None, arguments: tuple[str, ...], ended: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing runs that might go beyond the cap, and nothing at all where the costs are limited and unknown."""
    priced = evolve(ABLE, claims=evolve(ABLE.claims, prices=prices))
    chosen = ("--check", "live.chat", "--check", "live.stream")

    assert run("verify", "acme/one", *chosen, *arguments, descriptor=priced) == ended
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "changes", "ended", "words"),
    [
        pytest.param(["acme/on"], {}, ExitCode.USAGE, "did you mean 'acme/one'", id="unknown backend"),
        pytest.param([], {}, ExitCode.USAGE, "which backend? See: converge list", id="no backend"),
        pytest.param(
            ["acme/one", "--check", "live.tool"], {}, ExitCode.USAGE, "did you mean 'live.tools'", id="unknown check"
        ),
        pytest.param(["acme/one", "--report", "no/r.json"], {}, ExitCode.USAGE, "there is no folder 'no'", id="report"),
        pytest.param(
            ["acme/one"], {"needs": ("ACME_KEY",)}, ExitCode.CONFIGURATION, "ACME_KEY missing", id="not configured"
        ),
    ],
)
def test_mistake_is_told_before_anything_is_asked(
    arguments: list[str], changes: Mapping[str, Any], ended: ExitCode, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what is wrong; no call is made."""

    def never(_request: ChatRequest) -> LlmError:
        raise AssertionError

    assert run("verify", *arguments, breaks=never, **changes) == ended
    assert words in capsys.readouterr().err


def test_report_is_written_without_secrets(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The file holds the kit's report; a key in a failure's text is masked there, on the screen and in the document."""
    monkeypatch.setenv("ACME_API_KEY", KEY)
    asked = ("verify", "acme/one", "--check", "live.tools", "--report", "report.json")
    leaky = Acme(breaks=always(InvalidRequest(f"the key {KEY} may not")))
    registry = PluginRegistry.of(leaky)

    told = [cli.main([*asked, *more], registry=registry) and capsys.readouterr() for more in ((), ("--json",))]
    written = Path("report.json").read_text("utf-8")
    report = codec.load(ConformanceReport, json.loads(written))
    assert (report.backend, report.date, [one.check for one in report.results]) == (
        "acme/one",
        str(TODAY),
        ["live.tools"],
    )
    assert "may not" in report.results[0].text
    assert KEY not in f"{written}{told}"


def test_check_of_secrets_knows_the_key(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The live check of secrets looks for the provider's own key."""
    monkeypatch.setenv("ACME_API_KEY", KEY)
    run("verify", "acme/one", "--check", "live.secrets", "--json")

    assert document(capsys)["report"]["results"][0]["outcome"] == "passed"


def test_what_is_not_to_be_kept_is_not(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """With --keep-days 0 nothing is written."""
    assert run("verify", "acme/one", "--check", "live.chat", "--keep-days", "0") == ExitCode.DONE
    assert not (home / "state").exists()
    assert "This counts until" not in capsys.readouterr().out


@pytest.mark.parametrize("whose", [["acme/one"], ["mine"], []], ids=["of one", "by its alias", "of all"])
def test_measurement_is_forgotten(whose: list[str], capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """The adapter's own claims hold again, and forgetting twice says that nothing was measured."""
    run("verify", "acme/one", breaks=no_tools)
    (home / "config.toml").write_text('[aliases]\nmine = "acme/one"\n', "utf-8")
    capsys.readouterr()

    assert run("verify", *whose, "--forget") == ExitCode.DONE
    assert capsys.readouterr().out == "Forgotten: what was measured of acme/one\n"
    assert listed(capsys)["descriptor"]["capabilities"]["tool_use"] is True
    assert run("verify", *whose, "--forget", "--json") == ExitCode.DONE
    assert document(capsys) == {"forgotten": []}


def test_broken_file_is_told_and_ignored(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """A list is made without it, and says on standard error why, where, and what to do."""
    (home / "state").mkdir(parents=True)
    (home / "state" / "measured.json").write_text('{"acme/one": {"prices": 0}}', "utf-8")

    assert run("list") == ExitCode.DONE
    told = capsys.readouterr()
    assert "verified" not in told.out
    assert "measured.json: ignored what was measured: " in told.err
    assert "converge verify --forget" in told.err
    run("doctor")
    assert "measured.json: ignored what was measured: " in capsys.readouterr().out


def test_progress_is_told_to_a_log_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a person at a terminal there is a line every ten seconds, and no bar."""
    now = iter([0.0, 1.0, 11.0, 11.0, 12.0])
    monkeypatch.setattr("converge_provider.cli.progress.time.monotonic", lambda: next(now))
    with Steps("checks", 3) as steps:
        for name in ("a", "b", "c"):
            steps.done(name)

    assert capsys.readouterr().err == "converge: checks: 2 of 3\n"


def test_progress_is_a_bar_for_a_person(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bar names the check that was done, and is gone at the end."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Steps("checks", 2) as steps:
        steps.done("live.chat")

    assert "live.chat" in capsys.readouterr().err
