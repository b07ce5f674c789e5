"""Checks of what a policy says of itself, and of its scores."""

import math
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast
from unittest import mock

import attrs

from converge_provider.errors import ConvergeError
from converge_provider.testing.policy_kit.counting import Reads, steps_of
from converge_provider.testing.policy_kit.showing import Showing, altering, greater
from converge_provider.testing.policy_kit.subjects import PolicySubject, expect
from converge_provider.testing.policy_kit.worlds import World, crowd, drawing

__all__ = (
    "check_cost",
    "check_count",
    "check_declaration",
    "check_determinism",
    "check_hashing",
    "check_monotonicity",
    "check_options",
    "check_permutation",
    "check_range",
)

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SIZES = (16, 64, 256)
_STEPS_EACH = 500
"""Steps that a policy may take for each candidate: far above what columns need, far below what makes a host wait."""
_GROWING, _SLACK = 1.5, 8
"""How much more each of many may take than each of few, so that sorting is fine and comparing all with all is not."""


def check_declaration(subject: PolicySubject) -> None:
    """Demand a name in small letters and hyphens, a word on vetoes, and optional parts that are well made."""
    policy = subject.policy
    expect(_NAME.fullmatch(policy.name), f"a policy's name is like 'local-first', got {policy.name!r}")
    expect(isinstance(policy.may_veto, bool), f"may_veto must be True or False, got {policy.may_veto!r}")
    decides = getattr(policy, "decides_last_resort", False)
    expect(isinstance(decides, bool), f"decides_last_resort must be True or False, got {decides!r}")
    monotone: Any = getattr(policy, "monotone", {})
    expect(
        isinstance(monotone, Mapping) and {*cast("Mapping[str, object]", monotone).values()} <= {"+", "-"},
        f"monotone must map columns to '+' or '-', got {monotone!r}",
    )
    learn = getattr(policy, "learn", None)
    expect(learn is None or callable(learn), f"learn must be a method, got {learn!r}")


def check_options(subject: PolicySubject) -> None:
    """Demand options that are a frozen attrs class with defaults, and come back equal from their document."""
    from converge_provider.codec import dump, load

    cls = subject.policy.options
    expect(attrs.has(cls), f"options must be an attrs class, got {cls!r}")
    for options in subject.choices():
        for field in attrs.fields(cls):
            _expect_frozen(options, field.name)
        try:
            document: Any = dump(options)
            again: object = load(cls, document)
        except (ConvergeError, TypeError) as exc:
            message = f"{options!r} cannot be written into a record and read again: {exc}"
            raise AssertionError(message) from exc
        expect(again == options, f"{options!r} comes back from its document as {again!r}")


def _expect_frozen(options: object, name: str) -> None:
    value = getattr(options, name)
    try:
        setattr(options, name, value)
    except attrs.exceptions.FrozenInstanceError:
        return
    message = f"options must be frozen (attrs.frozen), but {type(options).__name__}.{name} can be set"
    raise AssertionError(message)


def check_count(subject: PolicySubject) -> None:
    """Demand one score per candidate, also of one candidate, of equal ones, and where nothing is known."""
    for world, options in subject.cases():
        subject.say(world, options)


def check_range(subject: PolicySubject) -> None:
    """Demand finite numbers from 0 to 1, whatever is unknown or extreme."""
    for world, options in subject.cases():
        for row, score in enumerate(subject.scores(world.view(), options, world).values):
            fine = isinstance(score, int | float) and not isinstance(score, bool)
            expect(
                fine and math.isfinite(score) and 0 <= score <= 1,
                f"candidate {row} of the world {world.name!r} got the score {score!r} with {options!r}; "
                "a finite number from 0 to 1 is expected",
            )


def check_determinism(subject: PolicySubject) -> None:
    """Demand the same of the same view, at any time and after any draw of randomness."""
    for world, options in subject.cases():
        with _moment(1_000.0, seed=1):
            once = subject.say(world, options)
        with _moment(9_999_999.0, seed=2):
            again = subject.say(world, options)
        expect(
            once == again,
            f"scores differ from one run to the next in the world {world.name!r}; use view.seed and view.time "
            "instead of random and a clock, and remember nothing between two calls",
        )


@contextmanager
def _moment(now_s: float, *, seed: int) -> Generator[None]:
    """Set clocks and the shared randomness, and put them back."""
    import random
    import time

    state = random.getstate()
    names = ("time", "monotonic", "perf_counter")
    clocks = {name: mock.patch.object(time, name, return_value=now_s) for name in names}
    random.seed(seed)
    try:
        with clocks["time"], clocks["monotonic"], clocks["perf_counter"]:
            yield
    finally:
        random.setstate(state)


