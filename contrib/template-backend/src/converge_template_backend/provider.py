"""The provider type ``template_backend``: what can be configured, which models there are, how one is opened."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from converge_provider import ChatBackendDescriptor, ConfigurationError, ProviderError, Secret, from_environ
from converge_provider.http import HttpRequest, Timeouts, as_list, as_object, canonical_url, classify, parsed
from converge_template_backend.models import ModelFacts, describe, known_models

if TYPE_CHECKING:
    from converge_provider.http import HttpChatBackend

__all__ = ("Settings", "TemplateBackend")

_URL = "https://api.tiny.example/v1"
_MOST_MODELS = 1_000


@frozen(kw_only=True)
class Settings:
    """What can be configured."""

    base_url: str = field(default=_URL, metadata=from_environ("TEMPLATE_BACKEND_BASE_URL"))
    """Where the service answers."""
    api_key: Secret = field(default=Secret(), metadata=from_environ("TEMPLATE_BACKEND_API_KEY"))
    timeouts: Timeouts = Timeouts()


@frozen
class TemplateBackend:
    """How to talk to the service."""

    name: str = "template_backend"
    display_name: str = "Template Backend"
    default_model: str | None = "tiny-1"
    settings: type[Settings] = Settings

    def missing(self, settings: Settings) -> Sequence[str]:
        """Name what is not configured."""
        return () if settings.api_key.reveal().strip() else ("TEMPLATE_BACKEND_API_KEY",)

    def descriptors(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """Describe the models that are known without asking."""
        del settings  # they are the same for everybody
        return [describe(name, facts) for name, facts in known_models().items()]

    def open(self, descriptor: ChatBackendDescriptor, settings: Settings) -> "HttpChatBackend":
        """
        Make the handle of one model.

        Raises:
            ConfigurationError: There is no key, or the address is none.

        """
        from converge_provider.http import HttpChatBackend
        from converge_template_backend.wire import Chat

        if self.missing(settings):
            message = f"{self.display_name} is not configured: TEMPLATE_BACKEND_API_KEY missing"
            raise ConfigurationError(message)
        return HttpChatBackend(
            descriptor=descriptor,
            wire=Chat(model=str(descriptor.model), template=_template(settings)),
            key="the API key (TEMPLATE_BACKEND_API_KEY, unless configured otherwise)",
            address="the base URL (TEMPLATE_BACKEND_BASE_URL, unless configured otherwise)",
        )

    async def discover(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """
        Ask the service for its models.

        Raises:
            LlmError: It did not answer, or refused.

        """
        from converge_provider.http import open_transport
        from converge_template_backend.wire import RULES, Chat

        transport = open_transport()
        try:
            response = await transport.send(Chat(model="", template=_template(settings)).health())
        finally:
            await transport.aclose()
        if not 200 <= response.status < 300:
            raise classify(response, RULES, provider=self.name, backend=f"{self.name}/", model="", now=time.time())
        document = as_object(parsed(response.body))
        if not isinstance(document.get("models"), list):
            message = "the service gave no list of models; check the base URL"
            raise ProviderError(message).annotate(provider=self.name)
        names = [as_object(one).get("name") for one in as_list(document["models"])[:_MOST_MODELS]]
        return [
            describe(name, known_models().get(name, ModelFacts())) for name in names if isinstance(name, str) and name
        ]


def _template(settings: Settings) -> HttpRequest:
    """
    Make what all requests share: the address, the key, the timeouts.

    Raises:
        ConfigurationError: The address is none, or no header can carry the key.

    """
    url = canonical_url(
        settings.base_url.strip() or _URL,
        service_url=_URL,
        setting="base_url of Template Backend",
        endpoints=("/chat", "/models"),
        version="v1",
    )
    headers = {"x-api-key": Secret(settings.api_key.reveal().strip())}
    return HttpRequest(url=url, headers=headers, timeouts=settings.timeouts)
