"""Models of a service that speaks the tiny wire; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import ProviderType, Registrar


@hookimpl
def converge_register_backends(registrar: "Registrar[ProviderType]") -> None:
    """Register the provider type ``template_backend``."""
    from converge_template_backend.provider import TemplateBackend

    registrar.add(TemplateBackend())
