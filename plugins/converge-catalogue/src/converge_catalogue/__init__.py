"""Model facts and prices, with their sources; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import click

    from converge_provider import ChatBackendDescriptor, Claims, Registrar


@hookimpl
def converge_declare_capabilities(
    descriptors: "Sequence[ChatBackendDescriptor]",
) -> "Mapping[str, Sequence[Claims]]":
    """Declare what is known of the models of public services."""
    from converge_catalogue.declaring import declare

    return declare(descriptors)


@hookimpl
def converge_register_commands(registrar: "Registrar[click.Command]") -> None:
    """Register ``converge models``."""
    from converge_catalogue.commands import models

    registrar.add(models)
