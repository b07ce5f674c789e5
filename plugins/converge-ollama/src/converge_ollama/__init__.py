"""Ollama, by its own wire; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import ProviderType, Registrar


@hookimpl
def converge_register_backends(registrar: "Registrar[ProviderType]") -> None:
    """Register the provider type ``ollama_native``; ``ollama`` is converge-openai's, by the OpenAI route."""
    from converge_ollama.provider import Ollama

    registrar.add(Ollama())
