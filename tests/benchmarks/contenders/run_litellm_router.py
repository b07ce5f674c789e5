"""LiteLLM's Router, choosing between two deployments."""

import os
from importlib import import_module  # by name: it is not installed where this file is checked
from typing import Any

from errand import main
from shaped import Shaped

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a table from the network first


def load() -> Any:
    """Import what a user imports."""
    return import_module("litellm").Router


async def make(url: str) -> Shaped:
    """Make a router."""
    called = {"model": "openai/m", "api_base": url, "api_key": "none"}
    deployments = [{"model_name": "m", "litellm_params": dict(called)} for _ in range(2)]
    return Shaped(load()(model_list=deployments).acompletion, model="m")


if __name__ == "__main__":
    main(load, make)
