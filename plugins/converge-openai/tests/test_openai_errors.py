"""Refusals as each vendor words them, and errors inside good answers: which error each becomes, streamed or not."""

import json
from typing import Any

import pytest
from attrs import evolve

from converge_openai.errors import rules_of
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import (
    AuthDenied,
    BackendDescriptor,
    ChatRequest,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    ProviderError,
    RateLimited,
    Secret,
)
from converge_provider.http import HttpResponse, classify
from converge_provider.testing.canned import CannedServer, event_stream, json_answer

Case = tuple[str, int, Any, type[LlmError]]


def said(**error: Any) -> dict[str, Any]:
    """Give an error as OpenAI frames it."""
    return {"error": error}


def minimax(code: int, text: str) -> dict[str, Any]:
    """Give an error as MiniMax frames it, inside a good answer."""
    return {"choices": None, "base_resp": {"status_code": code, "status_msg": text}}


CASES: dict[str, Case] = {
    "openai-model": (
        "openai",
        404,
        said(message="No such model", code="model_not_found"),
        ModelNotFound,
    ),
    "azure-deployment": (
        "azure_openai",
        404,
        said(code="DeploymentNotFound", message="The API deployment for this resource does not exist."),
        ModelNotFound,
    ),
    "azure-filter": (
        "azure_openai",
        400,
        said(
            code="content_filter",
            message="The response was filtered",
            innererror={"code": "ResponsibleAIPolicyViolation"},
        ),
        ContentFiltered,
    ),
    "openrouter-credits": ("openrouter", 402, said(code=402, message="Insufficient credits"), ProviderError),
    "openrouter-inside": (
        "openrouter",
        200,
        {"choices": [{"error": {"code": 429, "message": "Rate limited upstream"}, "finish_reason": "error"}]},
        RateLimited,
    ),
    "ollama-pull": ("ollama", 404, said(message='model "x" not found, try pulling it first'), ModelNotFound),
    "groq-tool": (
        "groq",
        400,
        said(message="Failed to call a function.", code="tool_use_failed", failed_generation="<function=x"),
        ProviderError,
    ),
    "groq-inside": ("groq", 200, {"choices": [], "x_groq": {"id": "r", "error": "over capacity"}}, ProviderError),
    "deepseek-risk": (
        "deepseek",
        400,
        said(message="Content Exists Risk", type="x"),
        ContentFiltered,
    ),
    "deepseek-balance": ("deepseek", 402, said(message="Insufficient Balance", type="unknown_error"), ProviderError),
    "mistral-ids": (
        "mistral",
        400,
        {
            "object": "error",
            "message": "Tool call id was x but must be a-z",
            "type": "invalid_function_call",
            "code": "3280",
        },
        InvalidRequest,
    ),
    "mistral-validation": (
        "mistral",
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra inputs are not permitted"}]},
        InvalidRequest,
    ),
    "kimi-long": (
        "kimi",
        400,
        said(type="invalid_request_error", message="Invalid request: Your request exceeded model token limit: 262144"),
        ContextLengthExceeded,
    ),
    "kimi-filter": (
        "kimi",
        400,
        said(type="content_filter", message="The request was rejected because it was considered high risk"),
        ContentFiltered,
    ),
    "qwen-arrears": ("qwen", 400, said(code="Arrearage", message="Access denied, account overdue."), ProviderError),
    "qwen-inspection": (
        "qwen",
        400,
        said(code="data_inspection_failed", message="Input data may contain inappropriate content."),
        ContentFiltered,
    ),
    "minimax-rate": ("minimax", 200, minimax(1002, "rate limit"), RateLimited),
    "minimax-key": ("minimax", 200, minimax(2049, "invalid api key"), AuthDenied),
    "minimax-balance": ("minimax", 200, minimax(1008, "insufficient balance"), ProviderError),
    "minimax-sensitive": ("minimax", 200, minimax(1026, "input new_sensitive"), ContentFiltered),
    "minimax-model": ("minimax", 200, minimax(2013, "invalid params, unknown model 'x'"), ModelNotFound),
    "minimax-parameter": ("minimax", 200, minimax(2013, "invalid params"), InvalidRequest),
    "minimax-own": ("minimax", 200, minimax(1013, "internal error"), ProviderError),
    "zhipu-key": ("zhipu", 401, said(code="1002", message="token invalid"), AuthDenied),
    "zhipu-model": ("zhipu", 400, said(code="1211", message="no such model"), ModelNotFound),
    "zhipu-long": ("zhipu", 400, said(code="1261", message="Prompt too long"), ContextLengthExceeded),
    "zhipu-rate": ("zhipu", 429, said(code="1302", message="concurrency"), RateLimited),
    "zhipu-balance": ("zhipu", 429, said(code="1113", message="in arrears"), ProviderError),
    "zhipu-filter": ("zhipu", 400, said(code="1301", message="unsafe"), ContentFiltered),
    "litellm-key": (
        "litellm",
        401,
        said(
            message="Authentication Error, Invalid proxy server token passed", type="token_not_found_in_db", code="401"
        ),
        AuthDenied,
    ),
    "huggingface-model": ("huggingface", 400, said(message="No such model", code="model_not_found"), ModelNotFound),
    "kong-key": ("kong", 401, {"message": "No API key found in request"}, AuthDenied),
    "perplexity-schema": (
        "perplexity",
        400,
        said(message="response_format not allowed"),
        InvalidRequest,
    ),
}


