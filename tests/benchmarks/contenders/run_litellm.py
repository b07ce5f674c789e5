"""LiteLLM's functions."""

import os
from typing import Any

from errand import main
from shaped import Shaped

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a table from the network first


def load() -> Any:
    """Import what a user imports."""
    import litellm

    return litellm


async def make(url: str) -> Shaped:
    """Have nothing to open."""
    return Shaped(load().acompletion, model="openai/m", api_base=url, api_key="none")


if __name__ == "__main__":
    main(load, make)
