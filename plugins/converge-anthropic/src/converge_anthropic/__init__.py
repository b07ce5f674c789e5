"""Anthropic Messages; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import ProviderType, Registrar


@hookimpl
def converge_register_backends(registrar: "Registrar[ProviderType]") -> None:
    """Register the provider type ``anthropic``."""
    from converge_anthropic.provider import Anthropic

    registrar.add(Anthropic())
