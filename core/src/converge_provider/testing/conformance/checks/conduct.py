"""Conduct: health, models, closing, many calls at once, and keys that stay secret."""

import logging
import traceback
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import anyio

from converge_provider.contract.backends import Health
from converge_provider.errors import ConvergeError, LlmError
from converge_provider.testing.canned import CannedRequest, Step
from converge_provider.testing.conformance.answers import CannedAnswer, CannedFailure, Failure
from converge_provider.testing.conformance.checks.check import NotApplicableError, check, expect, fail
from converge_provider.testing.conformance.checks.requests import HELLO
from converge_provider.testing.conformance.doubles import NotOnThisWireError
from converge_provider.testing.conformance.subjects import Endpoint
from converge_provider.testing.conformance.trials import Desk, Trial, finished, holds
from converge_provider.values.requests import ChatRequest

__all__ = ("CONDUCT", "everything_logged")


async def health_of(backend: object) -> Health:
    """
    Ask a backend how it is.

    Raises:
        NotApplicableError: It cannot be asked.

    """
    health = getattr(backend, "health", None)
    if health is None:
        message = "the backend has no health()"
        raise NotApplicableError(message)
    told = await health()
    expect(isinstance(told, Health), f"health() gave a {type(told).__name__}, expected Health")
    assert isinstance(told, Health)
    return told


@check("conduct.health", "health")
async def _health(trial: Trial) -> None:
    """A service that is well counts as reachable and healthy, and is asked for no answer."""
    async with trial.desk() as desk:
        told = await health_of(desk.backend)
        expect(not desk.asked, "a look at the health asked the model for an answer")
    expect(told.reachable, f"the service is well, the backend says that it is not reachable: {told.detail}")
    expect(told.healthy, f"the service is well, the backend says that it is not: {told.detail}")


@check("conduct.health-of-the-absent", "health")
async def _absent(trial: Trial) -> None:
    """A service that cannot be reached counts as such, with what is wrong in one line; nothing is raised."""
    async with trial.desk() as desk:
        desk.close_door()
        told = await health_of(desk.backend)
    expect(not told.reachable and not told.healthy, "nobody is there, the backend says that the service can be reached")
    expect(told.detail and "\n" not in told.detail, f"what is wrong is not told in one line: {told.detail!r}")


@check("conduct.list-models", "list_models")
async def _list_models(trial: Trial) -> None:
    """The service's own list of models becomes descriptors, one for each."""
    if trial.subject.discover is None:
        message = "the subject has no discover"
        raise NotApplicableError(message)
    async with trial.desk() as desk:
        found = await trial.subject.discover(Endpoint(url=desk.server.url, key=trial.key))
    names = [str(one.model) for one in found]
    wanted = str(trial.subject.descriptor.model)
    expect(names == [wanted], f"the service has {[wanted]}, the backend lists {names}")


@check("conduct.close-twice", "closing")
async def _close_twice(trial: Trial) -> None:
    """Closing is quiet: unused, after use, and again."""
    async with trial.desk() as desk:
        await closed_twice(desk.backend)
    async with trial.desk() as desk:
        await desk.chat(HELLO)
        await closed_twice(desk.backend)


async def closed_twice(backend: object) -> None:
    """
    Close a backend, and again.

    Raises:
        NotApplicableError: It cannot be closed.

    """
    aclose = getattr(backend, "aclose", None)
    if aclose is None:
        message = "the backend has no aclose()"
        raise NotApplicableError(message)
    for times in ("once", "twice"):
        try:
            await aclose()
        except Exception as exc:  # noqa: BLE001 - whatever is raised is a finding
            fail(f"closed {times}, it raised {type(exc).__name__}: {exc}")


@check("conduct.open-without-io", "conduct")
async def _open_without_io(trial: Trial) -> None:
    """Opening a backend connects to nobody."""
    async with trial.desk() as desk:
        await anyio.sleep(0.02)
        expect(desk.server.connections == 0, f"{desk.server.connections} connections were made before any call")


