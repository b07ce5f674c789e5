"""``converge doctor`` and ``converge config``: whether everything is as it should be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import field, frozen

from converge_provider import ChatBackendDescriptor, PluginRegistry, Secret, cli, from_environ, load_configuration
from converge_provider.cli import doctor
from converge_provider.cli.exits import ExitCode
from converge_provider.testing import FakeDistribution, FakeSite, ScriptedBackend, ScriptedProviderType


@frozen(kw_only=True)
class Settings:
    """The settings of a provider with a key."""

    api_key: Secret = field(default=Secret(), metadata=from_environ("ACME_API_KEY"))
    base_url: str = "https://api.acme.example"
    retries: int = 2


class Acme(ScriptedProviderType):
    """A provider that needs a key."""

    settings = Settings  # type: ignore[assignment]  # settings of its own

    def __init__(self) -> None:
        super().__init__("acme", ScriptedBackend(id="acme/scripted"))

    def missing(self, settings: object) -> tuple[str, ...]:
        """Name the key."""
        return () if getattr(settings, "api_key", None) else ("ACME_API_KEY",)


def tiny(*missing: str) -> ScriptedProviderType:
    """Give a provider that needs nothing, or what is said."""
    return ScriptedProviderType("tiny", ScriptedBackend(id="tiny/scripted"), missing=missing)


def registry() -> PluginRegistry:
    """Give a registry with a provider that needs a key, and one that needs nothing."""
    return PluginRegistry.of(Acme(), tiny())


@pytest.fixture(name="home", autouse=True)
def make_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    monkeypatch.setenv("CONVERGE_HOME", str(home))
    monkeypatch.chdir(project)
    return home


def configure(home: Path, text: str) -> Path:
    """Write the user's file."""
    file = home / "config.toml"
    file.write_text(text, "utf-8")
    return file


def findings(capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[str, str]]:
    """Give what the doctor found, by check."""
    document = json.loads(capsys.readouterr().out)
    return {one["check"]: (one["state"], one["text"]) for one in document["findings"]}


