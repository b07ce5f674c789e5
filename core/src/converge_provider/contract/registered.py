"""A chat backend together with what is known of it."""

from converge_provider.contract.backends import ChatBackend
from converge_provider.values.classes import frozen
from converge_provider.values.descriptors import ChatBackendDescriptor

__all__ = ("RegisteredChatBackend", "ResolvedChatBackend")


@frozen
class RegisteredChatBackend:
    """A handle that a host has constructed, and its descriptor."""

    descriptor: ChatBackendDescriptor
    backend: ChatBackend


@frozen
class ResolvedChatBackend:
    """The handle that a selection chose: the one that is called, never a copy of another's record."""

    descriptor: ChatBackendDescriptor
    backend: ChatBackend

    @property
    def provider(self) -> str:
        """The provider's name."""
        return str(self.descriptor.provider)

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.descriptor.model)
