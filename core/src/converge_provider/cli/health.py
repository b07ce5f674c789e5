"""Asking backends how they are, and remembering it until the next time."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converge_provider.contract.backends import Health
from converge_provider.errors import ConfigurationError, LlmError
from converge_provider.values.classes import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from converge_provider.registry import CatalogueEntry

__all__ = ("Remembered", "ask_all", "recall", "remember")

_MAX_AGE_S = 30 * 86_400
_MAX_BYTES = 2**22
_AT_ONCE = 16


@frozen(kw_only=True)
class Remembered:
    """What a backend said when it was last asked."""

    asked_s: float
    """When, in seconds since 1970."""
    health: Health


def _file(state_dir: Path) -> Path:
    return state_dir / "health.json"


def recall(state_dir: Path) -> Mapping[str, Remembered]:
    """Give what is remembered, by backend id; nothing when there is no file, or one that makes no sense."""
    from converge_provider import codec

    try:
        with _file(state_dir).open("rb") as stream:
            found = codec.load(dict[str, Remembered], json.loads(stream.read(_MAX_BYTES)))
    except (OSError, ValueError, RecursionError):
        return {}
    oldest_s = time.time() - _MAX_AGE_S
    return {name: one for name, one in found.items() if one.asked_s >= oldest_s}


def remember(state_dir: Path, answers: Mapping[str, Health]) -> None:
    """Put fresh answers over what is remembered; a folder that cannot be written remembers nothing."""
    from converge_provider import codec

    now_s = time.time()
    fresh = {name: Remembered(asked_s=now_s, health=health) for name, health in answers.items()}
    text = json.dumps(codec.dump({**recall(state_dir), **fresh}))
    with contextlib.suppress(OSError):
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=state_dir, prefix="health-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(name).replace(_file(state_dir))


def ask_all(
    entries: "Sequence[CatalogueEntry]", *, timeout_s: float, progress: Callable[[int], None]
) -> Mapping[str, Health]:
    """
    Ask backends how they are, many at once.

    Args:
        entries: The backends; those that cannot be asked are left out of the result.
        timeout_s: Seconds that each may take, > 0.
        progress: Told how many have answered.

    """
    import anyio

    answers: dict[str, Health] = {}

    async def ask(entry: "CatalogueEntry", limiter: anyio.CapacityLimiter) -> None:
        async with limiter:
            answer = await _ask(entry, timeout_s)
        if answer is not None:
            answers[entry.id] = answer
        progress(len(answers))

    async def ask_everyone() -> None:
        limiter = anyio.CapacityLimiter(_AT_ONCE)
        async with anyio.create_task_group() as group:
            for entry in entries:
                group.start_soon(ask, entry, limiter)

    anyio.run(ask_everyone)
    return answers


async def _ask(entry: "CatalogueEntry", timeout_s: float) -> Health | None:
    import anyio

    try:
        with anyio.fail_after(timeout_s):
            return await _answer(entry)
    except TimeoutError:
        return Health(reachable=False, healthy=False, detail=f"no answer within {timeout_s:g} s")
    except Exception as exc:  # noqa: BLE001 - a plugin may raise anything
        return Health(reachable=False, healthy=False, detail=_told(exc))


async def _answer(entry: "CatalogueEntry") -> Health | None:
    backend: Any = entry.open()
    try:
        ask = getattr(backend, "health", None)
        return None if ask is None else await ask()
    finally:
        close = getattr(backend, "aclose", None)
        if close is not None:
            await close()


def _told(error: Exception) -> str:
    """Say what failed; the words of a service or of a stranger may hold anything, also a secret, so they stay out."""
    from converge_provider.engine.logs import brief

    if isinstance(error, LlmError):
        return brief(error)
    return str(error) if isinstance(error, ConfigurationError) else f"it raised {type(error).__name__}"
