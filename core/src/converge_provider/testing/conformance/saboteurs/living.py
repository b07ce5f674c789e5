"""Saboteurs of real models: each is a model that does what it is asked, except for one thing."""

import itertools
import logging
from collections.abc import Callable
from typing import Final

import anyio
from attrs import evolve

from converge_provider.errors import InvalidRequest, LlmError, ProviderError, RateLimited
from converge_provider.testing.conformance.saboteurs.breaking import Broken, Saboteur, broken, wrapping
from converge_provider.testing.conformance.saboteurs.conducting import ClosesOnce, FeelsIll, lists_nothing
from converge_provider.values.messages import ChatRole, ToolCall
from converge_provider.values.parts import ReasoningPart
from converge_provider.values.replies import ChatResponse, FinishReason
from converge_provider.values.requests import ChatRequest, ToolChoice
from converge_provider.values.usage import TokenUsage

__all__ = ("LIVING",)


def _refuses(check: str, does: str, when: Callable[[ChatRequest], object]) -> Saboteur:
    def ask(request: ChatRequest) -> ChatRequest:
        if when(request):
            message = "not that"
            raise InvalidRequest(message)
        return request

    return broken(check, does, ask=ask)


def _says(check: str, text: str) -> Saboteur:
    return broken(check, f"says {text!r}", whole=lambda response: evolve(response, content=text))


def _counts(check: str, does: str, usage: TokenUsage) -> Saboteur:
    return broken(check, does, whole=lambda response: evolve(response, usage=usage))


class _Sulks(Broken):
    """Gives streams, and answers nobody else."""

    async def chat(self, request: ChatRequest) -> ChatResponse:  # noqa: ARG002 - it answers nobody
        """Refuse for ever."""
        raise RateLimited(60.0)


class _CallsAnyway(Broken):
    """Calls a tool although it is banned."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Ask as if a tool was demanded."""
        return await super().chat(evolve(request, tool_choice=ToolChoice.REQUIRED))


class _Forgets(Broken):
    """Says something else each time."""

    _count = itertools.count()

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Add a number."""
        response = await super().chat(request)
        return evolve(response, content=f"{response.content} {next(self._count)}")


class _OneAtATime(Broken):
    """Refuses a call while another one is under way."""

    busy = False

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Refuse, or answer slowly."""
        if self.busy:
            raise RateLimited(1.0)
        self.busy = True
        await anyio.sleep(0.01)
        self.busy = False
        return await super().chat(request)


class _Talks(Broken):
    """Writes a credential into the log."""

    async def chat(self, request: ChatRequest) -> ChatResponse:
        """Log, then ask."""
        logging.getLogger("saboteur").debug("asking with marker-secret")
        return await super().chat(request)


def _another_tool(response: ChatResponse) -> ChatResponse:
    return evolve(response, tool_calls=[evolve(call, name="another") for call in response.tool_calls])


def _without_ids(response: ChatResponse) -> ChatResponse:
    return evolve(response, tool_calls=[evolve(call, id="") for call in response.tool_calls])


def _listed(response: ChatResponse) -> ChatResponse:
    return evolve(
        response, tool_calls=[ToolCall(id=one.id, name=one.name, arguments="[]") for one in response.tool_calls]
    )


def _aloud(response: ChatResponse) -> ChatResponse:
    thoughts = "".join(part.text for part in response.parts if isinstance(part, ReasoningPart))
    return evolve(response, content=thoughts + response.content, parts=[ReasoningPart(text=thoughts)])


def _unclear(_exc: LlmError) -> Exception:
    return ProviderError("something went wrong")


LIVING: Final[tuple[Saboteur, ...]] = (
    broken("live.chat", "ends without a reason", whole=lambda one: evolve(one, finish_reason=None)),
    _refuses("live.system", "takes no system text", lambda one: one.system),
    _refuses("live.multi-turn", "takes one message", lambda one: len(one.messages) > 1),
    _says("live.unicode", "\ud83d"),
    broken("live.stop-sequences", "does not stop", ask=lambda one: evolve(one, stop_sequences=())),
    broken("live.max-tokens", "knows no limit", ask=lambda one: evolve(one, max_tokens=None)),
    broken(
        "live.max-tokens",
        "claims to have met the limit",
        ask=lambda one: evolve(one, max_tokens=None),
        whole=lambda one: evolve(one, finish_reason=FinishReason.LENGTH),
    ),
    _says("live.chat", ""),
    _counts("live.usage", "counts nothing", TokenUsage(prompt_tokens=0, completion_tokens=0, total_tokens=0)),
    _counts("live.usage", "adds up wrongly", TokenUsage(prompt_tokens=1, completion_tokens=1, total_tokens=1)),
    _counts("live.usage", "counts one thing twice", TokenUsage(prompt_tokens=1, completion_tokens=1, total_tokens=2)),
    broken("live.usage", "says nothing of usage", whole=lambda one: evolve(one, usage=None)),
    wrapping("live.stream-left", "answers nobody afterwards", _Sulks),
    broken("live.tools", "calls another tool", whole=_another_tool),
    broken("live.tools", "gives no ids", whole=_without_ids),
    broken("live.tools", "gives arguments as a list", whole=_listed),
    broken("live.tool-named", "calls none", ask=lambda one: evolve(one, tool_choice=None)),
    wrapping("live.tool-banned", "calls one all the same", _CallsAnyway),
    _refuses("live.tool-results", "takes no results", lambda one: any(m.role is ChatRole.TOOL for m in one.messages)),
    _says("live.json", 'Sure! Here it is: {"ok": true}'),
    _says("live.schema", '{"city": "Paris"}'),
    _refuses("live.image", "takes no parts", lambda one: any(message.parts for message in one.messages)),
    broken("live.reasoning", "thinks aloud", whole=_aloud),
    wrapping("live.replay", "says something else each time", _Forgets),
    broken("live.overflow", "does not say why", raised=_unclear),
    wrapping("live.concurrent", "answers one at a time", _OneAtATime),
    wrapping("live.health", "never is well", FeelsIll),
    lists_nothing("live.list-models"),
    wrapping("live.close-twice", "cannot be closed twice", ClosesOnce),
    wrapping("live.secrets", "logs the credential", _Talks),
)
"""One or more for each live check."""
