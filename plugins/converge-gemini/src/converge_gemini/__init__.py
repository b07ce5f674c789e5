"""Gemini, by Google's own API; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import ProviderType, Registrar


@hookimpl
def converge_register_backends(registrar: "Registrar[ProviderType]") -> None:
    """Register the provider type ``gemini``."""
    from converge_gemini.provider import Gemini

    registrar.add(Gemini())
