"""Pydantic AI's models, called directly: no agent around them."""

from collections.abc import Callable
from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import PROMPT


def load() -> Any:
    """Import what a user imports."""
    direct, messages = import_module("pydantic_ai.direct"), import_module("pydantic_ai.messages")
    openai, fallback = import_module("pydantic_ai.models.openai"), import_module("pydantic_ai.models.fallback")
    provider = import_module("pydantic_ai.providers.openai").OpenAIProvider
    return direct, messages, fallback.FallbackModel, openai.OpenAIChatModel, provider


class Direct:
    """One model."""

    def __init__(self, url: str, *, fallback: bool) -> None:
        """Make the model; with another to fall back to, if that is wanted."""
        self.direct, self.messages, fall_back, openai, provider = load()
        chat = openai("m", provider=provider(base_url=url, api_key="none"))
        self.model = fall_back(chat, openai("m", provider=provider(base_url=url, api_key="none"))) if fallback else chat
        self.asked = [self.messages.ModelRequest.user_text_prompt(PROMPT)]

    async def call(self) -> str:
        """Ask."""
        response = await self.direct.model_request(self.model, self.asked)
        text: str = response.parts[0].content
        return text

    async def stream(self, seen: Callable[[], None]) -> int:
        """Read a stream; the first text comes with the event that starts its part."""
        count = 0
        starts, deltas = self.messages.PartStartEvent, self.messages.PartDeltaEvent
        async with self.direct.model_request_stream(self.model, self.asked) as events:
            async for event in events:
                if isinstance(event, starts | deltas):
                    count += 1
                    seen()
        return count
