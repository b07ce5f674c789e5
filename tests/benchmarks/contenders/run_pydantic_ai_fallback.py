"""Pydantic AI's direct requests to a model that falls back to another."""

from errand import main
from pydantic_ai_models import Direct, load


async def make(url: str) -> Direct:
    """Make both models."""
    return Direct(url, fallback=True)


if __name__ == "__main__":
    main(load, make)
