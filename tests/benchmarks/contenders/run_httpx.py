"""Bare httpx: post, and read lines; the least that anybody on httpx can do."""

import json
from collections.abc import Callable
from typing import Any

from errand import PROMPT, main


def load() -> Any:
    """Import it."""
    import httpx

    return httpx


class Bare:
    """One client."""

    def __init__(self, url: str) -> None:
        """Open it, with as many connections as are wanted at once."""
        httpx = load()
        limits = httpx.Limits(max_connections=1_000, max_keepalive_connections=1_000)
        self.client = httpx.AsyncClient(limits=limits, timeout=60.0)
        self.url = f"{url}/chat/completions"
        self.body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}

    async def call(self) -> str:
        """Ask."""
        response = await self.client.post(self.url, json=self.body)
        text: str = response.json()["choices"][0]["message"]["content"]
        return text

    async def stream(self, seen: Callable[[], None]) -> int:
        """Read a stream line by line."""
        count = 0
        async with self.client.stream("POST", self.url, json={**self.body, "stream": True}) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
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
