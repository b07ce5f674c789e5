"""What finds a broken engine: each promise is broken on purpose, and a check notices."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import evolve, frozen

import converge_provider.http.adapter
from converge_provider import Attempt, Catalogue, ChatRequest, Engine, Finished, Outcome, StreamEvent
from converge_provider.engine import chats, streams
from converge_provider.engine.account import Account
from converge_provider.engine.continuing import Continuing
from converge_provider.engine.course import Course
from converge_provider.engine.deadlines import Deadline
from converge_provider.engine.events import close_events, whole_answer
from converge_provider.engine.guarding.breaker import BreakerGuard
from converge_provider.engine.guarding.limits import LimitGuard
from converge_provider.engine.guards import Admission, Gatehouse
from converge_provider.engine.settings import (
    BreakerSettings,
    HedgingSettings,
    LimitSettings,
    Resilience,
)
from converge_provider.engine.trial import Trial as EngineTrial
from converge_provider.testing.faults import Cut, Stall, Status, Step
from converge_provider.testing.faults.conduct import Errand
from converge_provider.testing.faults.fleet import Fleet, Wish
from converge_provider.testing.faults.trials import Ledger, OpenAccounts, Trial, run_trial

Patch = pytest.MonkeyPatch

DOWN = Status(status=503)
EU = Wish(only_eu=True)


@frozen(kw_only=True)
class Scene:
    """What servers do and what is asked of the engine, such that a broken one shows."""

    us: Sequence[Step] = ()
    eu: Sequence[Step] = ()
    errands: Sequence[Errand]
    resilience: Resilience = Resilience()

    def play(self, fleet: Fleet, catalogue: Catalogue) -> Trial:
        """Play it once."""
        for server in fleet.servers.values():
            server.rewrite(())
        fleet.servers["us/m"].rewrite(self.us)
        fleet.servers["eu/m"].rewrite(self.eu)
        named = [evolve(errand, tag=f"request {number}") for number, errand in enumerate(self.errands)]
        return anyio.run(partial(run_trial, fleet, named, partial(self._engine, catalogue)))

    def _engine(self, catalogue: Catalogue, ledger: Ledger, accounts: OpenAccounts) -> Engine:
        return Engine(catalogue, guards=[ledger], store=accounts, resilience=self.resilience)


@frozen(kw_only=True)
class Sabotage:
    """One way to break the engine, and the promise whose check notices."""

    breaks: Callable[[Patch], None]
    scene: Scene
    caught_by: str


def skip_gates(patch: Patch) -> None:
    """Forget the criteria once an attempt has failed."""
    decide = Course._decide

    def careless(self: Course) -> Any:
        if self._account.attempts:
            self.ask = evolve(self.ask, criteria=None)
        return decide(self)

    patch.setattr(Course, "_decide", careless)


def hedge_anywhere(patch: Patch) -> None:
    """Forget the criteria when a second backend is chosen beside a slow one."""
    second = Course._second

    async def careless(self: Course, trial: EngineTrial) -> Any:
        self.ask = evolve(self.ask, criteria=None)
        return await second(self, trial)

    patch.setattr(Course, "_second", careless)


def keep_admissions(patch: Patch) -> None:
    """Forget to give back what a failed attempt was let through for."""
    release = Gatehouse.release

    def careless(self: Gatehouse, admission: Admission, attempt: Attempt) -> None:
        if attempt.outcome is not Outcome.FAILED:
            release(self, admission, attempt)

    patch.setattr(Gatehouse, "release", careless)


def keep_reservations(patch: Patch) -> None:
    """Forget to settle what a limit has reserved."""

    def careless(self: LimitGuard, admission: Admission, attempt: Attempt | None) -> None:
        """Do nothing."""

    patch.setattr(LimitGuard, "release", careless)


def retry_after_text(patch: Patch) -> None:
    """Begin anew at another backend although the caller has seen text."""
    step = streams.ReplyStream._step

    async def careless(self: streams.ReplyStream, live: Any) -> StreamEvent:
        try:
            return await step(self, live)
        except Exception as exc:  # noqa: BLE001 - whatever it is
            course = self._course
            assert course is not None
            await close_events(live.events)
            await course.go_on(live.trial, exc, course.ask.request, lambda: self._enter(course))
            return await step(self, self._live)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    patch.setattr(streams.ReplyStream, "_step", careless)


def ignore_deadlines(patch: Patch) -> None:
    """Let every step take as long as it likes."""

    async def careless(self: object, step: Callable[[], Any], within_s: float | None = None) -> Any:
        return await step()

    patch.setattr(Deadline, "bound", careless)
    patch.setattr(EngineTrial, "bound", careless)


def swallow_truncation(patch: Patch) -> None:
    """Take a stream that ends early for an answer."""

    def careless(*_: object) -> None:
        """Find everything complete."""

    patch.setattr(converge_provider.http.adapter, "_expect_complete", careless)


def finish_twice(patch: Patch) -> None:
    """Say twice that the answer is complete."""
    following = streams.ReplyStream.__anext__
    said: list[StreamEvent] = []

    async def careless(self: streams.ReplyStream) -> StreamEvent:
        if said:
            return said.pop() if len(said) == 1 else await following(self)
        event = await following(self)
        said.extend([event] if isinstance(event, Finished) else [])
        return event

    patch.setattr(streams.ReplyStream, "__anext__", careless)


def forget_what_was_said(patch: Patch) -> None:
    """Have the next backend begin anew instead of going on."""

    def careless(self: Continuing) -> ChatRequest:
        return self._request

    patch.setattr(Continuing, "request", careless)


def lose_text(patch: Patch) -> None:
    """Drop the first piece of a continuation."""
    new = Continuing._new

    def careless(self: Continuing, text: str) -> Sequence[StreamEvent]:
        return new(self, text[1:])

    patch.setattr(Continuing, "_new", careless)


def never_close(patch: Patch) -> None:
    """Keep a stream open that nobody reads any more."""
    kept: list[AsyncIterator[StreamEvent]] = []

    async def careless(events: AsyncIterator[StreamEvent]) -> None:
        kept.append(events)

    patch.setattr(streams, "close_events", careless)


def retry_in_secret(patch: Patch) -> None:
    """Ask a failing backend again without writing it down."""
    whole = whole_answer

    async def careless(*given: Any) -> Any:
        try:
            return await whole(*given)
        except Exception:  # noqa: BLE001 - whatever it is
            return await whole(*given)

    patch.setattr(chats, "whole_answer", careless)


def forget_an_attempt(patch: Patch) -> None:
    """Leave failed attempts out of the journal."""
    ended = Account.ended

    def careless(self: Account, trial: EngineTrial, outcome: Outcome, error: Any = None) -> Attempt:
        attempt = ended(self, trial, outcome, error)
        if outcome is Outcome.FAILED:
            self._rows.pop()
        return attempt

    patch.setattr(Account, "ended", careless)


def raise_strangers(patch: Patch) -> None:
    """Let an error through that is none of the family."""

    def careless(*_: object, **__: object) -> None:
        message = "the engine is broken"
        raise ValueError(message)

    patch.setattr(Course, "_take_failure", careless)


CONTINUED = Scene(us=[Cut(after_events=4, cleanly=False)], errands=[Errand(tag="", stream=True, on_break="continue")])
FAILING = Scene(us=[DOWN], errands=[Errand(tag="")])
CUT = Scene(us=[Cut(after_events=4)], errands=[Errand(tag="", stream=True)])

SABOTAGES = {
    "skips-gates-on-the-failure-path": Sabotage(
        breaks=skip_gates, scene=Scene(eu=[DOWN], errands=[Errand(tag="", wish=EU)]), caught_by="gates"
    ),
    "hedges-to-an-ineligible-backend": Sabotage(
        breaks=hedge_anywhere,
        scene=Scene(
            eu=[Stall(seconds=0.2)],
            errands=[Errand(tag="", wish=EU)],
            resilience=Resilience(hedging=HedgingSettings(enabled=True, delay_s=0.02, share=1)),
        ),
        caught_by="gates",
    ),
    "forgets-an-admission": Sabotage(breaks=keep_admissions, scene=FAILING, caught_by="reservations"),
    "forgets-a-reservation": Sabotage(
        breaks=keep_reservations,
        scene=evolve(FAILING, resilience=Resilience(limits={"us": LimitSettings(concurrency=9)})),
        caught_by="reservations",
    ),
    "retries-after-the-first-event": Sabotage(breaks=retry_after_text, scene=CUT, caught_by="visible"),
    "shows-text-twice": Sabotage(breaks=retry_after_text, scene=CUT, caught_by="text"),
    "ignores-the-deadline": Sabotage(
        breaks=ignore_deadlines,
        scene=Scene(us=[Stall(seconds=0.6)], errands=[Errand(tag="", deadline_s=0.1)]),
        caught_by="deadline",
    ),
    "swallows-truncation": Sabotage(breaks=swallow_truncation, scene=CUT, caught_by="text"),
    "finishes-twice": Sabotage(
        breaks=finish_twice, scene=Scene(errands=[Errand(tag="", stream=True)]), caught_by="silence"
    ),
    "counts-a-second-end": Sabotage(
        breaks=finish_twice, scene=Scene(errands=[Errand(tag="", stream=True)]), caught_by="one-end"
    ),
    "repeats-text-on-continue": Sabotage(breaks=forget_what_was_said, scene=CONTINUED, caught_by="text"),
    "loses-text-on-continue": Sabotage(breaks=lose_text, scene=CONTINUED, caught_by="text"),
    "leaks-a-connection-when-left": Sabotage(
        breaks=never_close,
        scene=Scene(
            us=[Stall(seconds=30, after_events=3)], errands=[Errand(tag="", stream=True, leave_after_events=1)]
        ),
        caught_by="connections",
    ),
    "retries-in-secret": Sabotage(breaks=retry_in_secret, scene=FAILING, caught_by="record"),
    "forgets-an-attempt": Sabotage(breaks=forget_an_attempt, scene=FAILING, caught_by="record"),
    "raises-a-stranger": Sabotage(breaks=raise_strangers, scene=FAILING, caught_by="one-end"),
}


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Run servers for all scenes."""
    with Fleet() as running:
        yield running


