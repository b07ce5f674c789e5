"""aisuite."""

from typing import Any

from errand import main
from shaped import Shaped


def load() -> Any:
    """Import what a user imports."""
    from aisuite import Client

    return Client


async def make(url: str) -> Shaped:
    """Open a client."""
    client = load()({"openai": {"api_key": "none", "base_url": url}})
    return Shaped(client.chat.completions.acreate, model="openai:m")


if __name__ == "__main__":
    main(load, make)
