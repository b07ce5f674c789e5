"""What a backend may claim, and where each claim is read."""

from collections.abc import Callable, Mapping

from converge_provider.contract.backends import ChatBackend
from converge_provider.testing.conformance.subjects import Subject
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import BackendDescriptor
from converge_provider.values.identity import Capability

__all__ = ("FEATURES", "IMPLICIT", "claimed_features", "claims_of")


def claims_of(subject: Subject) -> Claims:
    """Give the claims beyond the contract's fields."""
    return subject.descriptor.claims if isinstance(subject.descriptor, BackendDescriptor) else Claims()


def _always(_subject: Subject, _backend: ChatBackend) -> bool:
    return True


def _contract(field: str) -> Callable[[Subject, ChatBackend], bool]:
    """Claim a field of the contract unless the claims speak of fields and leave it out."""

    def claimed(subject: Subject, _backend: ChatBackend) -> bool:
        honours = claims_of(subject).honours
        return honours is None or field in honours

    return claimed


def _honours(field: str) -> Callable[[Subject, ChatBackend], bool]:
    return lambda subject, _backend: field in (claims_of(subject).honours or ())


def _flag(name: str, capability: Capability) -> Callable[[Subject, ChatBackend], bool]:
    def claimed(subject: Subject, _backend: ChatBackend) -> bool:
        stated = claims_of(subject).capabilities.get(capability)
        return bool(getattr(subject.descriptor.capabilities, name)) if stated is None else stated

    return claimed


def _modality(name: str) -> Callable[[Subject, ChatBackend], bool]:
    return lambda subject, _backend: name in (claims_of(subject).input_modalities or ())


def _images(subject: Subject, backend: ChatBackend) -> bool:
    flag = _flag("vision", Capability.IMAGE_UNDERSTANDING)
    return flag(subject, backend) or _modality("image")(subject, backend)


def _method(name: str) -> Callable[[Subject, ChatBackend], bool]:
    return lambda _subject, backend: callable(getattr(backend, name, None))


FEATURES: Mapping[str, Callable[[Subject, ChatBackend], bool]] = {
    "chat": _always,
    "system": _always,
    "multi_turn": _always,
    "stop_sequences": _contract("stop_sequences"),
    "max_tokens": _contract("max_tokens"),
    "temperature": _contract("temperature"),
    "top_p": _honours("top_p"),
    "seed": _honours("seed"),
    "extra": _always,
    "usage": _always,
    "cached_usage": _always,
    "reasoning_usage": _always,
    "finish_reasons": _always,
    "streaming": _method("stream"),
    "tools": _flag("tool_use", Capability.TOOL_USE),
    "tool_choice": _honours("tool_choice"),
    "parallel_tool_calls": _honours("parallel_tool_calls"),
    "response_formats": _always,
    "response_schema": _honours("response_schema"),
    "images": _images,
    "documents": _modality("document"),
    "audio": _modality("audio"),
    "reasoning": _flag("reasoning", Capability.REASONING),
    "reasoning_effort": _honours("reasoning_effort"),
    "cache_hints": _honours("cache_hints"),
    "replay": lambda subject, _backend: bool(claims_of(subject).supports_replay),
    "errors": _always,
    "overflow": _always,
    "filtering": _always,
    "list_models": lambda subject, _backend: subject.discover is not None,
    "health": _method("health"),
    "closing": _method("aclose"),
    "conduct": _always,
}
"""Every feature, and how its claim is read from the subject and an opened backend."""

IMPLICIT = frozenset(name for name, claimed in FEATURES.items() if claimed is _always) | {
    "streaming",
    "stop_sequences",
    "max_tokens",
    "temperature",
    "list_models",
    "health",
    "closing",
}
"""What counts as claimed although nobody said so, and may be excused with a reason."""


def claimed_features(subject: Subject, backend: ChatBackend) -> frozenset[str]:
    """Name the features that a backend claims."""
    return frozenset(name for name, claimed in FEATURES.items() if claimed(subject, backend))
