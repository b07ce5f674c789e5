"""Asking configured providers for their models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from attrs import evolve

from converge_provider.codec.problems import nearest
from converge_provider.errors import ConfigurationError, LlmError, Timeout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from converge_provider.cli.session import Session
    from converge_provider.registry.providers import Opener
    from converge_provider.values.descriptors import ChatBackendDescriptor

__all__ = ("models_of", "openers_of")


def openers_of(session: "Session", names: Sequence[str]) -> "Mapping[str, Opener]":
    """
    Give what knows how each provider is reached.

    Raises:
        UsageError: There is no provider of that name.
        ConfigurationError: It is switched off, or its table makes no sense.

    """
    from converge_provider.registry.guard import Guard
    from converge_provider.registry.providers import make_providers

    with Guard() as guard:
        made = make_providers(session.registry.provider_types, {}, session.configuration, guard)
        known = {one.state.name: one for one in made}
    found: dict[str, Opener] = {}
    for name in names:
        one = known.get(name)
        if one is None:
            message = f"there is no provider {name!r}{nearest(name, sorted(known))}"
            raise click.UsageError(message)
        if one.opener is None:
            message = f"provider {name!r} cannot be asked: {one.state.problem or 'it is switched off'}"
            raise ConfigurationError(message)
        found[name] = one.opener
    return found


async def models_of(opener: "Opener", *, within_s: float) -> "Sequence[ChatBackendDescriptor]":
    """
    Ask one provider.

    Raises:
        LlmError: It did not answer in time, or refused.
        ConfigurationError: It cannot be asked, or something is missing.
        PluginError: What it gave are no models.

    """
    import anyio

    from converge_provider.registry.checks import known_models

    discover = getattr(opener.kind, "discover", None)
    if discover is None:
        message = f"provider {opener.name!r} cannot be asked for its models; converge list shows those that are known"
        raise ConfigurationError(message)
    try:
        with anyio.move_on_after(within_s) as scope:
            found = await discover(opener.settings)
            return [evolve(model, provider=opener.name) for model in known_models(found, "discover")]
    except LlmError as exc:
        if not opener.missing:
            raise
        message = f"provider {opener.name!r} is not configured: {', '.join(opener.missing)} missing"
        remedy = f"Set {opener.missing[0]}"
        raise ConfigurationError(message).with_remedy(remedy) from exc
    assert scope.cancelled_caught
    raise Timeout(within_s, within_s).annotate(provider=opener.name)
