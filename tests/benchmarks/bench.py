"""
Compare the engine with what one would use instead; run by ``tox -e bench``.

Every contender is installed into an environment of its own, and asks the same server for the same answers in a process
of its own.  In each round of a work everybody does it once, one after the other; ``rounds.py`` says what is made of
that.  The results are one JSON document and one page of Markdown, which ``--write`` puts into the documentation.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from attrs import asdict, evolve
from cattrs import structure
from contending import (
    CONTENDERS,
    FOLDER,
    ROOT,
    WARM_UP,
    WORKS,
    Contender,
    Running,
    Work,
    install,
    measure_import,
    upstream,
)
from instructions import counted
from measured import Core, Machine, Run, document_of, today
from report import page_of

T = TypeVar("T")

DOCUMENT = ROOT / "docs" / "explanation" / "benchmarks.json"
PAGE = DOCUMENT.with_suffix(".md")
PARTS: Mapping[str, Sequence[str]] = {
    "selection": (),
    "engine_overhead": (),
    "http_seam": (),
    "policies": (),
    "startup": (),
    "discovery": (),
}
"""The other scripts of this folder, each with its arguments; what they print is kept as it is."""
LONGEST_PART_S = 900

CORE = """
import importlib.metadata as m, json, pathlib
names, size = [], 0
for one in m.distributions():
    if one.name.lower() in {"pip", "setuptools", "wheel"}:
        continue
    names.append(f"{one.name} {one.version}")
    files = [pathlib.Path(str(one.locate_file(path))) for path in one.files or ()]
    size += sum(path.stat().st_size for path in files if path.suffix != ".pyc" and path.exists())
print(json.dumps({"distributions": sorted(names), "megabytes": size / 1e6}))
"""
RESIDENT = """
import resource
def mib():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * resource.getpagesize() / 2**20
bare = mib()
from converge_provider import Engine
print(mib(), bare)
"""


class Bench:
    """One run: who takes part, and what has been measured."""

    def __init__(self, environments: Path, home: Path, contenders: Sequence[Contender], before: Run | None) -> None:
        """Install those who take part; go on from what was measured before, if anything was."""
        environments.mkdir(parents=True, exist_ok=True)
        self.environments, self.home = environments.resolve(), home
        self.contenders = list(contenders)
        self.pythons: dict[str, Path] = {}
        self.versions = dict(before.versions if before else {})
        self.failures = dict(before.failures if before else {})
        self.works = structure(asdict(before)["works"] if before else {}, dict[str, dict[str, dict[str, list[float]]]])
        for contender in list(self.contenders):
            try:
                self.pythons[contender.name] = install(self.environments, contender.environment)
            except subprocess.CalledProcessError as exc:
                self.fail(contender, f"it cannot be installed: pip ended with {exc.returncode}")
            else:
                self.versions[contender.name] = self.version_of(contender)
                self.failures.pop(contender.name, None)

    def fail(self, contender: Contender, why: str) -> None:
        """Go on without a contender; what it measured so far is dropped."""
        print(f"without {contender.name}: {why}", flush=True)
        self.failures[contender.name] = why
        self.contenders.remove(contender)
        for found in self.works.values():
            found.pop(contender.name, None)

    def version_of(self, contender: Contender) -> str:
        """Ask an environment what is installed in it."""
        asked = f"import importlib.metadata as m; print(m.version({contender.distribution!r}))"
        said = subprocess.run([self.pythons[contender.name], "-c", asked], capture_output=True, text=True, check=True)
        return said.stdout.strip()

    def note(self, work: str, contender: Contender, found: Mapping[str, float]) -> None:
        """Keep what one round measured."""
        rounds = self.works.setdefault(work, {}).setdefault(contender.name, {})
        for quantity, value in found.items():
            rounds.setdefault(quantity, []).append(float(f"{value:.4g}"))

    def imports(self, rounds: int) -> Iterator[None]:
        """Have everybody imported, once per round, after once that does not count; give way after each round."""
        done = self.measured("import")
        for number in range(done - 1, rounds) if done < rounds else ():
            for contender in turns(self.contenders, number):
                try:
                    found = measure_import(contender, self.pythons[contender.name], self.home)
                except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as exc:
                    self.fail(contender, f"it cannot be imported: {str(exc)[-200:]}")
                else:
                    if number >= done:
                        self.note("import", contender, found)
            yield

    def calls(self, rounds: int) -> Iterator[None]:
        """Have everybody make calls and streams: all rounds of one work, then of the next; give way after each."""
        with ExitStack() as stack:
            url = stack.enter_context(upstream(Path(sys.executable)))
            running: list[Running] = []
            for contender in self.contenders:
                if self.takes_part(contender, WORKS[0].name):
                    one = Running(contender, self.pythons[contender.name], url, self.home)
                    stack.callback(one.close)
                    running.append(one)
            for work in WARM_UP:
                self.turn(work, running, 0)
            self.works.pop(WARM_UP[0].name, None)
            for work in WORKS:
                for number in range(self.measured(work.name), rounds):
                    began = time.monotonic()
                    self.turn(work, running, number)
                    took = f"{time.monotonic() - began:.0f} s"
                    print(f"{work.title}, round {number + 1} of {rounds}: {took}", flush=True)
                    yield

    def measured(self, work: str) -> int:
        """Say how many rounds of a work everybody has done; more of somebody are forgotten."""
        found = [self.works.get(work, {}).get(one.name, {}) for one in self.contenders if self.takes_part(one, work)]
        done = min((len(quantities.get("wall_s", ())) for quantities in found), default=0)
        for quantities in found:
            for values in quantities.values():
                del values[done:]
        return done

    @staticmethod
    def takes_part(contender: Contender, work: str) -> bool:
        """Say whether a contender does a work."""
        return work == "import" or not contender.imported_only

    def turn(self, work: Work, running: list[Running], number: int) -> None:
        """Have everybody do one work; who fails takes no further part."""
        for one in turns(running, number):
            try:
                self.note(work.name, one.contender, one.do(work))
            except RuntimeError as exc:
                running.remove(one)
                self.fail(one.contender, str(exc))

    def core(self) -> Core:
        """Weigh the core, installed alone."""
        python = install(self.environments, "core")
        said = subprocess.run([python, "-c", CORE], capture_output=True, text=True, check=True).stdout
        runs = [subprocess.run([python, "-c", RESIDENT], capture_output=True, text=True, check=True) for _ in range(5)]
        resident_mib, bare_mib = sorted(tuple(map(float, run.stdout.split())) for run in runs)[2]
        return Core(**json.loads(said), resident_mib=round(resident_mib, 1), bare_mib=round(bare_mib, 1))


def turns(everybody: Sequence[T], number: int) -> Sequence[T]:
    """
    Say in which order everybody does a work, so that nobody always comes after the same one.

    Rounds begin with different ones, and every second round goes the other way round.

    """
    start = number * 5 % (len(everybody) or 1)
    order = [*everybody[start:], *everybody[:start]]
    return order[::-1] if number % 2 else order


def parts(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Run the other scripts of this folder, and give what each printed."""
    for name in names:
        print(f"part {name}", flush=True)
        command = [sys.executable, str(FOLDER / f"{name}.py"), *PARTS[name]]
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=LONGEST_PART_S, cwd=FOLDER
            )
        except subprocess.TimeoutExpired:
            yield name, f"It took more than {LONGEST_PART_S} seconds."
        else:
            yield name, (run.stdout or run.stderr.strip().splitlines()[-1]).rstrip()


