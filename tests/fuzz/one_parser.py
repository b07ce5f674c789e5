"""
Look for faults in one parser, until libFuzzer ends this process; ``campaign.py`` starts it.

Run ``python tests/fuzz/one_parser.py NAME FOLDER SECONDS``; the folder holds the bodies to begin with and gets the new.
"""

import importlib
import random
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LONGEST = 8_192
SLOWEST_S = 5
MOST_MIB = 1_024
PACKAGES = ("converge_provider", "converge_openai", "converge_anthropic", "converge_gemini", "converge_ollama")
WORDS = (
    "data: ",
    "[DONE]",
    "finish_reason",
    "tool_calls",
    "usage",
    "null",
    "\\\\ud83d",
    "\\\\ude42",
    "NaN",
    "\\x0a\\x0a",
)


def main(name: str, folder: Path, seconds: int) -> None:
    """Have the code tell which of its branches were taken, and begin."""
    atheris: Any = importlib.import_module("atheris")  # only its environment has it
    with atheris.instrument_imports(include=list(PACKAGES)):
        parsers: Any = importlib.import_module("test_fuzz_parsers")
    target = parsers.TARGETS[name]
    words = folder.with_suffix(".words")
    words.write_text("".join(f'"{word}"\n' for word in WORDS), "ascii")
    try:
        found = parsers.HERE / "corpus" / name / "found_"
        atheris.Setup(
            _options(folder, words, found, seconds), _keeping(target.check, found), custom_mutator=_mutator(atheris)
        )
        atheris.Fuzz()
    finally:
        words.unlink()


def _keeping(check: Callable[[bytes], object], found: Path) -> Callable[[bytes], None]:
    """Write down what breaks a law, since libFuzzer does not always live to do so; what hangs or bursts it writes."""

    def checked(body: bytes) -> None:
        try:
            check(body)
        except BaseException:
            found.with_name(f"{found.name}{zlib.crc32(body):08x}").write_bytes(body)
            raise

    return checked


def _options(folder: Path, words: Path, found: Path, seconds: int) -> Sequence[str]:
    return (
        sys.argv[0],
        str(folder),
        f"-dict={words}",
        f"-artifact_prefix={found}",
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST}",
        f"-timeout={SLOWEST_S}",
        f"-rss_limit_mb={MOST_MIB}",
        "-print_final_stats=1",
    )


def _mutator(atheris: Any) -> Callable[[bytes, int, int], bytes]:
    """Change values of documents half of the time, and bytes, as libFuzzer does, the other half."""
    mutated = importlib.import_module("converge_provider.testing.fuzzing").mutated

    def mutate(body: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        changed = mutated(body, dice) if dice.random() < 0.5 else atheris.Mutate(body, most)
        return bytes(changed[:most])

    return mutate


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
