"""Which words and codes of these services mean which error, beyond what holds everywhere."""

from collections.abc import Sequence

from converge_provider.http import ErrorRule, Verdict

__all__ = ("rules_of",)

_ANYWHERE = (
    # OpenRouter: no provider is left that meets the routing the caller asked for
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, statuses={404}, words=("no endpoints found",)),
    # OpenRouter moderates for some models, and says so with the status of a refused key
    ErrorRule(verdict=Verdict.CONTENT_FILTERED, statuses={403}, words=("flagged", "moderation")),
    # LM Studio: the model is listed but not loaded, or loading failed
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, statuses={400, 404}, words=("no models loaded", "failed to load model")),
    # Ollama: the model has not been pulled
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, statuses={404}, words=("try pulling it first",)),
    # Azure: the deployment is not there; until a new one is, some minutes pass
    ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, codes={"deploymentnotfound"}),
    # Groq: the model wrote a call that the service cannot read; another attempt may do better
    ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"tool_use_failed"}, code="502"),
    # Kimi: more than the window holds
    ErrorRule(
        verdict=Verdict.CONTEXT_LENGTH_EXCEEDED,
        statuses={400},
        words=("exceeded model token limit", "input token length too long"),
    ),
    # LiteLLM's proxy without a database: it looks there for a key that is not its master key
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={400}, codes={"no_db_connection"}),
    # vLLM: a field that this deployment has switched off, said with a server's fault
    ErrorRule(verdict=Verdict.INVALID_REQUEST, statuses={500, 501}, codes={"badrequesterror"}),
)
"""Rows whose words nobody else uses, so that they hold behind proxies too."""

_NUMBERED: dict[str, Sequence[ErrorRule]] = {
    # https://platform.minimax.io/docs/api-reference/errorcode; they come with status 200
    "minimax": (
        ErrorRule(verdict=Verdict.RATE_LIMITED, codes={"1002", "1039", "1041", "2045"}),
        ErrorRule(verdict=Verdict.AUTH_DENIED, codes={"1004", "2049"}),
        ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"1008", "2056"}, code="402"),
        ErrorRule(verdict=Verdict.CONTENT_FILTERED, codes={"1026", "1027"}),
        ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, codes={"2013"}, words=("unknown model", "model not")),
        ErrorRule(verdict=Verdict.INVALID_REQUEST, codes={"1042", "2013"}),
    ),
    # https://docs.bigmodel.cn/cn/api/api-code
    "zhipu": (
        ErrorRule(verdict=Verdict.AUTH_DENIED, codes={"1000", "1001", "1002", "1003", "1004", "1110", "1111", "1112"}),
        ErrorRule(verdict=Verdict.AUTH_DENIED, codes={"1220", "1311"}),
        ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"1113", "1304", "1308", "1309", "1310"}, code="402"),
        ErrorRule(verdict=Verdict.MODEL_NOT_FOUND, codes={"1211"}),
        ErrorRule(verdict=Verdict.CONTEXT_LENGTH_EXCEEDED, codes={"1261"}),
        ErrorRule(verdict=Verdict.CONTENT_FILTERED, codes={"1301"}),
        ErrorRule(verdict=Verdict.RATE_LIMITED, codes={"1302", "1303", "1305", "1312"}),
        ErrorRule(verdict=Verdict.INVALID_REQUEST, codes={"1210", "1212", "1213", "1214", "1215"}),
    ),
    # https://www.alibabacloud.com/help/en/model-studio/error-code
    "qwen": (
        ErrorRule(verdict=Verdict.PROVIDER_ERROR, codes={"arrearage", "allocationquota"}, code="402"),
        ErrorRule(verdict=Verdict.RATE_LIMITED, codes={"throttling", "throttling.ratequota"}),
    ),
}
"""Rows whose codes are numbers or common words, which elsewhere mean something else."""


def rules_of(service: str) -> Sequence[ErrorRule]:
    """Give the rows of a service, its own before those that hold anywhere."""
    return (*_NUMBERED.get(service, ()), *_ANYWHERE)
