"""What a run of the benchmarks measured: one document, from which every figure and every page is made."""

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from attrs import asdict, field, frozen

Rounds = Mapping[str, Sequence[float]]
"""What each round measured, by the name of the quantity."""


@frozen(kw_only=True)
class Machine:
    """Where it was measured; not whose it is."""

    cores: int
    processor: str
    kernel: str
    python: str

    @classmethod
    def here(cls) -> "Machine":
        """Describe this one."""
        return cls(
            cores=len(os.sched_getaffinity(0)),
            processor=_processor(),
            kernel=f"{platform.system()} {platform.release().split('-')[0]}",
            python=f"{platform.python_implementation()} {platform.python_version()}",
        )


@frozen(kw_only=True)
class Core:
    """The core alone, with what it needs, as installed."""

    distributions: Sequence[str]
    megabytes: float
    """Of files, without what Python compiles of them."""
    resident_mib: float
    """Held after the import of an engine, in a new process."""
    bare_mib: float
    """Held by Python before it."""


@frozen(kw_only=True)
class Run:
    """Everything that one run measured."""

    date: str
    machine: Machine
    load: float
    """How many processes wanted a core when it began, or went on after a stop, on average over the minute before."""
    versions: Mapping[str, str]
    """The version of each contender."""
    works: Mapping[str, Mapping[str, Rounds]]
    """By the name of the work and the name of the contender; ``import`` is a work, too."""
    failures: Mapping[str, str] = field(factory=dict[str, str])
    """Why a contender has no figures, by its name."""
    core: Core | None = None
    instructions: Mapping[str, int] = field(factory=dict[str, int])
    """Instructions of the processor that one of some small things takes; empty: they could not be counted."""
    parts: Mapping[str, str] = field(factory=dict[str, str])
    """What the other scripts of this folder printed, by their names."""
    remarks: Sequence[str] = ()
    """What a reader must know of how these figures came about, a sentence each."""


def document_of(run: Run) -> str:
    """Write a run as JSON, the rounds of a quantity in one line."""
    spread = json.dumps(asdict(run), indent=1, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), spread) + "\n"


def today() -> str:
    """Give the date."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()
