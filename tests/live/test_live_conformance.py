"""
The adapters, certified at real servers: vLLM, llama-cpp-python's, LiteLLM's proxy before both, llama.cpp's, and none.

``tox -e live`` installs the servers by name, starts them, and writes what it finds into ``reports``.
"""

from collections.abc import Generator

import anyio
import pytest
from live_environments import HOME
from live_servers import Server, litellm_before, llama_cpp_python, llamacpp, vllm
from live_subjects import PLANS, messages_subject

from converge_local.provider import Local, LocalSettings
from converge_local.pull import pull_model
from converge_provider import ChatRequest
from converge_provider.testing import ChatBackendConformance, Subject

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", name="llamacpp")
def llamacpp_fixture() -> Generator[Server, None, None]:
    """Start llama.cpp's own server."""
    with llamacpp() as server:
        yield server


@pytest.fixture(scope="module", name="lcp")
def lcp_fixture() -> Generator[Server, None, None]:
    """Start llama-cpp-python's server."""
    with llama_cpp_python() as server:
        yield server


@pytest.fixture(scope="module", name="vllm")
def vllm_fixture() -> Generator[Server, None, None]:
    """Start vLLM."""
    with vllm() as server:
        yield server


@pytest.fixture(scope="module", name="litellm")
def litellm_fixture(vllm: Server, lcp: Server) -> Generator[Server, None, None]:
    """Start LiteLLM's proxy in front of both."""
    with litellm_before(vllm, lcp) as server:
        yield server


class TestLlamaCpp(ChatBackendConformance):
    """llama.cpp's own server, by Chat Completions."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, llamacpp: Server) -> Subject:
        """Take its model."""
        return PLANS["llamacpp"].subject(llamacpp)


class TestLlamaCppMessages(ChatBackendConformance):
    """llama.cpp's own server, by Anthropic's Messages."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, llamacpp: Server) -> Subject:
        """Take its model."""
        return messages_subject(llamacpp)


class TestLlamaCppPython(ChatBackendConformance):
    """A server that nobody has a row for, from configuration alone; it calls tools."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, lcp: Server) -> Subject:
        """Take its model."""
        return PLANS["llama_cpp_python"].subject(lcp)


class TestVllm(ChatBackendConformance):
    """vLLM, with a parser of calls."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, vllm: Server) -> Subject:
        """Take its model."""
        return PLANS["vllm"].subject(vllm)


class TestLiteLlmBeforeVllm(ChatBackendConformance):
    """LiteLLM's proxy, with vLLM behind it."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, litellm: Server, vllm: Server) -> Subject:
        """Take the model behind it."""
        return PLANS["litellm_vllm"].subject(litellm.before(vllm))


class TestLiteLlmBeforeLlamaCppPython(ChatBackendConformance):
    """LiteLLM's proxy, with llama-cpp-python's server behind it."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, litellm: Server, lcp: Server) -> Subject:
        """Take the model behind it."""
        return PLANS["litellm_lcp"].subject(litellm.before(lcp))


@pytest.fixture(scope="module")
def local() -> Generator[Subject, None, None]:
    """Give the model in this process, and keep it loaded from one check to the next."""
    home = str(HOME / "local")
    pull_model("smollm2", home=home)
    settings = LocalSettings(home=home, context_tokens=1024, threads=1, max_output_tokens=48)
    (descriptor,) = Local().descriptors(settings)
    keeper = Local().open(descriptor, settings)
    anyio.run(keeper.chat, ChatRequest.of("Hello"))
    yield Subject.live_of_type(
        Local(), str(descriptor.model), settings=settings, distribution="converge-local", server="in this process"
    )
    anyio.run(keeper.aclose)


class TestLocal(ChatBackendConformance):
    """The model in this process."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, local: Subject) -> Subject:
        """Give the model that is loaded."""
        return local
