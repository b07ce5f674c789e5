"""What is refused before anything is sent."""

from converge_provider import InvalidRequest

__all__ = ("in_message",)


def in_message(place: int, text: str) -> InvalidRequest:
    """Make the error of a message that cannot be sent; messages count from 0."""
    return InvalidRequest(f"message {place}: {text}")
