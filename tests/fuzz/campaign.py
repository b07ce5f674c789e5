"""
Look for faults in every parser, led by what the code does: ``tox -e fuzz``.

Run ``python tests/fuzz/campaign.py [--seconds 600] [--parser NAME] [--keep]``.  The parsers share the time; each
runs in a process of its own, since libFuzzer ends it.  What breaks a law is written to ``tests/fuzz/corpus``, from
where the ordinary run tries it ever after.  ``--keep`` also keeps a few small bodies that reach what no other reaches.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from test_fuzz_parsers import HERE, TARGETS

KEPT = 12
KEPT_BYTES = 700


def main() -> int:
    """Try all parsers, or one of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=600, help="for all parsers together")
    parser.add_argument("--parser", choices=sorted(TARGETS), help="one parser alone")
    parser.add_argument("--keep", action="store_true", help="keep small bodies that reach something new")
    wish = parser.parse_args()
    names = [wish.parser] if wish.parser else sorted(TARGETS)
    failed = [name for name in names if not _tried(name, max(1, wish.seconds // len(names)), keep=wish.keep)]
    if failed:
        print(f"laws are broken in: {', '.join(failed)}; the bodies are in {HERE / 'corpus'}")
    return 1 if failed else 0


def _tried(name: str, seconds: int, *, keep: bool) -> bool:
    """Try one parser in a process of its own; say whether the laws held."""
    with tempfile.TemporaryDirectory() as folder:
        (HERE / "corpus" / name).mkdir(parents=True, exist_ok=True)
        for number, body in enumerate(TARGETS[name].corpus):
            (Path(folder) / f"seed{number}").write_bytes(body)
        command = [sys.executable, str(HERE / "one_parser.py"), name, folder, str(seconds)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
        runs = re.findall(r"stat::number_of_executed_units:\s*(\d+)|Done (\d+) runs", done.stderr)
        reached = re.findall(r"cov: (\d+)", done.stderr)
        shown = f"{runs[-1][0] or runs[-1][1] if runs else '?'} runs in {seconds} s, {(reached or '?')[-1]} edges"
        print(f"{name}: {shown}: {'ok' if done.returncode == 0 else 'BROKEN'}", flush=True)
        if done.returncode:
            print(done.stdout[-3_000:], done.stderr[-500:])
        if keep:
            _keep(name, Path(folder))
    return done.returncode == 0


def _keep(name: str, found: Path) -> None:
    """Keep the newest small bodies: they reach deepest."""
    small = [path for path in found.iterdir() if path.is_file() and path.stat().st_size <= KEPT_BYTES]
    for path in sorted(small, key=lambda path: path.stat().st_mtime)[-KEPT:]:
        target = HERE / "corpus" / name / path.name[:12]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