@pytest.fixture(scope="module")
def catalogue(fleet: Fleet) -> Catalogue:
    """Give the fleet's catalogue."""
    return fleet.catalogue()


@pytest.mark.parametrize("name", SABOTAGES)
def test_broken_engine_is_caught_by_its_check(
    fleet: Fleet, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The same scene breaks no promise with the engine as it is, and this one when it is broken."""
    sabotage = SABOTAGES[name]
    sound = sabotage.scene.play(fleet, catalogue)
    sabotage.breaks(monkeypatch)
    broken = sabotage.scene.play(fleet, catalogue)

    assert [str(breach) for breach in sound.breaches] == []
    assert sabotage.caught_by in {breach.promise for breach in broken.breaches}


async def answers_again(fleet: Fleet, catalogue: Catalogue) -> bool:
    """Let every server fail until all are left alone, and say whether one that is well again is asked again."""
    resilience = Resilience(breaker=BreakerSettings(failures_in_row=1, open_s=0.05, open_cap_s=0.05))
    for server in fleet.servers.values():
        server.rewrite([DOWN])
    async with Engine(catalogue, resilience=resilience) as engine:
        for text in ("first", "second"):
            try:
                await engine.chat(text, deadline_s=1)
            except Exception:  # noqa: BLE001 - whatever it is
                await anyio.sleep(0.1)
            else:
                return text == "second"
    return False


def test_backend_that_is_well_again_is_asked_again(fleet: Fleet, catalogue: Catalogue) -> None:
    """A breaker half-opens when its time is up."""
    assert anyio.run(answers_again, fleet, catalogue)


def test_breaker_that_never_half_opens_is_caught(
    fleet: Fleet, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that leaves a backend alone for ever does not answer again."""
    from converge_provider.selection import Reason

    def for_ever(self: BreakerGuard, backend: str, circuit: object) -> Reason:
        return Reason("breaker", "for ever")

    monkeypatch.setattr(BreakerGuard, "_reason", for_ever)

    assert not anyio.run(answers_again, fleet, catalogue)


def test_failure_page_lists_every_sabotage_and_its_check() -> None:
    """The page names every broken engine, and which check caught it."""
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "failure.md").read_text("utf-8")
    rows = [f"| {name.replace('-', ' ')} | {sabotage.caught_by} |\n" for name, sabotage in SABOTAGES.items()]

    assert "".join(rows) in page
