"""Base URLs as users write them."""

import pytest

from converge_provider import ConfigurationError
from converge_provider.http import canonical_url, host_of

SERVICE = "http://localhost:11434/v1"
ENDPOINTS = ("/chat/completions", "/models")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://api.example", "https://api.example/v1"),
        ("https://api.example/", "https://api.example/v1"),
        ("https://api.example/v1", "https://api.example/v1"),
        ("https://api.example/v1///", "https://api.example/v1"),
        ("https://api.example/api/v1/chat/completions", "https://api.example/api/v1"),
        ("https://api.example/openai/v1beta", "https://api.example/openai/v1beta"),
        ("https://api.example/paas/v4/", "https://api.example/paas/v4"),
        ("https://api.example/gateway", "https://api.example/gateway/v1"),
        (" http://GPU2:9000 ", "http://gpu2:9000/v1"),
        ("gpu2", "http://gpu2:11434/v1"),
        ("gpu2:9000", "http://gpu2:9000/v1"),
        (":9000", "http://127.0.0.1:9000/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("http://[::1]:9000", "http://[::1]:9000/v1"),
        ("[::]:9000", "http://[::1]:9000/v1"),
        ("http://gpu2", "http://gpu2/v1"),
    ],
    ids=repr,
)
def test_address_is_made_one_form(written: str, expected: str) -> None:
    """With or without scheme, port, version, endpoint and slashes, one form comes out; what Ollama takes is taken."""
    assert canonical_url(written, service_url=SERVICE, setting="base_url", endpoints=ENDPOINTS) == expected
    assert canonical_url(expected, service_url=SERVICE, setting="base_url", endpoints=ENDPOINTS) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("https://api.example", "https://api.example/v1beta"), ("https://api.example/v1", "https://api.example/v1")],
)
def test_address_gets_the_version_of_its_service(written: str, expected: str) -> None:
    """A service whose version is another gets that; what the user wrote is left alone."""
    assert canonical_url(written, service_url="", setting="base_url", version="v1beta") == expected


def test_address_of_a_service_without_versions_gets_none() -> None:
    """Where base URLs end in no version, none is added."""
    assert (
        canonical_url("https://api.example/", service_url="", setting="base_url", version="") == "https://api.example"
    )


@pytest.mark.parametrize(
    "written", ["ftp://a.example", "http://me:pw@a.example", "http://a.example/v1?key=1", "a:99999"]
)
def test_address_that_cannot_be_one_is_refused(written: str) -> None:
    """What is no address of a server is refused in one line that names the setting, and repeats no credentials."""
    with pytest.raises(ConfigurationError, match="base_url is not the address of a server") as caught:
        canonical_url(written, service_url=SERVICE, setting="base_url")

    assert "pw" not in str(caught.value)


def test_host_of_an_address_is_in_lower_case() -> None:
    """The host comes without its port, or empty where there is none."""
    assert (host_of("http://GPU2:8000/v1"), host_of("")) == ("gpu2", "")
