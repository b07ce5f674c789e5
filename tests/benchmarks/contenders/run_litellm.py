"""LiteLLM's functions."""

import os
from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import main
from shaped import Shaped

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a table from the network first


def load() -> Any:
    """Import what a user imports."""
    return import_module("litellm")


async def make(url: str) -> Shaped:
    """Have nothing to open."""
    return Shaped(load().acompletion, model="openai/m", api_base=url, api_key="none")


if __name__ == "__main__":
    main(load, make)