@check("conduct.concurrent", "conduct")
async def _concurrent(trial: Trial) -> None:
    """Calls at the same time get each their own answer, streamed or not."""
    names = [f"marker-{letter}" for letter in "abcdefgh"]
    rendered = {name: trial.render(CannedAnswer(pieces=(f"for {name}", ", here"))) for name in names}

    def respond(request: CannedRequest) -> Sequence[Step]:
        name = next(name for name in names if holds(request.document, name))
        return [0.02, *trial.serve(rendered[name], request)]

    answers: dict[str, str] = {}
    async with trial.desk(respond=respond) as desk, anyio.create_task_group() as tasks:
        for place, name in enumerate(names):
            tasks.start_soon(_ask, desk, name, answers, bool(place % 2))
    for name in names:
        wanted = f"for {name}, here"
        expect(answers.get(name) == wanted, f"the answer is {wanted!r}, the call of {name} got {answers.get(name)!r}")


async def _ask(desk: Desk, name: str, answers: dict[str, str], streamed: bool) -> None:  # noqa: FBT001 - a task's argument
    request = ChatRequest.of(name)
    if streamed and hasattr(desk.backend, "stream"):
        answers[name] = finished(await desk.stream(request)).content
    else:
        answers[name] = (await desk.chat(request)).content


@check("conduct.key-in-headers", "conduct")
async def _key_in_headers(trial: Trial) -> None:
    """The key reaches the service in a header, and stands in no path and no body."""
    async with trial.desk() as desk:
        await desk.chat(HELLO)
        if hasattr(desk.backend, "stream"):
            await desk.stream(HELLO)
        key = trial.key.reveal()
        for request in desk.server.requests:
            expect(key not in request.path, "the key stands in the URL, which logs keep")
            expect(key.encode() not in request.body, "the key stands in the body")
            named = any(key in value for value in request.headers.values())
            expect(named, "the key stands in no header: the service cannot know who asks")


class _Everything(logging.Handler):
    """Keeps whatever is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self.lines.append(f"{self.format(record)} {vars(record)}")


@contextmanager
def everything_logged() -> Generator[list[str], None, None]:
    """Give the list into which everything is written that anybody logs meanwhile, at any level."""
    root, handler = logging.getLogger(), _Everything()
    level, root.level = root.level, logging.NOTSET
    root.addHandler(handler)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@check("conduct.secrets", "conduct")
async def _secrets(trial: Trial) -> None:
    """The key stands in no log, no error and no repr, also when the service repeats it in its refusal."""
    said: dict[str, str] = {}
    with everything_logged() as lines:
        await _fail_in_all_ways(trial, said)
        async with trial.desk() as desk:
            await desk.chat(HELLO)
            said["repr() of the backend"] = f"{desk.backend!r} {desk.backend}"
        said["a log"] = "\n".join(lines)
    _expect_silent(said, trial.key.reveal())


async def _fail_in_all_ways(trial: Trial, said: dict[str, str]) -> None:
    """Have the service refuse in every way that it knows, and repeat the key each time."""
    for kind in Failure:
        failure = CannedFailure(kind=kind, message=f"no to {trial.key.reveal()}")
        with suppress(NotOnThisWireError):
            async with trial.desk(failure) as desk:
                await _fail(desk, kind, said)


async def _fail(desk: Desk, kind: Failure, said: dict[str, str]) -> None:
    for name, call in (("chat", desk.chat), ("stream", desk.stream)):
        try:
            await call(HELLO)
        except (LlmError, NotApplicableError) as exc:
            said[f"the error of {name}, {kind}"] = _everything_of(exc)


def _everything_of(exc: Exception) -> str:
    remedy = exc.remedy if isinstance(exc, ConvergeError) else ""
    return f"{exc!r} {remedy} {vars(exc)} {''.join(traceback.format_exception(exc))}"


def _expect_silent(said: dict[str, str], key: str) -> None:
    for where, text in said.items():
        expect(key not in text, f"the key stands in {where}")


CONDUCT: Final = (
    _health,
    _absent,
    _list_models,
    _close_twice,
    _open_without_io,
    _concurrent,
    _key_in_headers,
    _secrets,
)
"""The checks, in the suite's order."""
