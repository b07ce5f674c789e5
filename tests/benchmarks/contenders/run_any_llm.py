"""any-llm, with a provider that is made once."""

from typing import Any

from errand import main
from shaped import Shaped


def load() -> Any:
    """Import what a user imports."""
    from any_llm import AnyLLM

    return AnyLLM


async def make(url: str) -> Shaped:
    """Make a provider."""
    return Shaped(load().create("openai", api_key="none", api_base=url).acompletion, model="m")


if __name__ == "__main__":
    main(load, make)
