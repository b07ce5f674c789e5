"""What a user gets wrong about Gemini and Ollama, at the command line: one line each, which says what to set."""

import socket
from pathlib import Path
from types import ModuleType

import pytest

import converge_gemini
import converge_ollama
from converge_provider import PluginRegistry, cli
from converge_provider.testing.canned import CannedServer, answer, json_answer

GEMINI = "gemini/gemini-3.8-flash"
OLLAMA = "ollama_native/qwen3:8b"
KEY = "AIza-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an own home with a model of Ollama's configured, and an empty folder to work in."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "config.toml").write_text('[providers.ollama_native.models."qwen3:8b"]\n', "utf-8")
    monkeypatch.setenv("CONVERGE_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    return folder


def said(capsys: pytest.CaptureFixture[str], plugins: tuple[ModuleType, ...], backend: str) -> str:
    """Ask once at the command line, and give the one line that it says."""
    code = cli.main(["chat", "--backend", backend, "Hi"], registry=PluginRegistry.of(*plugins))
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()

    assert code != 0
    assert not captured.out
    assert KEY not in line
    return line.partition(" What was tried:")[0]


def of_both(capsys: pytest.CaptureFixture[str], backend: str) -> str:
    """Ask one of the two."""
    return said(capsys, (converge_gemini, converge_ollama), backend)


@pytest.mark.parametrize("value", [None, "", " \t"], ids=["missing", "empty", "blank"])
@pytest.mark.parametrize(
    ("backend", "variable"), [(GEMINI, "GEMINI_API_KEY"), (OLLAMA, "OLLAMA_HOST")], ids=["gemini", "ollama"]
)
def test_what_is_not_set_is_named(
    backend: str,
    variable: str,
    value: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A missing variable and a blank one are the same: the one to set is named."""
    if value is not None:
        monkeypatch.setenv(variable, value)

    assert of_both(capsys, backend).endswith(f"{backend}, which is only not configured: {variable} is missing.")


@pytest.mark.parametrize(
    ("backend", "variable", "value", "expected"),
    [
        (GEMINI, "GEMINI_API_KEY", f"{KEY}\n{KEY}", "GEMINI_API_KEY or GOOGLE_API_KEY, unless configured otherwise."),
        (OLLAMA, "OLLAMA_API_KEY", f"{KEY}\n{KEY}", "OLLAMA_API_KEY, unless configured otherwise."),
        (GEMINI, "GOOGLE_GEMINI_BASE_URL", "ftp://x", "base_url of Gemini is not the address of a server"),
        (OLLAMA, "OLLAMA_HOST", "ftp://x", "base_url of Ollama is not the address of a server"),
    ],
    ids=["gemini-key", "ollama-key", "gemini-address", "ollama-address"],
)
def test_value_that_cannot_be_one_is_told_before_anything_is_sent(
    backend: str,
    variable: str,
    value: str,
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key that no header can carry, and an address that is none, are told with what sets them."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("OLLAMA_HOST", "localhost:9")
    monkeypatch.setenv(variable, value)

    assert expected in of_both(capsys, backend)


_GOOGLE_KEY = {"code": 400, "message": f"API key not valid: {KEY}.", "details": [{"reason": "API_KEY_INVALID"}]}
_GOOGLE_MODEL = {"code": 404, "message": "models/gemini-3.8-flash is not found for API version v1beta."}
_PAGE = answer(b"<html>It works</html>", headers={"content-type": "text/html"})


@pytest.mark.parametrize(
    ("backend", "script", "expected"),
    [
        (
            GEMINI,
            json_answer({"error": _GOOGLE_KEY}, status=400),
            "Check the API key (GEMINI_API_KEY or GOOGLE_API_KEY, unless configured otherwise), and that it may use",
        ),
        (GEMINI, json_answer({"error": _GOOGLE_MODEL}, status=404), "Choose another model: gemini-3.8-flash is not"),
        (GEMINI, _PAGE, "Check the base URL (GOOGLE_GEMINI_BASE_URL, unless configured otherwise)"),
        (OLLAMA, json_answer({"error": "model 'qwen3:8b' not found"}, status=404), "Run: ollama pull qwen3:8b"),
        (OLLAMA, json_answer({"error": "unauthorized"}, status=401), "Run: ollama signin"),
        (OLLAMA, _PAGE, "Check the base URL (OLLAMA_HOST, unless configured otherwise)"),
    ],
    ids=["gemini-key", "gemini-model", "gemini-page", "ollama-model", "ollama-signin", "ollama-page"],
)
def test_refusal_of_the_service_says_what_to_do(
    backend: str,
    script: list[bytes],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refused key, a model that is not there and an address where something else answers say what to do."""
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with CannedServer([script]) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", server.url)
        monkeypatch.setenv("OLLAMA_HOST", server.url)

        assert expected in of_both(capsys, backend)


def test_server_that_does_not_run_is_told_with_its_address(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody listens, the line says where that is."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OLLAMA_HOST", f":{closed.getsockname()[1]}")

        assert f"could not connect to http://127.0.0.1:{closed.getsockname()[1]}" in of_both(capsys, OLLAMA)