def test_doctor_finds_everything_sound(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is a finding; a provider without its key is worth a note and wrong for nobody."""
    monkeypatch.setenv("ACME_API_KEY", "sk-1")
    code = cli.main(["doctor", "--json"], registry=registry())
    found = findings(capsys)

    assert code == 0
    assert {"python", "converge-provider", "libraries", "extra [cli]", "configuration", "plugins"} <= set(found)
    assert found["provider acme"] == ("ok", "configured")
    assert found["state folder"][0] == "ok"


def test_doctor_names_credentials_and_never_shows_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is named; what is there is not printed."""
    cli.main(["doctor"], registry=registry())
    before = capsys.readouterr().out
    monkeypatch.setenv("ACME_API_KEY", "sk-planted")
    cli.main(["doctor"], registry=registry())

    assert "provider acme      note   needs ACME_API_KEY\n" in before
    assert "sk-planted" not in capsys.readouterr().out


def test_doctor_says_that_nobody_can_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any configured backend that is a note, with what to do."""
    code = cli.main(["doctor"], registry=PluginRegistry.of(tiny("TINY_KEY")))

    out = capsys.readouterr().out
    assert code == 0
    assert "none is configured, so nobody can answer" in out
    assert "\nbackends: Configure a provider, or fetch the small model: converge chat --pull\n" in out


def test_doctor_only_names_that_many_need_something_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What nobody has configured is one line, as in the list; what is, or makes no sense, and all JSON, is told."""
    lacking = [
        ScriptedProviderType(f"vendor{n}", ScriptedBackend(id=f"vendor{n}/m"), missing=[f"KEY{n}"]) for n in range(13)
    ]
    configure(home, "[providers.vendor3]\n[providers.vendor4]\nenabled = false\n")
    cli.main(["doctor"], registry=PluginRegistry.of(tiny(), *lacking))
    told = [line for line in capsys.readouterr().out.splitlines() if "provider" in line.partition("  ")[0]]
    cli.main(["doctor", "--json"], registry=PluginRegistry.of(tiny(), *lacking))
    findings = json.loads(capsys.readouterr().out)["findings"]

    assert [" ".join(line.split()) for line in told[1:]] == [
        "provider tiny ok configured",
        "provider vendor3 note needs KEY3",
        "provider vendor4 note switched off",
        "other providers note 11 more need something first, see: converge list --all",
    ]
    assert sum(one["check"].startswith("provider ") for one in findings) == 14


def test_doctor_works_without_any_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing installed it still tells what it found."""
    code = cli.main(["doctor", "--json"], registry=PluginRegistry.discover(distributions=()))

    assert code == 0
    assert findings(capsys)["plugins"] == ("note", "none is loaded")


def test_doctor_fails_for_a_plugin_in_quarantine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plugin that cannot be loaded is wrong, and its remedy is told."""
    site = FakeSite(tmp_path / "site")
    site.install(FakeDistribution.plugin("broken", "raise SystemExit(7)"))
    with site:
        code = cli.main(["doctor"], registry=PluginRegistry.discover(distributions=site.distributions()))

    out = capsys.readouterr().out
    assert code == ExitCode.FAILED
    assert "plugin broken      bad    converge-broken 1.0.0 is in quarantine: import: SystemExit" in out
    assert "\nplugin broken: " in out


def test_doctor_goes_on_when_the_configuration_makes_no_sense(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken file is one finding; plugins that it might forbid are not loaded."""
    file = configure(home, "[plugns]\n")
    code = cli.main(["doctor", "--json"])
    found = findings(capsys)

    assert code == ExitCode.FAILED
    assert found["configuration"][0] == "bad"
    assert found["configuration"][1].startswith(f"{file}: plugns: ")
    assert found["plugins"][1] == "not looked at: the configuration says which may be loaded"


def test_doctor_fails_for_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that is a file cannot hold anything."""
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path / "file"))
    code = cli.main(["doctor", "--json"], registry=registry())

    assert code == ExitCode.FAILED
    assert findings(capsys)["state folder"] == ("bad", f"{tmp_path / 'file' / 'state'} cannot be written")


