"""aisuite."""

from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import main
from shaped import Shaped


def load() -> Any:
    """Import what a user imports."""
    return import_module("aisuite").Client


async def make(url: str) -> Shaped:
    """Open a client."""
    client = load()({"openai": {"api_key": "none", "base_url": url}})
    return Shaped(client.chat.completions.acreate, model="openai:m")


if __name__ == "__main__":
    main(load, make)
