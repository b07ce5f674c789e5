"""What a backend may claim, and where each claim is read."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from converge_provider.contract.backends import ChatBackend
from converge_provider.testing.conformance.subjects import Subject
from converge_provider.values.claims import Claims
from converge_provider.values.descriptors import BackendDescriptor
from converge_provider.values.identity import Capability

__all__ = ("FEATURES", "Feature", "claimed_features", "claims_of")


def claims_of(subject: Subject) -> Claims:
    """Give the claims beyond the contract's fields."""
    return subject.descriptor.claims if isinstance(subject.descriptor, BackendDescriptor) else Claims()


Read: TypeAlias = Callable[[Subject, ChatBackend], bool]


@frozen
class Feature:
    """Something that a backend may claim."""

    claimed: Read
    """Whether a subject claims it; the backend is opened for it."""
    where: str
    """Where the claim is read, for people."""
    implicit: bool = False
    """Whether it counts as claimed although nobody said so, and may be excused with a reason."""


def _always(_subject: Subject, _backend: ChatBackend) -> bool:
    return True


_EVERY = Feature(_always, "every backend", implicit=True)


def _contract(field: str) -> Feature:
    """Claim a field of the contract unless the claims speak of fields and leave it out."""

    def claimed(subject: Subject, _backend: ChatBackend) -> bool:
        honours = claims_of(subject).honours
        return honours is None or field in honours

    return Feature(claimed, "`claims.honours`, where it is stated", implicit=True)


def _honours(field: str) -> Feature:
    return Feature(lambda subject, _backend: field in (claims_of(subject).honours or ()), "`claims.honours`")


def _flag(name: str, capability: Capability, modality: str = "") -> Feature:
    def claimed(subject: Subject, _backend: ChatBackend) -> bool:
        stated = claims_of(subject).capabilities.get(capability)
        flag = bool(getattr(subject.descriptor.capabilities, name)) if stated is None else stated
        return flag or modality in (claims_of(subject).input_modalities or ())

    further = f" or `claims.input_modalities` ({modality})" if modality else ""
    return Feature(claimed, f"`capabilities.{name}`, `claims.capabilities`{further}")


def _modality(name: str) -> Feature:
    def claimed(subject: Subject, _backend: ChatBackend) -> bool:
        return name in (claims_of(subject).input_modalities or ())

    return Feature(claimed, f"`claims.input_modalities` ({name})")


def _method(name: str) -> Feature:
    def claimed(_subject: Subject, backend: ChatBackend) -> bool:
        return callable(getattr(backend, name, None))

    return Feature(claimed, f"the backend has `{name}()`", implicit=True)


FEATURES: Final[Mapping[str, Feature]] = {
    "chat": _EVERY,
    "system": _EVERY,
    "multi_turn": _EVERY,
    "stop_sequences": _contract("stop_sequences"),
    "max_tokens": _contract("max_tokens"),
    "temperature": _contract("temperature"),
    "top_p": _honours("top_p"),
    "seed": _honours("seed"),
    "extra": _EVERY,
    "usage": _EVERY,
    "cached_usage": _EVERY,
    "reasoning_usage": _EVERY,
    "finish_reasons": _EVERY,
    "streaming": _method("stream"),
    "tools": _flag("tool_use", Capability.TOOL_USE),
    "tool_choice": _honours("tool_choice"),
    "parallel_tool_calls": _honours("parallel_tool_calls"),
    "response_formats": _EVERY,
    "response_schema": _honours("response_schema"),
    "images": _flag("vision", Capability.IMAGE_UNDERSTANDING, "image"),
    "documents": _modality("document"),
    "audio": _modality("audio"),
    "reasoning": _flag("reasoning", Capability.REASONING),
    "reasoning_effort": _honours("reasoning_effort"),
    "cache_hints": _honours("cache_hints"),
    "replay": Feature(lambda subject, _: bool(claims_of(subject).supports_replay), "`claims.supports_replay`"),
    "errors": _EVERY,
    "overflow": _EVERY,
    "filtering": _EVERY,
    "list_models": Feature(lambda subject, _: subject.discover is not None, "the type has `discover()`", implicit=True),
    "health": _method("health"),
    "closing": _method("aclose"),
    "conduct": _EVERY,
}
"""Every feature by its name."""


def claimed_features(subject: Subject, backend: ChatBackend) -> frozenset[str]:
    """Name the features that a backend claims."""
    return frozenset(name for name, feature in FEATURES.items() if feature.claimed(subject, backend))
