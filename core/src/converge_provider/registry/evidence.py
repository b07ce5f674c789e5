"""
What was measured of backends, in a file of the user's folder, until it is too old.

The file is read strictly: it can state what can be measured and nothing else, so that whoever writes it can neither
make a backend cheaper nor move it to another country.
"""

import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from attrs import field

from converge_provider.errors import ConfigurationError
from converge_provider.registry.guard import one_line
from converge_provider.values.claims import Claims
from converge_provider.values.classes import frozen
from converge_provider.values.identity import Capability

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = (
    "FILE",
    "LONGEST_DAYS",
    "MEASURABLE",
    "Evidence",
    "Measurement",
    "forget",
    "place_of",
    "read_evidence",
    "record",
)

FILE = "measured.json"
"""The file's name in the folder of the user's state; :mod:`~converge_provider.registry.measuring` looks for it."""
MEASURABLE: frozenset[Capability] = frozenset(
    {
        Capability.TEXT_GENERATION,
        Capability.STREAMING,
        Capability.TOOL_USE,
        Capability.IMAGE_UNDERSTANDING,
        Capability.STRUCTURED_OUTPUT,
        Capability.REPLAY,
    }
)
"""The capabilities that a measurement may speak of."""

_MOST_BYTES = 2**20
_MOST_BACKENDS = 1_000
_MOST_TEXTS = 256
_LONGEST_TEXT = 128
LONGEST_DAYS = 3_650
"""For how many days a measurement may count."""


@frozen(kw_only=True)
class Measurement:
    """What was measured of one backend, with what, and until when it counts."""

    as_of: date
    until: date
    """The last day on which it counts."""
    distribution: str
    """The adapter's; another version of it ends what was measured."""
    version: str
    place: str = ""
    """A digest of the address that was asked; another address ends it too; empty: there was none."""
    suite: str
    """The version of the checks."""
    checks: tuple[str, ...] = ()
    """The checks that ran."""
    capabilities: Mapping[Capability, bool] = field(factory=dict[Capability, bool], hash=False)
    supports_replay: bool | None = None

    @property
    def claims(self) -> Claims:
        """What it states, with its source and its date."""
        return Claims(
            source=f"converge verify, {self.distribution} {self.version}, suite {self.suite}",
            as_of=self.as_of,
            capabilities=self.capabilities,
            supports_replay=self.supports_replay,
        )

    def counts(self, version: str | None, settings: object) -> bool:
        """Say whether it is of this version of the adapter, at the address that is configured now."""
        return self.version == version and self.place == place_of(settings)


class Evidence(NamedTuple):
    """What a file says."""

    measurements: Mapping[str, Measurement]
    """By backend id; those that are too old are left out."""
    problem: str | None = None
    """Why the file was ignored, in one line; ``None``: it was not, or there is none."""


def place_of(settings: object) -> str:
    """Digest the address among a provider's settings; empty where there is none."""
    address = getattr(settings, "base_url", "")
    return hashlib.sha256(address.encode()).hexdigest()[:16] if isinstance(address, str) and address else ""


def read_evidence(state_dir: Path, *, today: date) -> Evidence:
    """
    Read what was measured; a file that makes no sense is ignored as a whole, and the problem said.

    Args:
        state_dir: The folder of the user's state.
        today: The day on which measurements must still count.

    """
    path = state_dir / FILE
    try:
        text = _bounded(path)
        found: Mapping[str, Measurement] = {} if text is None else _checked(json.loads(text), today)
    except (OSError, ValueError, RecursionError) as exc:
        said = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc) or type(exc).__name__
        remedy = "Measure again with: converge verify; or remove it with: converge verify --forget"
        return Evidence({}, f"{path}: ignored what was measured: {one_line(said)}. {remedy}")
    return Evidence({name: one for name, one in found.items() if one.until >= today})


def _bounded(path: Path) -> bytes | None:
    """
    Read a regular file, as far as one may be long; ``None``: there is none.

    Raises:
        ValueError: It is none, or longer.

    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe would never answer
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            message = "it is no regular file"
            raise ValueError(message)
        text = stream.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        message = f"it is longer than {_MOST_BYTES} bytes"
        raise ValueError(message)
    return text


def _checked(document: object, today: date) -> Mapping[str, Measurement]:
    from converge_provider import codec

    found = codec.load(dict[str, Measurement], document)
    if len(found) > _MOST_BACKENDS:
        message = f"it speaks of more than {_MOST_BACKENDS} backends"
        raise ValueError(message)
    for name, one in found.items():
        problem = _problem(one, today)
        if problem:
            message = f"{name!r}: {problem}"
            raise ValueError(message)
    return found


def _problem(one: Measurement, today: date) -> str | None:
    strange = sorted(str(capability) for capability in set(one.capabilities) - MEASURABLE)
    if strange:
        return f"nobody measures {', '.join(strange)}"
    texts = (one.distribution, one.version, one.place, one.suite, *one.checks)
    if len(texts) > _MOST_TEXTS or any(len(text) > _LONGEST_TEXT or not text.isprintable() for text in texts):
        return f"expected at most {_MOST_TEXTS} texts of at most {_LONGEST_TEXT} printable characters"
    if (one.as_of - today).days > 1:
        return f"it was measured on {one.as_of}, which is still to come"
    if not 0 <= (one.until - one.as_of).days <= LONGEST_DAYS:
        return f"it counts from {one.as_of} until {one.until}, expected at most {LONGEST_DAYS} days"
    return None


def record(state_dir: Path, backend: str, measurement: Measurement, *, today: date) -> Path:
    """
    Put a measurement over what is known of its backend; what is too old, or makes no sense, is dropped.

    Returns:
        The file.

    Raises:
        ConfigurationError: It cannot be written.

    """
    kept = [item for item in read_evidence(state_dir, today=today).measurements.items() if item[0] != backend]
    newest = sorted(kept, key=lambda item: (item[1].as_of, item[0]))[1 - _MOST_BACKENDS :]
    return _write(state_dir / FILE, dict([*newest, (backend, measurement)]))


def forget(state_dir: Path, backend: str | None = None, *, today: date) -> "Sequence[str]":
    """
    Forget what was measured.

    Args:
        state_dir: The folder of the user's state.
        backend: Of whom; ``None``: of everybody, with the file itself.
        today: The day on which measurements must still count.

    Returns:
        The ids of the backends of which something is forgotten.

    Raises:
        ConfigurationError: The file cannot be written, or removed.

    """
    known = dict(read_evidence(state_dir, today=today).measurements)
    path = state_dir / FILE
    if backend is None:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            message = f"{path}: cannot be removed: {exc.strerror or type(exc).__name__}"
            raise ConfigurationError(message) from exc
        return sorted(known)
    if known.pop(backend, None) is None:
        return []
    _write(path, known)
    return [backend]


def _write(path: Path, measurements: Mapping[str, Measurement]) -> Path:
    """
    Write the file in one step, so that nobody reads half of it.

    Raises:
        ConfigurationError: It cannot be written.

    """
    from converge_provider import codec

    text = json.dumps({name: codec.dump(measurements[name]) for name in sorted(measurements)}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".measured-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as exc:
        message = f"{path}: cannot be written: {exc.strerror or type(exc).__name__}"
        raise ConfigurationError(message) from exc
    return path
