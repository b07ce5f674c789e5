"""OpenAI's own library, without retries."""

from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import main
from shaped import Shaped


def load() -> Any:
    """Import what a user imports."""
    return import_module("openai").AsyncOpenAI


async def make(url: str) -> Shaped:
    """Open a client."""
    return Shaped(load()(base_url=url, api_key="none", max_retries=0).chat.completions.create, model="m")


if __name__ == "__main__":
    main(load, make)
