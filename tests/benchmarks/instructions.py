"""
Count the processor's instructions that small things take: the same number on a busy machine as on an idle one.

``perf stat`` counts them where the machine lets it, else ``valgrind --tool=callgrind`` does, which takes a minute or
two.  A program runs twice, once with few repetitions and once with more: the difference is what the repetitions took.
``python tests/benchmarks/instructions.py`` prints the counts.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
{setup}
for _ in range(int(sys.argv[1])):
    {act}
"""
SELECTION = "from selection import LOOSE, catalogue, decide, read; found = catalogue({size})"
STREAM = """
import http_seam
parts = http_seam.STREAM.split(b"\\n\\n")
http_seam.STREAM = b"\\n\\n".join([*parts[:{events}], *parts[-4:]])
"""
EVENTS = 2_000
"""The events of the stream that is read: a part of what ``http_seam.py`` reads."""
SMALL: Mapping[str, tuple[str, str, int, int]] = {
    "a selection among 10": (SELECTION.format(size=10), "read(decide(found, criteria=LOOSE))", 10, 40),
    "a selection among 300": (SELECTION.format(size=300), "read(decide(found, criteria=LOOSE))", 10, 40),
    "a selection among 1 000": (SELECTION.format(size=1_000), "read(decide(found, criteria=LOOSE))", 10, 40),
    "an event, parsed and assembled": (STREAM.format(events=EVENTS), "http_seam.assemble()", 1, 2),
    "an event, by a bare loop": (STREAM.format(events=EVENTS), "http_seam.bare()", 1, 2),
}
"""What is counted: what comes before, what is repeated, few and more repetitions."""
LONGEST_S = 600


def counted(python: Path) -> Mapping[str, int]:
    """
    Count what each of the small things takes.

    Returns:
        Instructions by what takes them; nothing where the machine cannot count.

    """
    count = next((way for way in (_with_perf, _with_valgrind) if way(python, "0", 1)), None)
    if count is None:
        return {}
    found: dict[str, int] = {}
    for name, (setup, act, few, more) in SMALL.items():
        print(f"counting {name}", flush=True)
        program = PROGRAM.format(folder=str(Path(__file__).parent), setup=setup, act=act)
        least, most = count(python, program, few), count(python, program, more)
        if least is not None and most is not None:
            found[name] = round((most - least) / (more - few) / (EVENTS if name.startswith("an event") else 1))
    return found


def _with_perf(python: Path, program: str, times: int) -> int | None:
    run = _run(["perf", "stat", "-x,", "-e", "instructions:u"], python, program, times)
    match = run and re.search(r"^(\d+),[^,]*,instructions", run, re.MULTILINE)
    return int(match[1]) if match else None


def _with_valgrind(python: Path, program: str, times: int) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out"]
        run = _run(tool, python, program, times)
    match = run and re.search(r"Collected : (\d+)", run)
    return int(match[1]) if match else None


def _run(tool: Sequence[str], python: Path, program: str, times: int) -> str | None:
    """Run a program under a tool; give what the tool said, or nothing when it is not there or fails."""
    if shutil.which(tool[0]) is None:
        return None
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    command = [*tool, str(python), "-c", program, str(times)]
    try:
        run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        return None
    return run.stderr if run.returncode == 0 else None


if __name__ == "__main__":
    for thing, number in counted(Path(sys.executable)).items():
        print(f"{number:12,} instructions for {thing}")
