"""
Every parser, given hostile bytes: what was found once stays found, and a little is tried anew in every run.

``tox -e fuzz`` does the same for minutes, led by what the code does.
"""

import json
import random
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from hypothesis import given, settings, strategies as st

import converge_provider
from converge_anthropic.backend import Messages
from converge_anthropic.errors import RULES as ANTHROPIC_RULES
from converge_anthropic.wire.dialect import Dialect as AnthropicDialect
from converge_anthropic.wire.listing import models_from_wire as anthropic_models
from converge_gemini.backend import GenerateContent
from converge_gemini.errors import RULES as GEMINI_RULES
from converge_gemini.wire.dialect import Dialect as GeminiDialect
from converge_gemini.wire.listing import models_from_wire as gemini_models
from converge_ollama.backend import Chat
from converge_ollama.errors import RULES as OLLAMA_RULES
from converge_ollama.wire.dialect import Dialect as OllamaDialect
from converge_ollama.wire.listing import names_in, served_in, shown
from converge_openai.backend import ChatCompletions
from converge_openai.errors import rules_of
from converge_openai.wire.dialect import Dialect as OpenAIDialect
from converge_openai.wire.listing import models_from_wire as openai_models
from converge_provider import ConvergeError, Secret, codec
from converge_provider.configuration import load_configuration
from converge_provider.engine.journal import FileJournal, JournalRow
from converge_provider.http import (
    HttpRequest,
    HttpResponse,
    Limits,
    SseEvent,
    SseParser,
    as_list,
    as_object,
    checked_arguments,
    classify,
    parsed,
    retry_after_s,
)
from converge_provider.http.bodies import decoder_for
from converge_provider.testing.fuzzing import FuzzedWire, check_body, check_error, mutated

HERE = Path(__file__).parent
PLUGINS = HERE.parents[1] / "plugins"
NATIVE_RULES = (ANTHROPIC_RULES, GEMINI_RULES, OLLAMA_RULES)
KEY = "sk-planted-0123456789abcdef"
TEMPLATE = HttpRequest(url="https://api.example/v1", headers={"authorization": Secret(f"Bearer {KEY}")})


@frozen(kw_only=True)
class Target:
    """A parser, how it is tried, and bodies to begin with."""

    name: str
    check: Callable[[bytes], object]
    """Raises when a law does not hold."""
    seeds: Sequence[bytes] = field(default=(), converter=tuple[bytes, ...])

    @property
    def corpus(self) -> Sequence[bytes]:
        """What was found once, and the seeds."""
        folder = HERE / "corpus" / self.name
        return (*(path.read_bytes() for path in sorted(folder.glob("*"))), *self.seeds)


def _golden(plugin: str, frame: str, end: str = "") -> Iterator[bytes]:
    """Make bodies of the documents whose reading is on record."""
    for path in sorted((PLUGINS / plugin / "tests" / "golden" / "answers").glob("*.json")):
        recorded = json.loads(path.read_text("utf-8"))
        documents = next(recorded[name] for name in ("documents", "chunks", "lines") if name in recorded)
        yield ("".join(frame.format(json.dumps(one, ensure_ascii=False)) for one in documents) + end).encode()