def test_doctor_tells_of_plugins_that_are_left_out(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plugin that somebody denied, and a name that no plugin has, are worth a note."""
    configure(home, '[plugins]\ndeny = ["quiet", "nobody"]\n')
    site = FakeSite(tmp_path / "site")
    site.install(FakeDistribution.plugin("quiet", ""))
    with site:
        table = load_configuration().plugins
        found = PluginRegistry.discover(plugins=table, distributions=site.distributions())
        codes = [cli.main([command, "--json"], registry=found) for command in ("doctor", "plugins")]
        cli.main(["plugins"], registry=found)
    documents = capsys.readouterr().out

    assert codes == [0, 0]
    assert '"text": "skipped: ' in documents
    assert "the configuration names it, but it is not installed" in documents
    assert "\nquiet (converge-quiet 1.0.0) is skipped: " in documents
    assert "\nNo installed plugin has the name 'nobody', which the configuration names.\n" in documents


class Unruly(ScriptedProviderType):
    """A provider type that cannot say what it has."""

    def descriptors(self, settings: object) -> tuple[ChatBackendDescriptor, ...]:
        """Fail."""
        raise RuntimeError


def test_doctor_tells_of_providers_that_do_not_work(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A provider whose type misbehaves is wrong; one that is switched off is worth a note."""
    configure(home, "[providers.tiny]\nenabled = false\n")
    code = cli.main(["doctor", "--json"], registry=PluginRegistry.of(Unruly("wild"), tiny()))
    found = findings(capsys)

    assert code == ExitCode.FAILED
    assert found["provider wild"][0] == "bad"
    assert found["provider tiny"] == ("note", "switched off")


def test_doctor_tells_of_settings_that_make_no_sense(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Settings that a provider type does not take are wrong, and the rest is still checked."""
    configure(home, "[providers.acme]\nretries = 'many'\n")
    code = cli.main(["doctor", "--json"], registry=registry())
    found = findings(capsys)

    assert code == ExitCode.FAILED
    assert "providers.acme.retries: expected an integer" in found["providers"][1]
    assert "cache folder" in found


def test_doctor_names_the_extra_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing extra is worth a note, with the command that installs it."""

    def without_httpx(name: str) -> str | None:
        """Find everything else."""
        return None if name == "httpx" else name

    monkeypatch.setattr(doctor, "find_spec", without_httpx)
    code = cli.main(["doctor"], registry=registry())

    out = capsys.readouterr().out
    assert code == 0
    assert "extra [http]       note   not installed: httpx\n" in out
    assert "\nextra [http]: Run: pip install 'converge-provider[http]'\n" in out


def test_config_check_and_trust_speak_to_programs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each prints one document."""
    file = configure(home, EVERYTHING)
    cli.main(["config", "check", "--json"], registry=registry())
    checked = json.loads(capsys.readouterr().out)
    cli.main(["config", "trust", str(file), "--json"])
    trusted = json.loads(capsys.readouterr().out)

    assert checked == {"sound": True, "sources": [str(file)]}
    assert trusted["path"] == str(file)
    assert len(trusted["sha256"]) == 64


def test_config_check_tells_of_a_provider_that_does_not_work(capsys: pytest.CaptureFixture[str]) -> None:
    """What a provider type gets wrong with the settings is a failure of the check."""
    code = cli.main(["config", "check"], registry=PluginRegistry.of(Unruly("wild")))

    assert code == ExitCode.CONFIGURATION
    assert "RuntimeError" in capsys.readouterr().err


def test_doctor_touches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket is made."""
    monkeypatch.setattr("socket.socket", None)

    assert cli.main(["doctor"], registry=registry()) == 0


EVERYTHING = """
deadline_s = 30
[providers.acme]
api_key = { env = "HOUSE_KEY" }
retries = 3
[aliases]
big = "acme/scripted"
[claims."acme/scripted"]
country = "SE"
[[policies]]
name = "fitness"
weight = 2
"""


def test_config_show_names_the_origin_of_every_value(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value is one line with its origin; a secret is three stars and the name of its variable."""
    file = configure(home, EVERYTHING)
    monkeypatch.setenv("HOUSE_KEY", "sk-planted")
    monkeypatch.setenv("CONVERGE_LLM_PROFILE", "batch")
    code = cli.main(["config", "show"])

    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()[1:]]
    assert code == 0
    assert [tuple(cell.strip() for cell in line if cell) for line in lines] == [
        ("aliases.big", '"acme/scripted"', str(file)),
        ('claims."acme/scripted".country', '"SE"', str(file)),
        ("deadline_s", "30", str(file)),
        ("policies", '[{"name": "fitness", "weight": 2}]', str(file)),
        ("providers.acme.api_key", "***", f"{file}, variable HOUSE_KEY"),
        ("providers.acme.retries", "3", str(file)),
        ("selection.profile", '"batch"', "CONVERGE_LLM_PROFILE"),
    ]


def test_config_show_as_json_masks_secrets(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program gets the same values, and no secret."""
    configure(home, EVERYTHING)
    monkeypatch.setenv("HOUSE_KEY", "sk-planted")
    cli.main(["config", "show", "--json"])

    values = {one["key"]: one["value"] for one in json.loads(capsys.readouterr().out)["values"]}
    assert values["providers.acme.api_key"] == "***"
    assert values["policies"] == [{"name": "fitness", "weight": 2}]


def test_config_show_of_nothing_says_where_it_would_be(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With nothing configured the place of the user's file is told."""
    cli.main(["config", "show"])

    assert capsys.readouterr().out == f"Nothing is configured. The user's file would be {home / 'config.toml'}\n"


def test_config_check_praises_what_makes_sense(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound configuration is said to be, with its sources."""
    file = configure(home, EVERYTHING)
    code = cli.main(["config", "check"], registry=registry())

    assert code == 0
    assert capsys.readouterr().out == f"Everything makes sense: {file}\n"


BAD = {
    "not TOML": ("a = ", "is not TOML"),
    "unknown table": ("[provider.acme]\n", "provider: is not a field of"),
    "wrong kind": ("deadline_s = 'soon'\n", "deadline_s: expected a number, got 'soon'"),
    "wrong setting": (
        "[providers.acme]\nretries = 'many'\n",
        "providers.acme.retries: expected an integer, got 'many'",
    ),
    "unknown setting": ("[providers.acme]\nretrys = 1\n", "providers.acme.retrys: is not a field of Settings"),
    "written secret": ("[providers.acme]\napi_key = 'sk-planted'\n", "a secret is never written down"),
    "unknown policy": ("[[policies]]\nname = 'fitnes'\n", "policy 'fitnes' is not installed; did you mean 'fitness'?"),
    "unknown type": ("[providers.x]\ntype = 'acm'\n", "there is no provider type 'acm'; did you mean 'acme'?"),
    "bad word": ("[selection]\ncost = 'cheapo'\n", "expected minimal, standard, or premium, got 'cheapo'"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("given", ["as the user's", "by name"])
def test_config_check_names_path_expected_and_got(
    case: str, given: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What makes no sense is one line with file, path, what was expected, and what was found."""
    content, text = BAD[case]
    file = configure(home if given == "as the user's" else tmp_path, content)
    arguments = ["config", "check", *[str(file)] * (given == "by name")]
    code = cli.main(arguments, registry=registry())

    err = capsys.readouterr().err
    assert code == ExitCode.CONFIGURATION
    assert text in err
    assert err.count("\n") == 1
    assert "sk-planted" not in err
    assert case == "unknown policy" or str(file) in err


@pytest.mark.parametrize("command", ["list", "chat hello", "explain", "plugins", "config show", "why 0"])
def test_every_command_refuses_a_configuration_that_makes_no_sense(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command works with half a configuration."""
    configure(home, "deadline_s = -1\n")
    code = cli.main(command.split())

    assert code == ExitCode.CONFIGURATION
    assert "deadline_s: expected seconds greater than 0, got -1" in capsys.readouterr().err


def test_project_file_is_refused_until_it_is_trusted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project file that could send secrets elsewhere counts only once the user has said so, as it was then."""
    project = Path("converge.toml")
    project.write_text("[providers.acme]\nbase_url = 'https://elsewhere.example'\n", "utf-8")
    refused = cli.main(["list"], registry=registry())
    told = capsys.readouterr().err
    trusted = cli.main(["config", "trust"])
    allowed = cli.main(["list"], registry=registry())
    project.write_text("[providers.acme]\nbase_url = 'https://changed.example'\n", "utf-8")
    changed = cli.main(["list"], registry=registry())

    assert (refused, trusted, allowed, changed) == (ExitCode.CONFIGURATION, 0, 0, ExitCode.CONFIGURATION)
    assert f"converge config trust {project.absolute()}" in told


def test_trust_without_a_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no project file, there is nothing to trust."""
    code = cli.main(["config", "trust"])

    assert code == ExitCode.USAGE
    assert "there is no project file in this folder" in capsys.readouterr().err


def test_installed_program_has_a_sound_installation() -> None:
    """The program that is installed beside the tests gives itself a clean bill."""
    found = subprocess.run(
        [Path(sys.executable).with_name("converge"), "doctor"], capture_output=True, check=False, text=True, timeout=60
    )

    assert found.returncode == 0, found.stdout + found.stderr
