"""JSON Schemas: what the vendor's enforcement knows of them."""

import json
from collections.abc import Mapping
from typing import Any

from converge_provider import JsonObject, JsonValue
from converge_provider.http import as_object

__all__ = ("fitted",)

_KEPT = frozenset({"type", "enum", "const", "title", "description", "default", "$ref", "required"})
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"},
)
_MAX_DEPTH = 50


class _UnfitError(Exception):
    """The schema asks for what cannot be enforced, nor be narrowed to what can."""


def fitted(schema: JsonObject) -> dict[str, Any] | None:
    """
    Fit a schema to what the vendor enforces.

    Objects are closed, so that whatever satisfies the result satisfies the schema.  Limits that the vendor does not
    know (``minimum``, ``pattern``, …) are put into descriptions, as its own libraries do; whoever asked checks them.

    Returns:
        The fitted schema, or ``None`` when it has objects with arbitrary members, or is nested too deeply.

    Example:
        >>> fitted({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}})["properties"]
        {'age': {'type': 'integer', 'description': '{"minimum": 0}'}}
        >>> fitted({"type": "object", "additionalProperties": {"type": "string"}})

    """
    try:
        return _fit(schema, _MAX_DEPTH)
    except _UnfitError:
        return None


def _fit(schema: JsonValue, depth: int) -> dict[str, Any]:
    if depth == 0 or not isinstance(schema, Mapping):
        raise _UnfitError
    made: dict[str, Any] = {}
    hints: dict[str, Any] = {}
    for key, value in schema.items():
        _take(key, value, made, hints, depth)
    if schema.get("type") == "object" or "properties" in schema:
        if "properties" not in schema:
            raise _UnfitError
        made["additionalProperties"] = False
    if hints:
        said = str(schema["description"]) + "\n\n" if schema.get("description") else ""
        made["description"] = said + json.dumps(hints, ensure_ascii=False)
    return made


def _take(key: str, value: JsonValue, made: dict[str, Any], hints: dict[str, Any], depth: int) -> None:
    """Take one keyword, as it is, with fitted schemas in it, or as a hint."""
    if key in _KEPT or (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
        made[key] = value
    elif key in {"properties", "$defs", "definitions"}:
        made[key] = {name: _fit(member, depth - 1) for name, member in as_object(value).items()}
    elif key == "items":
        made[key] = _fit(value, depth - 1)
    elif key in {"anyOf", "oneOf", "allOf"} and isinstance(value, list):
        made["anyOf" if key == "oneOf" else key] = [_fit(member, depth - 1) for member in value]
    elif key == "additionalProperties":
        if value not in (True, False):
            raise _UnfitError
    elif key != "$schema":
        hints[key] = value
