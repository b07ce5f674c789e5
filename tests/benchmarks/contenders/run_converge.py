"""Our engine, with everything that is on by default: decision, journal, breaker, and an observer that is told of it."""

from collections.abc import Callable
from typing import Any

from errand import PROMPT, main


def load() -> Any:
    """Import what a user imports."""
    from converge_provider import ChatRequest, Configuration, Engine, PluginRegistry, TextDelta
    from converge_provider.configuration import ProviderTable

    return ChatRequest, Configuration, Engine, PluginRegistry, ProviderTable, TextDelta


class Listener:
    """An observer that does nothing."""

    name = "listener"
    inline = True

    def observe(self, event: object) -> None:
        """Take the event."""


class Chosen:
    """One engine that chooses between two services for every call."""

    def __init__(self, url: str) -> None:
        """Make it of the installed plugins."""
        chat_request, configuration, engine, registry, table, self.text = load()
        settings: dict[str, object] = {"base_url": url, "models": {"m": {}}}
        tables = {name: table(type="vllm", settings=settings) for name in ("first", "second")}
        catalogue = registry.discover().catalogue(configuration(providers=tables))
        self.engine = engine(catalogue, observers=[Listener()])
        self.asked = chat_request.of(PROMPT)

    async def call(self) -> str:
        """Ask."""
        text: str = (await self.engine.chat(self.asked)).content
        return text

    async def stream(self, seen: Callable[[], None]) -> int:
        """Read a stream."""
        count, text = 0, self.text
        async with self.engine.stream(self.asked) as events:
            async for event in events:
                if isinstance(event, text):
                    count += 1
                    seen()
        return count


async def make(url: str) -> Chosen:
    """Make it ready."""
    return Chosen(url)


if __name__ == "__main__":
    main(load, make)
