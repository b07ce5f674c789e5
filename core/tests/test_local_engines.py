"""Looking for engines: all at once, in time, preferring as asked, whatever the plugins do."""

import math
import time
from collections.abc import Sequence
from typing import Any, cast

import anyio
import pytest

from converge_provider import (
    BackendDescriptor,
    ConfigurationError,
    FoundEngine,
    LocalEngine,
    LocalPlace,
    LocalProviderType,
    LocalSearch,
    MissingExtraError,
    NetworkError,
    ProviderType,
    find_local_engines,
)
from converge_provider.engine.local_engines import local_places
from converge_provider.testing import ScriptedProviderType

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every test of this file on both event loops."""
    return str(request.param)


class Kind(ScriptedProviderType):
    """A provider type that recognises engines by their address."""

    def __init__(
        self, name: str, rank: int, answers: dict[str, Sequence[str] | Exception | float], *, port: int = 8000
    ) -> None:
        """Take what answers where: the names of models, an error, or seconds to wait."""
        super().__init__(name)
        self.local: LocalPlace | None = LocalPlace(port=port, rank=rank, start=f"{name} serve")
        self.answers = answers
        self.asked: list[str] = []

    async def recognise(self, url: str) -> LocalEngine | None:
        """Answer as told."""
        self.asked.append(url)
        answer = self.answers.get(url)
        if answer is None:
            return None
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int | float):
            await anyio.sleep(answer)
            return None
        models = [BackendDescriptor.unstated(self.name, model) for model in answer]
        return LocalEngine(url=f"{url}/v1", models=models, latency_s=0.001)


class Broken(Kind):
    """A provider type that cannot even say where its engines answer."""

    def __init__(self, error: Exception) -> None:
        """Take what it raises."""
        super().__init__("broken", 0, {})
        self.error = error

    def __getattribute__(self, name: str) -> Any:
        """Raise where it is asked for the place."""
        if name == "local":
            raise self.error
        return super().__getattribute__(name)


def types(*kinds: ScriptedProviderType) -> dict[str, ProviderType]:
    """Give the types by name."""
    return {kind.name: cast("ProviderType", kind) for kind in kinds}


def seen(search: LocalSearch) -> list[tuple[str, str, list[str]]]:
    """Give type, address and models of what was found."""
    return [
        (one.type_name, one.engine.url, [str(model.model) for model in one.engine.models]) for one in search.engines
    ]


async def test_usual_ports_are_asked_by_everybody() -> None:
    """Every type looks at every usual port, since nobody has to listen where it is usual."""
    first, second = Kind("first", 0, {}, port=1), Kind("second", 1, {}, port=2)
    search = await find_local_engines(types(second, ScriptedProviderType("other"), first))

    assert search.addresses == ("http://localhost:1", "http://localhost:2")
    assert sorted(first.asked) == sorted(second.asked) == list(search.addresses)
    assert list(search.places) == ["first", "second"]
    assert search.engines == ()


async def test_hosts_and_ports_replace_the_usual_ones() -> None:
    """Each is asked once; an address of the newer kind is written as URLs want it."""
    kind = Kind("first", 0, {})
    search = await find_local_engines(types(kind), hosts=["gpu2", "::1", "gpu2"], ports=[5, 6])

    assert search.addresses == ("http://gpu2:5", "http://gpu2:6", "http://[::1]:5", "http://[::1]:6")
    assert len(kind.asked) == 4


async def test_preferred_engine_of_a_model_is_said() -> None:
    """Engines come in the order of preference; of a model that several serve, the others say who is preferred."""
    a, b = "http://localhost:1", "http://localhost:2"
    better, worse = Kind("better", 0, {b: ["x", "y"]}, port=2), Kind("worse", 1, {a: ["x", "z"]}, port=1)
    search = await find_local_engines(types(worse, better))

    assert seen(search) == [("better", f"{b}/v1", ["x", "y"]), ("worse", f"{a}/v1", ["x", "z"])]
    assert [dict(one.better_at) for one in search.engines] == [{}, {"x": f"{b}/v1"}]


async def test_engine_that_several_recognise_is_the_preferred_ones() -> None:
    """One address is one engine, whoever else thinks to recognise it."""
    at = "http://localhost:8000"
    search = await find_local_engines(types(Kind("worse", 2, {at: ["x"]}), Kind("better", 1, {at: ["x"]})))

    assert seen(search) == [("better", f"{at}/v1", ["x"])]


async def test_all_are_asked_at_once_and_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """Addresses that never answer cost the time of one, and what others have said by then counts."""
    hangs: dict[str, Sequence[str] | Exception | float] = {
        f"http://localhost:{port}": math.inf for port in range(1, 60)
    }
    quick = Kind("quick", 0, {"http://localhost:60": ["x"], "http://localhost:1": ["y"]})
    told: list[str] = []
    began = time.monotonic()
    search = await find_local_engines(
        types(Kind("slow", 1, hangs), quick), ports=range(1, 61), within_s=0.2, report=told.append
    )

    assert time.monotonic() - began < 3.0  # one after the other they would take 12 s
    assert seen(search) == [
        ("quick", "http://localhost:1/v1", ["y"]),
        ("quick", "http://localhost:60/v1", ["x"]),
    ]
    assert sorted(told) == sorted(search.addresses)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [(NetworkError("nobody"), False), (ConnectionError(), False), (RuntimeError("sk-secret"), True)],
    ids=["network", "system", "defect"],
)
async def test_plugin_that_fails_stops_no_other(error: Exception, said: bool, caplog: pytest.LogCaptureFixture) -> None:
    """That nobody answers is no news; a defect is logged, without its text."""
    at = "http://localhost:8000"
    search = await find_local_engines(types(Kind("fails", 0, {at: error}), Kind("works", 1, {at: ["x"]})))

    assert seen(search) == [("works", f"{at}/v1", ["x"])]
    assert ("could not look at" in caplog.text) == said
    assert "sk-secret" not in caplog.text


async def test_type_that_cannot_say_where_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """A defect in the declaration is logged and costs nobody else anything."""
    assert isinstance(Kind("works", 1, {}), LocalProviderType)
    search = await find_local_engines(
        types(Broken(RuntimeError("x")), Kind("works", 1, {"http://localhost:8000": ["x"]}))
    )

    assert [one.type_name for one in search.engines] == ["works"]
    assert "does not say where its engines answer: RuntimeError" in caplog.text


async def test_missing_library_is_said() -> None:
    """What looks like nobody there would be wrong when nobody could be asked."""
    what = "the HTTP transport"
    with pytest.raises(MissingExtraError):
        await find_local_engines(types(Broken(MissingExtraError(what, "http"))))


async def test_type_without_a_place_is_not_asked() -> None:
    """A type of a service elsewhere has nothing to look for."""
    kind = Kind("cloud", 0, {})
    kind.local = None

    assert local_places(types(kind)) == {}
    assert (await find_local_engines(types(kind))).addresses == ()


@pytest.mark.parametrize(
    ("host", "port"), [("a/b", 1), ("me@host", 1), ("", 1), ("host", 0), ("host", 65_536), ("[::1", 1), ("a b", 1)]
)
async def test_address_that_is_none_is_refused(host: str, port: int) -> None:
    """Nonsense is refused in one line, before anybody is asked."""
    kind = Kind("first", 0, {})
    with pytest.raises(ConfigurationError, match="is no address"):
        await find_local_engines(types(kind), hosts=[host], ports=[port])
    assert kind.asked == []


async def test_too_many_addresses_are_refused() -> None:
    """Nobody scans a network with it."""
    with pytest.raises(ConfigurationError, match="too many to ask at once"):
        await find_local_engines(types(Kind("first", 0, {})), ports=range(1, 1_000))


def test_found_engine_is_a_value() -> None:
    """What was found can be compared."""
    engine = LocalEngine(url="http://h/v1", latency_s=0.0)

    assert FoundEngine(type_name="a", engine=engine, rank=1) == FoundEngine(type_name="a", engine=engine, rank=1)
