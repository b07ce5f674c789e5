"""JSON Schemas: the part of them that the service understands."""

from typing import Any

from converge_provider import JsonObject, JsonValue
from converge_provider.http import as_list, as_object

__all__ = ("KNOWN", "schema_to_wire")

KNOWN = frozenset({
    "$anchor", "$defs", "$id", "$ref", "additionalProperties", "anyOf", "description", "enum", "format", "items",
    "maximum", "maxItems", "minimum", "minItems", "oneOf", "prefixItems", "properties", "propertyOrdering", "required",
    "title", "type",
})  # fmt: skip
"""The keywords that the service documents; it takes no others."""

_NAMED = frozenset({"$defs", "properties"})
_SEVERAL = frozenset({"anyOf", "oneOf", "prefixItems"})
_KINDS: dict[type, str] = {str: "string", int: "integer", float: "number"}
_ONE = frozenset({"additionalProperties", "items"})


def schema_to_wire(schema: JsonObject) -> dict[str, Any]:
    """
    Write a schema in the keywords that the service knows.

    What has the same meaning in other words is translated: ``definitions``, ``const`` of a text or a number, an
    ``allOf`` of one, bounds of whole numbers that are exclusive.  Whatever else the service does not know it cannot
    enforce; that is left out, and whoever checks the answer, as the engine does, holds it to the whole schema.

    Example:
        >>> schema_to_wire({"const": "a", "default": "a", "minLength": 1})
        {'enum': ['a'], 'type': 'string'}

    """
    known: dict[str, Any] = {}
    said = _in_known_words(schema)
    if "$ref" in said:  # nothing may stand beside it
        said = {key: value for key, value in said.items() if key.startswith("$")}
    for key, value in said.items():
        if key in _NAMED and as_object(value):
            known[key] = {name: _written(member) for name, member in as_object(value).items()}
        elif key in _SEVERAL and as_list(value):
            known[key] = [_written(member) for member in as_list(value)]
        elif key in _ONE:
            known[key] = _written(value)
        elif key in KNOWN:
            known[key] = _reference(value) if key == "$ref" else value
    return known


def _written(value: JsonValue) -> object:
    return schema_to_wire(value) if isinstance(value, dict) else value


def _reference(value: JsonValue) -> JsonValue:
    return value.replace("#/definitions/", "#/$defs/", 1) if isinstance(value, str) else value


def _in_known_words(schema: JsonObject) -> dict[str, Any]:
    said = dict(schema)
    several = as_list(said.get("allOf"))
    if len(several) == 1:
        said = {**as_object(several[0]), **{key: value for key, value in said.items() if key != "allOf"}}
    if isinstance(said.get("definitions"), dict) and "$defs" not in said:
        said["$defs"] = said["definitions"]
    constant = said.get("const")
    if type(constant) in _KINDS and "enum" not in said:
        said |= {"enum": [constant], "type": _KINDS[type(constant)]}
    if said.get("type") == "integer":
        for exclusive, inclusive, step in (("exclusiveMinimum", "minimum", 1), ("exclusiveMaximum", "maximum", -1)):
            bound = said.get(exclusive)
            if type(bound) is int and inclusive not in said:
                said[inclusive] = bound + step
    return said
