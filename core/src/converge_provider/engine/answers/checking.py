"""What an answer must satisfy, made from what a request asks for."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from converge_provider.engine.answers.formats import parse_json, parse_toml, unfenced
from converge_provider.engine.answers.problems import WrongAnswerError, preview
from converge_provider.engine.answers.schemas import Validate, validator_of
from converge_provider.engine.answers.types import ResponseType, shape_of
from converge_provider.engine.answers.yaml_format import can_parse_yaml, parse_yaml
from converge_provider.errors import ConfigurationError, ResponseFormatMismatch
from converge_provider.values.classes import frozen
from converge_provider.values.replies import FinishReason
from converge_provider.values.requests import ChatRequest, ResponseFormat

if TYPE_CHECKING:
    from converge_provider.values.replies import ChatResponse

__all__ = ("AnswerCheck", "ResponseType", "prepare")

_PARSERS: Mapping[ResponseFormat, Callable[[str], object]] = {
    ResponseFormat.JSON: parse_json,
    ResponseFormat.YAML: parse_yaml,
    ResponseFormat.TOML: parse_toml,
}


@frozen
class AnswerCheck:
    """What an answer must satisfy."""

    format: ResponseFormat
    validate: Validate
    structure: Callable[[object], object] | None = None

    def value_of(self, response: "ChatResponse") -> object | None:
        """
        Give the value of an answer; ``None`` when the model calls tools instead of answering.

        Raises:
            ResponseFormatMismatch: It is not in the format, or not of the shape, that was asked for.

        """
        if response.tool_calls:
            return None
        try:
            value = _PARSERS[self.format](unfenced(response.content))
            self.validate(value)
            return value if self.structure is None else self.structure(value)
        except WrongAnswerError as exc:
            cut = response.finish_reason is FinishReason.LENGTH
            tail = "; the answer was cut off at its longest length" if cut else ""
            raise ResponseFormatMismatch(self.format, f"{exc}{tail}") from None


def prepare(request: ChatRequest, response_type: ResponseType | None) -> tuple[ChatRequest, AnswerCheck | None]:
    """
    Make the request say what the answer must be, and the check that holds it to that.

    Returns:
        The request, changed when there is a response type, and the check; ``None``: any answer will do.

    Raises:
        ConfigurationError: The response type or the schema makes no sense.
        MissingExtraError: The extra ``[schema]`` is not installed.

    """
    if response_type is not None:
        if request.response_schema is not None:
            message = "either response_type or the request's response_schema says what the answer must be, not both"
            raise ConfigurationError(message)
        shape = shape_of(response_type)
        wanted = request.response_format if request.response_format in _PARSERS else ResponseFormat.JSON
        check = AnswerCheck(_readable(wanted), validator_of(shape.schema), shape.structure)
        return evolve(request, response_schema=shape.schema, response_format=wanted), check
    if request.response_schema is not None:
        wanted = request.response_format if request.response_format in _PARSERS else ResponseFormat.JSON
        return request, AnswerCheck(_readable(wanted), validator_of(request.response_schema))
    return request, _FORMAT_CHECKS.get(request.response_format) if _checkable(request.response_format) else None


def _checkable(wanted: ResponseFormat) -> bool:
    return wanted is not ResponseFormat.YAML or can_parse_yaml()


def _readable(wanted: ResponseFormat) -> ResponseFormat:
    if _checkable(wanted):
        return wanted
    message = "an answer in YAML cannot be checked against a schema: PyYAML is not installed"
    remedy = "Run: pip install pyyaml, or ask for JSON."
    raise ConfigurationError(message).with_remedy(remedy)


def _holds_something(value: object) -> None:
    """Refuse what is neither an object nor a list: prose that happens to parse."""
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        text = f"is neither an object nor a list: {preview(str(value))}"
        raise WrongAnswerError(text)


_FORMAT_CHECKS = {wanted: AnswerCheck(wanted, _holds_something) for wanted in _PARSERS}
