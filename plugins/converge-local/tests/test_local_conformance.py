"""The real model, certified live: it babbles, and the checks look at the shape of what it says."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from converge_local.provider import Local, LocalSettings
from converge_local.pull import pull_model
from converge_provider import ChatRequest
from converge_provider.testing import ChatBackendConformance, Subject

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    """Give the model, and keep it loaded from one check to the next."""
    home = os.environ.get("CONVERGE_TEST_WEIGHTS") or str(Path(sys.prefix) / "converge-test-weights")
    pull_model("smollm2", home=home)
    settings = LocalSettings(home=home, context_tokens=1024, threads=1, max_output_tokens=48)
    (descriptor,) = Local().descriptors(settings)
    keeper = Local().open(descriptor, settings)
    anyio.run(keeper.chat, ChatRequest.of("Hello"))
    yield Subject(
        descriptor=descriptor,
        distribution="converge-local",
        live=lambda: Local().open(descriptor, settings),
    )
    anyio.run(keeper.aclose)


class TestLocal(ChatBackendConformance):
    """SmolLM2 inside this process."""

    kinds = ("live",)

    @pytest.fixture
    def conformance_subject(self, subject: Subject) -> Subject:
        """Give the model that is loaded."""
        return subject
