"""What an answer of a server means."""

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from converge_provider import (
    AuthDenied,
    ContentFiltered,
    ContextLengthExceeded,
    InvalidRequest,
    LlmError,
    ModelNotFound,
    ProviderError,
    RateLimited,
    Secret,
    codec,
)
from converge_provider.http import ErrorRule, HttpResponse, Verdict, classify

KEY = "sk-planted-0123456789abcdef"
URL = "http://api.example/v1/chat/completions"


def error_of(status: int, body: object = None, *rules: ErrorRule, **headers: str) -> LlmError:
    """Classify an answer."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    response = HttpResponse(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=raw,
        url=URL,
        secrets=(Secret(f"Bearer {KEY}"),),
    )
    return classify(response, rules, provider="acme", backend="acme/m1", model="m1", now=1_800_000_000.0)


def openai(message: str, **fields: Any) -> object:
    """Give an error as OpenAI words it."""
    return {"error": {"message": message, "type": None, "param": None, "code": None, **fields}}


_OVERFLOWS = {
    "openai": (
        400,
        openai(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. "
            "Please reduce the length of the messages.",
            code="context_length_exceeded",
        ),
        8192,
        9001,
    ),
    "vllm": (
        400,
        {
            "object": "error",
            "message": "This model's maximum context length is 2048 tokens. However, you requested 3000 tokens "
            "(2000 in the messages, 1000 in the completion).",
            "type": "BadRequestError",
            "code": 400,
        },
        2048,
        3000,
    ),
    "llamacpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size, try increasing it",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 5000,
                "n_ctx": 4096,
            }
        },
        4096,
        5000,
    ),
    "anthropic": (
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "prompt is too long: 208310 tokens > 200000 maximum"},
        },
        200000,
        208310,
    ),
    "gemini": (
        400,
        {
            "error": {
                "code": 400,
                "message": "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
                "status": "INVALID_ARGUMENT",
            }
        },
        1048576,
        1048577,
    ),
    "cerebras": (
        400,
        openai(
            "Please reduce the length of the messages or completion. Current length is 9000 while limit is 8192",
            code="context_length_exceeded",
        ),
        8192,
        9000,
    ),
    "xai": (
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        },
        131072,
        537812,
    ),
    "mistral": (
        400,
        {
            "object": "error",
            "message": "Prompt contains 40001 tokens and 0 draft tokens, "
            "too large for model with 32768 maximum context length",
            "type": "invalid_request_error",
            "code": "3051",
        },
        32768,
        40001,
    ),
    "lmstudio": (
        200,
        {
            "error": "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded "
            "with context length of only 4096 tokens, which is not enough."
        },
        4096,
        0,
    ),
    "together": (
        422,
        openai(
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. "
            "Given: 4000 `inputs` tokens and 1000 `max_new_tokens`"
        ),
        4097,
        4000,
    ),
    "commas": (
        400,
        openai("maximum context length is 1,048,576 tokens; your request has 2,000,000 tokens"),
        1048576,
        2000000,
    ),
}


@pytest.mark.parametrize("case", _OVERFLOWS.values(), ids=_OVERFLOWS.keys())
def test_classify_overflow_is_recognised_with_its_numbers(case: tuple[int, object, int, int]) -> None:
    """A request that does not fit the window is told apart from other bad requests, with both numbers where stated."""
    status, body, most, asked = case

    error = error_of(status, body)

    assert error == ContextLengthExceeded(most, asked)
    assert error.__notes__


_CASES = {
    "auth-openai": (401, openai("Incorrect API key provided", code="invalid_api_key"), AuthDenied),
    "auth-empty": (401, None, AuthDenied),
    "auth-forbidden": (403, openai("You are not allowed to sample from this model"), AuthDenied),
    "auth-google-400": (
        400,
        {
            "error": {
                "code": 400,
                "message": "API key not valid. Please pass a valid API key.",
                "status": "INVALID_ARGUMENT",
            }
        },
        AuthDenied,
    ),
    "rate-openai": (429, openai("Rate limit reached", code="rate_limit_exceeded", type="requests"), RateLimited),
    "rate-empty": (429, None, RateLimited),
    "rate-in-stream": (200, openai("slow down", code="rate_limit_exceeded"), RateLimited),
    "rate-in-stream-number": (200, {"error": {"message": "slow down", "code": 429}}, RateLimited),
    "rate-google": (
        429,
        {
            "error": {
                "code": 429,
                "message": "You exceeded your current quota, please check your plan",
                "status": "RESOURCE_EXHAUSTED",
                "details": [{"retryDelay": "30s"}],
            }
        },
        RateLimited,
    ),
    "not-rate-400": (400, openai("the prompt mentions rate limit and too many requests"), InvalidRequest),
    "quota-openai": (
        429,
        openai("You exceeded your current quota", code="insufficient_quota", type="insufficient_quota"),
        ProviderError,
    ),
    "quota-402": (402, {"error": {"message": "Insufficient credits", "code": 402}}, ProviderError),
    "quota-deepseek": (402, openai("Insufficient Balance"), ProviderError),
    "quota-anthropic": (
        400,
        {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API"}},
        ProviderError,
    ),
    "too-large-tpm": (
        413,
        openai(
            "Request too large for model on tokens per minute (TPM): Limit 6000, Requested 9000",
            code="rate_limit_exceeded",
        ),
        ProviderError,
    ),
    "model-openai": (
        404,
        openai("The model `m1` does not exist or you do not have access to it.", code="model_not_found"),
        ModelNotFound,
    ),
    "model-forbidden": (403, openai("Project has no access to model `m1`", code="model_not_found"), ModelNotFound),
    "model-ollama": (404, openai('model "m1" not found, try pulling it first', type="api_error"), ModelNotFound),
    "model-vllm": (
        404,
        {"object": "error", "message": "The model `m1` does not exist.", "type": "NotFoundError", "code": 404},
        ModelNotFound,
    ),
    "model-openrouter": (400, {"error": {"message": "m1 is not a valid model ID", "code": 400}}, ModelNotFound),
    "model-deepseek": (400, openai("Model Not Exist"), ModelNotFound),
    "wrong-url-html": (404, b"<html><head><title>404 Not Found</title></head></html>", ProviderError),
    "wrong-url-fastapi": (404, {"detail": "Not Found"}, ProviderError),
    "wrong-url-openai": (
        404,
        openai("Invalid URL (POST /v1/v1/chat/completions)", type="invalid_request_error"),
        ProviderError,
    ),
    "wrong-url-llamacpp": (
        404,
        {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
        ProviderError,
    ),
    "wrong-method": (405, {"detail": "Method Not Allowed"}, ProviderError),
    "filter-azure": (
        400,
        openai(
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            code="content_filter",
        ),
        ContentFiltered,
    ),
    "filter-deepseek": (400, openai("Content Exists Risk"), ContentFiltered),
    "filter-qwen": (
        400,
        {"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}},
        ContentFiltered,
    ),
    "filter-openrouter": (
        403,
        {
            "error": {
                "code": 403,
                "message": "openai/x requires moderation. Your input was flagged",
                "metadata": {"reasons": ["violence"]},
            }
        },
        ContentFiltered,
    ),
    "invalid-400": (400, openai("Unsupported value: 'temperature'", param="temperature"), InvalidRequest),
    "invalid-422": (
        422,
        {"detail": [{"loc": ["body", "messages"], "msg": "field required", "type": "missing"}]},
        InvalidRequest,
    ),
    "invalid-in-stream": (200, openai("bad", type="invalid_request_error"), InvalidRequest),
    "conflict": (409, None, ProviderError),
    "teapot": (418, b"short and stout", ProviderError),
    "server": (500, openai("The server had an error", type="server_error"), ProviderError),
    "gateway": (502, b"<html>bad gateway</html>", ProviderError),
    "overloaded": (529, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, ProviderError),
    "in-stream-unknown": (200, {"error": {"message": "boom"}}, ProviderError),
    "redirect": (307, b"", ProviderError),
}


@pytest.mark.parametrize("case", _CASES.values(), ids=_CASES.keys())
def test_classify_answer_becomes_its_variant(case: tuple[int, object, type[LlmError]]) -> None:
    """Every answer becomes the member of the family that tells the caller most, with its circumstances."""
    status, body, variant = case

    error = error_of(status, body, x_request_id="req-1")

    assert type(error) is variant
    assert (error.provider, error.backend, error.status, error.request_id) == ("acme", "acme/m1", status, "req-1")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (429, openai("quota", code="insufficient_quota"), "402", False),
        (402, None, "402", False),
        (404, {"detail": "Not Found"}, "404", False),
        (408, None, "408", True),
        (413, None, "413", False),
        (500, None, "500", True),
        (503, None, "503", True),
        (200, {"error": {"message": "boom", "code": 502}}, "502", True),
        (200, {"error": {"message": "boom"}}, None, True),
        (200, {"error": {"type": "overloaded_error", "message": "Overloaded"}}, "529", True),
    ],
    ids=str,
)
def test_classify_provider_error_has_a_code_that_says_whether_to_retry(
    status: int, body: object, code: str | None, *, retryable: bool
) -> None:
    """The code is the status, the one inside the body, or 402 for an empty purse, so retryability follows."""
    error = error_of(status, body)

    assert isinstance(error, ProviderError)
    assert (error.code, error.retryable) == (code, retryable)


def test_classify_rate_limit_carries_the_hint_or_says_there_was_none() -> None:
    """The wait comes from the server; without a hint it is 0 and marked unknown, and a hint of 0 is known."""
    told, silent, now = error_of(429, None, retry_after="7"), error_of(429), error_of(429, None, retry_after="0")

    assert isinstance(told, RateLimited)
    assert isinstance(silent, RateLimited)
    assert isinstance(now, RateLimited)
    assert (told.retry_after_s, told.retry_after_known) == (7.0, True)
    assert (silent.retry_after_s, silent.retry_after_known) == (0.0, False)
    assert (now.retry_after_s, now.retry_after_known) == (0.0, True)


@pytest.mark.parametrize("status", [503, 529])
def test_classify_busy_server_that_says_when_is_a_rate_limit(status: int) -> None:
    """A server that is busy and says until when is left alone until then."""
    assert error_of(status, openai("busy"), retry_after="3") == RateLimited(3.0, "busy")


def test_classify_vendor_code_is_the_most_telling_one() -> None:
    """The vendor's word counts more than its number."""
    assert error_of(429, openai("x", code="rate_limit_exceeded", type="tokens")).vendor_code == "rate_limit_exceeded"
    assert error_of(400, {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "x"}}).vendor_code == (
        "invalid_argument"
    )


