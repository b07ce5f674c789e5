"""Who is compared, each in an environment of its own that is installed here and kept for the next time."""

import hashlib
import json
import os
import subprocess
import venv
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
EVENTS = 200
"""Pieces of text in every stream."""
SLOWEST_S = 600
"""How long an errand may take before the harness gives up."""


@frozen(kw_only=True)
class Contender:
    """One library, and how it is run."""

    name: str
    title: str
    runner: str
    """The script in the folder of runners that makes its calls."""
    environment: str
    """The environment that it is run in; several may share one."""
    distribution: str
    """The distribution whose version is shown."""
    environ: Mapping[str, str] = field(factory=dict[str, str])
    imported_only: bool = False
    """Whether only its import is measured."""


@frozen(kw_only=True)
class Work:
    """One thing that all contenders do."""

    name: str
    title: str
    kind: str
    count: int
    concurrency: int
    clock: str = "wall_s"
    """What is compared by the clock: the whole work, or the median call."""

    @property
    def pieces(self) -> int:
        """How many calls there are, or pieces of text of all streams."""
        return self.count * (EVENTS if self.kind == "streams" else 1)


WORKS = (
    Work(name="one", title="One call at a time", kind="calls", count=100, concurrency=1, clock="p50_s"),
    Work(name="sixteen", title="16 calls at a time", kind="calls", count=320, concurrency=16),
    Work(name="streams", title=f"64 streams of {EVENTS} events at once", kind="streams", count=64, concurrency=64),
    Work(name="thousand", title="1 000 calls at once", kind="calls", count=1_000, concurrency=1_000),
)
WARM_UP = (
    Work(name="warm-up", title="", kind="calls", count=32, concurrency=4),
    Work(name="warm-up", title="", kind="streams", count=2, concurrency=2),
)

OURS = ("core[{extra}]", "plugins/converge-openai")
REQUIREMENTS: Mapping[str, Sequence[str]] = {
    "httpx": ("httpx>=0.28",),
    "aiohttp": ("aiohttp>=3.14",),
    "openai": ("openai>=3.40",),
    "litellm": ("litellm>=1.100",),
    "any-llm": ("any-llm-sdk[openai]>=1.38",),
    "aisuite": ("aisuite[openai]>=0.2",),
    "pydantic-ai": ("pydantic-ai-slim[openai]>=2.50",),
    "langchain": ("langchain-openai>=1.7",),
    "converge": tuple(one.format(extra="http") for one in OURS),
    "converge-fast": tuple(one.format(extra="fast") for one in OURS),
    "core": ("core",),
}
"""What is installed into each environment: minimums from the index, or folders of this repository."""

CONTENDERS = (
    Contender(name="httpx", title="bare httpx", runner="httpx", environment="httpx", distribution="httpx"),
    Contender(name="aiohttp", title="bare aiohttp", runner="aiohttp", environment="aiohttp", distribution="aiohttp"),
    Contender(
        name="converge",
        title="**Converge**, on httpx",
        runner="converge",
        environment="converge",
        distribution="converge-provider",
        environ={"CONVERGE_HTTP": "httpx"},
    ),
    Contender(
        name="converge-fast",
        title="**Converge**, `[fast]`",
        runner="converge",
        environment="converge-fast",
        distribution="converge-provider",
        environ={"CONVERGE_HTTP": "aiohttp"},
    ),
    Contender(name="openai", title="openai", runner="openai", environment="openai", distribution="openai"),
    Contender(name="any-llm", title="any-llm", runner="any_llm", environment="any-llm", distribution="any-llm-sdk"),
    Contender(name="aisuite", title="aisuite", runner="aisuite", environment="aisuite", distribution="aisuite"),
    Contender(
        name="pydantic-ai",
        title="Pydantic AI, direct",
        runner="pydantic_ai",
        environment="pydantic-ai",
        distribution="pydantic-ai-slim",
    ),
    Contender(
        name="pydantic-ai-fallback",
        title="Pydantic AI, FallbackModel",
        runner="pydantic_ai_fallback",
        environment="pydantic-ai",
        distribution="pydantic-ai-slim",
    ),
    Contender(
        name="langchain",
        title="LangChain",
        runner="langchain",
        environment="langchain",
        distribution="langchain-openai",
    ),
    Contender(name="litellm", title="LiteLLM", runner="litellm", environment="litellm", distribution="litellm"),
    Contender(
        name="litellm-router",
        title="LiteLLM, Router",
        runner="litellm_router",
        environment="litellm",
        distribution="litellm",
    ),
    Contender(
        name="converge-names",
        title="**Converge**, everyday names",
        runner="converge_names",
        environment="core",
        distribution="converge-provider",
        imported_only=True,
    ),
)


