"""
Measure import and discovery, cold, with ten plugins and with none, in a new process each time.

Run ``python tests/benchmarks/discovery.py``.  The plugins are small ones, in wheels that pip has installed into an
environment that holds core, what it needs, and nothing else.  Every figure is the best of several processes, since a
shared machine only ever adds to it, least of all to the processor's time; ``import httpx`` in the same interpreter is
the measure for other machines.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from converge_provider.testing import FakeDistribution
from converge_provider.testing.environments import ThrowawayEnvironment

PLUGINS = 10
PROCESSES = 15

PLUGIN = """
from converge_provider import hookimpl

@hookimpl
def converge_register_backends(registrar):
    from converge_{name}.backend import Small

    registrar.add(Small())
"""
BACKEND = """
from attrs import field, frozen
from converge_provider import BackendDescriptor, CostClass, Secret, from_environ

@frozen(kw_only=True)
class Settings:
    api_key: Secret = field(default=Secret(), metadata=from_environ("{upper}_API_KEY"))

class Small:
    name = "{name}"
    display_name = "{name}"
    settings = Settings
    default_model = "m0"

    def missing(self, settings):
        return () if settings.api_key else ("{upper}_API_KEY",)

    def descriptors(self, settings):
        return [BackendDescriptor.unstated("{name}", f"m{{n}}", cost_class=CostClass.LOW) for n in range(5)]

    def open(self, descriptor, settings):
        raise NotImplementedError
"""
TIMED = """
from time import perf_counter, process_time
began = perf_counter(), process_time()
{what}
print((perf_counter() - began[0]) * 1000, (process_time() - began[1]) * 1000)
"""
DISCOVER = "from converge_provider import Engine; Engine.discover()"
SERVICES = """
from time import perf_counter, process_time
from converge_provider import Configuration, PluginRegistry
from converge_provider.http import HttpRequest
PluginRegistry.of().catalogue(Configuration())
began = perf_counter(), process_time()
import converge_openai
PluginRegistry.of(converge_openai).catalogue(Configuration())
print((perf_counter() - began[0]) * 1000, (process_time() - began[1]) * 1000)
"""
COUNTED = """
import importlib_metadata
calls = []
original = importlib_metadata.distributions
importlib_metadata.distributions = lambda **given: calls.append(given) or original(**given)
from converge_provider import Engine
Engine.discover(), Engine.discover()
print(len(calls))
"""


def plugin(number: int) -> FakeDistribution:
    """Give a small plugin in two files, as the template makes it."""
    name = f"bench{number}"
    modules = {
        f"converge_{name}/__init__.py": PLUGIN.format(name=name),
        f"converge_{name}/backend.py": BACKEND.format(name=name, upper=name.upper()),
    }
    return FakeDistribution(name=f"converge-{name}", modules=modules, entry_points={name: f"converge_{name}"})


def best_ms(place: ThrowawayEnvironment, what: str) -> tuple[float, float]:
    """Give the least milliseconds, by the clock and of the processor, that something took in a new process."""
    runs = [place.run("-c", TIMED.format(what=what)) for _ in range(PROCESSES)]
    for run in runs:
        if run.returncode:
            sys.exit(run.stderr)
    times = [tuple(map(float, run.stdout.split())) for run in runs]
    return min(wall for wall, _ in times), min(busy for _, busy in times)


def services_ms() -> tuple[float, float]:
    """Give the same for the thirty provider types of converge-openai, in the interpreter that runs this."""
    runs = [
        subprocess.run([sys.executable, "-c", SERVICES], capture_output=True, text=True, check=True)
        for _ in range(PROCESSES)
    ]
    times = [tuple(map(float, run.stdout.split())) for run in runs]
    return min(wall for wall, _ in times), min(busy for _, busy in times)


def line(what: str, took: tuple[float, float], target: str = "") -> str:
    """Give one line of the table."""
    return f"{what:42} {took[0]:6.1f} ms {took[1]:6.1f} ms   {target}".rstrip()


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as folder:
        bare = ThrowawayEnvironment(Path(folder) / "bare", extras=("http",))
        full = ThrowawayEnvironment(
            Path(folder) / "full", plugins=[plugin(number) for number in range(PLUGINS)], extras=("http",)
        )
        httpx, none, ten = best_ms(bare, "import httpx"), best_ms(bare, DISCOVER), best_ms(full, DISCOVER)
        scans = full.run("-c", COUNTED).stdout.strip()
    lines = (
        f"python {sys.version.split()[0]}, best of {PROCESSES} processes each: by the clock, of the processor",
        line("import httpx", httpx),
        line("import and Engine.discover(), no plugin", none),
        line(f"import and Engine.discover(), {PLUGINS} plugins", ten, "(target <= 130)"),
        line(f"of it the {PLUGINS} plugins", (ten[0] - none[0], ten[1] - none[1]), "(target <= 20)"),
        line("converge-openai's provider types, all thirty", services_ms(), "(target <= 20)"),
        f"scans of metadata in two discoveries: {scans} (target 1)",
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
