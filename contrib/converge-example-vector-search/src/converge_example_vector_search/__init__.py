"""The nearest vectors of a small index in memory; see this distribution's README."""

from typing import TYPE_CHECKING

from converge_provider import hookimpl

if TYPE_CHECKING:
    from converge_provider import Backend, ProviderType, Registrar


@hookimpl
def converge_register_backends(registrar: "Registrar[ProviderType | Backend]") -> None:
    """Register an empty index, which the host fills."""
    from converge_example_vector_search.index import VectorIndex

    registrar.add(VectorIndex())
