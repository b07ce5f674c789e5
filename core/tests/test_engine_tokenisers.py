"""Real tokenisers count where the estimate leaves a doubt; nothing is downloaded, and what counted is on record."""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from converge_provider import (
    Catalogue,
    ChatBackendCapabilities,
    ChatRequest,
    Claims,
    ContextWindowTokens,
    Engine,
    SelectionCriteria,
    codec,
)
from converge_provider.engine import tokenisers
from converge_provider.engine.tokenisers import Tokenisers
from converge_provider.selection import Decision, decide
from converge_provider.selection.replaying import replay
from converge_provider.testing import ScriptedBackend

WORDS = "beds on the ward are free " * 500
REQUEST = ChatRequest.of(WORDS)
"""3 254 tokens by the estimate, 3 004 words with what comes on top."""


def backend(name: str, window: int, tokeniser: str | None) -> ScriptedBackend:
    """Make a backend whose context window may just be large enough."""
    return ScriptedBackend(
        id=f"acme/{name}",
        capabilities=ChatBackendCapabilities(context_tokens=ContextWindowTokens(window)),
        claims=Claims(tokeniser=tokeniser),
    )


def catalogue(*backends: ScriptedBackend) -> Catalogue:
    """Make a catalogue of them."""
    return Catalogue.of(*(one.registered for one in backends))


def by_words(_name: str, text: str) -> int:
    """Count words."""
    return len(text.split())


def test_count_decides_where_the_estimate_leaves_a_doubt() -> None:
    """Who is said to be counted by a tokeniser is let in by its count, and everybody else by the estimate."""
    found = catalogue(backend("known", 3_100, "words"), backend("plain", 3_100, None), backend("tight", 3_003, "words"))
    decision = decide(found, request=REQUEST, criteria=SelectionCriteria(), count=by_words)

    assert decision.needs.input_tokens == 3_254
    assert [row.id for row in decision.ranking] == ["acme/known"]
    assert {row.id: row.reasons[0].text for row in decision.rejected} == {
        "acme/plain": "context window 3100 < 3254 tokens",
        "acme/tight": "context window 3003 < 3004 tokens, counted by words",
    }
    assert decision.requirements.min_context_tokens == 3_004
    assert decision.derived[-1].text == "about 3254 tokens of input, estimated, 3004 by words"


@pytest.mark.parametrize(
    ("window", "asked"),
    [
        pytest.param(1_084, 0, id="far too small"),
        pytest.param(1_085, 1, id="from a third"),
        pytest.param(5_423, 1, id="to five thirds"),
        pytest.param(5_424, 0, id="large enough"),
    ],
)
def test_nobody_counts_where_the_estimate_leaves_no_doubt(window: int, asked: int) -> None:
    """Only windows between a third and five thirds of the estimate are worth a count."""
    counts: list[str] = []

    def count(name: str, _text: str) -> int | None:
        counts.append(name)
        return None

    decide(catalogue(backend("a", window, "words")), request=REQUEST, count=count)

    assert len(counts) == asked


def test_count_is_replayed_from_the_record() -> None:
    """The record holds what was counted, so the decision is made again without any tokeniser; its id tells it apart."""
    found = catalogue(backend("known", 3_100, "words"))
    decision = decide(found, request=REQUEST, count=by_words)
    text = json.dumps(codec.dump(decision))
    again = replay(codec.load(Decision, json.loads(text)), found, {})

    assert json.dumps(codec.dump(again)) == text
    assert decide(found, request=REQUEST).id != decision.id


def test_counterfactual_of_a_count_is_a_smaller_request() -> None:
    """Whoever is too small by a real count fits when less is asked."""
    (found,) = decide(catalogue(backend("tight", 3_003, "words")), request=REQUEST, count=by_words).counterfactuals

    assert [(change.kind, change.what) for change in found.changes] == [("request", "size")]


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    """Write a real tokeniser that knows a few words."""
    library: Any = pytest.importorskip("tokenizers")
    known = {word: number for number, word in enumerate(["[UNK]", *sorted(set(WORDS.split()))])}
    made = library.Tokenizer(library.models.WordLevel(known, unk_token="[UNK]"))
    made.pre_tokenizer = library.pre_tokenizers.Whitespace()
    file = tmp_path / "tokenizer.json"
    made.save(str(file))
    return file


