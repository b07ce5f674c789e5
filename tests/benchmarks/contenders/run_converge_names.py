"""The names that everyday code needs of us, without an engine; it is only imported."""

from typing import Any

from errand import main


def load() -> Any:
    """Import what code imports that asks for a backend, without any that calls one."""
    from converge_provider import ChatBackendRegistry, ChatRequest, SelectionCriteria, hookimpl

    return ChatBackendRegistry, ChatRequest, SelectionCriteria, hookimpl


async def make(url: str) -> Any:
    """Refuse: there is nothing to call."""
    raise NotImplementedError(url)


if __name__ == "__main__":
    main(load, make)
