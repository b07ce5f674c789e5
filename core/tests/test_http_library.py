"""Which library a transport stands on, and what is said where it is missing."""

import asyncio
import subprocess
import sys
from types import ModuleType
from typing import Literal

import pytest

from converge_provider import ConfigurationError, MissingExtraError
from converge_provider.http import Transport, open_transport

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run the tests that await on both event loops."""
    return str(request.param)


def library_of(transport: Transport) -> str:
    """Give the name of the library that a transport stands on."""
    return type(transport).__name__.removesuffix("Transport").lower()


async def test_transport_stands_on_aiohttp_where_asyncio_runs(anyio_backend: str) -> None:
    """Trio is served by httpx."""
    assert library_of(open_transport()) == ("aiohttp" if anyio_backend == "asyncio" else "httpx")


async def test_transport_stands_on_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable chooses; an argument counts more."""
    monkeypatch.setenv("CONVERGE_HTTP", "httpx")
    assert library_of(open_transport()) == "httpx"

    monkeypatch.setenv("CONVERGE_HTTP", "aiohttp")
    assert library_of(open_transport(library="httpx")) == "httpx"


async def test_transport_on_aiohttp_is_refused_where_asyncio_does_not_run(
    monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """Who asks for aiohttp gets it, or one line that says why not."""
    monkeypatch.setenv("CONVERGE_HTTP", "aiohttp")
    if anyio_backend == "asyncio":
        assert library_of(open_transport()) == "aiohttp"
        return
    with pytest.raises(ConfigurationError, match="needs a task of asyncio; httpx serves other event loops"):
        open_transport()


def test_transport_opened_where_nothing_runs_stands_on_httpx() -> None:
    """Without an event loop, what serves each of them is taken."""
    assert library_of(open_transport()) == "httpx"


def test_transport_on_a_loop_without_a_task_stands_on_httpx() -> None:
    """A callback of asyncio's loop may be trio as its guest, so that what serves both is taken."""
    loop = asyncio.new_event_loop()
    opened: list[Transport] = []
    loop.call_soon(lambda: opened.append(open_transport()))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()

    assert [library_of(transport) for transport in opened] == ["httpx"]


def test_library_that_nobody_knows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt name is a mistake rather than the usual choice."""
    monkeypatch.setenv("CONVERGE_HTTP", "aiohtp")
    with pytest.raises(ConfigurationError, match="CONVERGE_HTTP must be aiohttp or httpx, got 'aiohtp'"):
        open_transport()


@pytest.mark.parametrize("version", [None, "3.9.5"], ids=["missing", "old"])
def test_httpx_stands_in_for_aiohttp(version: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where aiohttp is missing or too old, httpx stands in; who asks for aiohttp is told what to install."""
    found = None if version is None else ModuleType("aiohttp")
    if found is not None:
        found.__dict__["__version__"] = version
    monkeypatch.setitem(sys.modules, "aiohttp", found)

    async def opened() -> str:
        return library_of(open_transport())

    assert asyncio.run(opened()) == "httpx"
    monkeypatch.setenv("CONVERGE_HTTP", "aiohttp")
    with pytest.raises(MissingExtraError) as caught:
        asyncio.run(opened())
    assert str(caught.value).startswith("the transport on aiohttp needs the extra [fast]")
    assert caught.value.remedy == "Run: pip install 'converge-provider[fast]'"


@pytest.mark.parametrize("library", ["aiohttp", "httpx"])
def test_library_that_is_there_and_broken_speaks_for_itself(library: str) -> None:
    """What a library needs and does not find is not mistaken for the library."""
    needed = {"aiohttp": "multidict", "httpx": "idna"}[library]
    code = (
        f"import asyncio, sys; sys.modules[{needed!r}] = None\n"
        "from converge_provider.http import open_transport\n"
        f"async def main(): open_transport(library={library!r})\n"
        "try: asyncio.run(main())\n"
        "except ModuleNotFoundError as exc: print(exc.name.partition('.')[0])"
    )

    assert run_python(code) == needed


def run_python(code: str) -> str:
    """Run code in an interpreter of its own."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_library_is_imported_when_a_transport_stands_on_it() -> None:
    """Only opening a transport costs the import of a library, and only of the one it stands on."""
    code = (
        "import asyncio, sys, converge_provider.http as h\n"
        "def there(): return [name in sys.modules for name in ('aiohttp', 'httpx')]\n"
        "async def main(): before = there(); h.open_transport(); between = there(); "
        "h.open_transport(library='httpx'); print(before, between, there())\n"
        "asyncio.run(main())"
    )

    assert run_python(code) == "[False, False] [True, False] [True, True]"


def test_missing_httpx_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, opening a transport says in one line what to install."""
    monkeypatch.delitem(sys.modules, "converge_provider.http.over_httpx", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingExtraError) as caught:
        open_transport()

    assert str(caught.value) == (
        "the HTTP transport needs the extra [http] of converge-provider, which is not installed"
    )
    assert caught.value.remedy == "Run: pip install 'converge-provider[http]'"


@pytest.mark.parametrize(("library", "needed"), [("httpx", "certifi"), ("aiohttp", "yarl")])
async def test_what_a_library_needs_and_does_not_find_is_named(
    library: Literal["aiohttp", "httpx"], needed: str, monkeypatch: pytest.MonkeyPatch, anyio_backend: str
) -> None:
    """Half an installation is not taken for none."""
    if anyio_backend == "trio":
        pytest.skip("one loop tells")
    for module in (f"over_{library}", "routes"):
        monkeypatch.delitem(sys.modules, f"converge_provider.http.{module}", raising=False)
    monkeypatch.setitem(sys.modules, needed, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        open_transport(library=library)

    assert caught.value.name == needed