def test_tokeniser_of_a_file_counts(vocabulary: Path) -> None:
    """The library reads the file, and counts; at the first call of a hurry it is only being loaded."""
    name = f"file:{vocabulary}"
    found = Tokenisers()

    assert found.count_patiently(name, WORDS) == 3_000
    assert found.count(name, "beds on the moon") == 4


def test_engine_counts_by_the_claim_of_a_backend(vocabulary: Path) -> None:
    """A selection of the engine waits for the tokeniser, and says that it has counted."""
    engine = Engine(catalogue(backend("known", 3_100, f"file:{vocabulary}")))
    decision = engine.select(REQUEST)

    assert decision.chosen == "acme/known"
    assert decision.needs.counted == {f"file:{vocabulary}": 3_004}


def test_count_in_a_hurry_begins_to_load(vocabulary: Path) -> None:
    """A call does not wait for a table: it goes by the estimate until the table is there."""
    name, found = f"file:{vocabulary}", Tokenisers()

    assert found.count(name, "beds") is None
    assert found.count_patiently(name, "beds") == 1
    assert found.count(name, "beds") == 1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("file:/no/such/tokenizer.json", id="no file"),
        pytest.param("tiktoken:o200k_base", id="no table"),
        pytest.param("tiktoken:gpt2", id="no known table"),
        pytest.param("words", id="no scheme"),
        pytest.param("pickle:x", id="another scheme"),
    ],
)
def test_tokeniser_that_is_not_at_hand_counts_nothing(name: str, tmp_path: Path) -> None:
    """Without library, file or table there is no count, and the estimate stands."""
    assert Tokenisers({"TIKTOKEN_CACHE_DIR": str(tmp_path)}).count_patiently(name, "beds") is None


def test_broken_file_counts_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that the library cannot read is said in the log, and harms nobody."""
    pytest.importorskip("tokenizers")
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")

    assert Tokenisers().count_patiently(f"file:{tmp_path / 'tokenizer.json'}", "beds") is None
    assert "tokens are estimated" in caplog.text


FAKE = '''
"""Stands for the library, and says when it would go to the network."""
def get_encoding(name):
    class Encoding:
        def encode_ordinary(self, text):
            if "\\ud800" in text:
                raise UnicodeEncodeError("utf-8", text, 0, 1, "half a pair")
            return text.split()
    return Encoding()
'''


@pytest.fixture
def tiktoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a library of that name, and give the folder of its tables, which holds one."""
    monkeypatch.delitem(sys.modules, "tiktoken", raising=False)
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "tiktoken.py").write_text(FAKE, "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "library"), *sys.path])
    table = b"YmVkcw== 0\n"
    monkeypatch.setitem(tokenisers._SHA256, "o200k_base", hashlib.sha256(table).hexdigest())
    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    (tmp_path / hashlib.sha1(url.encode()).hexdigest()).write_bytes(table)
    yield tmp_path
    sys.modules.pop("tiktoken", None)


def test_tiktoken_counts_with_a_table_that_is_kept(tiktoken: Path) -> None:
    """The table lies in the folder that the library looks into, whole."""
    assert Tokenisers({"TIKTOKEN_CACHE_DIR": str(tiktoken)}).count_patiently("tiktoken:o200k_base", WORDS) == 3_000
    assert Tokenisers({"DATA_GYM_CACHE_DIR": str(tiktoken)}).count_patiently("tiktoken:o200k_base", WORDS) == 3_000


def test_tiktoken_is_not_asked_without_its_table(tiktoken: Path) -> None:
    """Where the table is not there, is harmed, or nothing may be kept, the library would fetch it: it is not asked."""
    (table,) = (file for file in tiktoken.iterdir() if file.is_file())
    table.write_bytes(b"harmed")
    for folder in (str(tiktoken), str(tiktoken / "library"), ""):
        assert Tokenisers({"TIKTOKEN_CACHE_DIR": folder}).count_patiently("tiktoken:o200k_base", WORDS) is None
    assert "tiktoken" not in sys.modules


def test_text_that_a_tokeniser_cannot_read_counts_nothing(tiktoken: Path) -> None:
    """A text that breaks the tokeniser is estimated."""
    found = Tokenisers({"TIKTOKEN_CACHE_DIR": str(tiktoken)})

    assert found.count_patiently("tiktoken:o200k_base", "\ud800") is None
