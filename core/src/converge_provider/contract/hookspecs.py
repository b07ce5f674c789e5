"""
The hooks a plugin may implement.

They are synchronous, do no I/O and only declare; the objects they hand over do the work.  Core calls each
implementation on its own, so that it knows whose answer it is; one that raises puts its plugin into quarantine and
stops nobody else.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from converge_provider.contract.backends import Backend, ProviderType
from converge_provider.contract.markers import hookspec
from converge_provider.contract.observers import Observer
from converge_provider.contract.policies import Policy
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import ChatBackendDescriptor

__all__ = ("Registrar", "Specs")

T_contra = TypeVar("T_contra", contravariant=True)


class Registrar(Protocol, Generic[T_contra]):
    """Takes what a plugin registers."""

    def add(self, item: T_contra, /) -> None:
        """
        Register one object.

        Raises:
            PluginError: It is not what the hook asks for, or its name is taken; the plugin goes into quarantine.

        """
        ...


class Specs:
    """The hooks; a plugin implements any of them as a function of the same name, marked with ``hookimpl``."""

    @hookspec
    def converge_register_backends(self, registrar: Registrar[ProviderType | Backend]) -> None:
        """
        Register provider types, and backends of other kinds; called once, when the plugin is loaded.

        A provider type brings chat backends, which the catalogue lists and the engine calls.  A backend itself, an
        object with a ``kind`` that is no chat backend (a policy engine, a search index), is kept apart: it can be
        assigned to a capability or a role, and the host calls it.

        Example::

            @hookimpl
            def converge_register_backends(registrar):
                from converge_acme.backend import Acme

                registrar.add(Acme())

        """

    @hookspec
    def converge_declare_capabilities(
        self, descriptors: Sequence[ChatBackendDescriptor]
    ) -> Mapping[str, Claims | Sequence[Claims]] | None:
        """
        Declare what is known of any backends; called once per plugin and catalogue that is built.

        Args:
            descriptors: Every backend of the catalogue so far.

        Returns:
            Claims by backend id, or a few where they come from different sources, at most 16; ids that are not in the
            catalogue are ignored.  ``None`` is nothing.

        Example::

            @hookimpl
            def converge_declare_capabilities(descriptors):
                return {d.id: Claims(country="SE") for d in descriptors if d.provider == "acme"}

        """

    @hookspec
    def converge_register_policies(self, registrar: Registrar[Policy]) -> None:
        """
        Register selection policies; called once, when the plugin is loaded.

        Installing makes a policy available; a host enables it by name.

        Example::

            @hookimpl
            def converge_register_policies(registrar):
                from converge_policy_acme.policy import prefer_acme

                registrar.add(prefer_acme)

        """

    @hookspec
    def converge_register_observers(self, registrar: Registrar[Observer]) -> None:
        """
        Register observers of decisions and attempts; called once, when the plugin is loaded.

        Example::

            @hookimpl
            def converge_register_observers(registrar):
                registrar.add(Printer())

        """

    @hookspec
    def converge_register_commands(self, registrar: Registrar[Any]) -> None:
        """
        Register commands of the command line, objects of the ``click`` library; called when the command line starts.

        Example::

            @hookimpl
            def converge_register_commands(registrar):
                from converge_acme.commands import acme

                registrar.add(acme)

        """