def test_classify_message_masks_the_credentials_that_were_sent() -> None:
    """A server that quotes the key does not make it appear in the error, wherever it quotes it."""
    body = {"error": {"message": f"key {KEY} (Bearer {KEY}) is unknown", "code": f"bad-{KEY}"}, "request_id": "r"}

    error = error_of(401, body)

    assert str(error) == "authentication denied: key *** (***) is unknown"
    assert KEY not in repr(vars(error))


def test_classify_message_is_cut_and_on_one_line() -> None:
    """A message is at most 2 KiB of UTF-8 on one line."""
    error = error_of(400, openai("line one\n\tline two " + "é" * 5000))

    assert isinstance(error, InvalidRequest)
    assert error.message.startswith("line one line two é")
    assert len(error.message.encode()) <= 2048
    assert error.message.endswith("…")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "HTTP 500 Internal Server Error"),
        (b"<!doctype html><html>a page</html>", "HTTP 500 Internal Server Error"),
        (b"upstream connect error\nstack trace follows", "upstream connect error"),
        (b'{"error": {"message": "cut in the midd', "HTTP 500 Internal Server Error"),
        (b'"just a text"', "just a text"),
        (b'{"error": "only a text"}', "only a text"),
        (
            b'{"choices": null, "base_resp": {"status_code": 1013, "status_msg": "framed by MiniMax"}}',
            "framed by MiniMax",
        ),
        (b'{"choices": [{"error": {"message": "in place of a choice"}}]}', "in place of a choice"),
        (b'{"choices": [], "x_groq": {"id": "r", "error": "framed by Groq"}}', "framed by Groq"),
        (b'{"errors": [{"message": "first"}, {"message": "second"}]}', "first"),
        (b'{"message": "outer"}', "outer"),
        (
            json.dumps(
                {"error": {"message": "Provider error", "metadata": {"raw": '{"error": {"message": "real"}}'}}}
            ).encode(),
            "Provider error: real",
        ),
        (b'{"error": {}}', "HTTP 500 Internal Server Error"),
        (b"[1, 2]", "HTTP 500 Internal Server Error"),
        (b"\xff\xfe", "��"),
    ],
    ids=[
        "empty",
        "html",
        "text",
        "cut",
        "json-text",
        "error-text",
        "base-resp",
        "choice",
        "x-groq",
        "list",
        "outer",
        "openrouter",
        "empty-error",
        "numbers",
        "bytes",
    ],
)
def test_classify_message_is_the_vendors_words_never_the_body(body: bytes, message: str) -> None:
    """The vendor's words are found in every usual shape; where there are none, the status is named."""
    error = error_of(500, body)

    assert isinstance(error, ProviderError)
    assert error.message == message


