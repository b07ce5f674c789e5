"""What every adapter must do with the wishes of a request."""

from typing import Any

import pytest
from attrs import evolve

from converge_provider import (
    CacheHint,
    ChatRequest,
    InvalidRequest,
    ReasoningEffort,
    ResponseFormat,
    ToolChoice,
    ToolDefinition,
)
from converge_provider.http import answer_format, as_metadata, refuse_unhonoured
from converge_provider.selection.needs import FEATURES

ASK = ChatRequest.of("Hello")
WISHES: dict[str, Any] = {
    "max_tokens": 0,
    "temperature": 0.0,
    "stop_sequences": ("x",),
    "tool_choice": ToolChoice.AUTO,
    "parallel_tool_calls": False,
    "response_schema": {},
    "seed": 0,
    "top_p": 1.0,
    "reasoning_effort": ReasoningEffort.NONE,
    "cache_hints": (CacheHint(),),
}


@pytest.mark.parametrize("wish", WISHES)
def test_wish_that_is_not_honoured_is_refused_by_name(wish: str) -> None:
    """Each optional field is refused when it is set, a zero and a no included, and is not when it is honoured."""
    request = evolve(ASK, **{wish: WISHES[wish]})
    refuse_unhonoured(request, model="m1", honours=WISHES.keys())
    refuse_unhonoured(ASK, model="m1", honours=())
    with pytest.raises(InvalidRequest, match=f"'m1' does not honour {wish}; leave that unset"):
        refuse_unhonoured(request, model="m1", honours=WISHES.keys() - {wish})


def test_wishes_are_the_features_that_selection_knows() -> None:
    """What selection keeps from a backend that does not honour it, an adapter refuses, and nothing is forgotten."""
    assert set(FEATURES) <= WISHES.keys()


def test_several_wishes_are_named_together() -> None:
    """Tools alone are no wish; everything that is refused stands in one line."""
    tool = ToolDefinition(name="t", description="", parameters={})
    with pytest.raises(InvalidRequest, match="does not honour temperature, seed; leave"):
        refuse_unhonoured(evolve(ASK, tools=(tool,), temperature=1.0, seed=1), model="m1", honours=())


@pytest.mark.parametrize("written", ResponseFormat)
def test_format_of_an_answer_is_json_where_there_is_a_schema(written: ResponseFormat) -> None:
    """Without a schema the format is as wished; with one it is JSON, and another wish is refused."""
    request = evolve(ASK, response_format=written)
    assert answer_format(request) is written

    with_schema = evolve(request, response_schema={})
    if written in {ResponseFormat.TEXT, ResponseFormat.JSON}:
        assert answer_format(with_schema) is ResponseFormat.JSON
    else:
        with pytest.raises(InvalidRequest, match=f"asks for json on this wire, got response_format {written}"):
            answer_format(with_schema)


def test_metadata_is_text() -> None:
    """A text stays as it is, also an empty one; anything else is JSON that can be read back; nothing is left out."""
    written = as_metadata({"a": "é", "b": {"c": "é"}, "d": None, "e": 0, "f": ""})

    assert written == {"a": "é", "b": '{"c": "é"}', "e": "0", "f": ""}
