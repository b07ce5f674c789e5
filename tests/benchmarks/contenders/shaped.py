"""Contenders whose answers have the shape of OpenAI's own library."""

from collections.abc import Awaitable, Callable
from typing import Any

from errand import PROMPT


class Shaped:
    """One function that makes calls and streams."""

    def __init__(self, create: Callable[..., Awaitable[Any]], **asked: object) -> None:
        """Take the function, and what it is always called with."""
        self.create = create
        self.asked = {"messages": [{"role": "user", "content": PROMPT}], **asked}

    async def call(self) -> str:
        """Ask."""
        return (await self.create(**self.asked)).choices[0].message.content or ""

    async def stream(self, seen: Callable[[], None]) -> int:
        """Read a stream."""
        count = 0
        async for chunk in await self.create(**self.asked, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                count += 1
                seen()
        return count
