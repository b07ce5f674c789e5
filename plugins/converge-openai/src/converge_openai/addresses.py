"""Where a service is asked: from what a user wrote to the base URL, and to the place of a chat."""

import re
from urllib.parse import urlsplit

from converge_openai.services import Service
from converge_provider.http import canonical_url, host_of

__all__ = ("base_of", "chat_url")

_ENDPOINTS = ("/chat/completions", "/models", "/completions")
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")


def base_of(service: Service, written: str) -> str:
    """
    Give the base URL of a service.

    Of the vendor's own host the path is known, so ``https://api.groq.com`` and ``https://api.groq.com/v1`` lead to
    ``https://api.groq.com/openai/v1``.

    Raises:
        ConfigurationError: What was written is no address of an HTTP server.

    """
    lead = service.version.rpartition("/")[0]
    made = canonical_url(
        written.strip().rstrip("/").removesuffix(f"/{lead}") if lead else written,
        service_url=service.base_url,
        setting=f"base_url of {service.display_name}",
        endpoints=_ENDPOINTS,
        version=service.version,
    )
    bare = urlsplit(made).path in {"", "/", "/v1", f"/{service.version}"}
    return service.base_url if bare and host_of(made) == host_of(service.base_url) else made


def chat_url(service: Service, base: str, *, model: str, api_version: str = "", chat_path: str = "") -> str:
    """
    Give the place where chats with a model are posted.

    Args:
        service: The service.
        base: Its base URL.
        model: The model, which dated interfaces name in the path.
        api_version: The interface's version, for services that date theirs.
        chat_path: Where the user has chats posted; empty: where the service has it.

    """
    if service.dated_path and _DATED.fullmatch(api_version):
        place = service.dated_path.format(model=model)
        return f"{base.removesuffix('/v1')}/{place}?api-version={api_version}"
    place = f"{base}/{chat_path.strip('/') or service.chat_path}"
    return f"{place}?api-version={api_version}" if api_version else place
