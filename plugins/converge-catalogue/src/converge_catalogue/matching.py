"""Which offer is a backend's: by the service that it says it is of, and by its model's name; in doubt none."""

import re
from collections.abc import Mapping

from converge_catalogue.offers import Offer, Service

__all__ = ("find_offer", "service_ids", "service_name")

_IDS: Mapping[str, tuple[str, str]] = {
    "bedrock": ("aws", "amazon-bedrock"),
    "fireworks": ("fireworks", "fireworks-ai"),
    "gemini": ("google", "google"),
    "grok": ("x-ai", "xai"),
    "kimi": ("moonshotai", "moonshotai"),
    "novita": ("novita", "novita-ai"),
    "qwen": ("alibaba", "alibaba"),
    "together": ("together", "togetherai"),
    "zhipu": ("zhipuai", "zhipuai"),
}
"""What the sources call services that have other names here; any other service is called the same everywhere."""

_DATED = re.compile(r"(?P<name>.+)[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2})")


def service_ids(service: str) -> tuple[str, str]:
    """
    Give the ids of a service in the two sources, prices first.

    Example:
        >>> service_ids("grok"), service_ids("openai")
        (('x-ai', 'xai'), ('openai', 'openai'))

    """
    return _IDS.get(service, (service, service))


def service_name(service_id: str, source: str) -> str:
    """
    Give the name here of a service of a source, ``prices`` or ``facts``.

    Example:
        >>> service_name("x-ai", "prices"), service_name("xai", "facts"), service_name("openai", "facts")
        ('grok', 'grok', 'openai')

    """
    place = ("prices", "facts").index(source)
    return next((name for name, ids in _IDS.items() if ids[place] == service_id), service_id)


def find_offer(service: Service, model: str) -> Offer | None:
    """
    Give the one offer that a model's name means.

    A name is one that the source lists, in any case, or, where the source says that dates of versions are added to a
    name, that name and a date.  Other beginnings, likenesses and patterns are never taken for names, and a name that
    means two offers means none.
    """
    called = model.lower()
    place = service.names.get(called, service.dated.get(called))
    if place is None:
        found = _DATED.fullmatch(called)
        place = None if found is None else service.dated.get(found["name"])
    return None if place is None or not 0 <= place < len(service.offers) else service.offers[place]
