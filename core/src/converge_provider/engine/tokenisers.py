"""
The tokenisers that are at hand: a library that is installed, with tables that are on this machine.

Nothing is ever downloaded: tiktoken fetches tables that it lacks, so it is used only where its own cache holds them,
unharmed.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ("Tokenisers",)

log: logging.Logger = logging.getLogger("converge_provider.engine")

_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
"""What tiktoken calls a table, by whose SHA-1 it keeps the file."""

_SHA256 = {
    "r50k_base": "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
    "p50k_base": "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
"""The digests by which tiktoken takes a kept table for whole; of another one it would fetch a new copy."""

_MOST_BYTES = 2**26
_MOST_KEPT = 32

Encode = Callable[[str], int]


class Tokenisers:
    """
    Count tokens by what backends claim, as far as it is at hand.

    That is ``tiktoken:NAME`` (the library tiktoken, with the table in its cache) and ``file:PATH`` (the library
    tokenizers, with a ``tokenizer.json``).

    A tokeniser is loaded once, by a thread of its own, since that takes a good part of a second; until then, and when
    it cannot be had, there is no count and the estimate stands.  May be used from several threads.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Take the environment, which says where tiktoken keeps its tables; ``None``: the process's."""
        self._environ = os.environ if environ is None else environ
        self._known: dict[str, Encode | None] = {}
        self._loading: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def count(self, name: str, text: str) -> int | None:
        """Count at once if the tokeniser is loaded; otherwise begin to load it and give ``None``."""
        if name not in self._known:
            self._begin(name)
            return None
        return _tokens(self._known[name], text)

    def count_patiently(self, name: str, text: str) -> int | None:
        """Count, waiting for the tokeniser to be loaded; not for an event loop."""
        if name not in self._known:
            self._begin(name).join()
        return _tokens(self._known.get(name), text)

    def _begin(self, name: str) -> threading.Thread:
        with self._lock:
            thread = self._loading.get(name)
            if thread is None:
                thread = threading.Thread(target=self._load, args=(name,), name="converge-tokeniser", daemon=True)
                self._loading[name] = thread
                thread.start()
            return thread

    def _load(self, name: str) -> None:
        found: Encode | None = None
        try:
            if len(self._known) < _MOST_KEPT:
                found = self._found(name)
        except Exception as exc:  # noqa: BLE001 - a broken table or library must not harm a call
            log.warning("the tokeniser %r cannot be loaded: %s; tokens are estimated", name, type(exc).__name__)
        self._known[name] = found

    def _found(self, name: str) -> Encode | None:
        from importlib.util import find_spec  # only when a backend claims one

        scheme, _, rest = name.partition(":")
        if scheme == "tiktoken" and find_spec("tiktoken") is not None and self._is_kept(rest):
            encoding: Any = import_module("tiktoken").get_encoding(rest)
            return lambda text: len(encoding.encode_ordinary(text))
        if scheme == "file" and find_spec("tokenizers") is not None:
            tokeniser: Any = import_module("tokenizers").Tokenizer.from_str(_text(Path(rest)))
            return lambda text: len(tokeniser.encode(text, add_special_tokens=False).ids)
        return None

    def _is_kept(self, name: str) -> bool:
        """Say whether tiktoken has a table in its cache, unharmed, so that it will not go to fetch it."""
        import hashlib  # only where tiktoken is
        import tempfile

        default = str(Path(tempfile.gettempdir()) / "data-gym-cache")
        folder = self._environ.get("TIKTOKEN_CACHE_DIR", self._environ.get("DATA_GYM_CACHE_DIR", default))
        if not folder or name not in _SHA256:
            return False
        file = Path(folder) / hashlib.sha1(_URL.format(name).encode(), usedforsecurity=False).hexdigest()
        return file.is_file() and hashlib.sha256(_bytes(file)).hexdigest() == _SHA256[name]


def _tokens(encode: Encode | None, text: str) -> int | None:
    if encode is None:
        return None
    try:
        return encode(text)
    except Exception as exc:  # noqa: BLE001 - such as half a surrogate pair, which no table knows
        log.warning("a tokeniser cannot read a text: %s; tokens are estimated", type(exc).__name__)
        return None


def _text(file: Path) -> str:
    return _bytes(file.expanduser()).decode()


def _bytes(file: Path) -> bytes:
    if not file.is_file():
        message = f"{file.name} is no file"
        raise FileNotFoundError(message)
    with file.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        message = f"{file.name} is larger than {_MOST_BYTES} bytes"
        raise ValueError(message)
    return content
