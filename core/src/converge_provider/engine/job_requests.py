"""What a relayed request needs, as selection understands it: read from the caller's JSON, which stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from converge_provider.values.messages import ChatMessage, ChatRole, ToolDefinition
from converge_provider.values.parts import AudioPart, DocumentPart, ImagePart, Part, TextPart
from converge_provider.values.requests import ChatRequest

if TYPE_CHECKING:
    from converge_provider.values.jobs import Job
    from converge_provider.values.messages import JsonObject, JsonValue

__all__ = ("request_of_job",)

_MOST_TOKENS = 2**32 - 1
_ROLES = {role.value: role for role in ChatRole}
_LIMITS = ("max_completion_tokens", "max_tokens")
_MEDIA: "Mapping[JsonValue, type[ImagePart | DocumentPart | AudioPart]]" = {
    "image_url": ImagePart,
    "image": ImagePart,
    "input_audio": AudioPart,
    "file": DocumentPart,
    "document": DocumentPart,
}
"""What the two wire formats call a part that is not text."""
_ENCLOSED = "data:,"
"""Stands for what a part holds, which selection does not look at."""


def request_of_job(job: "Job") -> ChatRequest:
    """
    Give a request of the same size and the same needs; what has no known shape is left out, never refused.

    Example:
        >>> from converge_provider.values.jobs import Job
        >>> asked = {"messages": [{"role": "user", "content": "hello"}], "tools": [{"name": "look_up"}]}
        >>> request = request_of_job(Job(id="j", model="m", request=asked, format="anthropic"))
        >>> request.messages[0].content, request.tools[0].name, request.model
        ('hello', 'look_up', 'm')

    """
    limit = next((job.request[name] for name in _LIMITS if name in job.request), None)
    is_limit = isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit <= _MOST_TOKENS
    system = job.request.get("system")
    return ChatRequest(
        messages=tuple(_messages(job.request.get("messages"))),
        system=None if system is None else "".join(part.text for part in _parts(system) if isinstance(part, TextPart)),
        tools=tuple(_tools(job.request.get("tools"))),
        max_tokens=limit if is_limit and isinstance(limit, int) else None,
        model=job.model,
    )


def _objects(value: "JsonValue") -> "Iterator[JsonObject]":
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (item for item in value if isinstance(item, Mapping))


def _messages(messages: "JsonValue") -> Iterator[ChatMessage]:
    for message in _objects(messages):
        role = _ROLES.get(str(message.get("role")), ChatRole.USER)
        yield ChatMessage(role=role, parts=tuple(_parts(message.get("content"))))


def _parts(content: "JsonValue") -> Iterator[Part]:
    if isinstance(content, str):
        yield TextPart(text=content)
    for part in _objects(content):
        text, kind = part.get("text"), part.get("type")
        if isinstance(text, str):
            yield TextPart(text=text)
        elif isinstance(kind, str) and kind in _MEDIA:
            yield _MEDIA[kind](media_type="application/octet-stream", url=_ENCLOSED)
        elif "content" in part:  # the result of a tool
            yield from _parts(part["content"])


def _tools(tools: "JsonValue") -> Iterator[ToolDefinition]:
    for tool in _objects(tools):
        inner = tool.get("function")
        found = inner if isinstance(inner, Mapping) else tool
        schema = found.get("parameters", found.get("input_schema"))
        yield ToolDefinition(
            name=str(found.get("name", "")),
            description=str(found.get("description", "")),
            parameters=schema if isinstance(schema, Mapping) else {},
        )
