"""any-llm, with a provider that is made once."""

from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import main
from shaped import Shaped


def load() -> Any:
    """Import what a user imports."""
    return import_module("any_llm").AnyLLM


async def make(url: str) -> Shaped:
    """Make a provider."""
    return Shaped(load().create("openai", api_key="none", api_base=url).acompletion, model="m")


if __name__ == "__main__":
    main(load, make)