def chosen(names: str) -> Sequence[Contender]:
    """Find contenders by their names, all when there are none."""
    wanted = set(filter(None, names.split(",")))
    unknown = wanted - {one.name for one in CONTENDERS}
    if unknown:
        known = ", ".join(one.name for one in CONTENDERS)
        sys.exit(f"there is no contender {', '.join(sorted(unknown))}; there are {known}")
    return [one for one in CONTENDERS if not wanted or one.name in wanted]


def given() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Compare the engine with what one would use instead.")
    parser.add_argument("--environments", type=Path, required=True, help="where contenders are installed, and stay")
    parser.add_argument("--rounds", type=int, default=7, help="how often everybody does everything")
    parser.add_argument("--contenders", default="", help="only these, by name, with commas between them")
    parser.add_argument("--parts", default=",".join(PARTS), help="the other scripts to run, with commas between them")
    parser.add_argument("--no-instructions", action="store_true", help="do not count the processor's instructions")
    parser.add_argument("--json", type=Path, help="where the document goes")
    parser.add_argument("--write", action="store_true", help="put document and page into the documentation")
    parser.add_argument("--resume", action="store_true", help="go on with the document, where a run was stopped")
    parser.add_argument("--again", action="store_true", help="measure nothing; make the page of a document")
    return parser.parse_args()


def measure(asked: argparse.Namespace) -> Iterator[Run]:
    """Measure everything; what is known is given after each round, so that a run that is stopped is not lost."""
    before = read(asked.json) if asked.resume else None
    load = max(round(os.getloadavg()[0], 1), before.load if before else 0.0)
    begun = Run(date=today(), machine=Machine.here(), load=load, versions={}, works={})
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(asked.environments, Path(home), chosen(asked.contenders), before)
        begun = evolve(begun, core=bench.core())
        for rounds in (bench.imports(asked.rounds), bench.calls(asked.rounds)):
            for _ in rounds:
                begun = evolve(begun, versions=bench.versions, works=bench.works, failures=bench.failures)
                yield begun
    if not asked.no_instructions:
        begun = evolve(begun, instructions=counted(Path(sys.executable)))
    yield evolve(begun, parts=dict(parts([name for name in asked.parts.split(",") if name])))


def read(path: Path) -> Run:
    """Read what a run measured."""
    return structure(json.loads(path.read_text("utf-8")), Run)


def keep(path: Path | None, text: str) -> None:
    """Write a file, if it is wanted."""
    if path is not None:
        path.write_text(text, "utf-8")


def main() -> None:
    """Measure, print the page, and keep it where that is asked for."""
    asked = given()
    run = read(asked.json or DOCUMENT) if asked.again else None
    for run in () if asked.again else measure(asked):
        keep(asked.json, document_of(run))
    assert run is not None
    if asked.write:
        keep(DOCUMENT, document_of(run))
        keep(PAGE, page_of(run))
    print(page_of(run))


if __name__ == "__main__":
    main()
