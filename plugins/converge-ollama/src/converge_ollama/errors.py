"""Which words of the server mean which error, beyond what holds everywhere."""

from converge_provider.http import ErrorRule, Verdict

__all__ = ("RULES",)

RULES = (
    ErrorRule(
        verdict=Verdict.MODEL_NOT_FOUND,
        statuses={400, 404},
        words=("model",),
        also=("not found", "try pulling it first"),
        remedy="Run: ollama pull {model}",
    ),
    ErrorRule(
        verdict=Verdict.CONTEXT_LENGTH_EXCEEDED,
        statuses={200, 400, 500},
        words=("longer than the context length", "exceeds the context length", "exceeds maximum context length"),
        remedy="Shorten the conversation, or set num_ctx of the provider or the model to what the machine can hold.",
    ),
    # "q" does not support thinking | chat | tools
    ErrorRule(verdict=Verdict.INVALID_REQUEST, statuses={400}, words=("does not support",)),
    # a model of Ollama's cloud, through a server where nobody is signed in
    ErrorRule(verdict=Verdict.AUTH_DENIED, statuses={401}, words=("unauthorized",), remedy="Run: ollama signin"),
    ErrorRule(
        verdict=Verdict.PROVIDER_ERROR,
        statuses={200, 500},
        words=("requires more system memory",),
        remedy="Choose a smaller model or quantization, or a smaller num_ctx.",
    ),
)
