"""``converge models``: what it prints, for people and for programs, and how it ends."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from converge_catalogue.commands import models
from converge_catalogue.listings import ORDERS
from converge_catalogue.offers import DatedPrices, Offer, Service
from converge_catalogue.shelf import Shelf
from converge_catalogue.snapshots import Head, Snapshot
from converge_catalogue.sources import FACTS, PRICES
from converge_provider.testing import NetworkGuard
from converge_provider.testing.canned import CannedServer, answer

D = Decimal
FUTURE = date(2100, 1, 1)


def rates(base: str, output: str) -> DatedPrices:
    """Give plain prices."""
    return DatedPrices(rates={"input": D(base), "output": D(output)})


PRICED = [
    Offer(id="tiny", prices=[rates("0.10", "0.40")]),
    Offer(
        id="big",
        name="Big",
        context_tokens=999,
        prices=[
            rates("8", "16"),
            DatedPrices(
                since=date(2026, 3, 1),
                rates={"input": D(4), "output": D(8), "cache_read": D("0.4")},
                tiers=[(200_000, {"input": D(6), "output": D(12)})],
                beside=["web_searches_kcount"],
            ),
            DatedPrices(since=date(2099, 1, 1), rates={"input": D(40), "output": D(80)}),
        ],
    ),
    Offer(id="fee", prices=[DatedPrices(rates={"input": D(1), "output": D(1)}, unfit="a fee")]),
    Offer(id="new", context_tokens=64_000, prices=[rates("2", "3")]),
]
LOUD = DatedPrices(rates={"input": D(3), "output": D(5), "input_audio": D(7)}, tiers=[(9, {"cache_write_1h": D(8)})])
OTHER = [Offer(id="tiny", prices=[rates("3", "5")]), Offer(id="loud", prices=[LOUD])]
KNOWN = [
    Offer(
        id="tiny",
        name="Tiny",
        context_tokens=8_192,
        max_output_tokens=4_096,
        inputs=["text"],
        outputs=["text"],
        abilities={"reasoning": False, "tool_use": True},
        updated=date(2026, 1, 2),
    ),
    Offer(
        id="big",
        context_tokens=400_000,
        inputs=["text", "image"],
        abilities={"reasoning": True, "tool_use": True, "structured_output": True},
        updated=date(2026, 5, 6),
        deprecated=True,
    ),
    Offer(id="fee", prices=[rates("1", "1")]),
]


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Lay out a few models of two services as what was fetched last."""
    monkeypatch.setenv("CONVERGE_HOME", str(tmp_path))
    made = Shelf()
    for source, offers, other in ((PRICES, PRICED, OTHER), (FACTS, KNOWN, [])):
        head = Head(source=f"{source.title} of the test", as_of=FUTURE, key="k", fetched_s=1.0, url="https://x.invalid")
        names = {offer.id: place for place, offer in enumerate(offers)}
        services = [Service(id="acme", offers=offers, names=names), Service(id="beta", offers=other)]
        Snapshot.of(head, services).save(made.fetched_path(source))
        bundled()[source.name].save(made.folder / f"{source.name}-bundled.jsonl")
    return made


@cache
def bundled() -> dict[str, Snapshot]:
    """Read the libraries once for all tests of this file."""
    return {source.name: source.bundled_snapshot(today=date(2026, 11, 20)) for source in (PRICES, FACTS)}


def run(*arguments: str) -> Result:
    """Run one command."""
    return CliRunner().invoke(models, arguments, catch_exceptions=False)


TABLE = """\
MODEL                  CONTEXT  INPUT $/M  OUTPUT $/M  CAN
acme/tiny                8,192       0.10        0.40  tool-use
acme/new                64,000          2           3  ?
beta/loud                    ?          3           5  ?
beta/tiny                    ?          3           5  ?
acme/big (deprecated)  400,000         4+          8+  reasoning, tool-use, structured-output, vision
acme/fee                     ?          ?           ?  ?
"""


