"""The arguments of a tool call, as models write them."""

from contextlib import suppress

from converge_provider.http.documents import strict_document_of
from converge_provider.http.shapes import as_object

__all__ = ("checked_arguments",)


def checked_arguments(text: str) -> tuple[str, str]:
    """
    Check that the arguments of a call are a JSON object.

    No arguments at all are the empty object; an object that was written as JSON twice is unwrapped.

    Returns:
        The arguments, and what is wrong with them or an empty text.

    Example:
        >>> checked_arguments('{"city": "Oslo"}'), checked_arguments(""), checked_arguments("[1]")[1]
        (('{"city": "Oslo"}', ''), ('{}', ''), 'the arguments are a JSON list, not an object')

    """
    if not text.strip():
        return "{}", ""
    try:
        value = strict_document_of(text)
    except ValueError as exc:
        return text, f"the arguments are not JSON: {exc}"
    with suppress(ValueError):
        if isinstance(value, str) and as_object(strict_document_of(value)):
            return value, ""
    return text, "" if isinstance(value, dict) else f"the arguments are a JSON {type(value).__name__}, not an object"
