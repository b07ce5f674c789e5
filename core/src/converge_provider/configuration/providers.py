"""The tables ``[providers.NAME]``: what they share is read here, the settings are their type's business."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from converge_provider.codec.problems import Collector, DocumentError, Problem, refusal, said
from converge_provider.configuration.shapes import is_list, is_table
from converge_provider.configuration.tables import ProviderTable
from converge_provider.values.classes import frozen
from converge_provider.values.secret import Secret

__all__ = ("NAME", "load_provider", "written_secrets")

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a provider's name looks like; it stands before the first slash of its backends' ids."""

_SECRET_KEY = re.compile(r"(?:^|_)(?:api_?key|secret|token|password|passphrase|credentials?|authorization)$")
_REFERENCE = "env"


def load_provider(table: object, name: str, *, environ: Mapping[str, str]) -> ProviderTable:
    """
    Read one provider's table, with its references to the environment resolved.

    Raises:
        DocumentError: It is not such a table.

    """
    collect = Collector()
    if not NAME.fullmatch(name):
        collect.add("", "expected a name of lower-case letters, digits, '.', '_' and '-', at most 64")
    if not is_table(table):
        message = f"expected a table, got {said(table)}"
        raise refusal(message)
    kind, enabled = table.get("type"), table.get("enabled", True)
    if kind is not None and not isinstance(kind, str):
        collect.add(".type", f"expected the name of a provider type, got {said(kind)}")
    if not isinstance(enabled, bool):
        collect.add(".enabled", f"expected true or false, got {said(enabled)}")
    collect.finish()
    resolved = _Resolver(environ, {})
    settings = {key: resolved.of(value, key) for key, value in table.items() if key not in {"type", "enabled"}}
    return ProviderTable(type=kind, enabled=bool(enabled), settings=settings, references=resolved.references)


@frozen
class _Resolver:
    environ: Mapping[str, str]
    references: dict[str, str]

    def of(self, value: Any, path: str) -> Any:  # noqa: ANN401 - whatever stands in the file
        """Give a value with every ``{env = "NAME"}`` in it replaced by the variable's value, as a secret."""
        if is_table(value):
            name = value.get(_REFERENCE)
            if len(value) == 1 and isinstance(name, str) and name:
                self.references[path] = name
                return Secret(self.environ.get(name, ""))
            return {key: self.of(member, f"{path}.{key}") for key, member in value.items()}
        if is_list(value):
            return [self.of(member, f"{path}[{i}]") for i, member in enumerate(value)]
        return value


def written_secrets(document: Mapping[str, Any]) -> DocumentError | None:
    """Find secrets that are written down in a file's providers, going by the names of the keys."""
    found = [
        Problem(f"$.providers{path}", 'a secret is never written down; expected a reference such as {env = "NAME"}')
        for path in _written(document.get("providers"), "")
    ]
    return DocumentError(found) if found else None


def _written(value: object, path: str) -> Iterator[str]:
    if is_table(value):
        for key, member in value.items():
            here = f"{path}.{key}"
            if isinstance(member, str) and member.strip() and _SECRET_KEY.search(str(key).lower().replace("-", "_")):
                yield here
            yield from _written(member, here)
    elif is_list(value):
        for i, member in enumerate(value):
            yield from _written(member, f"{path}[{i}]")