def test_search_prints_a_table(no_network: NetworkGuard) -> None:
    """All models, the cheapest first and what has no price last; standard error says where it is from."""
    shown = run("--sort", "price")

    assert shown.exit_code == 0
    assert shown.stdout == TABLE
    assert shown.stderr == (
        "Prices of genai-prices of the test (2100-01-01) and models.dev of the test (2100-01-01); "
        "+ is more for long requests or at other hours.\n"
    )


def ids(*arguments: str) -> list[str]:
    """Give the ids that a search finds."""
    return [one["id"] for one in json.loads(run(*arguments, "--json").stdout)["models"]]


SEARCHES: dict[str, tuple[list[str], list[str]]] = {
    "word": (["BIG"], ["acme/big"]),
    "words": (["tiny", "beta"], ["beta/tiny"]),
    "service": (["--provider", "beta"], ["beta/loud", "beta/tiny"]),
    "two services": (["tiny", "--provider", "beta", "--provider", "acme"], ["acme/tiny", "beta/tiny"]),
    "window": (["--min-context", "64000"], ["acme/big", "acme/new"]),
    "price": (["--max-price", "2"], ["acme/new", "acme/tiny"]),
    "output price": (["--max-output-price", "0.40"], ["acme/tiny"]),
    "ability": (["--capability", "tool-use"], ["acme/big", "acme/tiny"]),
    "abilities": (["--capability", "tool-use", "--capability", "vision"], ["acme/big"]),
    "a day": (["big", "--max-price", "5", "--at", "2026-02-28"], []),
    "the day after": (["big", "--max-price", "5", "--at", "2026-03-01"], ["acme/big"]),
    "largest": (["--sort", "context", "--limit", "2"], ["acme/big", "acme/new"]),
    "newest": (["--sort", "date", "--limit", "2"], ["acme/big", "acme/tiny"]),
    "dearest answer last": (["--sort", "output-price", "acme"], ["acme/tiny", "acme/new", "acme/big", "acme/fee"]),
    "by its own name": (["search", "tiny", "--sort", "name"], ["acme/tiny", "beta/tiny"]),
    "nothing": (["gigantic"], []),
}


@pytest.mark.parametrize(("arguments", "found"), SEARCHES.values(), ids=SEARCHES)
def test_search_finds_what_is_known_to_fit(arguments: list[str], found: list[str]) -> None:
    """Every word and condition must hold; what is unknown satisfies none."""
    assert ids(*arguments) == found


def test_every_order_is_offered() -> None:
    """The command offers the orders that there are."""
    option = next(one for one in models.commands["search"].params if one.name == "order")

    assert tuple(getattr(option.type, "choices", ())) == ORDERS


def test_document_of_a_model_is_whole() -> None:
    """A program gets exact prices, with tiers, and everything else that the table has no room for."""
    (found,) = json.loads(run("big", "--json", "--at", "2026-11-20").stdout)["models"]

    assert found == {
        "id": "acme/big",
        "service": "acme",
        "model": "big",
        "name": "Big",
        "context_tokens": 400_000,
        "max_output_tokens": None,
        "capabilities": {
            "reasoning": True,
            "tool_use": True,
            "structured_output": True,
            "vision": True,
            "documents": False,
            "audio": False,
        },
        "input_modalities": ["text", "image"],
        "output_modalities": None,
        "prices": {
            "input_usd_per_mtok": "4",
            "output_usd_per_mtok": "8",
            "cache_read_usd_per_mtok": "0.4",
            "cache_write_usd_per_mtok": None,
            "reasoning_usd_per_mtok": None,
            "tiers": [
                {
                    "input_usd_per_mtok": "6",
                    "output_usd_per_mtok": "12",
                    "cache_read_usd_per_mtok": None,
                    "cache_write_usd_per_mtok": None,
                    "reasoning_usd_per_mtok": None,
                    "above_input_tokens": 200_000,
                }
            ],
        },
        "cost_class": "Medium",
        "updated": "2026-05-06",
        "deprecated": True,
    }


