"""The arguments of a tool call, as models write them."""

import json

from converge_provider.http.shapes import as_object, parsed

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
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        return text, f"the arguments are not JSON: {exc}"
    if isinstance(value, str) and as_object(parsed(value.encode("utf-8", "surrogatepass"))):
        return value, ""
    return text, "" if isinstance(value, dict) else f"the arguments are a JSON {type(value).__name__}, not an object"
