"""Finding and reading configuration files."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from converge_provider.configuration.shapes import is_table
from converge_provider.errors import ConfigurationError

__all__ = ("ConfigurationFile", "find_project_file", "find_user_file", "read_file")

_MOST_BYTES = 2**20
_DEEPEST = 100
_PROJECT_FILE = "converge.toml"
_PYPROJECT = "pyproject.toml"


class ConfigurationFile(NamedTuple):
    """A file that configures something, and what stands in it."""

    path: Path
    """Absolute."""
    document: Mapping[str, Any]
    """Its content; of a ``pyproject.toml`` only the table ``tool.converge``."""


def find_user_file(environ: Mapping[str, str], default: Path) -> ConfigurationFile | None:
    """
    Read the user's file: the one that ``CONVERGE_CONFIG`` names, which must exist, else the default one, if it exists.

    Raises:
        ConfigurationError: The file cannot be read, or is not TOML.

    """
    named = environ.get("CONVERGE_CONFIG", "").strip()
    if named:
        path = Path(named).expanduser().absolute()
        if not path.exists():
            message = f"CONVERGE_CONFIG names {str(path)!r}, which does not exist"
            remedy = "Create the file, or unset CONVERGE_CONFIG"
            raise ConfigurationError(message).with_remedy(remedy)
        return read_file(path)
    return read_file(default) if default.exists() else None


def find_project_file(directory: Path) -> ConfigurationFile | None:
    """
    Read the project's file, of one folder: ``converge.toml``, else the table ``tool.converge`` of ``pyproject.toml``.

    Raises:
        ConfigurationError: The file cannot be read, or is not TOML.

    """
    own = directory.absolute() / _PROJECT_FILE
    if own.exists():
        return read_file(own)
    shared = directory.absolute() / _PYPROJECT
    return read_file(shared) if shared.exists() and b"converge" in _bytes(shared) else None


def read_file(path: Path) -> ConfigurationFile | None:
    """
    Read one file.

    Returns:
        Its content, or ``None`` if it is a ``pyproject.toml`` without a table ``tool.converge``.

    Raises:
        ConfigurationError: The file cannot be read, or is not TOML; the text names the file and the line.

    """
    document = _parsed(path, _bytes(path))
    if path.name != _PYPROJECT:
        return ConfigurationFile(path=path, document=document)
    tools = document.get("tool")
    own = tools.get("converge") if is_table(tools) else None
    if own is None:
        return None
    if not is_table(own):
        message = f"{path}: tool.converge: expected a table"
        raise ConfigurationError(message)
    return ConfigurationFile(path=path, document=own)


def _bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            message = f"{path}: expected a file"
            raise ConfigurationError(message)
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as exc:
        message = f"{path}: cannot be read: {exc.strerror or type(exc).__name__}"
        raise ConfigurationError(message) from exc
    if len(content) > _MOST_BYTES:
        message = f"{path}: is larger than {_MOST_BYTES} bytes, which no configuration is"
        raise ConfigurationError(message)
    return content


def _parsed(path: Path, content: bytes) -> Mapping[str, Any]:
    import tomllib  # not needed without a file

    try:
        document = tomllib.loads(content.decode())
        if not _is_deeper(document, _DEEPEST):
            return document
        message = f"{path}: is nested more than {_DEEPEST} levels deep"
    except UnicodeDecodeError as exc:
        line = content[: exc.start].count(b"\n") + 1
        message = f"{path}: line {line} is not UTF-8"
    except ValueError as exc:  # tomllib's own, or an integer of thousands of digits
        message = f"{path}: is not TOML: {exc}"
    except RecursionError:
        message = f"{path}: is nested too deeply"
    raise ConfigurationError(message)


def _is_deeper(value: Any, levels: int) -> bool:  # noqa: ANN401 - whatever TOML holds
    members: list[Any] = []
    if is_table(value):
        members += value.values()
    elif isinstance(value, list):
        members += value
    return bool(members) and (levels == 0 or any(_is_deeper(member, levels - 1) for member in members))