COMPARED = """\
FACT                    acme/tiny   acme/big
name                    Tiny        Big
context, tokens         8,192       400,000
longest answer, tokens  4,096       ?
input, $/M              0.10        4+
output, $/M             0.40        8+
cache read, $/M         ?           0.4
cache write, $/M        ?           ?
reasoning, $/M          ?           ?
reads                   text        text, image
reasoning               no          yes
tool-use                yes         yes
vision                  no          yes
documents               no          no
audio                   no          no
structured-output       ?           yes
looked at               2026-01-02  2026-05-06
"""


def test_compare_prints_models_side_by_side() -> None:
    """Each fact is a line; what is unknown is neither yes nor no."""
    assert run("compare", "acme/tiny", "ACME/big").stdout == COMPARED
    document = json.loads(run("compare", "acme/tiny", "acme/big", "--json").stdout)
    assert [one["id"] for one in document["models"]] == ["acme/tiny", "acme/big"]


def test_show_prints_each_fact_with_its_source_and_every_price() -> None:
    """A reader sees who says what since when, and what it has cost and will."""
    lines = run("show", "acme/big").stdout.splitlines()
    facts = {name: " ".join(rest) for name, *rest in map(str.split, filter(None, lines[2:]))}

    assert lines[0] == "acme/big (deprecated): Big"
    assert facts["prices.input_usd_per_mtok"] == "4 genai-prices of the test: acme/big 2100-01-01"
    assert facts["capabilities.ToolUse"] == "yes models.dev of the test: acme/big 2026-05-06"
    assert [" ".join(line.split()) for line in lines[-5:]] == [
        "WHEN INPUT OUTPUT CACHE READ CACHE WRITE REASONING BESIDE",
        "always 8 16",
        "since 2026-03-01 4 8 0.4 web_searches_kcount",
        "above 200,000 tokens 6 12",
        "since 2099-01-01 40 80",
    ]


def test_rare_kinds_of_tokens_are_shown_where_they_have_a_price() -> None:
    """Sound, and an hour's cache, are columns and lines of their own only where somebody states a price."""
    shown = run("show", "beta/loud").stdout.splitlines()
    compared = run("compare", "beta/loud", "acme/tiny").stdout.splitlines()

    assert [" ".join(line.split()) for line in shown[-3:]] == [
        "WHEN INPUT OUTPUT CACHE READ CACHE WRITE REASONING INPUT AUDIO CACHE WRITE 1H BESIDE",
        "always 3 5 7",
        "above 9 tokens 8",
    ]
    assert [line.split() for line in compared if "audio," in line] == [["input", "audio,", "$/M", "7", "?"]]


def test_show_gives_programs_claims_and_history() -> None:
    """The document holds the claims as selection gets them, and all prices as the source states them."""
    found = json.loads(run("show", "acme/big", "--at", "2026-01-01", "--json").stdout)

    assert [claims["source"] for claims in found["claims"]] == [
        "genai-prices of the test: acme/big",
        "models.dev of the test: acme/big",
    ]
    assert found["claims"][0]["prices"]["input_usd_per_mtok"] == "8"
    assert [one.get("since") for one in found["history"]] == [None, "2026-03-01", "2099-01-01"]


def test_price_with_a_fee_is_unknown_everywhere() -> None:
    """Where a source says that tokens are not all, no command shows a price."""
    assert json.loads(run("show", "acme/fee", "--json").stdout)["prices"] is None
    assert ids("--max-price", "5", "fee") == []


MISTAKES: dict[str, tuple[list[str], str]] = {
    "near": (["show", "acme/bik"], "there is no model 'acme/bik'; did you mean 'acme/big'?"),
    "far": (["show", "zzz"], "there is no model 'zzz'; converge models WORD searches"),
    "another service": (["compare", "acme/tiny", "bet/tiny"], "there is no model 'bet/tiny'; did you mean"),
    "dollars": (["--max-price", "cheap"], "expected dollars, such as 2.50, got 'cheap'"),
    "negative": (["--max-price", "-1"], "expected dollars, such as 2.50, got '-1'"),
    "order": (["--sort", "beauty"], "'beauty' is not one of"),
    "ability": (["--capability", "singing"], "'singing' is not one of"),
    "date": (["--at", "soon"], "'soon' does not match the format"),
    "nobody": (["compare"], "Missing argument 'ID...'"),
}


