"""The id of a decision: the hash of everything that it depends on."""

import hashlib
import json
from typing import TYPE_CHECKING

from converge_provider.codec import dump

if TYPE_CHECKING:
    from converge_provider.selection.record import Record
    from converge_provider.selection.rows import PolicyUse
    from converge_provider.values.requests import ChatRequest

__all__ = ("digest_of", "hash_of", "identify")

_DIGITS = 16
"""64 bits: among a million decisions, two share an id with a chance of one in forty million."""


def identify(record: "Record") -> str:
    """
    Hash the catalogue, the question, the policies, the seed and the time.

    Returns:
        16 hexadecimal digits of a SHA-256, from which no prompt can be read.

    """
    question = record.question
    inputs = {
        "catalogue": record.catalogue.digest,
        "criteria": dump(question.criteria),
        "provider": question.provider,
        "backend": question.backend,
        "request": question.request_digest if question.request is None else digest_of(question.request),
        "policies": [_of_policy(use) for use in record.uses],
        "barred": dump(question.barred),
        "seed": record.seed,
        "time": record.time,
    }
    if question.needs.counted:
        inputs["counted"] = dict(question.needs.counted)
    if question.constraints is not None:
        inputs["constraints"] = dump(question.constraints)
    if record.state is not None:
        inputs["state"] = record.state.digest
    return hash_of(inputs)


def _of_policy(use: "PolicyUse") -> list[object]:
    tier = [use.tier, use.epsilon] if use.tier or use.epsilon else []
    return [use.name, use.weight, use.options, *tier]


def digest_of(request: "ChatRequest") -> str:
    """Hash a request, as it enters the id."""
    return hash_of(dump(request))


def hash_of(document: object) -> str:
    """Hash a JSON document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
