"""The settings of a provider that speaks Anthropic Messages."""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from converge_anthropic.facts import ModelFacts
from converge_provider import Secret, from_environ
from converge_provider.http import Timeouts

__all__ = ("Settings",)


@frozen(kw_only=True)
class Settings:
    """What can be configured."""

    api_key: Secret = field(default=Secret(), metadata=from_environ("ANTHROPIC_API_KEY"))
    """Sent as ``x-api-key``."""
    auth_token: Secret = field(default=Secret(), metadata=from_environ("ANTHROPIC_AUTH_TOKEN"))
    """Sent as a bearer token, in place of a key."""
    base_url: str = field(default="", metadata=from_environ("ANTHROPIC_BASE_URL"))
    """Where it answers, with or without ``/v1``; empty: where Anthropic itself does."""
    api_version: str = "2023-06-01"
    """The version of the API; from 2026-10-21 on, temperature and top_p are refused."""
    betas: Sequence[str] = field(default=(), converter=tuple[str, ...])
    """Names of beta features, for the header ``anthropic-beta``."""
    headers: Mapping[str, str] = field(factory=dict[str, str])
    """Further headers, such as a gateway or a workspace wants; no secrets."""
    models: Mapping[str, ModelFacts] = field(factory=dict[str, ModelFacts])
    """Further models, or better facts of known ones, by the name that the service gives them."""
    timeouts: Timeouts = Timeouts()