def test_classify_wrong_address_says_what_to_check() -> None:
    """Where nothing speaks the wire, the remedy names the address; for a redirect, where it leads."""
    assert error_of(404, {"detail": "Not Found"}).remedy == (
        f"Nothing that speaks this protocol answers at {URL}; check the base URL, with or without /v1."
    )
    redirected = error_of(307, b"", location="https://user:pw@new.example/v1/chat/completions?token=1")
    assert redirected.remedy == (
        f"Redirects are not followed: {URL} leads to https://new.example/v1/chat/completions; "
        "set the base URL to where it leads."
    )


def test_classify_own_rows_come_first() -> None:
    """A wire's own row beats the common ones, and may name a code."""
    rule = ErrorRule(verdict=Verdict.PROVIDER_ERROR, statuses={401}, words=("Maintenance",), code="503")

    assert error_of(401, openai("down for MAINTENANCE"), rule) == ProviderError("down for MAINTENANCE", "503")
    assert isinstance(error_of(401, openai("no"), rule), AuthDenied)


def test_rule_holds_only_when_all_that_it_states_holds() -> None:
    """A row's statuses, codes, words and further words must all hold."""
    rule = ErrorRule(
        verdict=Verdict.MODEL_NOT_FOUND, statuses={404}, codes={"GONE"}, words=("model",), also=("retired",)
    )

    assert isinstance(error_of(404, openai("the model is retired", code="gone"), rule), ModelNotFound)
    assert isinstance(error_of(404, openai("the model is fine", code="gone"), rule), ProviderError)
    assert isinstance(error_of(404, openai("it is retired", code="gone"), rule), ProviderError)


