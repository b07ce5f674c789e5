"""What a user gets wrong about a service, at the command line: one line each, which says what to set."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import converge_openai
from converge_provider import PluginRegistry, cli
from converge_provider.testing.canned import CannedServer, answer, json_answer

MODEL = "groq/openai/gpt-oss-120b"
KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home and an empty folder to work in."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("CONVERGE_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def said(capsys: pytest.CaptureFixture[str], *, backend: str = MODEL) -> str:
    """Ask once at the command line, and give the one line that it says."""
    code = cli.main(["chat", "--backend", backend, "Hi"], registry=PluginRegistry.of(converge_openai))
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()

    assert code != 0
    assert not captured.out
    assert KEY not in line
    return line.partition(" What was tried:")[0]


@pytest.mark.parametrize("key", [None, "", "  \t "], ids=["missing", "empty", "blank"])
def test_key_that_is_not_there_is_named(
    key: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing key and a blank one are the same: the variable to set is named."""
    if key is not None:
        monkeypatch.setenv("GROQ_API_KEY", key)

    assert said(capsys).endswith(f"The nearest is {MODEL}, which is only not configured: GROQ_API_KEY is missing.")


def test_address_that_is_not_there_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A service without an address of its own names the variables of the address and the key."""
    (home / "config.toml").write_text("[providers.azure_openai.models.gpt]\n", "utf-8")

    assert said(capsys, backend="azure_openai/gpt").endswith(
        "which is only not configured: AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY are missing."
    )


def test_key_that_no_header_can_carry_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with a line break in it is refused before anything is sent, and the variable is named, not the key."""
    monkeypatch.setenv("GROQ_API_KEY", f"{KEY}\n{KEY}")

    assert said(capsys).endswith("; look at what sets it: GROQ_API_KEY, unless configured otherwise.")


@pytest.mark.parametrize(
    ("config", "backend", "expected"),
    [
        ("", "gorq/openai/gpt-oss-120b", "no backend or model 'gorq/openai/gpt-oss-120b'; did you mean 'groq/openai"),
        ("", "groq/openai/gpt-oss-12b", "no backend or model 'groq/openai/gpt-oss-12b'; did you mean 'groq/openai"),
        ("[providers.gorq]\n", MODEL, "providers.gorq: there is no provider type 'gorq'; did you mean 'groq'?"),
        (
            '[providers.mine]\ntype = "mistrall"\n',
            "mine/m",
            "providers.mine.type: there is no provider type 'mistrall'; did you mean 'mistral'?",
        ),
        (
            '[providers.groq]\nbase_ulr = "x"\n',
            MODEL,
            "providers.groq.base_ulr: is not a field of GroqSettings; did you mean 'base_url'?",
        ),
    ],
    ids=["provider", "model", "table", "type", "setting"],
)
def test_name_that_is_mistyped_gets_the_nearest(
    config: str, backend: str, expected: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown service, model, provider or setting is answered with the one that was probably meant."""
    (home / "config.toml").write_text(config, "utf-8")

    assert expected in said(capsys, backend=backend)


_ADDRESS = "the base URL (GROQ_BASE_URL, unless configured otherwise)"
_KEY = "the API key (GROQ_API_KEY, unless configured otherwise)"
_NOT_FOUND = json_answer({"detail": "Not Found"}, status=404)
_PAGE = answer(b"<html>It works</html>", headers={"content-type": "text/html"})
_ELSEWHERE = json_answer({}, status=308, headers={"location": "https://elsewhere.example/v1"})
_NO_MODEL = json_answer({"error": {"message": "The model does not exist", "code": "model_not_found"}}, status=404)
_NO_KEY = json_answer({"error": {"message": "Invalid API Key", "code": "invalid_api_key"}}, status=401)


@pytest.mark.parametrize("path", ["", "/v1", "/wrong/"], ids=["bare", "version", "path"])
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (_NOT_FOUND, f"check {_ADDRESS}, with or without /v1."),
        (
            _PAGE,
            f"Check {_ADDRESS}, with or without /v1: no service that speaks this wire answers there.",
        ),
        (_ELSEWHERE, f"set {_ADDRESS} to where it leads."),
    ],
    ids=["nothing", "page", "redirect"],
)
def test_address_that_is_wrong_is_told_with_what_sets_it(
    path: str,
    script: Sequence[bytes],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With or without a path, an address where something else answers says which setting leads there."""
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    with CannedServer([script]) as server:
        monkeypatch.setenv("GROQ_BASE_URL", f"{server.url}{path}")
        line = said(capsys)

    assert line.endswith(expected)
    assert server.url in line


def test_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no address of a server says whose, and how one looks."""
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    monkeypatch.setenv("GROQ_BASE_URL", "ftp://groq")

    assert said(capsys).endswith("expected something like http://localhost:8000/v1.")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (_NO_MODEL, "model not found: openai/gpt-oss-120b. Check which models provider 'groq' offers."),
        (
            _NO_KEY,
            f"authentication denied: Invalid API Key. Check {_KEY}, and that it may use this model.",
        ),
    ],
    ids=["model", "key"],
)
def test_refusal_says_what_to_check(
    script: Sequence[bytes], expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that is not there, and a key that is refused, say what to look at."""
    monkeypatch.setenv("GROQ_API_KEY", KEY)
    with CannedServer([script]) as server:
        monkeypatch.setenv("GROQ_BASE_URL", server.url)

        assert said(capsys) == f"converge: {expected}"
