"""Adding tables to a configuration file that a person has written: nothing of what stands there is changed."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from converge_provider.configuration.files import find_project_file
from converge_provider.configuration.shapes import is_table
from converge_provider.errors import ConfigurationError

__all__ = ("Edit", "added", "edit_of", "user_file", "write")

_BARE = re.compile(r"[A-Za-z0-9_-]+")
Table = Mapping[str, Any]
"""What is to be added: values and tables by key."""


class Edit(NamedTuple):
    """A file as it is, and as it is to be."""

    path: Path
    old: str
    """Empty where there is none yet."""
    new: str


def user_file(environ: Mapping[str, str], default: Path) -> Path:
    """
    Name the user's own file, which may be written to.

    Raises:
        ConfigurationError: ``CONVERGE_CONFIG`` names the file of a project.

    """
    named = environ.get("CONVERGE_CONFIG", "").strip()
    path = Path(named).expanduser().absolute() if named else default
    project = find_project_file(Path.cwd())
    if path.name == "pyproject.toml" or (project is not None and project.path.resolve() == path.resolve()):
        message = f"{path} is the file of a project, and only the user's own file is written to"
        remedy = "Unset CONVERGE_CONFIG, or name a file of your own."
        raise ConfigurationError(message).with_remedy(remedy)
    return path


def edit_of(path: Path, tables: Table) -> Edit:
    """
    Add tables to a file; comments, order and everything else stay as they are.

    Args:
        path: The file; it need not exist.
        tables: What shall stand in it; where a value stands already it stays.

    Raises:
        ConfigurationError: It cannot be read, is not TOML, or holds a table in a form that nothing can be added to.

    """
    try:
        old = _content(path)
    except (OSError, UnicodeDecodeError) as exc:
        message = f"{path}: cannot be read: {getattr(exc, 'strerror', None) or type(exc).__name__}"
        raise ConfigurationError(message) from exc
    try:
        return Edit(path, old, added(old, tables))
    except tomllib.TOMLDecodeError as exc:
        message = f"{path}: is not TOML: {exc}"
        raise ConfigurationError(message) from exc
    except ValueError as exc:
        message = f"{path}: {exc}"
        raise ConfigurationError(message) from exc


def added(text: str, tables: Table) -> str:
    """
    Add to a text what it lacks.

    Example:
        >>> print(added('[a]  # mine', {"a": {"x": 1}, "b": {"c d": {"y": "z"}}}), end="")
        [a]  # mine
        x = 1
        <BLANKLINE>
        [b."c d"]
        y = "z"

    Raises:
        TOMLDecodeError: The text is not TOML.
        ValueError: It holds a table in a form that nothing can be added to, or a value that TOML has no form for.

    """
    before = tomllib.loads(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    if lines[-1] == "":
        lines.pop()
    lacking = list(_lacking(before, tables, ()))
    for path, values in lacking:
        assignments = [f"{_key(key)} = {_value(value)}" for key, value in values.items()]
        header = next((number for number, line in enumerate(lines) if _opened_by(line) == path), None)
        if header is not None:
            lines[header + 1 : header + 1] = assignments
        else:
            lines += [*([""] if lines else []), f"[{_name(path)}]", *assignments]
    made = "".join(f"{line}{newline}" for line in lines)
    if lacking and not _says(made, _joined(before, tables)):
        message = f"nothing can be added to {', '.join(_name(path) for path, _ in lacking)} in the form it has there"
        raise ValueError(message)
    return made if lacking else text


def _lacking(there: Table | None, wanted: Table, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Table]]:
    """Give every table that lacks something, and what; ``None``: the whole table does."""
    known = there or {}
    values = {key: value for key, value in wanted.items() if not is_table(value) and key not in known}
    tables = {key: value for key, value in wanted.items() if is_table(value)}
    if values or (there is None and not tables):
        yield path, values
    for key, value in tables.items():
        below = known.get(key)
        if below is None or is_table(below):
            yield from _lacking(below, value, (*path, key))


def _joined(there: Table, wanted: Table) -> dict[str, Any]:
    """Give both together; what is there counts."""
    joined = dict(there)
    for key, value in wanted.items():
        below = joined.get(key, {})
        if is_table(value) and is_table(below):
            joined[key] = _joined(below, value)
        else:
            joined.setdefault(key, value)
    return joined


def _says(text: str, document: Table) -> bool:
    try:
        return tomllib.loads(text) == document
    except tomllib.TOMLDecodeError:
        return False


def _opened_by(line: str) -> tuple[str, ...] | None:
    """Give the path of the table that a line opens, if it opens one."""
    if not line.lstrip().startswith("[") or line.lstrip().startswith("[["):
        return None
    try:
        found: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return None
    path: list[str] = []
    while found:
        ((key, found),) = found.items()
        path.append(key)
    return tuple(path)


def _name(path: Iterable[str]) -> str:
    return ".".join(map(_key, path))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    """Write a value; JSON's form of texts, numbers and truth is also TOML's, but for one character."""
    if not isinstance(value, str | int | float):
        message = f"there is no form for {value!r}"
        raise ValueError(message)  # noqa: TRY004 - whoever calls names the file
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")


def write(edit: Edit) -> None:
    """
    Put a file in the place of the old one, all at once; a link stays a link, and permissions stay as they are.

    Raises:
        ConfigurationError: It cannot be written, or was changed meanwhile.

    """
    path = edit.path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(edit.new.encode())
                stream.flush()
                os.fsync(stream.fileno())
            if path.exists():
                Path(draft).chmod(path.stat().st_mode & 0o777)
            if _content(path) != edit.old:
                message = f"{edit.path}: was changed meanwhile; nothing was written"
                raise ConfigurationError(message)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
    except (OSError, UnicodeError) as exc:
        message = f"{edit.path}: cannot be written: {getattr(exc, 'strerror', None) or type(exc).__name__}"
        raise ConfigurationError(message) from exc


def _content(path: Path) -> str:
    """Read a file as it is, line ends too; one that is not there is empty."""
    return path.read_bytes().decode() if path.exists() else ""