def test_rule_can_be_data() -> None:
    """A row is read by the strict codec, so that a table of services may hold rows of its own."""
    row = {"verdict": "ContentFiltered", "statuses": [400], "words": ["Content Exists Risk"]}

    assert codec.load(ErrorRule, row) == ErrorRule(
        verdict=Verdict.CONTENT_FILTERED, statuses={400}, words=("content exists risk",)
    )


_BODIES = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["error", "message", "code", "details", "metadata", "raw", "x"]), inner, max_size=4
            )
        ),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(derandomize=True, deadline=None)
@given(st.integers(100, 599), _BODIES)
def test_classify_is_total_and_bounded(status: int, body: bytes) -> None:
    """Whatever a server answers, one error of the family comes out, on one line of bounded length."""
    error = error_of(status, body)

    assert isinstance(error, LlmError)
    assert len(str(error).encode("utf-8", "replace")) < 2300
    assert "\n" not in str(error)


@settings(derandomize=True, deadline=None)
@given(st.sampled_from([401, 403, 429]), st.text(alphabet="xyz .!é\n", max_size=50))
def test_classify_status_decides_where_words_do_not(status: int, words: str) -> None:
    """Unless a known word says otherwise, 401 and 403 are about credentials and 429 is about the rate."""
    error = error_of(status, openai(words))

    assert isinstance(error, RateLimited if status == 429 else AuthDenied)


def test_rule_says_what_to_do_about_the_model() -> None:
    """A row's own advice, with the model's name in it, stands in place of the usual one."""
    rule = ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={404}, remedy="Run: fetch {model}")
    error = error_of(404, {"error": "not here"}, rule)

    assert error.remedy == "Run: fetch m1"
    assert error_of(401).remedy == "Check the API key, and that it may use this model."
