"""The models that a server has, and what it states of them."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from converge_provider.http import as_list, as_object, token_limit

__all__ = ("ShownModel", "names_in", "served_in", "shown")

_WORDS = {"tools": "tool_use", "vision": "vision", "thinking": "reasoning"}
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,10})\s*$", re.MULTILINE)


@frozen(kw_only=True)
class ShownModel:
    """One model; what the server does not state is ``None``."""

    chats: bool = True
    """Whether it answers at all; models for embeddings do not."""
    able: tuple[str, ...] = ()
    unable: tuple[str, ...] = ()
    trained_tokens: int | None = None
    """The context that it was made for."""
    served_tokens: int | None = None
    """The context that its own parameters ask for."""
    is_remote: bool = False


def names_in(document: Mapping[str, Any]) -> list[str]:
    """Read ``GET /api/tags``: the names, in the server's order, each once."""
    entries = (as_object(entry) for entry in as_list(document.get("models")))
    names = [entry.get("model") or entry.get("name") for entry in entries]
    return list(dict.fromkeys(name for name in names if isinstance(name, str) and name.strip()))


def served_in(document: Mapping[str, Any]) -> dict[str, int]:
    """Read ``GET /api/ps``: the context with which each loaded model is being served."""
    entries = [as_object(entry) for entry in as_list(document.get("models"))]
    found = {
        str(entry.get("model") or entry.get("name")): token_limit(entry.get("context_length")) for entry in entries
    }
    return {name: count for name, count in found.items() if count is not None}


def shown(document: Mapping[str, Any]) -> ShownModel:
    """Read ``POST /api/show``: what a model can do, and the contexts that it was made for and asks for."""
    parameters = document.get("parameters")
    served = _NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    model = ShownModel(
        trained_tokens=_trained(as_object(document.get("model_info"))),
        served_tokens=int(served[1]) or None if served else None,
        is_remote=bool(document.get("remote_host") or document.get("remote_model")),
    )
    words = document.get("capabilities")
    if not isinstance(words, list):  # servers before 0.6.4
        return model
    stated = as_list(document.get("capabilities"))
    return evolve(
        model,
        chats="completion" in stated,
        able=tuple(flag for word, flag in _WORDS.items() if word in stated),
        unable=tuple(flag for word, flag in _WORDS.items() if word not in stated),
    )


def _trained(information: Mapping[str, Any]) -> int | None:
    """Find ``llama.context_length``, whatever the architecture is called."""
    family = information.get("general.architecture")
    exact = token_limit(information.get(f"{family}.context_length"))
    found = (token_limit(value) for key, value in information.items() if key.endswith(".context_length"))
    return exact or next((count for count in found if count is not None), None)