def _choices(documents: Sequence[object]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        yield from (as_object(choice) for choice in as_list(as_object(document).get("choices")))


def _ends_openai(documents: Sequence[object]) -> bool:
    return "[DONE]" in documents or any(choice.get("finish_reason") for choice in _choices(documents))


def _ends_anthropic(documents: Sequence[object]) -> bool:
    told = [as_object(document) for document in documents]
    return any(as_object(one.get(key)).get("stop_reason") for one in told for key in ("delta", "message"))


def _ends_gemini(documents: Sequence[object]) -> bool:
    candidates = (as_object(one) for document in documents for one in as_list(as_object(document).get("candidates")))
    return any(candidate.get("finishReason") for candidate in candidates)


def _ends_ollama(documents: Sequence[object]) -> bool:
    return any(as_object(document).get("done") is True for document in documents)


def _wire(
    name: str, wire: Any, ends: Callable[[Sequence[object]], bool], counters: str, seeds: Iterator[bytes]
) -> Target:
    fuzzed = FuzzedWire(wire=wire, ends=ends, counters=counters.split(), secret=KEY)
    return Target(name=name, check=lambda body: check_body(fuzzed, body), seeds=seeds)


def _openai(name: str, *, think_tags: bool) -> Target:
    dialect = OpenAIDialect(model="m", think_tags=think_tags)
    wire = ChatCompletions(
        dialect=dialect, template=TEMPLATE, chat_url=f"{TEMPLATE.url}/chat/completions", rules=rules_of("openai")
    )
    counters = "prompt_tokens completion_tokens reasoning_tokens cached_tokens"
    seeds = _golden("converge-openai", "data: {}\n\n", "data: [DONE]\n\n")
    return _wire(name, wire, _ends_openai, counters, seeds)


def check_sse(body: bytes) -> None:
    """Assert that events are the same however their bytes are cut, and that only errors of the family escape."""
    whole, cut = (_sse(body, size) for size in (len(body) + 1, 1 + zlib.crc32(body) % 5))

    assert whole == cut


def _sse(body: bytes, size: int) -> list[SseEvent | str]:
    parser, events = SseParser(limits=Limits(max_event_bytes=4096, max_line_bytes=1024)), list[SseEvent | str]()
    try:
        for start in range(0, len(body), size):
            events += parser.feed(body[start : start + size])
        events += parser.finish()
    except ConvergeError as exc:
        check_error(exc)
        events.append(str(exc))
    return events


def check_encoded(body: bytes) -> None:
    """Assert that a body inflates to no more than its limit, the same however it is cut."""
    whole, cut = (_decoded(body, size) for size in (len(body) + 1, 1 + zlib.crc32(body) % 5))

    assert whole == cut
    assert whole is None or len(whole) <= 64 * 1024


def _decoded(body: bytes, size: int) -> bytes | None:
    limits = Limits(max_decompressed_bytes=64 * 1024)
    decoder, found = decoder_for({"content-encoding": "gzip"}, limits=limits, url="u"), bytearray()
    try:
        for start in range(0, len(body), size):
            for piece in decoder.feed(body[start : start + size]):
                found += piece
        decoder.finish()
    except ConvergeError as exc:
        check_error(exc)
        return None
    return bytes(found)


def check_failure(body: bytes) -> None:
    """Assert that every failure is told: a status on the first line, headers on the next ones, and a body."""
    head, _, rest = body.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    status = int(first) if first.isascii() and first.isdigit() and len(first) == 3 else 500
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    response = HttpResponse(
        status=status, headers=headers, body=rest, url="https://a.example", secrets=TEMPLATE.secrets
    )
    for rules in ((), rules_of("openai"), rules_of("groq"), *NATIVE_RULES):
        check_error(classify(response, rules, provider="p", backend="p/m", model="m", now=1.8e9), secret=KEY)
    wait_s = retry_after_s(headers, rest, now=1.8e9)

    assert wait_s is None or 0 <= wait_s <= 31 * 86_400


def check_arguments(body: bytes) -> None:
    """Assert that arguments without a problem are a JSON object, with one are what the model wrote."""
    text = body.decode("utf-8", "replace")
    arguments, problem = checked_arguments(text)

    if problem:
        assert arguments == text
    else:
        assert isinstance(json.loads(arguments, parse_constant=pytest.fail), dict)


CLASSES: Mapping[str, Any] = {
    name: getattr(converge_provider, name)
    for name in (
        "ChatRequest",
        "ChatResponse",
        "ChatBackendDescriptor",
        "BackendDescriptor",
        "SelectionCriteria",
        "Claims",
        "UsageDetail",
    )
}


def check_codec(body: bytes) -> None:
    """Assert that a document is refused or loads as a value that dumps to a document that loads as the same."""
    name, _, rest = body.partition(b"\n")
    cls = CLASSES.get(name.decode("latin-1"), converge_provider.ChatRequest)
    try:
        document = json.loads(rest.decode("utf-8"))  # of bytes it would take halves of characters
    except (ValueError, RecursionError):
        return
    try:
        value = codec.load(cls, document)
    except ConvergeError as exc:
        check_error(exc)
        return

    assert codec.load(cls, json.loads(json.dumps(codec.dump(value), allow_nan=False))) == value


def check_configuration(body: bytes) -> None:
    """Assert that a configuration is loaded or refused in the family's words."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.toml"
        file.write_bytes(body)
        try:
            load_configuration(environ={"CONVERGE_CONFIG": str(file), "CONVERGE_HOME": folder}, directory=Path(folder))
        except ConvergeError as exc:
            check_error(exc)


def check_journal(body: bytes) -> None:
    """Assert that every line of a record is a row or counted as unreadable."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "requests.jsonl").write_bytes(body)
        journal = FileJournal(Path(folder))
        rows = journal.latest(1_000_000)
        lines = [line for line in body.split(b"\n") if line]

        assert all(isinstance(row, JournalRow) for row in rows)
        assert len(rows) + journal.unreadable == len(lines)


def check_listing(body: bytes) -> None:
    """Assert that a list of models is read, whatever it holds, or passed over."""
    document = parsed(body)
    for read in (names_in, served_in, shown, openai_models, anthropic_models, gemini_models):
        read(as_object(document))


TARGETS = {
    target.name: target
    for target in (
        _openai("openai", think_tags=False),
        _openai("openai_think", think_tags=True),
        _wire(
            "anthropic",
            Messages(dialect=AnthropicDialect(model="m"), template=TEMPLATE),
            _ends_anthropic,
            "input_tokens cache_read_input_tokens cache_creation_input_tokens output_tokens",
            _golden("converge-anthropic", "event: x\ndata: {}\n\n"),
        ),
        _wire(
            "gemini",
            GenerateContent(dialect=GeminiDialect(model="m"), template=TEMPLATE),
            _ends_gemini,
            "promptTokenCount toolUsePromptTokenCount candidatesTokenCount thoughtsTokenCount",
            _golden("converge-gemini", "data: {}\r\n\r\n"),
        ),
        _wire(
            "ollama",
            Chat(dialect=OllamaDialect(model="m"), template=TEMPLATE),
            _ends_ollama,
            "prompt_eval_count eval_count",
            _golden("converge-ollama", "{}\n"),
        ),
        Target(name="sse", check=check_sse),
        Target(name="encoded", check=check_encoded),
        Target(name="failure", check=check_failure),
        Target(name="arguments", check=check_arguments),
        Target(name="codec", check=check_codec),
        Target(name="configuration", check=check_configuration),
        Target(name="journal", check=check_journal),
        Target(name="listing", check=check_listing),
    )
}


@pytest.mark.parametrize("name", TARGETS)
def test_corpus_holds_the_laws(name: str) -> None:
    """What was found once, and every good body, is read as the laws say."""
    target = TARGETS[name]

    assert target.corpus
    for body in target.corpus:
        target.check(body)


@pytest.mark.parametrize("name", TARGETS)
@given(place=st.integers(0, 10_000), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_hostile_bodies_hold_the_laws(name: str, place: int, seed: int) -> None:
    """Whatever is changed in a good body, the laws hold."""
    target = TARGETS[name]
    body = target.corpus[place % len(target.corpus)]

    target.check(mutated(body, random.Random(seed)))


@pytest.mark.parametrize("name", TARGETS)
@given(body=st.binary(max_size=300))
@settings(max_examples=30, deadline=None, derandomize=True, database=None)
def test_rubbish_holds_the_laws(name: str, body: bytes) -> None:
    """Bytes that nothing led to hold the laws too."""
    TARGETS[name].check(body)


def test_corpus_is_small() -> None:
    """All that is kept is at most 200 kB, and belongs to a parser."""
    files = list((HERE / "corpus").glob("*/*"))

    assert sum(path.stat().st_size for path in files) <= 200_000
    assert {path.parent.name for path in files} <= TARGETS.keys()
