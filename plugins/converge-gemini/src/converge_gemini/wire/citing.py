"""Sources that an answer rests on, in the shapes in which the service names them."""

from collections.abc import Iterator, Mapping
from typing import Any

from converge_provider import Citation
from converge_provider.http import as_list, as_object

__all__ = ("citations_in",)

_GROUNDS = ("web", "retrievedContext", "maps", "image")


def citations_in(candidate: Mapping[str, Any]) -> Iterator[Citation]:
    """Give the sources of a candidate: what a search found, what a page was read for, what is quoted."""
    for chunk in as_list(as_object(candidate.get("groundingMetadata")).get("groundingChunks")):
        for kind in _GROUNDS:
            yield from _citation(as_object(as_object(chunk).get(kind)))
    quoted = as_object(candidate.get("citationMetadata"))
    for source in (*as_list(quoted.get("citationSources")), *as_list(quoted.get("citations"))):
        yield from _citation(as_object(source))
    for read in as_list(as_object(candidate.get("urlContextMetadata")).get("urlMetadata")):
        if as_object(read).get("urlRetrievalStatus") == "URL_RETRIEVAL_STATUS_SUCCESS":
            yield from _citation({"uri": as_object(read).get("retrievedUrl")})


def _citation(raw: Mapping[str, Any]) -> Iterator[Citation]:
    url, title, text = (raw[key] if isinstance(raw.get(key), str) else None for key in ("uri", "title", "text"))
    if url is not None:
        yield Citation(url, title, text)
