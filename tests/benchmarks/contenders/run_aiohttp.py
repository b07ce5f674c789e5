"""Bare aiohttp: post, and read lines; the floor of what Python does."""

import json
from collections.abc import Callable
from typing import Any

from errand import PROMPT, main


def load() -> Any:
    """Import it."""
    import aiohttp

    return aiohttp


class Bare:
    """One session."""

    def __init__(self, url: str) -> None:
        """Open it, with as many connections as are wanted at once."""
        aiohttp = load()
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1_000))
        self.url = f"{url}/chat/completions"
        self.body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}

    async def call(self) -> str:
        """Ask."""
        async with self.session.post(self.url, json=self.body) as response:
            text: str = (await response.json())["choices"][0]["message"]["content"]
            return text

    async def stream(self, seen: Callable[[], None]) -> int:
        """Read a stream line by line."""
        count = 0
        async with self.session.post(self.url, json={**self.body, "stream": True}) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    if choices and choices[0]["delta"].get("content"):
                        count += 1
                        seen()
        return count


async def make(url: str) -> Bare:
    """Make it ready."""
    return Bare(url)


if __name__ == "__main__":
    main(load, make)
