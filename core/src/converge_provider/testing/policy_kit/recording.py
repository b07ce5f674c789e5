"""Checks of a policy within a selection: gates, vetoes, explanations, the record, and what it learns."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from attrs import evolve

from converge_provider.contract.policies import EnabledPolicy
from converge_provider.errors import PolicyError
from converge_provider.selection import Decision, Reason, decide
from converge_provider.selection.replaying import replay
from converge_provider.testing.policy_kit.subjects import PolicySubject, expect
from converge_provider.testing.policy_kit.worlds import World, crowd
from converge_provider.values.experience import Experience
from converge_provider.values.measured import StateView

if TYPE_CHECKING:
    from converge_provider.values.messages import JsonObject

__all__ = (
    "check_explanations",
    "check_gates",
    "check_harmlessness",
    "check_learning",
    "check_replay",
    "check_vetoes",
)

_LONGEST_WORDS = 1_000
_DOCUMENT_BYTES = 16_384
_BARRED = Reason("attempted", "it is tried already")


def check_gates(subject: PolicySubject) -> None:
    """Demand that whoever a gate rejects stays out, and that whoever is eligible stays in unless it is vetoed."""
    for world, options in subject.cases():
        barred = {world.catalogue.entries[0].id: _BARRED}
        plain = _decided(subject, world, None, barred)
        with_policy = _decided(subject, world, options, barred)
        vetoed = {
            row.id
            for row in with_policy.rejected
            if any(reason.gate == f"policy {subject.policy.name}" for reason in row.reasons)
        }
        expect(
            {row.id for row in with_policy.ranking} == {row.id for row in plain.ranking} - vetoed,
            f"the eligible candidates of the world {world.name!r} are {[row.id for row in with_policy.ranking]} with "
            f"the policy and {[row.id for row in plain.ranking]} without; only a veto may change that",
        )
        expect(
            all(use.left_out is None for use in with_policy.policies),
            f"the policy was left out in the world {world.name!r}: {with_policy.policies[0].left_out}",
        )


def _decided(subject: PolicySubject, world: World, options: object, barred: Mapping[str, Reason] = {}) -> Decision:
    enabled = () if options is None else (EnabledPolicy(subject.policy, 1.0, options),)
    try:
        return decide(
            world.catalogue,
            request=world.request,
            criteria=world.criteria,
            policies=enabled,
            barred=barred,
            state=world.state,
            seed=world.seed,
            time=world.time,
        )
    except PolicyError as exc:
        raise AssertionError(str(exc)) from exc


def check_vetoes(subject: PolicySubject) -> None:
    """Demand vetoes only of a policy that may, only of candidates that there are, each with a reason of one line."""
    for world, options in subject.cases():
        said = subject.say(world, options)
        expect(
            subject.policy.may_veto or not said.vetoes,
            f"it vetoes {dict(said.vetoes)} in the world {world.name!r}, but may_veto is False",
        )
        for row, text in said.vetoes.items():
            expect(
                type(row) is int and 0 <= row < len(said.values),
                f"it vetoes candidate {row!r} of {len(said.values)} in the world {world.name!r}",
            )
            expect(_is_line(text), f"a veto needs a reason, one line of at most {_LONGEST_WORDS} letters, got {text!r}")


def check_explanations(subject: PolicySubject) -> None:
    """Demand words of one line, the same however often they are asked for, from what was looked at while scoring."""
    for world, options in subject.cases():
        view = world.view()
        scores = subject.scores(view, options, world)
        view.seal()
        if scores.explain is None:
            continue
        values = list(scores.values)
        rows = range(len(view))
        forwards, backwards = subject.words(scores, rows, world), subject.words(scores, rows[::-1], world)[::-1]
        expect(forwards == backwards, f"explain says something else when it is asked again in the world {world.name!r}")
        expect(values == list(scores.values), f"explain changes the scores of the world {world.name!r}")
        for text in forwards:
            expect(_is_line(text), f"words for a score are one line of at most {_LONGEST_WORDS} letters, got {text!r}")


def _is_line(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_WORDS and text.isprintable() and bool(text.strip())


def check_harmlessness(subject: PolicySubject) -> None:
    """Demand that it changes nothing of what it is shown: claims, options, measurements, the request."""
    from converge_provider.codec import dump

    for world, options in subject.cases():
        shown = (world.state, world.request, options)
        before = dump([[entry.descriptor, entry.claims] for entry in world.catalogue.entries]), dump(list(shown))
        subject.say(world, options)
        after = dump([[entry.descriptor, entry.claims] for entry in world.catalogue.entries]), dump(list(shown))
        expect(before == after, f"it changes what it is shown in the world {world.name!r}; a view is read-only")


def check_replay(subject: PolicySubject) -> None:
    """Demand that a decision is made again from its record alone, bit for bit; the request itself is not on record."""
    from converge_provider.codec import dump, load

    for world, options in subject.cases():
        written = json.dumps(dump(_decided(subject, world, options)))
        recorded = load(Decision, json.loads(written))
        again = json.dumps(dump(replay(recorded, world.catalogue, {subject.policy.name: subject.policy})))
        expect(
            written == again,
            f"a decision in the world {world.name!r} with {options!r} is another one when it is made again from its "
            "record; ask the view for columns, key, seed, time and tokens instead of reading the request",
        )


def check_learning(subject: PolicySubject) -> None:
    """Demand of one that learns that it does so purely, within 16 384 bytes, and scores with what it learnt."""
    learn = getattr(subject.policy, "learn", None)
    if not callable(learn):
        return
    world = crowd(12)
    for options in subject.choices():
        document: JsonObject = {}
        for number, experience in enumerate(_experiences(world)):
            before = deepcopy(document)
            once, again = (learn(document, experience, options) for _ in range(2))
            expect(document == before, "learn changes the document that it is given; give a new one")
            expect(once == again, f"learn gives something else when it is asked again: {once!r}, {again!r}")
            document = _written(once)
            if number % 50 == 0:
                _scores_with(subject, world, options, document)


def _written(document: object) -> "JsonObject":
    try:
        text = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as exc:
        message = f"learn must give a JSON object: {exc}"
        raise AssertionError(message) from exc
    expect(len(text) <= _DOCUMENT_BYTES, f"learn makes {len(text)} bytes of document; {_DOCUMENT_BYTES} are kept")
    found: Any = json.loads(text)
    expect(isinstance(found, dict), f"learn must give a JSON object, got a {type(document).__name__}")
    return found  # type: ignore[no-any-return]


def _scores_with(subject: PolicySubject, world: World, options: object, document: "JsonObject") -> None:
    state = evolve(world.state or StateView(), remembered={subject.policy.name: document})
    knowing = evolve(world, name="what it learnt", state=state)
    scores = subject.scores(knowing.view(), options, knowing)
    good = all(isinstance(score, int | float) and 0 <= score <= 1 for score in scores.values)
    expect(good, f"it gives {list(scores.values)!r} with what it learnt: {document!r}")


def _experiences(world: World) -> Iterator[Experience]:
    """Tell of many ends, also of backends that are long gone."""
    ids = [entry.id for entry in world.catalogue.entries]
    for number in range(600):
        backend = ids[number % len(ids)] if number % 2 else f"gone-{number}/{'m' * 40}"
        outcome = ("answered", "failed", "answered", "rejected", "cancelled")[number % 5]
        attempt = Experience(
            request_id=f"{number:016x}",
            number=1,
            backend=backend,
            outcome=outcome,
            error="NetworkError" if outcome == "failed" else None,
            elapsed_s=number % 7 * 0.5,
            output_tokens=number % 11 or None,
        )
        yield attempt
        yield evolve(attempt, is_request=True, backend=backend if number % 13 else None)