def classified(case: Case) -> LlmError:
    """Classify a body as the shell does."""
    service, status, body, _ = case
    response = HttpResponse(status=status, body=json.dumps(body).encode(), url="https://vendor.example")
    return classify(response, rules_of(service), provider=service, backend=f"{service}/x", model="x", now=0.0)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_refusal_of_a_vendor_is_typed(case: Case) -> None:
    """Each vendor's own words and codes lead to the member of the family that they mean."""
    assert type(classified(case)) is case[-1]


@pytest.mark.parametrize(
    ("name", "code"),
    [("deepseek-balance", "402"), ("minimax-balance", "402"), ("zhipu-balance", "402"), ("qwen-arrears", "402")],
)
def test_empty_purse_is_not_worth_another_attempt(name: str, code: str) -> None:
    """Want of money is no rate limit: waiting does not help."""
    error = classified(CASES[name])

    assert isinstance(error, ProviderError)
    assert error.code == code
    assert not error.retryable


def test_call_that_the_model_garbled_is_worth_another_attempt() -> None:
    """A call that Groq cannot read is the model's fault, and may come out right the next time."""
    assert classified(CASES["groq-tool"]).retryable


def test_numbers_of_one_vendor_mean_nothing_elsewhere() -> None:
    """MiniMax's 1002 is a rate limit, Zhipu's a refused key, and nobody else's either."""
    body = said(code="1002", message="?")

    assert type(classified(("minimax", 200, body, LlmError))) is RateLimited
    assert type(classified(("zhipu", 200, body, LlmError))) is AuthDenied
    assert type(classified(("openai", 200, body, LlmError))) is ProviderError


@pytest.mark.anyio
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[1] == 200])
async def test_error_inside_a_good_answer_is_raised_streamed_or_not(name: str) -> None:
    """An error that comes with status 200 is never taken for an answer."""
    service, _, body, error = CASES[name]
    kind = OpenAiCompatible(services()[service])
    streamed = event_stream(f"data: {json.dumps(body)}\n\n".encode())
    with CannedServer([json_answer(body), streamed]) as server:
        settings = kind.settings(base_url=server.url, api_key=Secret("k"))
        backend = kind.open(evolve(BackendDescriptor.unstated(service, "x"), provider="mine"), settings)
        for call in (backend.chat(ChatRequest.of("Hi")), anext(backend.stream(ChatRequest.of("Hi")))):
            with pytest.raises(error) as caught:
                await call
            assert caught.value.backend == "mine/x"
        await backend.aclose()
