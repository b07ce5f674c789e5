"""Pydantic AI's direct requests."""

from errand import main
from pydantic_ai_models import Direct, load


async def make(url: str) -> Direct:
    """Make a model."""
    return Direct(url, fallback=False)


if __name__ == "__main__":
    main(load, make)
