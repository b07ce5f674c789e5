"""Reasoning that stands in the text, between ``<think>`` and ``</think>`` at its beginning."""

from collections.abc import Iterator

__all__ = ("CLOSE", "OPEN", "ThinkTags")

OPEN, CLOSE = "<think>", "</think>"


class ThinkTags:
    r"""
    Tells reasoning from text, however the pieces are cut.

    Only a block at the very beginning counts; blanks around it belong to neither.

    Example:
        >>> tags = ThinkTags()
        >>> [*tags.feed("<thi"), *tags.feed("nk>Hm.</think>\n\nNo"), *tags.feed(" <think>")]
        [(True, 'Hm.'), (False, 'No'), (False, ' <think>')]

    """

    def __init__(self) -> None:
        """Start at the beginning of an answer."""
        self._held = ""
        self._within: bool | None = None
        """``None``: before the block; true: in it; false: behind it."""
        self._begins = True
        """Whether nothing was given of what is being read, so that blanks are left out."""

    def feed(self, text: str) -> Iterator[tuple[bool, str]]:
        """Give what a piece adds, and of each stretch whether it is reasoning."""
        self._held += text
        if self._within is None:
            self._look()
        if self._within:
            yield from self._given(is_reasoning=True, text=self._thought())
        if self._within is False:
            text, self._held = self._held, ""
            yield from self._given(is_reasoning=False, text=text)

    def rest(self) -> Iterator[tuple[bool, str]]:
        """Give what was held back, when nothing more comes."""
        held, self._held = self._held, ""
        yield from self._given(is_reasoning=bool(self._within), text=held)

    def _look(self) -> None:
        """Look whether the answer begins with a block."""
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._within, self._held = True, start.removeprefix(OPEN)
        elif not OPEN.startswith(start):
            self._within, self._begins = False, False  # no block, so its blanks are its own

    def _thought(self) -> str:
        """Take what is surely within the block; what may be its end, and blanks before it, is held back."""
        thought, closed, behind = self._held.partition(CLOSE)
        if closed:
            self._within, self._held = False, behind
            return thought.rstrip()
        partial = next((cut for cut in range(len(CLOSE) - 1, 0, -1) if thought.endswith(CLOSE[:cut])), 0)
        shown = thought[: len(thought) - partial].rstrip()
        self._held = thought[len(shown) :]
        return shown

    def _given(self, *, is_reasoning: bool, text: str) -> Iterator[tuple[bool, str]]:
        text = text.lstrip() if self._begins else text
        if text:
            self._begins = False
            yield is_reasoning, text
        if is_reasoning and self._within is False:
            self._begins = True