@pytest.mark.parametrize(("arguments", "text"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_said_in_one_line(arguments: list[str], text: str) -> None:
    """A mistake of the user's ends with exit code 2 and names what was expected."""
    done = run(*arguments)

    assert done.exit_code == 2
    assert text in done.stderr


def test_broken_file_is_said_and_left_out(shelf: Shelf) -> None:
    """A search goes on without a damaged file, and says so on standard error."""
    shelf.fetched_path(PRICES).write_bytes(b"rubbish")
    shown = run("acme/big", "--json")

    assert "converge: left out prices-fetched.jsonl: its head cannot be read" in shown.stderr
    assert json.loads(shown.stdout)["models"][0]["prices"] is None


def test_update_that_fails_says_what_stays_in_use(shelf: Shelf) -> None:
    """The exit code is 1, each line names a source, why it failed, and how old is what is used instead."""
    now_s = datetime.now(UTC).timestamp()
    head = Head(source="models.dev", as_of=date(2100, 1, 1), key="k", fetched_s=now_s - 3 * 86_400, url="u", models=7)
    Snapshot.of(head, []).save(shelf.fetched_path(FACTS))
    with CannedServer([answer(b"gone", status=503)]) as server:
        addresses = ("--prices-url", f"{server.url}/p", "--facts-url", f"{server.url}/f")
        done = CliRunner().invoke(models, ["update", *addresses], standalone_mode=False)
        told = json.loads(run("update", *addresses, "--json").stdout)

    assert done.return_value == 1
    assert done.stderr.splitlines()[1] == (
        f"facts: {server.url}/f answered with status 503, expected 200; "
        "in use is still what is there: models.dev, fetched 3 d ago, which is stale"
    )
    assert [one["outcome"] for one in told["updates"]] == ["failed", "failed"]
    assert told["updates"][1]["in_use"]["models"] == 7
    assert 3 * 86_400 <= told["updates"][1]["in_use"]["age_s"] < 4 * 86_400


def test_update_says_what_is_there_now(shelf: Shelf) -> None:
    """The number of models of each source is said; asked again, nothing is fetched."""
    published: dict[str, Any] = {
        "/p": [{"id": "a", "models": [{"id": f"m{n}", "match": {}, "prices": {"input_mtok": 1}} for n in range(500)]}],
        "/f": {"a": {"models": {f"m{n}": {} for n in range(1_000)}}},
    }
    with CannedServer(lambda request: answer(json.dumps(published[request.path]).encode())) as server:
        addresses = ("--prices-url", f"{server.url}/p", "--facts-url", f"{server.url}/f")
        first, second = run("update", *addresses), run("update", *addresses)

    assert first.stdout == (
        "prices: 500 models of genai-prices are there now\nfacts: 1,000 models of models.dev are there now\n"
    )
    assert second.stdout.count("which is still fresh; --force fetches it again") == 2
    assert shelf.newest(FACTS).head.models == 1_000
    assert len(server.requests) == 2


def test_converge_itself_has_the_command(shelf: Shelf) -> None:
    """The command line finds the plugin's command, and its exit codes are the command line's own."""
    converge = str(Path(sys.executable).with_name("converge"))
    environ = {**os.environ}
    good = subprocess.run(
        [converge, "models", "big", "--json"], capture_output=True, text=True, timeout=60, check=False, env=environ
    )
    bad = subprocess.run(
        [converge, "models", "show", "acme/bik"], capture_output=True, text=True, timeout=60, check=False, env=environ
    )

    assert (good.returncode, json.loads(good.stdout)["total"]) == (0, 1)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("converge: there is no model 'acme/bik'; did you mean 'acme/big'?")
    assert shelf.problems == []
