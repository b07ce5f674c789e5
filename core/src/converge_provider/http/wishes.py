"""What a request wishes for beyond its messages, as every adapter must treat it."""

from collections.abc import Collection

from converge_provider.errors import InvalidRequest
from converge_provider.values.requests import ChatRequest, ResponseFormat

__all__ = ("answer_format", "refuse_unhonoured")

_OPTIONAL = (
    "max_tokens",
    "temperature",
    "stop_sequences",
    "tool_choice",
    "parallel_tool_calls",
    "response_schema",
    "seed",
    "top_p",
    "reasoning_effort",
    "cache_hints",
)


def refuse_unhonoured(request: ChatRequest, *, model: str, honours: Collection[str]) -> None:
    """
    Refuse a request that sets what the model does not honour, instead of losing it silently.

    Args:
        request: The request.
        model: The model's name, for the error.
        honours: The optional fields of a request that it honours, as its claims say.

    Raises:
        InvalidRequest: It sets others; they are named.

    Example:
        >>> refuse_unhonoured(ChatRequest(messages=(), seed=7), model="m1", honours={"top_p"})
        Traceback (most recent call last):
        ...
        converge_provider.errors.llm.InvalidRequest: invalid request: 'm1' does not honour seed; leave that unset, or \
choose another backend

    """
    refused = [name for name in _OPTIONAL if getattr(request, name) not in (None, ()) and name not in honours]
    if refused:
        message = f"{model!r} does not honour {', '.join(refused)}; leave that unset, or choose another backend"
        raise InvalidRequest(message)


def answer_format(request: ChatRequest) -> ResponseFormat:
    """
    Give the format of the answer: a schema asks for JSON.

    Raises:
        InvalidRequest: A schema comes together with a format that has none.

    Example:
        >>> answer_format(ChatRequest(messages=(), response_schema={"type": "object"}))
        <ResponseFormat.JSON: 'json'>

    """
    if request.response_schema is None:
        return request.response_format
    if request.response_format not in {ResponseFormat.TEXT, ResponseFormat.JSON}:
        message = f"a response schema asks for json on this wire, got response_format {request.response_format}"
        raise InvalidRequest(message)
    return ResponseFormat.JSON
