"""From the class that a host wants to the JSON Schema that a model gets, and from the model's JSON to the class."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import attrs

from converge_provider.engine.answers.problems import WrongAnswerError
from converge_provider.errors import ConfigurationError, MissingExtraError
from converge_provider.values.classes import frozen
from converge_provider.values.messages import JsonObject

__all__ = ("ResponseType", "Shape", "shape_of")

ResponseType = type[Any] | JsonObject
"""An attrs class, a data class, a pydantic class or a JSON Schema."""


@frozen
class Shape:
    """What an answer must look like, and what is made of it."""

    schema: JsonObject
    structure: Callable[[object], object] | None = None
    """Turns parsed JSON into the host's value; ``None``: the parsed JSON is the value."""


def shape_of(response_type: ResponseType) -> Shape:
    """
    Give the shape that a response type stands for.

    Raises:
        ConfigurationError: It is none of the kinds that can be used.
        MissingExtraError: The extra ``[schema]`` is not installed.

    """
    if isinstance(response_type, Mapping):
        return Shape(response_type)
    if not isinstance(response_type, type):
        raise _refused(response_type)
    return _shape_of_class(response_type)  # type: ignore[arg-type]  # a class is hashable


@lru_cache(maxsize=256)
def _shape_of_class(cls: type[Any]) -> Shape:
    if hasattr(cls, "model_json_schema") and hasattr(cls, "model_validate_json"):
        return Shape(cls.model_json_schema(), lambda value: _by_pydantic(cls, value))
    if attrs.has(cls) or dataclasses.is_dataclass(cls):
        return Shape(_schema_of(cls), lambda value: _by_msgspec(cls, value))
    raise _refused(cls)


def _refused(given: object) -> ConfigurationError:
    name = given.__name__ if isinstance(given, type) else repr(given)
    message = f"response_type must be an attrs class, a data class, a pydantic class or a JSON Schema, got {name}"
    return ConfigurationError(message)


def _by_pydantic(cls: type[Any], value: object) -> object:
    try:
        return cls.model_validate_json(json.dumps(value), strict=True)
    except ValueError as exc:
        found: Any = exc  # pydantic's own, which core does not know
        first = found.errors()[0]
        raise WrongAnswerError(first["msg"], path=_path(first["loc"])) from None


def _path(steps: tuple[str | int, ...]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _by_msgspec(cls: type[Any], value: object) -> object:
    import msgspec

    try:
        return msgspec.convert(value, cls, strict=True)
    except msgspec.ValidationError as exc:
        text, _, path = str(exc).partition(" - at `")
        raise WrongAnswerError(text, path=path.rstrip("`") or "$") from None


def _schema_of(cls: type[Any]) -> JsonObject:
    """Describe a class; no other keys than its fields, and its own description at the root."""
    try:
        import msgspec
    except ImportError as exc:
        what = "a typed answer"
        raise MissingExtraError(what, "schema") from exc
    try:
        schema = msgspec.json.schema(cls)
    except TypeError as exc:
        message = f"response_type {cls.__name__} has a field that no JSON Schema describes: {exc}"
        raise ConfigurationError(message) from exc
    definitions: dict[str, Any] = schema.get("$defs", {})
    for one in definitions.values():
        if "properties" in one:
            one.setdefault("additionalProperties", False)
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    root = definitions.get(name, schema)
    used = {**root, "$defs": definitions}
    if f'"#/$defs/{name}"' not in json.dumps(definitions):
        used["$defs"] = {other: one for other, one in definitions.items() if other != name}
    return {key: part for key, part in used.items() if key != "$defs" or part}
