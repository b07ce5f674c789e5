"""Characters that a server has cut in two: halves of a surrogate pair in different chunks."""

__all__ = ("Halves",)

_LOST = "\N{REPLACEMENT CHARACTER}"


class Halves:
    r"""
    Puts halves of characters together.

    JSON writes a character beyond the first 65 536 as two escapes, and some servers end a chunk between them.

    Example:
        >>> halves = Halves()
        >>> [halves.whole("a\ud83d"), halves.whole("\ude42b"), halves.rest()]
        ['a', '🙂b', '']

    """

    def __init__(self) -> None:
        """Start without a half."""
        self._half = ""

    def whole(self, text: str) -> str:
        """Give the text with what was kept before it, without a half at its end; a half without its other is lost."""
        if text.isascii() and not self._half:
            return text
        text = self._half + text
        self._half = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        if self._half:
            text = text[:-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def rest(self) -> str:
        """Say that nothing more comes: a half that was kept is a lost character."""
        rest, self._half = (_LOST if self._half else ""), ""
        return rest
