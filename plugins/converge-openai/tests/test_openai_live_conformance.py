"""The adapter certified live, against llama.cpp's own server: it babbles, and the checks look at shapes."""

from collections.abc import Generator, Sequence

import anyio
import pytest

from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import ChatBackendDescriptor, Secret
from converge_provider.testing import ChatBackendConformance, Endpoint, Subject
from converge_provider.testing.llamacpp import llamacpp_server

pytestmark = pytest.mark.real

KEY = Secret("sk-planted-live-0123456789")


@pytest.fixture(scope="module")
def subject() -> Generator[Subject, None, None]:
    """Start the server once, and describe the one model that it lists."""
    llama = OpenAiCompatible(services()["llamacpp"])
    with llamacpp_server(key=KEY.reveal()) as url:
        settings = llama.settings(base_url=url, api_key=KEY)

        async def discover(_endpoint: Endpoint | None) -> Sequence[ChatBackendDescriptor]:
            return await llama.discover(settings)

        (descriptor, *_) = anyio.run(discover, None)
        yield Subject(
            descriptor=descriptor,
            distribution="converge-openai",
            live=lambda: llama.open(descriptor, settings),
            discover=discover,
            exceptions={"live.tool-named": "the server takes no demand for one tool, only for any"},
            secrets=[KEY],
        )


class TestLlamacpp(ChatBackendConformance):
    """A real server on loopback, with a key."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, subject: Subject) -> Subject:
        """Give the model that is served."""
        return subject
