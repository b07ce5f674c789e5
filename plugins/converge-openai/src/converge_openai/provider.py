"""One provider type per row of the table of services."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from converge_openai.addresses import base_of, chat_url
from converge_openai.describing import describe, dialect_of
from converge_openai.facts import ModelFacts
from converge_openai.services import Service, services
from converge_openai.settings import Settings, settings_class
from converge_provider import ChatBackendDescriptor, ConfigurationError, Secret
from converge_provider.http import HttpRequest

if TYPE_CHECKING:
    from converge_provider import LocalEngine, LocalPlace
    from converge_provider.http import HttpChatBackend

__all__ = ("OpenAiCompatible", "provider_types")

_CONFIGURED = "the provider's configuration"


@frozen
class OpenAiCompatible:
    """How to talk to one service that speaks Chat Completions."""

    service: Service
    settings: type[Settings] = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "settings", settings_class(self.service))

    @property
    def name(self) -> str:
        """The type's name."""
        return self.service.name

    @property
    def display_name(self) -> str:
        """The name for people."""
        return self.service.display_name

    @property
    def default_model(self) -> str | None:
        """The model to use when nobody says which."""
        return self.service.default_model

    def missing(self, settings: Settings) -> Sequence[str]:
        """Name the variables that must be set: the key of a vendor, the address of an engine of one's own."""
        address = self.service.needs_address and not settings.base_url.strip()
        key = self.service.needs_key and not settings.api_key and not _token(settings)
        wanted = ((address, self.service.base_url_variable), (key, self.service.key_variable))
        return [variable for is_missing, variable in wanted if is_missing]

    def descriptors(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """Describe the models of this plugin's table and of the configuration."""
        url = self._url_or_none(settings)
        return [describe(self.service, name, facts, url) for name, facts in self._models(settings).items()]

    def open(self, descriptor: ChatBackendDescriptor, settings: Settings) -> "HttpChatBackend":
        """
        Make the handle of one model.

        Raises:
            ConfigurationError: The address is none, or the key holds what no header may.

        """
        from converge_openai.backend import ChatCompletions  # registering needs none of these
        from converge_openai.errors import rules_of
        from converge_openai.routes import routes_of
        from converge_provider.http import HttpChatBackend

        missing = self.missing(settings)
        if missing:
            message = f"{self.display_name} is not configured: {', '.join(missing)} missing"
            raise ConfigurationError(message)
        name = str(descriptor.model)
        facts = self._models(settings).get(name, ModelFacts())
        template = self._template(settings)
        wire = ChatCompletions(
            dialect=dialect_of(self.service, name, facts),
            template=template,
            chat_url=self._chat_url(template.url, name, settings),
            health_path=self.service.health_path,
            rules=rules_of(self.service.name),
        )
        return HttpChatBackend(
            descriptor=descriptor,
            wire=wire,
            routes=routes_of(self.service, template, wire.chat_url),
            kept_headers=self.service.kept_headers,
            key=f"the API key ({self.service.key_variable}, unless configured otherwise)",
            address=f"the base URL ({self.service.base_url_variable}, unless configured otherwise)",
        )

    @property
    def local(self) -> "LocalPlace | None":
        """Where engines of this service usually answer, if they can be looked for."""
        service, port = self.service, urlsplit(self.service.base_url).port
        if service.local_rank is None or port is None:
            return None
        from converge_openai.recognising import prepare
        from converge_provider import LocalPlace

        prepare()
        return LocalPlace(port=port, rank=service.local_rank, start=service.start)

    async def recognise(self, url: str) -> "LocalEngine | None":
        """
        Ask whether an engine of this service answers at an address.

        Raises:
            LlmError: Nobody answers there.

        """
        from converge_openai.recognising import recognise

        return await recognise(self.service, url)

    async def discover(self, settings: Settings) -> Sequence[ChatBackendDescriptor]:
        """
        Ask the service for its models; an engine whose address is not configured is looked for at its usual port.

        Raises:
            LlmError: It did not answer, or refused.
            ConfigurationError: Nobody has said where it answers, or it lists no models.

        """
        from converge_openai.listing import list_models, with_listed

        if not self.service.models_path:
            message = f"{self.display_name} does not say which models it has: name them under models"
            raise ConfigurationError(message)
        template = self._template(settings)
        known = self._models(settings)
        listed = await list_models(template, provider=self.name, path=self.service.models_path)
        facts = {model.id: with_listed(known.get(model.id, ModelFacts()), model, template.url) for model in listed}
        return [describe(self.service, name, one, template.url) for name, one in facts.items()]

    def _models(self, settings: Settings) -> Mapping[str, ModelFacts]:
        """Give what is known of models: the table's facts, and before them the user's."""
        own = {name: evolve(facts, source=facts.source or _CONFIGURED) for name, facts in settings.models.items()}
        return {**self.service.models, **own}

    def _url_or_none(self, settings: Settings) -> str | None:
        written = settings.base_url.strip() or ("" if self.service.needs_address else self.service.base_url)
        try:
            return base_of(self.service, written) if written else None
        except ConfigurationError:
            return None  # said when the backend is opened

    def _chat_url(self, base: str, model: str, settings: Settings) -> str:
        version, path = (str(getattr(settings, name, "")).strip() for name in ("api_version", "chat_path"))
        return chat_url(self.service, base, model=model, api_version=version, chat_path=path)

    def _template(self, settings: Settings) -> HttpRequest:
        """Make what all requests to this service share: the base URL, the headers, the timeouts."""
        written = settings.base_url.strip() or self.service.base_url
        if not written:
            message = f"nobody has said where {self.display_name} answers: set {self.service.base_url_variable}"
            raise ConfigurationError(message)
        headers: dict[str, str | Secret] = {"content-type": "application/json"}
        if _token(settings):
            headers["authorization"] = Secret(f"Bearer {_token(settings).reveal().strip()}")
        elif settings.api_key:
            key = f"{self.service.key_scheme} {settings.api_key.reveal().strip()}".strip()
            headers[self.service.key_header] = Secret(key)
        for name, header in self.service.headers.items():
            value = str(getattr(settings, name)).strip()
            if value:
                headers[header] = value
        url = base_of(self.service, written)
        try:
            return HttpRequest(method="POST", url=url, headers=headers, timeouts=settings.timeouts)
        except ConfigurationError as exc:
            further = (self.service.token_variable, *self.service.header_variables.values())
            names = (self.service.key_variable, *filter(None, further))
            message = f"{exc}; look at what sets it: {', '.join(names)}, unless configured otherwise"
            raise ConfigurationError(message) from exc


def _token(settings: Settings) -> Secret:
    """Give the token that stands for a key, where the service takes one; it wins over a key."""
    token = getattr(settings, "token", None)
    return token if isinstance(token, Secret) else Secret()


def provider_types() -> Sequence[OpenAiCompatible]:
    """Make the provider type of every service."""
    return [OpenAiCompatible(service) for service in services().values()]
