"""LangChain's model for OpenAI."""

from collections.abc import Callable
from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import PROMPT, main


def load() -> Any:
    """Import what a user imports."""
    return import_module("langchain_openai").ChatOpenAI


class Chat:
    """One model, without retries."""

    def __init__(self, url: str) -> None:
        """Make it."""
        self.model = load()(model="m", base_url=url, api_key="none", max_retries=0)

    async def call(self) -> str:
        """Ask."""
        text: str = (await self.model.ainvoke(PROMPT)).content
        return text

    async def stream(self, seen: Callable[[], None]) -> int:
        """Read a stream."""
        count = 0
        async for chunk in self.model.astream(PROMPT):
            if chunk.content:
                count += 1
                seen()
        return count


async def make(url: str) -> Chat:
    """Make it ready."""
    return Chat(url)


if __name__ == "__main__":
    main(load, make)
