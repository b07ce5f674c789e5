"""The provider type: Anthropic, and whatever else speaks its wire."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from converge_anthropic.describing import BASE_URL, PROVIDER, describe, dialect_of
from converge_anthropic.facts import ModelFacts, known_models
from converge_anthropic.settings import Settings
from converge_provider import ChatBackendDescriptor, ConfigurationError, Secret
from converge_provider.http import HttpRequest, canonical_url, host_of, is_loopback

if TYPE_CHECKING:
    from converge_provider.http import HttpChatBackend

__all__ = ("Anthropic",)

_CONFIGURED = "the provider's configuration"
_KEY = "ANTHROPIC_API_KEY"
_TOKEN = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105 - the name of a variable
_ENDPOINTS = ("/messages", "/models")


@frozen
class Anthropic:
    """How to talk to Anthropic, or to a server that speaks its wire."""

    name: str = PROVIDER
    display_name: str = "Anthropic"
    default_model: str = "claude-sonnet-5-5"
    settings: type[Settings] = Settings

    def missing(self, settings: Settings) -> Sequence[str]:
        """Name the variable of the key, which a server on this machine can do without."""
        has_key = bool(settings.api_key or settings.auth_token)
        return [] if has_key or self._is_own_server(settings) else [_KEY]

    def descriptors(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """Describe the configuration's models, and this plugin's, which no server on this machine is taken to have."""
        listed = _own(settings) if is_loopback(self._host(settings)) else _facts(settings)
        return [self._described(name, facts, settings) for name, facts in listed.items()]

    def open(self, descriptor: ChatBackendDescriptor, settings: Settings) -> "HttpChatBackend":
        """
        Make the handle of one model.

        Raises:
            ConfigurationError: The key is missing, there are two, or the address or a header is none.

        """
        from converge_anthropic.backend import Messages, route_of
        from converge_provider.http import HttpChatBackend

        if self.missing(settings):
            message = f"{self.display_name} is not configured: {_KEY} missing"
            raise ConfigurationError(message)
        name = str(descriptor.model)
        facts = _facts(settings).get(name, ModelFacts())
        dialect = dialect_of(name, facts, api_version=settings.api_version)
        template = self._template(settings)
        return HttpChatBackend(
            descriptor=descriptor, wire=Messages(dialect=dialect, template=template), routes=[route_of(template)]
        )

    async def discover(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """
        Ask the service for its models.

        Raises:
            LlmError: It did not answer, or refused.
            ConfigurationError: As for :meth:`open`.

        """
        from converge_anthropic.listing import list_models, with_listed

        template = self._template(settings)
        known = _facts(settings)
        listed = await list_models(template, provider=self.name)
        return [
            self._described(model.id, with_listed(known.get(model.id, ModelFacts()), model, template.url), settings)
            for model in listed
        ]

    def _described(self, name: str, facts: ModelFacts, settings: Settings) -> ChatBackendDescriptor:
        host = self._host(settings)
        is_vendor = self._is_vendor(settings)
        return describe(name, facts, host=host, is_vendor=is_vendor, api_version=settings.api_version)

    def _is_vendor(self, settings: Settings) -> bool:
        return self._host(settings) == host_of(BASE_URL)

    def _is_own_server(self, settings: Settings) -> bool:
        return bool(settings.base_url.strip()) and not self._is_vendor(settings)

    def _host(self, settings: Settings) -> str:
        try:
            return host_of(self._url(settings))
        except ConfigurationError:
            return ""  # said when the backend is opened

    def _url(self, settings: Settings) -> str:
        written = settings.base_url.strip() or BASE_URL
        setting = f"base_url of {self.display_name}"
        return canonical_url(written, service_url=BASE_URL, setting=setting, endpoints=_ENDPOINTS)

    def _template(self, settings: Settings) -> HttpRequest:
        """Make what all requests share: the address, the headers, the timeouts."""
        headers: dict[str, str | Secret] = {**settings.headers, "anthropic-version": settings.api_version}
        if settings.api_key and settings.auth_token:
            message = f"{self.display_name} has a key and a token, but takes one of them: unset {_KEY} or {_TOKEN}"
            raise ConfigurationError(message)
        if settings.api_key:
            headers["x-api-key"] = Secret(settings.api_key.reveal().strip())
        elif settings.auth_token:
            headers["authorization"] = Secret(f"Bearer {settings.auth_token.reveal().strip()}")
        if settings.betas:
            headers["anthropic-beta"] = ",".join(settings.betas)
        return HttpRequest(url=self._url(settings), headers=headers, timeouts=settings.timeouts)


def _own(settings: Settings) -> Mapping[str, ModelFacts]:
    return {name: evolve(facts, source=facts.source or _CONFIGURED) for name, facts in settings.models.items()}


def _facts(settings: Settings) -> Mapping[str, ModelFacts]:
    """Give what is known of models, whoever serves them; what the user says beats this plugin's table."""
    return {**known_models(), **_own(settings)}