def install(environments: Path, name: str) -> Path:
    """
    Make an environment, or bring it up to date, and give its Python.

    What is installed is written beside it; an environment that has what is wanted is left alone, so that the index is
    asked once.  What comes from this repository is installed again when a file of it has changed.
    """
    folder, wanted = environments / name, REQUIREMENTS[name]
    python, stamp = folder / "bin" / "python", environments / f"{name}.json"
    noted = json.dumps({"requirements": list(wanted), "sources": _digest(wanted)})
    if python.exists() and stamp.exists() and stamp.read_text("utf-8") == noted:
        return python
    print(f"installing {', '.join(wanted)}", flush=True)
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *map(_placed, wanted)], check=True)
    local = [str(ROOT / one.partition("[")[0]) for one in wanted if _is_local(one)]
    if local and stamp.exists():  # the version may be the same, and the files are not
        subprocess.run([*pip, "--force-reinstall", "--no-deps", *local], check=True)
    stamp.write_text(noted, "utf-8")
    return python


def _is_local(requirement: str) -> bool:
    return (ROOT / requirement.partition("[")[0] / "pyproject.toml").exists()


def _placed(requirement: str) -> str:
    return str(ROOT / requirement) if _is_local(requirement) else requirement


def _digest(wanted: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for requirement in filter(_is_local, wanted):
        folder = ROOT / requirement.partition("[")[0]
        for path in sorted((folder / "src").rglob("*.*")):
            if path.suffix != ".pyc":
                digest.update(path.read_bytes())
    return digest.hexdigest()


def environ_for(contender: Contender, home: Path) -> dict[str, str]:
    """Give the environment variables that a contender sees: none of the user's but the path."""
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "CONVERGE_HOME": str(home), **contender.environ}


def script(contender: Contender) -> str:
    """Give the runner's file."""
    return str(FOLDER / "contenders" / f"run_{contender.runner}.py")


def measure_import(contender: Contender, python: Path, home: Path) -> dict[str, float]:
    """Import a contender in a new process, and give the seconds and the memory it took."""
    run = subprocess.run(
        [python, script(contender), "--import"],
        env=environ_for(contender, home),
        capture_output=True,
        text=True,
        check=True,
        timeout=SLOWEST_S,
    )
    found: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return found


class Running:
    """A contender's process, waiting for errands."""

    def __init__(self, contender: Contender, python: Path, url: str, home: Path) -> None:
        """Start it."""
        self.contender = contender
        self.complaints = home / f"{contender.name}.txt"
        with self.complaints.open("w") as complaints:
            self.process = subprocess.Popen(
                [python, script(contender), f"{url}/{EVENTS}/v1"],
                env=environ_for(contender, home),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
            )

    def do(self, work: Work) -> dict[str, float]:
        """
        Have it do a work, and give what it measured.

        Raises:
            RuntimeError: It ended instead.

        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        errand = {"kind": work.kind, "count": work.count, "concurrency": work.concurrency, "events": EVENTS}
        try:
            self.process.stdin.write(json.dumps(errand) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the line that is missing says so
        line = self.process.stdout.readline()
        if not line.startswith("{"):
            self.process.wait(timeout=10)
            said = self.complaints.read_text("utf-8").strip().splitlines()[-1:]
            message = f"{self.contender.name} ended in the work {work.name!r}: {' '.join(said)}"
            raise RuntimeError(message)
        found: dict[str, float] = json.loads(line)
        return found

    def close(self) -> None:
        """Let it end, and wait for that."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def upstream(python: Path) -> Generator[str, None, None]:
    """Run the server in a process of its own, and give its address."""
    with subprocess.Popen(
        [python, FOLDER / "upstream.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