def check_hashing(subject: PolicySubject) -> None:
    """Demand no ``hash()`` of a text, which is another one in every process."""
    import builtins
    import inspect

    homes = {_home(subject.policy), _home(getattr(subject.policy, "function", None))} - {""}
    asked: list[object] = []
    honest = builtins.hash

    def hashed(value: object, /) -> int:
        here = inspect.currentframe()
        caller = None if here is None else here.f_back
        if caller is not None and _package(caller.f_globals.get("__name__")) in homes and _has_text(value):
            asked.append(value)
        return honest(value)

    for world, options in subject.cases():
        with mock.patch.object(builtins, "hash", hashed):
            subject.say(world, options)
        expect(
            not asked,
            f"hash({asked[0] if asked else None!r}) differs in every process; use converge_provider.hashed_share()",
        )


def _home(thing: object) -> str:
    found = getattr(thing, "__module__", None) or type(thing).__module__
    return _package(found)


def _package(module: object) -> str:
    package = str(module).partition(".")[0]
    return "" if package == "converge_provider" else package


def _has_text(value: object) -> bool:
    if isinstance(value, tuple):
        return any(_has_text(one) for one in cast("tuple[object, ...]", value))
    return isinstance(value, str | bytes)


def check_permutation(subject: PolicySubject) -> None:
    """Demand the same for each candidate in whatever order they stand, to the last bit."""
    random = drawing(11)
    for world, options in subject.cases():
        size = len(world.view())
        plain = subject.say(world, options)
        for _ in range(3):
            order = random.sample(range(size), size)
            shuffled = subject.say(world, options, order=order)
            for row, place in enumerate(order):
                expect(
                    shuffled.of(row) == plain.of(place),
                    f"candidate {place} of the world {world.name!r} gets {shuffled.of(row)!r} instead of "
                    f"{plain.of(place)!r} in the order {order}; add up with math.fsum, and do not use positions",
                )


def check_monotonicity(subject: PolicySubject) -> None:
    """Demand that a greater value of a declared column moves its candidate's score as declared, or not at all."""
    for name, sign in getattr(subject.policy, "monotone", {}).items():
        tried = sum(_raised(subject, world, options, name, sign) for world, options in subject.cases())
        expect(tried, f"monotone names {name!r}, but there is no number or yes and no that could be greater")


def _raised(subject: PolicySubject, world: World, options: object, name: str, sign: str) -> int:
    """Raise each value of one column in turn; give how many could be."""
    try:
        column = world.view().column(name)
    except KeyError as exc:
        message = f"monotone names a column that there is not: {exc.args[0]}"
        raise AssertionError(message) from exc
    before = list(subject.scores(world.view(), options, world).values)
    tried = 0
    for row, value in enumerate(column):
        more = greater(name, value)
        if more is None:
            continue
        tried += 1
        shown: Any = altering(world.view(), name, row, more)
        after = subject.scores(shown, options, world).values[row]
        change = after - before[row] if sign == "+" else before[row] - after
        expect(
            change >= 0,
            f"monotone says {name!r}: {sign!r}, but raising it from {value!r} to {more!r} moves the score of "
            f"candidate {row} of the world {world.name!r} from {before[row]!r} to {after!r} with {options!r}",
        )
    return tried


def check_cost(subject: PolicySubject) -> None:
    """Demand a bounded number of steps for each further candidate."""
    for options in subject.choices():
        steps = [_cost(subject, crowd(size), options) for size in _SIZES]
        early, late = ((steps[i + 1] - steps[i]) / (_SIZES[i + 1] - _SIZES[i]) for i in (0, 1))
        expect(
            late <= min(_STEPS_EACH, _GROWING * early + _SLACK),
            f"{late:.0f} steps for each further candidate ({', '.join(map(str, steps))} for "
            f"{', '.join(map(str, _SIZES))}); at most {_STEPS_EACH} are fine, and no more for many than for few: go "
            "through columns once, and compute what is common to all outside the loop",
        )


def _cost(subject: PolicySubject, world: World, options: object) -> int:
    subject.scores(world.view(), options, world)  # the catalogue's own columns are made once
    reads = Reads()
    view: Any = Showing(world.view(), lambda _name, values: reads.column(values))
    steps = steps_of(lambda: subject.scores(view, options, world))
    return steps + reads.count
