"""
Which project files are trusted.

A project file comes with whatever was cloned or unpacked, so until its user trusts it, it may say what to prefer and
nothing else: not where requests go, with which secrets, what is believed of a backend, which code runs, what is
written.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path

from converge_provider.configuration.files import ConfigurationFile, read_file
from converge_provider.configuration.paths import user_paths
from converge_provider.errors import ConfigurationError
from converge_provider.values.classes import frozen

__all__ = ("HARMLESS", "TrustedFile", "is_trusted", "refuse_untrusted", "trust")

HARMLESS = ("aliases", "deadline_s", "policies", "selection")
"""What a project file may hold without being trusted."""


@frozen(kw_only=True)
class TrustedFile:
    """A project file that the user trusts, as it is now."""

    path: Path
    digest: str
    """The SHA-256 of its content, in hexadecimal."""


def trust(path: Path, *, environ: Mapping[str, str] | None = None) -> TrustedFile:
    """
    Trust a project file as it is now; any change of what it says ends that.

    Args:
        path: The file.
        environ: The environment that names the user's folders; ``None``: the process's.

    Raises:
        ConfigurationError: The file cannot be read, configures nothing, or the trust cannot be written down.

    """
    file = read_file(path.absolute())
    if file is None:
        message = f"{path}: has no table tool.converge, so there is nothing to trust"
        raise ConfigurationError(message)
    trusted = TrustedFile(path=file.path, digest=_digest(file))
    record = _record(file.path, environ)
    try:
        record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = record.with_suffix(f".{os.getpid()}.part")
        fresh.write_text(json.dumps({"path": str(trusted.path), "sha256": trusted.digest}) + "\n", encoding="utf-8")
        fresh.replace(record)
    except OSError as exc:
        message = f"{record}: cannot be written: {exc.strerror or type(exc).__name__}"
        raise ConfigurationError(message) from exc
    return trusted


def is_trusted(file: ConfigurationFile, *, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the user trusts a project file as it is now."""
    try:
        recorded = json.loads(_record(file.path, environ).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(recorded, dict) and recorded == {"path": str(file.path), "sha256": _digest(file)}


def refuse_untrusted(file: ConfigurationFile, *, environ: Mapping[str, str] | None = None) -> None:
    """
    Refuse a project file that says more than it may.

    Raises:
        ConfigurationError: It does, and the user does not trust it; the remedy names the command.

    """
    more = sorted(set(file.document) - set(HARMLESS))
    if more and not is_trusted(file, environ=environ):
        message = (
            f"{file.path}: sets {', '.join(more)}, which could send secrets and prompts elsewhere or load code; "
            f"a project file that is not trusted may set only {', '.join(HARMLESS)}"
        )
        remedy = f"Read the file, then run: converge config trust {file.path}"
        raise ConfigurationError(message).with_remedy(remedy)


def _record(path: Path, environ: Mapping[str, str] | None) -> Path:
    name = hashlib.sha256(os.fsencode(path)).hexdigest()
    return user_paths(environ).state_dir / "trust" / f"{name}.json"


def _digest(file: ConfigurationFile) -> str:
    """Digest what a file says; comments, and the rest of a ``pyproject.toml``, do not count."""
    text = json.dumps(file.document, sort_keys=True, separators=(",", ":"), default=_spoken)
    return hashlib.sha256(text.encode()).hexdigest()


def _spoken(value: date | time) -> str:
    """Give what TOML has and JSON has not."""
    return f"{type(value).__name__} {value.isoformat()}"
